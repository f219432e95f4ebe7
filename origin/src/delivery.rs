//! The delivery of mail, in the background of a running origin. Every origin does it; each mail is taken by
//! one of them.

use std::{sync::Arc, time::Duration};

use shared::id::RequestId;
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, JoinHandle, JoinSet},
    time::{Instant, timeout_at},
};

use crate::{
    app::App,
    domain::{
        self, Context,
        mail::{Failure, Outgoing, Turn},
    },
    mailer::Mailer,
    metrics, telemetry,
};

/// How often it is asked for mail that is due. What an act of this origin writes is looked for at once.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many mails of each turn are handed over at once. One whose recipient's server keeps everybody waiting has one of
/// these places, and however many such there are, they have none of those for mail that is new.
const PLACES: usize = 8;

/// The delivery under way.
#[derive(Debug)]
pub struct Delivery {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Delivery {
    /// Begins to deliver whatever waits, and goes on.
    #[must_use]
    pub fn start(app: App, mailer: Mailer) -> Self {
        Self::of(|stop| deliver(app, mailer, stop))
    }

    /// One by this task, which ends when it is told to stop.
    pub(crate) fn of<F>(task: impl FnOnce(Arc<Notify>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(task(Arc::clone(&stop)));
        Self { stop, task }
    }

    /// Ready when the delivery has ended by itself, which it never should.
    pub async fn ended(&mut self) {
        // Whether it panicked or not, there is none any more.
        let _ = (&mut self.task).await;
    }

    /// Lets the mails under way arrive, until this moment, and takes no more. One that is cut off would go out a
    /// second time if the server had already taken it.
    pub async fn finish(mut self, until: Instant) {
        self.stop.notify_one();
        if !self.task.is_finished() && timeout_at(until, &mut self.task).await.is_err() {
            tracing::warn!("stopping: some mail was not handed over in time; it is tried again");
            self.task.abort();
        }
    }
}

async fn deliver(app: App, mailer: Mailer, stop: Arc<Notify>) {
    let (stopping, stopped) = watch::channel(());
    tokio::join!(
        hand_over(&app, &mailer, Turn::First, stopped.clone()),
        hand_over(&app, &mailer, Turn::Again, stopped),
        async {
            stop.notified().await;
            stopping.send_replace(());
        }
    );
}

/// Hands over the mail whose turn it is, as much at once as there are places, until it is to stop; then what is under
/// way arrives.
async fn hand_over(app: &App, mailer: &Mailer, turn: Turn, mut stopped: watch::Receiver<()>) {
    let mut under_way = JoinSet::new();
    loop {
        let taken = fill(&mut under_way, app, mailer, turn).await;
        if let Err(error) = &taken {
            tracing::error!(error = %telemetry::causes(error), "mail cannot be taken out of the outbox");
        }
        let has_places = under_way.len() < PLACES;
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(done) = under_way.join_next() => tell(done),
            () = tokio::time::sleep(INTERVAL), if has_places => {}
            () = app.domain.mail_is_written(), if has_places && taken.is_ok() && turn == Turn::First => {}
        }
    }
    while let Some(done) = under_way.join_next().await {
        tell(done);
    }
}

/// Gives the places that are free to mails that are due.
async fn fill(
    under_way: &mut JoinSet<()>,
    app: &App,
    mailer: &Mailer,
    turn: Turn,
) -> Result<(), domain::Error> {
    let free = u32::try_from(PLACES.saturating_sub(under_way.len())).unwrap_or_default();
    if free == 0 {
        return Ok(());
    }
    for mail in app.domain.take_due_mail(&context(app)?, turn, free).await? {
        let (app, mailer) = (app.clone(), mailer.clone());
        under_way.spawn(async move {
            let result = mailer.send(&mail).await;
            if let Err(error) = note(&app, &mail, &result).await {
                let error = telemetry::causes(&error);
                tracing::error!(mail = %mail.id, %error, "what came of a mail could not be noted");
            }
        });
    }
    Ok(())
}

/// A mail that nobody could note anything of is tried again like one that an origin took which then died.
fn tell(done: Result<(), JoinError>) {
    if done.is_err() {
        tracing::error!("the delivery of a mail ended in a panic");
    }
}

async fn note(app: &App, mail: &Outgoing, result: &Result<(), Failure>) -> Result<(), domain::Error> {
    let context = context(app)?;
    let outcome = match result {
        Ok(()) => {
            app.domain.mail_was_sent(&context, mail).await?;
            "sent"
        }
        Err(failure) => {
            let is_given_up = app.domain.mail_was_not_sent(&context, mail, failure).await?;
            let error = mail.without_its_link(&failure.text);
            if is_given_up {
                tracing::error!(mail = %mail.id, %error, "a mail was given up");
                "given_up"
            } else {
                tracing::warn!(mail = %mail.id, %error, "a mail was not taken; it is tried again");
                "failed"
            }
        }
    };
    ::metrics::counter!(metrics::MAILS, "outcome" => outcome).increment(1);
    Ok(())
}

fn context(app: &App) -> Result<Context, domain::Error> {
    let now = app.clock.now();
    let mut context = Context::new(now, RequestId::new(now, app.random.bytes()?));
    context.user_agent = Some("origin delivery".to_owned());
    Ok(context)
}
