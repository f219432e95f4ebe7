//! Handing mail over to a server that keeps some of it waiting.

use std::sync::Arc;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    time::timeout,
};

use super::*;

/// Longer than anything takes that is not kept waiting.
const SOON: Duration = Duration::from_secs(10);

/// A mail server. Of mail to an address that begins with `slow` it says nothing until it may.
pub(crate) struct Server {
    pub(crate) settings: SmtpSettings,
    /// Lets one mail go on that is kept waiting.
    pub(crate) release: Arc<Notify>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            tls: config::Tls::Off,
            user: None,
            password: None,
            from: "login@example.test".parse().unwrap(),
        };
        let (saying, said) = mpsc::unbounded_channel();
        let release = Arc::new(Notify::new());
        let released = Arc::clone(&release);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(speak(client, saying.clone(), Arc::clone(&released)));
            }
        });
        Self { settings, release, said }
    }

    /// What happens next: `waits …` or `took …`, with the address.
    pub(crate) async fn next(&mut self) -> String {
        timeout(SOON, self.said.recv()).await.expect("it takes too long").unwrap()
    }
}

async fn speak(client: TcpStream, saying: mpsc::UnboundedSender<String>, release: Arc<Notify>) {
    let (input, mut output) = client.into_split();
    let mut lines = BufReader::new(input).lines();
    let mut to = String::new();
    let _ = output.write_all(b"220 ready\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split([' ', ':']).next().unwrap() {
            "RCPT" => {
                line.trim_start_matches("RCPT TO:<").trim_end_matches('>').clone_into(&mut to);
                if to.starts_with("slow") {
                    saying.send(format!("waits {to}")).unwrap();
                    release.notified().await;
                }
                "250 fine\r\n"
            }
            "DATA" => {
                let _ = output.write_all(b"354 go on\r\n").await;
                while lines.next_line().await.unwrap().unwrap() != "." {}
                saying.send(format!("took {to}")).unwrap();
                "250 kept\r\n"
            }
            "QUIT" => "221 goodbye\r\n",
            _ => "250 fine\r\n",
        };
        let _ = output.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test]
async fn after_a_mail_that_took_too_long_the_next_one_goes_out_at_once() {
    let mut server = Server::start().await;
    let mailer = Mailer::new(&server.settings).unwrap();
    let message = |to: &str| {
        let message = Message::builder().from(mailer.from.clone()).to(to.parse().unwrap());
        message.body("Hello.".to_owned()).unwrap()
    };
    let slow = mailer.hand_over(message("slow@example.test"), Duration::from_millis(500)).await;
    assert_eq!(slow.unwrap_err().text, "it took too long");
    mailer.hand_over(message("quick@example.test"), SOON).await.unwrap();
    assert_eq!(server.next().await, "waits slow@example.test");
    assert_eq!(server.next().await, "took quick@example.test");
}
