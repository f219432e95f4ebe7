//! `origin passkey`: forget those that no browser shows any more.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Report, opened::Opened, operator::Reason, user::untold};
use crate::{
    config::Source,
    domain::{ForgottenPasskeys, UselessPasskeys},
};

/// What there is to do with passkeys.
#[derive(Debug, Subcommand)]
pub(super) enum Passkey {
    /// Remove the passkeys of everybody, as after a change of the domain that they are for. Who has no app for codes
    /// logs in by the password alone afterwards.
    Forget(Forget),
}

/// That all of them are to go, and why.
#[derive(Debug, Args)]
pub(super) struct Forget {
    /// Do it: everybody who wants a passkey has to register another.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    why: Reason,
}

impl Passkey {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let Self::Forget(Forget { yes, why }) = self;
        if !yes {
            return Err(Failure::new(
                "everybody who has a passkey has to register another, and logs in by the password until then",
                "say --yes if that is meant",
            ));
        }
        let Opened { domain, context } = Opened::new(source).await?.because(why);
        let ForgottenPasskeys { passkeys, users, without_password } =
            domain.forget_passkeys(&context).await?;
        let mut text = format!("passkeys forgotten: {passkeys}, of {users} users");
        if without_password > 0 {
            text.push_str(&format!(
                "\nusers without a password: {without_password}; each has to choose one by a mail, or gets one by \
                 `origin user set-password`"
            ));
        }
        let json = json!({
            "ok": true, "passkeys": passkeys, "users": users, "users_without_password": without_password,
        });
        Ok(Report::new(text, json).noting(untold(&domain)))
    }
}

/// Why origin does not serve while there are passkeys that no browser shows.
pub(super) fn useless(useless: &UselessPasskeys, set: Option<&str>) -> Failure {
    let UselessPasskeys { count, domain } = useless;
    let now = set.map_or_else(|| "this site has no domain for any".to_owned(), |set| format!("{set} is set"));
    let of = domain.as_deref().unwrap_or("another domain");
    Failure::new(
        format!(
            "there are {count} passkeys for {of}, and {now}: whoever has one and no other second factor could not \
             log in"
        ),
        format!(
            "set COUNTERSIGN_PASSKEY_DOMAIN to {}, or give `origin passkey forget --yes`",
            domain.as_deref().unwrap_or("it")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_changes_the_domain_of_passkeys_is_told_of_both_ways() {
        let passkeys = |domain: Option<&str>| UselessPasskeys { count: 3, domain: domain.map(str::to_owned) };
        let told = useless(&passkeys(Some("old.example")), Some("new.example")).to_string();
        assert!(told.starts_with("there are 3 passkeys for old.example, and new.example is set: "), "{told}");
        assert!(told.contains(
            "set COUNTERSIGN_PASSKEY_DOMAIN to old.example, or give `origin passkey forget --yes`"
        ));
        let told = useless(&passkeys(None), None).to_string();
        assert!(told.contains("for another domain, and this site has no domain for any"), "{told}");
    }
}
