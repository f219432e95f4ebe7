//! `origin user set-email`, `set-password` and `verify`: what an operator does for whoever no mail reaches.

use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Act, done, must_be_verified, read_password, untold};
use crate::{
    commands::{Failure, Report, opened::Opened},
    domain::{Domain, SecondFactors, User},
};

/// Another address of an account.
#[derive(Debug, Args)]
pub(in crate::commands) struct SetEmail {
    #[command(flatten)]
    act: Act,
    /// The address from now on.
    #[arg(value_name = "ADDRESS")]
    new: String,
    /// Take it for verified, where its owner has proven it otherwise than by a mail.
    #[arg(long)]
    verified: bool,
}

/// Another password of an account.
#[derive(Debug, Args)]
pub(in crate::commands) struct SetPassword {
    #[command(flatten)]
    act: Act,
    /// Read the password from standard input, up to its end.
    #[arg(long)]
    password_stdin: bool,
}

impl SetEmail {
    pub(super) async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { act, new, verified } = self;
        let (Opened { domain, context }, user) = act.begin(opened).await?;
        let mut json = json!({ "ok": true, "id": user.id.to_string(), "email": new, "before": user.email });
        let unproven = if verified { unproven(&domain, &user).await? } else { None };
        if !domain.set_email(&context, user.id, &new, verified).await? {
            return Ok(Report::new(format!("{new}: it is the account's address already"), json));
        }
        let mut text = format!("{}: the address is {new} from now on; all sessions have ended", user.email);
        if !verified && domain.sends_mail() {
            text.push_str("\na link to verify it is on its way there");
        }
        if !verified && must_be_verified(domain.settings()) {
            text.push_str(&format!(
                "\nit has to be verified before a login: if you know it for its owner's, give `origin user verify \
                 --email {new}`"
            ));
            json["must_be_verified"] = true.into();
        }
        let report = Report::new(text, json).revoking(context.revoked.get());
        Ok(report.noting(untold(&domain)).noting(unproven))
    }
}

impl SetPassword {
    pub(super) async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { act, password_stdin } = self;
        let (Opened { domain, context }, user) = act.begin(opened).await?;
        let password = if password_stdin { read_password()? } else { domain.make_password()? };
        domain.set_password(&context, user.id, password.expose_secret()).await?;
        let mut text = format!("{}: the password is another one; all sessions have ended", user.email);
        let mut json = json!({ "ok": true, "id": user.id.to_string(), "email": user.email });
        if domain.second_factors(user.id).await? != SecondFactors::default() {
            text.push_str(&format!(
                "\nits second factors stay: where they are lost, or somebody else's, give `origin user \
                 second-factor reset --email {}`",
                user.email
            ));
        }
        if !password_stdin {
            text.push_str(&format!("\npassword: {}", password.expose_secret()));
            json["password"] = password.expose_secret().into();
        }
        Ok(Report::new(text, json).revoking(context.revoked.get()).noting(untold(&domain)))
    }
}

/// Takes an address for verified, and says what that does not prove.
pub(super) async fn verify(act: Act, opened: Opened) -> Result<Report, Failure> {
    let (Opened { domain, context }, user) = act.begin(opened).await?;
    let unproven = unproven(&domain, &user).await?;
    domain.mark_verified(&context, user.id).await?;
    let report = done("the address is verified", &user).revoking(context.revoked.get());
    Ok(report.noting(unproven))
}

/// That an account whose address was never proven may have been made by a stranger, where it has a password: the
/// address may be its owner's all the same.
async fn unproven(domain: &Domain, user: &User) -> Result<Option<&'static str>, Failure> {
    const UNPROVEN: &str = "whoever made the account knows its password and may have made passkeys for it: unless that \
                            was its owner, give `origin user set-password`, or have its owner reset it, and give \
                            `origin user second-factor reset`";
    let is_unproven = user.verified_at.is_none() && domain.has_password(user.id).await?;
    Ok(is_unproven.then_some(UNPROVEN))
}
