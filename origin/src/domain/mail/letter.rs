//! What a mail says, as text and as HTML: both are written from the same paragraphs, and nothing in them is
//! fetched from anywhere.

use std::{fmt::Write as _, time::Duration};

use crate::{markup::Escaped, store::mails::Kind};

/// A mail as it is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: &'static str,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl std::fmt::Debug for Letter {
    /// The rest may hold a link, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter({})", self.subject)
    }
}

/// What goes into a letter.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The address of the site, which links begin with.
    pub(super) site: &'a str,
    /// The token of its link, where it has one.
    pub(super) token: &'a str,
    /// How long the link is good; none when it is good no more.
    pub(super) lifetime: Option<Duration>,
    /// The new address, of a change.
    pub(super) about: &'a str,
}

enum Paragraph {
    Text(String),
    Link { label: &'static str, url: String },
}

use Paragraph::{Link, Text};

/// Writes a letter.
pub(super) fn write(kind: Kind, facts: Facts<'_>) -> Letter {
    let (subject, paragraphs) = content(kind, facts);
    Letter { subject, text: as_text(&paragraphs), html: as_html(subject, &paragraphs) }
}

/// What a letter of each kind says.
fn content(kind: Kind, facts: Facts<'_>) -> (&'static str, Vec<Paragraph>) {
    let about = facts.about;
    let site = facts.name();
    let ask_for_help = || text("If it was not you, ask whoever runs the site for help.");
    let choose_a_password = || facts.link("Choose a new password", "/forgot");
    match kind {
        Kind::VerifyAddress => (
            "Confirm your e-mail address",
            vec![
                text(format!("An account at {site} has this e-mail address. Confirm that it is yours:")),
                facts.link_with_token("Confirm the address", "/verify"),
                facts.validity(),
                text(
                    "If you neither made that account nor asked for this mail, do not confirm: somebody else may \
                     have chosen its password. With a password of your own it is yours alone:",
                ),
                choose_a_password(),
            ],
        ),
        Kind::ResetPassword => (
            "Choose a new password",
            vec![
                text(format!("Somebody, probably you, asked for a new password at {site}:")),
                facts.link_with_token("Choose a new password", "/reset"),
                facts.validity(),
                text("If it was not you, you need not do anything. Your password stays as it is."),
            ],
        ),
        Kind::Invitation => (
            "An account was made for you",
            vec![
                text(format!("Somebody who runs {site} made an account there for this e-mail address.")),
                text("Choose its password:"),
                facts.link_with_token("Choose the password", "/reset"),
                facts.validity(),
                text("After that another link can be asked for:"),
                facts.link("Ask for another link", "/forgot"),
            ],
        ),
        Kind::ConfirmNewAddress => (
            "Confirm your new e-mail address",
            vec![
                text(format!(
                    "An account at {site} is to have this e-mail address. Confirm that it is yours:"
                )),
                facts.link_with_token("Confirm the new address", "/verify"),
                facts.validity(),
                text(
                    "The address changes when the one until now, where that was confirmed, has agreed as well. If \
                     you know nothing of this, you need not do anything.",
                ),
            ],
        ),
        Kind::ConfirmOldAddress => (
            "Confirm the change of your e-mail address",
            vec![
                text(format!(
                    "The e-mail address of your account at {site} is to change from this one to {about}."
                )),
                text("If you asked for that, agree to it:"),
                facts.link_with_token("Agree to the change", "/verify"),
                facts.validity(),
                text("If it was not you, somebody knows your password. Choose another one:"),
                choose_a_password(),
            ],
        ),
        Kind::AddressChanged => (
            "Your e-mail address was changed",
            vec![
                text(format!("The e-mail address of your account at {site} is {about} from now on.")),
                ask_for_help(),
            ],
        ),
        Kind::PasswordChanged => (
            "Your password was changed",
            vec![
                text(format!("The password of your account at {site} was changed.")),
                text("If it was not you, choose another one:"),
                choose_a_password(),
            ],
        ),
        Kind::SecondFactorAdded => (
            "Your account has a second factor",
            vec![
                text(format!(
                    "An app that makes codes was set up for your account at {site}. Logging in needs a code of it \
                     from now on, or one of the recovery codes."
                )),
                ask_for_help(),
            ],
        ),
        Kind::SecondFactorRemoved => (
            "Your account has no second factor any more",
            vec![
                text(format!("Logging in to your account at {site} needs no code any more.")),
                text("If it was not you, choose another password:"),
                choose_a_password(),
            ],
        ),
        Kind::AppRemoved => (
            "The app of your account was removed",
            vec![
                text(format!(
                    "The app that made codes for your account at {site} was removed. Who logs in with the password \
                     needs one of your passkeys as well, or one of the recovery codes that are left."
                )),
                ask_for_help(),
            ],
        ),
        Kind::PasskeyAdded => (
            "A passkey was added to your account",
            vec![
                text(format!(
                    "A passkey was registered for your account at {site}. It logs in without the password, and the \
                     password alone logs in no more."
                )),
                ask_for_help(),
            ],
        ),
        Kind::PasskeyRemoved => (
            "A passkey of your account was removed",
            vec![
                text(format!("A passkey of your account at {site} was removed and logs in no more.")),
                ask_for_help(),
            ],
        ),
        Kind::RecoveryCodeUsed => (
            "A recovery code was used",
            vec![
                text(format!("One of the recovery codes of your account at {site} was used.")),
                text("If it was not you, somebody knows your password too. Choose another one:"),
                choose_a_password(),
            ],
        ),
        Kind::AccountDeleted => (
            "Your account was deleted",
            vec![
                text(format!("Your account at {site} was deleted, with all that was kept in it.")),
                ask_for_help(),
            ],
        ),
        Kind::AddressTaken => (
            "You have an account already",
            vec![
                text(format!(
                    "Somebody, probably you, wanted to use this e-mail address for an account at {site}. There is \
                     one already."
                )),
                facts.link("Log in", "/login"),
                text("If you have forgotten the password, choose a new one:"),
                choose_a_password(),
                text("If it was not you, you need not do anything."),
            ],
        ),
    }
}

fn text(text: impl Into<String>) -> Paragraph {
    Text(text.into())
}

impl Facts<'_> {
    /// The site as people call it.
    fn name(&self) -> &str {
        self.site.split_once("://").map_or(self.site, |(_, name)| name)
    }

