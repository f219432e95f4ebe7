//! A mail server that delivers nothing: what it is sent over SMTP can be read over HTTP, at `GET /messages`. By `POST
//! /conduct` it can be told to fail, as mail servers do.

mod conduct;
mod message;
mod smtp;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::failure::Failure;

pub use conduct::Conduct;
pub use message::Message;

use conduct::Present;

/// Everything that has arrived, oldest first. Cheap to clone: all clones are one mailbox.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    messages: Arc<Mutex<Vec<Message>>>,
    conduct: Present,
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Change {
    conduct: Conduct,
}

impl Mailbox {
    /// Listens for mail at `smtp` and for readers at `http`, until the process ends.
    ///
    /// # Errors
    /// When one of the addresses is in use.
    pub async fn open(smtp: SocketAddr, http: SocketAddr) -> Result<(), Failure> {
        let mailbox = Self::default();
        let mail = bind(smtp).await?;
        let readers = bind(http).await?;
        tokio::spawn(smtp::receive(mail, mailbox.clone()));
        let router = Router::new()
            .route("/messages", get(messages))
            .route("/conduct", post(change_conduct))
            .with_state(mailbox);
        tokio::spawn(async move { axum::serve(readers, router).await });
        Ok(())
    }

    fn keep(&self, message: Message) {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let remedy = "stop what listens there, or choose other ports with --port-base N";
    TcpListener::bind(address)
        .await
        .map_err(Failure::io(format_args!("the mailbox cannot listen at {address}"), remedy))
}

async fn messages(State(mailbox): State<Mailbox>) -> Json<Messages> {
    Json(Messages { messages: mailbox.messages.lock().unwrap_or_else(PoisonError::into_inner).clone() })
}

async fn change_conduct(State(mailbox): State<Mailbox>, Json(change): Json<Change>) -> StatusCode {
    mailbox.conduct.set(change.conduct);
    StatusCode::NO_CONTENT
}
