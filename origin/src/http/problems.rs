//! The one place where what went wrong in the domain becomes what the caller is told: rich in the log, plain
//! to the caller.

use shared::problem::{Kind, Problem, SecondStep};

use crate::{
    domain::{self, Error, whole_seconds},
    store, telemetry,
};

/// The problem that an error of the domain is. What is our own failure is told to the log, with its causes,
/// and to nobody else.
pub(super) fn of(error: Error) -> Problem {
    match error {
        Error::InvalidEmail(reason) => {
            Problem::new(Kind::InvalidEmail).with_detail(sentence(&reason.to_string()))
        }
        Error::PasswordTooShort { minimum } => Problem::new(Kind::PasswordTooShort)
            .with_detail(format!("At least {minimum} characters are wanted.")),
        Error::PasswordTooLong { maximum } => Problem::new(Kind::PasswordUnusable)
            .with_detail(format!("At most {maximum} bytes of UTF-8 are taken.")),
        Error::PasswordUnusable => {
            Problem::new(Kind::PasswordUnusable).with_detail("It holds a character that is no text.")
        }
        Error::PasswordPredictable(why) => {
            Problem::new(Kind::PasswordTooCommon).with_detail(sentence(&why.to_string()))
        }
        Error::InvalidCredentials => Kind::InvalidCredentials.into(),
        Error::SecondFactorRequired(asked) => Problem::second_factor_required(SecondStep {
            challenge: Some(asked.challenge()),
            expires_in: Some(asked.expires_in.as_secs()),
            methods: words(&asked.methods),
        }),
        Error::SecondFactorMissing(methods) => {
            let step = SecondStep { challenge: None, expires_in: None, methods: words(&methods) };
            Problem::second_factor_required(step).with_detail("Send it along with the password.")
        }
        Error::InvalidPasskey => Kind::InvalidPasskey.into(),
        Error::PasskeyUnusable => {
            Problem::new(Kind::Unprocessable).with_detail("The passkey cannot be registered; begin again.")
        }
        Error::NoPasskeys => Problem::new(Kind::NotFound).with_detail("This site has no passkeys."),
        Error::LastWayIn => Problem::new(Kind::Conflict).with_detail(
            "There would be no way to log in: set a password or register another passkey first.",
        ),
        Error::InvalidCode => Kind::InvalidCode.into(),
        Error::SecondFactorExists => {
            Problem::new(Kind::Conflict).with_detail("There is one already; remove it first.")
        }
        Error::EmailUnverified => Problem::new(Kind::EmailUnverified)
            .with_detail("Follow the link in the mail, or have another one sent at /verify."),
        Error::InvalidLink => Problem::new(Kind::InvalidLink).with_detail("Ask for another one."),
        Error::NoMail => Problem::new(Kind::NotOffered).with_detail("No mail is sent here."),
        Error::AddressTaken => Problem::new(Kind::Conflict).with_detail("The e-mail address is taken."),
        Error::UnknownRole(role) => {
            Problem::new(Kind::UnknownRole).with_detail(format!("The policy has no role `{role}`."))
        }
        Error::ForeignCursor => Problem::new(Kind::MalformedRequest)
            .with_detail("after is the `next` of the page before, of the same query."),
        Error::InvalidName | Error::InvalidEnd => {
            Problem::new(Kind::Unprocessable).with_detail(sentence(&error.to_string()))
        }
        Error::NameTaken | Error::TooManyKeys => {
            Problem::new(Kind::Conflict).with_detail(sentence(&error.to_string()))
        }
        Error::ServiceAccount => Problem::new(Kind::CredentialKind).with_detail(
            "It is for people. The keys of a service account are withdrawn by an administrator.",
        ),
        Error::InvalidClient => Kind::InvalidToken.into(),
        Error::NotFound => Kind::NotFound.into(),
        Error::Unauthenticated => Kind::Unauthenticated.into(),
        Error::InvalidToken | Error::InvalidGrant => Kind::InvalidToken.into(),
        Error::ExpiredToken => Kind::ExpiredToken.into(),
        Error::TooManyAttempts { wait } => {
            let seconds = u32::try_from(whole_seconds(wait)).unwrap_or(u32::MAX);
            Problem::new(Kind::TooManyRequests).with_retry_after(seconds)
        }
        Error::MissingPermission(permission) => Problem::forbidden(permission),
        Error::OwnAccount => {
            Problem::new(Kind::OwnAccount).with_detail("Another administrator has to do it.")
        }
        Error::BeyondOwnRights(permission) => Problem::new(Kind::BeyondOwnRights)
            .with_detail(format!("It is for somebody who has the permission `{permission}`, as you do not.")),
        Error::LastAdmin => Kind::LastAdmin.into(),
        Error::TooSoon { .. } => Problem::new(Kind::Conflict).with_detail(format!("{error}.")),
        Error::WentBack { .. } => {
            tracing::error!(%error, "the database cannot be relied on");
            Kind::Unavailable.into()
        }
        Error::AuditNotAsSigned => {
            tracing::error!(%error, "the audit log cannot be relied on");
            Kind::Unavailable.into()
        }
        Error::Overloaded => Kind::Overloaded.into(),
        Error::Contended => Problem::new(Kind::Unavailable).with_detail("Try again."),
        Error::Store(store::Error::Contended(_)) => {
            tracing::warn!(error = %telemetry::causes(&error), "two waited for each other in the database");
            Problem::new(Kind::Unavailable).with_detail("Try again.")
        }
        Error::Store(store::Error::Unreachable(_)) => {
            tracing::error!(error = %telemetry::causes(&error), "the database cannot be reached");
            Kind::Unavailable.into()
        }
        Error::Store(_)
        | Error::Random(_)
        | Error::Hashing(_)
        | Error::MasterKey { .. }
        | Error::Key { .. }
        | Error::Signing(_)
        | Error::Passkeys(_) => {
            tracing::error!(error = %telemetry::causes(&error), "an error that nobody foresaw");
            Kind::Internal.into()
        }
    }
}

fn words(methods: &[domain::SecondStep]) -> Vec<&'static str> {
    methods.iter().map(|method| method.as_str()).collect()
}

/// An error's text as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_the_database_gave_up_for_the_sake_of_others_is_told_to_come_back() {
        let given_up = store::Error::Contended(sqlx::Error::RowNotFound);
        assert_eq!(of(given_up.into()).kind(), Kind::Unavailable);
    }
}
