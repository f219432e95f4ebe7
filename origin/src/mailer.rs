//! Handing mail over to a server by SMTP: the one place that knows the protocol.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        self, PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret as _;

use crate::{
    config::{self, SmtpSettings},
    domain::mail::{Failure, Outgoing},
    telemetry,
};

#[cfg(test)]
pub(crate) mod tests;

/// How long it may take until the server is connected to.
const CONNECT_TIME: Duration = Duration::from_secs(30);
/// How long one mail may take in all. Nobody else tries it meanwhile.
const MAIL_TIME: Duration = Duration::from_secs(90);

/// Hands mail over, each over a connection of its own.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// The connection could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error("mail cannot be sent over TLS")]
pub struct Error(#[from] smtp::Error);

impl Mailer {
    /// Prepares to hand mail over; nothing is connected to yet. It belongs into a Tokio runtime.
    ///
    /// # Errors
    /// When TLS is wanted and this machine has no certificates to check the server's by.
    pub fn new(settings: &SmtpSettings) -> Result<Self, Error> {
        let parameters = || TlsParameters::new(settings.host.clone());
        let tls = match settings.tls {
            config::Tls::Implicit => Tls::Wrapper(parameters()?),
            config::Tls::StartTls => Tls::Required(parameters()?),
            config::Tls::Off => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(CONNECT_TIME))
            // None is kept for the next mail. What took too long is broken off with an answer outstanding, which the next
            // one would wait for, and take for its own.
            .pool_config(PoolConfig::new().max_size(0))
            .hello_name(ClientId::Domain(settings.from.email.domain().to_owned()));
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self { transport: builder.build(), from: settings.from.clone() })
    }

    /// Hands one mail over. When this succeeds, the server has taken it upon itself.
    ///
    /// # Errors
    /// Why it did not.
    pub async fn send(&self, mail: &Outgoing) -> Result<(), Failure> {
        self.hand_over(self.message(mail)?, MAIL_TIME).await
    }

    async fn hand_over(&self, message: Message, patience: Duration) -> Result<(), Failure> {
        match tokio::time::timeout(patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure { is_refusal: false, text: "it took too long".to_owned() }),
        }
    }

    fn message(&self, mail: &Outgoing) -> Result<Message, Failure> {
        let to = mail.to.parse().map_err(|error| unsendable(&error))?;
        let written_at = Duration::from_millis(u64::try_from(mail.written_at.millis()).unwrap_or_default());
        // No holiday notice answers it (RFC 3834 §5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.letter.subject)
            .date(UNIX_EPOCH + written_at)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(mail.letter.text.clone(), mail.letter.html.clone()))
            .map_err(|error| unsendable(&error))
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer({})", self.from)
    }
}

fn failure(error: &smtp::Error) -> Failure {
    // 530 to 538 are about us, who may not send here (RFC 4954 §6): what an operator mends.
    let is_ours = error.status().is_some_and(|code| (530..=538).contains(&u16::from(code)));
    Failure { is_refusal: error.is_permanent() && !is_ours, text: telemetry::causes(error) }
}

/// The address was checked when it was taken, so this is a library that judges otherwise.
fn unsendable(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure { is_refusal: true, text: telemetry::causes(error) }
}
