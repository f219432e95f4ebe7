//! The settings of mail: the server that takes it, and what the links in it lead to. Without a server no
//! mail is sent.

use lettre::message::Mailbox;
use secrecy::SecretString;

use super::{
    address::{is_authority, is_this_machine, issuer},
    reader::Reader,
};
use crate::domain::MailSettings;

const DAY: u64 = 24 * 3600;

/// The server that mail is handed over to, and in whose name.
#[derive(Debug)]
pub struct SmtpSettings {
    /// Its name, which its certificate has to be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// The user to log in as, if any.
    pub user: Option<String>,
    /// The password for that.
    pub password: Option<SecretString>,
    /// The sender.
    pub from: Mailbox,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// By TLS from the first byte (RFC 8314 §3.3).
    Implicit,
    /// By STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// Not at all: a server on this machine, or one for which somebody asked for it.
    Off,
}

impl SmtpSettings {
    /// The address of the server, which holds no secret.
    pub fn url(&self) -> String {
        let (scheme, query) = match self.tls {
            Tls::Implicit => ("smtps", ""),
            Tls::StartTls => ("smtp", ""),
            Tls::Off => ("smtp", "?tls=off"),
        };
        format!("{scheme}://{}:{}{query}", self.host, self.port)
    }
}

/// Reads them all; nothing where no server is set.
pub(super) fn read(read: &mut Reader<'_>, issuer: Option<&str>) -> Option<(SmtpSettings, MailSettings)> {
    let server = read.parsed_unrepeated(
        "smtp_url",
        server,
        "the address of a mail server",
        "give smtp://host[:port] for STARTTLS, smtps://host[:port] for TLS, or smtp://host[:port]?tls=off; \
         user and password are settings of their own",
    );
    let settings = read_settings(read, issuer.unwrap_or_default());
    if read.text("smtp_url").is_none() {
        if settings.verified_login && read.text("email_verification").is_some() {
            read.fault("email_verification", "it needs mail, and smtp_url is not set", "set smtp_url");
        }
        for key in ["mail_from", "smtp_user", "smtp_password", "public_url"] {
            if read.text(key).is_some() {
                read.fault(key, "it is set without smtp_url", "set smtp_url, or leave both out");
            }
        }
        return None;
    }
    let remedy = "give the sender as login@example.com, or as Example <login@example.com>";
    read.required("mail_from", remedy);
    let from = read.parsed("mail_from", |text| text.parse::<Mailbox>().ok(), "an e-mail address", remedy);
    let user = read.text("smtp_user").map(str::to_owned);
    let password = read.text("smtp_password").map(SecretString::from);
    if user.is_some() != password.is_some() {
        let (set, missing) =
            if user.is_some() { ("smtp_user", "smtp_password") } else { ("smtp_password", "smtp_user") };
        read.fault(set, format!("it is set without {missing}"), format!("set {missing}, or leave both out"));
    }
    let (tls, host, port) = server?;
    if tls == Tls::Off && user.is_some() && !is_this_machine(&host) {
        read.fault("smtp_user", "a password would go over the network unprotected", "leave out tls=off");
    }
    Some((SmtpSettings { host, port, tls, user, password, from: from? }, settings))
}