    fn link(&self, label: &'static str, path: &str) -> Paragraph {
        Link { label, url: format!("{}{path}", self.site) }
    }

    fn link_with_token(&self, label: &'static str, path: &str) -> Paragraph {
        Link { label, url: format!("{}{path}?token={}", self.site, self.token) }
    }

    fn validity(&self) -> Paragraph {
        match self.lifetime {
            Some(lifetime) => text(format!("The link is good for {} and counts once.", in_words(lifetime))),
            None => text("The link is no longer good."),
        }
    }
}

fn as_text(paragraphs: &[Paragraph]) -> String {
    let texts: Vec<&str> = paragraphs
        .iter()
        .map(|paragraph| match paragraph {
            Text(text) => text.as_str(),
            Link { url, .. } => url.as_str(),
        })
        .collect();
    texts.join("\n\n") + "\n"
}

fn as_html(subject: &str, paragraphs: &[Paragraph]) -> String {
    let mut body = String::new();
    for paragraph in paragraphs {
        // Writing to a String does not fail.
        let _ = match paragraph {
            Text(text) => writeln!(body, "<p>{}</p>", Escaped(text)),
            // The address stands there in full too: a link that hides where it leads is what a forger sends.
            Link { label, url } => {
                writeln!(body, "<p><a href=\"{0}\">{label}</a><br>\n<small>{0}</small></p>", Escaped(url))
            }
        };
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
         <body style=\"font:16px/1.5 sans-serif;max-width:36em;margin:0 auto;padding:1em\">\n\
         <h1 style=\"font-size:1.3em\">{subject}</h1>\n{body}</body></html>\n"
    )
}

/// A time as somebody would say it.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        172_800.. if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        3600.. if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        60.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 15] = [
        Kind::VerifyAddress,
        Kind::ResetPassword,
        Kind::ConfirmNewAddress,
        Kind::ConfirmOldAddress,
        Kind::Invitation,
        Kind::AddressChanged,
        Kind::PasswordChanged,
        Kind::SecondFactorAdded,
        Kind::SecondFactorRemoved,
        Kind::AppRemoved,
        Kind::PasskeyAdded,
        Kind::PasskeyRemoved,
        Kind::RecoveryCodeUsed,
        Kind::AccountDeleted,
        Kind::AddressTaken,
    ];

    fn letter(kind: Kind, about: &str) -> Letter {
        let lifetime = Some(Duration::from_secs(1800));
        write(kind, Facts { site: "https://id.example.com", token: "T0-_ken", lifetime, about })
    }

    #[test]
    fn both_forms_say_the_same_and_fetch_nothing() {
        for kind in KINDS {
            let Letter { text, html, .. } = letter(kind, "new@example.com");
            for line in text.lines().filter(|line| line.starts_with("https://")) {
                assert!(html.contains(&format!("<a href=\"{line}\">")), "{kind}: {line}");
                assert!(line.starts_with("https://id.example.com/"), "{kind}: {line}");
            }
            for remote in ["src=", "url(", "<link", "<img", "<script", "<style"] {
                assert!(!html.contains(remote), "{kind}: {remote}");
            }
            assert!(text.is_ascii() && html.is_ascii(), "{kind}");
        }
    }

    #[test]
    fn only_what_proves_an_address_carries_a_token() {
        for (kind, link) in [
            (Kind::VerifyAddress, "/verify?token=T0-_ken"),
            (Kind::ConfirmNewAddress, "/verify?token=T0-_ken"),
            (Kind::ConfirmOldAddress, "/verify?token=T0-_ken"),
            (Kind::ResetPassword, "/reset?token=T0-_ken"),
            (Kind::Invitation, "/reset?token=T0-_ken"),
        ] {
            let text = letter(kind, "").text;
            assert!(text.contains(&format!("https://id.example.com{link}\n")), "{kind}: {text}");
            assert!(text.contains("good for 30 minutes and counts once"), "{kind}: {text}");
        }
        for kind in &KINDS[5..] {
            let kind = *kind;
            let Letter { text, html, .. } = letter(kind, "");
            assert!(!text.contains("T0-_ken") && !html.contains("T0-_ken"), "{kind}");
        }
    }

    #[test]
    fn of_a_link_that_is_over_no_time_is_promised() {
        let facts = Facts { site: "https://id.example.com", token: "T0-_ken", lifetime: None, about: "" };
        let text = write(Kind::ResetPassword, facts).text;
        assert!(text.contains("The link is no longer good.") && !text.contains("good for"), "{text}");
    }

    #[test]
    fn an_address_becomes_no_markup() {
        let html = letter(Kind::ConfirmOldAddress, "a'&b`@example.com").html;
        assert!(html.contains("a&#39;&amp;b`@example.com"), "{html}");
        assert!(!format!("{:?}", letter(Kind::ResetPassword, "")).contains("T0-_ken"));
    }

    #[test]
    fn times_are_said_in_words() {
        for (seconds, words) in [
            (86_400, "24 hours"),
            (3600, "1 hour"),
            (5400, "90 minutes"),
            (172_800, "2 days"),
            (45, "45 seconds"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
