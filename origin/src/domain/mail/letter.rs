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
    let Facts { site, token, about, .. } = facts;
    let site_name = site.split_once("://").map_or(site, |(_, name)| name);
    let to = |path: &str| format!("{site}{path}");
    let with_token = |path: &str| format!("{site}{path}?token={token}");
    let holds = match facts.lifetime {
        Some(lifetime) => format!("The link is good for {} and counts once.", in_words(lifetime)),
        None => "The link is no longer good.".to_owned(),
    };
    let (subject, paragraphs) = match kind {
        Kind::VerifyAddress => (
            "Confirm your e-mail address",
            vec![
                Text(format!("An account at {site_name} has this e-mail address. Confirm that it is yours:")),
                Link { label: "Confirm the address", url: with_token("/verify") },
                Text(holds),
                Text(
                    "If you neither made that account nor asked for this mail, do not confirm: somebody else may \
                     have chosen its password. With a password of your own it is yours alone:"
                        .to_owned(),
                ),
                Link { label: "Choose a new password", url: to("/forgot") },
            ],
        ),
        Kind::ResetPassword => (
            "Choose a new password",
            vec![
                Text(format!("Somebody, probably you, asked for a new password at {site_name}:")),
                Link { label: "Choose a new password", url: with_token("/reset") },
                Text(holds),
                Text("If it was not you, you need not do anything. Your password stays as it is.".to_owned()),
            ],
        ),
        Kind::Invitation => (
            "An account was made for you",
            vec![
                Text(format!("Somebody who runs {site_name} made an account there for this e-mail address.")),
                Text("Choose its password:".to_owned()),
                Link { label: "Choose the password", url: with_token("/reset") },
                Text(holds),
                Text("After that another link can be asked for:".to_owned()),
                Link { label: "Ask for another link", url: to("/forgot") },
            ],
        ),
        Kind::ConfirmNewAddress => (
            "Confirm your new e-mail address",
            vec![
                Text(format!(
                    "An account at {site_name} is to have this e-mail address. Confirm that it is yours:"
                )),
                Link { label: "Confirm the new address", url: with_token("/verify") },
                Text(holds),
                Text(
                    "The address changes when the one until now, where that was confirmed, has agreed as well. If \
                     you know nothing of this, you need not do anything."
                        .to_owned(),
                ),
            ],
        ),
        Kind::ConfirmOldAddress => (
            "Confirm the change of your e-mail address",
            vec![
                Text(format!(
                    "The e-mail address of your account at {site_name} is to change from this one to {about}."
                )),
                Text("If you asked for that, agree to it:".to_owned()),
                Link { label: "Agree to the change", url: with_token("/verify") },
                Text(holds),
                Text("If it was not you, somebody knows your password. Choose another one:".to_owned()),
                Link { label: "Choose a new password", url: to("/forgot") },
            ],
        ),
        Kind::AddressChanged => (
            "Your e-mail address was changed",
            vec![
                Text(format!("The e-mail address of your account at {site_name} is {about} from now on.")),
                Text("If it was not you, ask whoever runs the site for help.".to_owned()),
            ],
        ),
        Kind::PasswordChanged => (
            "Your password was changed",
            vec![
                Text(format!("The password of your account at {site_name} was changed.")),
                Text("If it was not you, choose another one:".to_owned()),
                Link { label: "Choose a new password", url: to("/forgot") },
            ],
        ),
        Kind::SecondFactorAdded => (
            "Your account has a second factor",
            vec![
                Text(format!(
                    "An app that makes codes was set up for your account at {site_name}. Logging in needs a \
                     code of it from now on, or one of the recovery codes."
                )),
                Text("If it was not you, ask whoever runs the site for help.".to_owned()),
            ],
        ),
        Kind::SecondFactorRemoved => (
            "Your account has no second factor any more",
            vec![
                Text(format!("Logging in to your account at {site_name} needs no code any more.")),
                Text("If it was not you, choose another password:".to_owned()),
                Link { label: "Choose a new password", url: to("/forgot") },
            ],
        ),
        Kind::AppRemoved => (
            "The app of your account was removed",
            vec![
                Text(format!(
                    "The app that made codes for your account at {site_name} was removed. Who logs in with the \
                     password needs one of your passkeys as well, or one of the recovery codes that are left."
                )),
                Text("If it was not you, ask whoever runs the site for help.".to_owned()),
            ],
        ),
        Kind::PasskeyAdded => (
            "A passkey was added to your account",
            vec![
                Text(format!(
                    "A passkey was registered for your account at {site_name}. It logs in without the password, \
                     and the password alone logs in no more."
                )),
                Text("If it was not you, ask whoever runs the site for help.".to_owned()),
            ],
        ),
        Kind::PasskeyRemoved => (
            "A passkey of your account was removed",
            vec![
                Text(format!("A passkey of your account at {site_name} was removed and logs in no more.")),
                Text("If it was not you, ask whoever runs the site for help.".to_owned()),
            ],
        ),
        Kind::RecoveryCodeUsed => (
            "A recovery code was used",
            vec![
                Text(format!("One of the recovery codes of your account at {site_name} was used.")),
                Text("If it was not you, somebody knows your password too. Choose another one:".to_owned()),
                Link { label: "Choose a new password", url: to("/forgot") },
            ],
        ),
        Kind::AccountDeleted => (
            "Your account was deleted",
            vec![
                Text(format!("Your account at {site_name} was deleted, with all that was kept in it.")),
                Text("If it was not you, ask whoever runs the site for help.".to_owned()),
            ],
        ),
        Kind::AddressTaken => (
            "You have an account already",
            vec![
                Text(format!(
                    "Somebody, probably you, wanted to use this e-mail address for an account at {site_name}. \
                     There is one already."
                )),
                Link { label: "Log in", url: to("/login") },
                Text("If you have forgotten the password, choose a new one:".to_owned()),
                Link { label: "Choose a new password", url: to("/forgot") },
                Text("If it was not you, you need not do anything.".to_owned()),
            ],
        ),
    };
    Letter { subject, text: as_text(&paragraphs), html: as_html(subject, &paragraphs) }
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