fn read_settings(read: &mut Reader<'_>, public: &str) -> MailSettings {
    let when = |text: &str| match text {
        "login" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    let remedy = "give login, so that only a verified address can be logged in with, or off";
    let remedy_url = "give https://host without a path (http is for this machine alone)";
    MailSettings {
        verified_login: read.parsed("email_verification", when, "known", remedy).unwrap_or(true),
        public_url: read
            .parsed("public_url", issuer, "a public https address", remedy_url)
            .unwrap_or_else(|| public.to_owned()),
        verification: read.seconds("email_verification_seconds", DAY, 300..=7 * DAY),
        reset: read.seconds("password_reset_seconds", 1800, 300..=DAY),
    }
}

/// The protection, host and port in the address of a mail server.
fn server(text: &str) -> Option<(Tls, String, u16)> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if !is_authority(authority) {
        return None;
    }
    let authority: http::uri::Authority = authority.parse().ok()?;
    let host = authority.host().to_owned();
    let (tls, port) = match (scheme, query) {
        ("smtps", None) => (Tls::Implicit, 465),
        ("smtp", Some("tls=off")) => (Tls::Off, 25),
        ("smtp", None) if is_this_machine(&host) => (Tls::Off, 25),
        ("smtp", None) => (Tls::StartTls, 587),
        _ => return None,
    };
    Some((tls, host, authority.port_u16().unwrap_or(port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn settings(changes: &[(&str, &str)]) -> Result<Option<(SmtpSettings, MailSettings)>, String> {
        let mut source = Source::default();
        let variable = |name: &str| format!("COUNTERSIGN_{name}").into();
        source.environment(changes.iter().map(|(name, value)| (variable(name), (*value).into())));
        let mut reader = Reader::new(&source);
        let settings = read(&mut reader, Some("https://id.example.com"));
        let faults: Vec<String> = reader.into_faults().iter().map(ToString::to_string).collect();
        if faults.is_empty() { Ok(settings) } else { Err(faults.join("\n")) }
    }

    #[test]
    fn the_connection_is_protected_unless_somebody_says_otherwise() {
        for (url, read) in [
            ("smtp://mail.example.com", Some((Tls::StartTls, "mail.example.com", 587))),
            ("smtp://mail.example.com:25/", Some((Tls::StartTls, "mail.example.com", 25))),
            ("smtps://mail.example.com", Some((Tls::Implicit, "mail.example.com", 465))),
            ("smtp://mail.internal?tls=off", Some((Tls::Off, "mail.internal", 25))),
            ("smtp://127.0.0.1:8791", Some((Tls::Off, "127.0.0.1", 8791))),
            ("smtp://me:secret@mail.example.com", None),
            ("smtps://mail.example.com?tls=off", None),
            ("smtp://mail.example.com?tls=maybe", None),
            ("smtp://mail.example.com/path", None),
            ("smtp://mail.example.com:99999", None),
            ("smtps://mail.example.com:abc", None),
            ("smtp://mail.example.com:", None),
            ("http://mail.example.com", None),
            ("mail.example.com:25", None),
        ] {
            let expected = read.map(|(tls, host, port)| (tls, host.to_owned(), port));
            assert_eq!(server(url), expected, "{url}");
        }
    }

    #[test]
    fn without_a_server_no_mail_is_sent_and_nothing_may_need_it() {
        assert!(settings(&[]).unwrap().is_none());
        assert!(settings(&[("EMAIL_VERIFICATION", "off")]).unwrap().is_none());
        let fault = settings(&[("EMAIL_VERIFICATION", "login")]).unwrap_err();
        assert!(fault.contains("EMAIL_VERIFICATION: it needs mail"), "{fault}");
        for (name, value) in [
            ("MAIL_FROM", "a@example.com"),
            ("SMTP_USER", "us"),
            ("SMTP_PASSWORD", "hunter2"),
            ("PUBLIC_URL", "https://id.example.com"),
        ] {
            let fault = settings(&[(name, value)]).unwrap_err();
            assert!(fault.contains(&format!("{name}: it is set without smtp_url")), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn an_address_with_a_password_in_it_is_refused_without_it() {
        for url in ["smtp://me:hunter2@mail.example.com", "me:hunter2@mail.example.com", "smtp://me:hunter2"]
        {
            let fault = settings(&[("SMTP_URL", url), ("MAIL_FROM", "a@example.com")]).unwrap_err();
            assert!(fault.contains("SMTP_URL: it is not the address of a mail server"), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn with_one_an_address_has_to_be_verified_unless_somebody_says_otherwise() {
        let server = [("SMTP_URL", "smtp://mail.example.com"), ("MAIL_FROM", "Us <login@example.com>")];
        let (smtp, mail) = settings(&server).unwrap().unwrap();
        assert_eq!(
            (smtp.url().as_str(), smtp.from.email.domain()),
            ("smtp://mail.example.com:587", "example.com")
        );
        assert_eq!((mail.verified_login, mail.public_url.as_str()), (true, "https://id.example.com"));
        let (_, mail) = settings(&[server[0], server[1], ("EMAIL_VERIFICATION", "off")]).unwrap().unwrap();
        assert!(!mail.verified_login);
    }

    #[test]
    fn what_is_missing_or_would_give_a_password_away_is_said_without_it() {
        let server = ("SMTP_URL", "smtp://mail.example.com?tls=off");
        let fault = settings(&[server, ("SMTP_PASSWORD", "hunter2")]).unwrap_err();
        assert!(fault.contains("MAIL_FROM: it is not set"), "{fault}");
        assert!(fault.contains("SMTP_PASSWORD: it is set without smtp_user"), "{fault}");
        let user = [("SMTP_USER", "us"), ("SMTP_PASSWORD", "hunter2"), ("MAIL_FROM", "a@example.com")];
        let open = settings(&[&[server][..], &user].concat()).unwrap_err();
        assert!(open.contains("SMTP_USER: a password would go over the network unprotected"), "{open}");
        let closed = [&[("SMTP_URL", "smtps://mail.example.com")][..], &user].concat();
        let (smtp, _) = settings(&closed).unwrap().unwrap();
        assert!(!format!("{fault}{open}{smtp:?}").contains("hunter2"));
    }
}
