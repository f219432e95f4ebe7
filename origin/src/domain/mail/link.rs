//! The links in mails. Each carries a token of 256 random bits, of which the database keeps the digest, to
//! find it by, and, while its mail waits, an encrypted copy to write it with: that is bound to the mail, opens
//! under the master key alone, and is gone once the mail is. So a stolen database holds no link.

use std::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use shared::{
    id::{MailId, SessionId, UserId},
    secret::{Digest, Secret},
};
use zeroize::Zeroizing;

use super::{MailSettings, mail_place};
use crate::{
    domain::{Context, Domain, Error, email::EmailAddress},
    store::{
        Transaction,
        mail_tokens::{self, NewToken, Purpose},
        mails::{self, Kind, NewMail},
    },
};

/// A link to be, and whose.
#[derive(Debug)]
pub(in crate::domain) struct Link<'a> {
    /// What it is good for.
    pub(in crate::domain) purpose: Purpose,
    /// The mail that it is in.
    pub(in crate::domain) kind: Kind,
    /// Whose it is; made up where there is nobody.
    pub(in crate::domain) user: UserId,
    /// The user's address now, in its lookup form.
    pub(in crate::domain) email_lookup: &'a str,
    /// Where the mail goes.
    pub(in crate::domain) to: &'a str,
    /// Of a change of address: the new one.
    pub(in crate::domain) new_email: Option<&'a str>,
    /// Of a change of address: the session that it is asked for in.
    pub(in crate::domain) session: Option<SessionId>,
}

/// What becomes of a link. Whichever it is, the same is written, so that whoever asked learns nothing by the
/// time that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum Posted {
    /// It goes out in a mail.
    Sent,
    /// A mail without it goes out.
    Instead(Kind),
    /// Nothing goes out.
    Never,
}

impl Domain {
    /// Writes a mail with a link. Its token displaces the user's token of the same purpose.
    pub(in crate::domain) async fn post_link(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        link: &Link<'_>,
        posted: Posted,
    ) -> Result<(), Error> {
        let Some(settings) = &self.0.settings.mail else { return Ok(()) };
        let now = context.now;
        let id = MailId::new(now, self.0.random.bytes()?);
        let secret = Secret::new(self.0.random.bytes::<32>()?);
        let sealed = self.0.keys.vault.seal(secret.expose(), &mail_place(id), self.0.random)?;
        let token = NewToken {
            digest: secret.digest(),
            purpose: link.purpose,
            user: link.user,
            mail: id,
            email_lookup: link.email_lookup,
            new_email: link.new_email,
            session: link.session,
            created_at: now,
            lifetime: link.lifetime(settings),
        };
        mail_tokens::put(transaction, &token).await?;
        let kind = match posted {
            Posted::Instead(kind) => kind,
            Posted::Sent | Posted::Never => link.kind,
        };
        let mail = NewMail {
            id,
            kind,
            // What goes out in the place of a link is for whoever reads the address.
            user: (posted == Posted::Sent).then_some(link.user),
            recipient: link.to,
            about: link.new_email,
            sealed_token: Some(sealed),
            created_at: now,
            is_pretence: posted == Posted::Never,
        };
        Ok(mails::insert(transaction, &mail).await?)
    }

    /// Writes a mail without a link to a user, unless so many of this kind went to the address that one more is left
    /// out: whoever is signed in could otherwise have any number sent, perhaps to somebody else's. The caller has
    /// the user's row.
    pub(in crate::domain) async fn post_notice(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        kind: Kind,
        user: UserId,
        to: &str,
        about: Option<&str>,
    ) -> Result<(), Error> {
        if self.0.settings.mail.is_none() || !self.admit_notice(transaction, context, kind, to).await? {
            return Ok(());
        }
        let id = MailId::new(context.now, self.0.random.bytes()?);
        let mail = NewMail {
            id,
            kind,
            user: Some(user),
            recipient: to,
            about,
            sealed_token: None,
            created_at: context.now,
            is_pretence: false,
        };
        Ok(mails::insert(transaction, &mail).await?)
    }

    /// How mail is used.
    ///
    /// # Errors
    /// [`Error::NoMail`] where no mail is sent.
    pub(in crate::domain) fn mail_settings(&self) -> Result<&MailSettings, Error> {
        self.0.settings.mail.as_ref().ok_or(Error::NoMail)
    }
}

impl<'a> Link<'a> {
    /// A link for a user, sent to the user's address.
    pub(in crate::domain) fn new(purpose: Purpose, user: UserId, address: &'a EmailAddress) -> Self {
        let (email_lookup, to) = (address.lookup(), address.as_str());
        Self { purpose, kind: kind_of(purpose), user, email_lookup, to, new_email: None, session: None }
    }

    /// A link by which the user of a new account chooses the first password.
    pub(in crate::domain) fn invitation(user: UserId, address: &'a EmailAddress) -> Self {
        Self { kind: Kind::Invitation, ..Self::new(Purpose::Reset, user, address) }
    }

    /// How long it is good, once its mail was handed over.
    const fn lifetime(&self, settings: &MailSettings) -> Duration {
        // Who is invited did not ask for the mail, and may not look for days; it opens what is still empty.
        match self.kind {
            Kind::ResetPassword => settings.reset,
            _ => settings.verification,
        }
    }
}

const fn kind_of(purpose: Purpose) -> Kind {
    match purpose {
        Purpose::Verify => Kind::VerifyAddress,
        Purpose::Reset => Kind::ResetPassword,
        Purpose::ChangeFrom => Kind::ConfirmOldAddress,
        Purpose::ChangeTo => Kind::ConfirmNewAddress,
    }
}

/// The digest of a token as it came by a link; none when it can be none of ours.
pub(in crate::domain) fn digest_of(token: &str) -> Option<Digest> {
    Secret::<32>::from_base64url(token).ok().map(|token| token.digest())
}

/// A token as a link carries it, which does not print; empty where a mail has none.
#[derive(Default)]
pub(super) struct LinkToken(Zeroizing<String>);

/// The shortest run of a token that is struck out: what is shorter tells too little of 43 characters.
const SHORTEST_RUN: usize = 8;

impl LinkToken {
    pub(super) fn new(token: &[u8]) -> Self {
        Self(Zeroizing::new(Base64UrlUnpadded::encode_string(token)))
    }

    /// What stands in the link. Search for this name to find all places.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The text without the runs of the token that are in it, cut or in other case as they may be.
    pub(super) fn struck_from(&self, text: &str) -> String {
        let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(letter) = rest.chars().next() {
            let run = self.run_at(rest.as_bytes());
            let (sign, length) = if run < SHORTEST_RUN { (letter, letter.len_utf8()) } else { ('…', run) };
            kept.push(sign);
            // A token is ASCII, and so is a run of it.
            rest = rest.split_at(length).1;
        }
        kept
    }

    /// How long the longest run of the token is that a text begins with.
    fn run_at(&self, text: &[u8]) -> usize {
        let token = self.0.as_bytes();
        let alike = |from: usize| {
            let pairs = token.iter().skip(from).zip(text);
            pairs.take_while(|(ours, theirs)| ours.eq_ignore_ascii_case(theirs)).count()
        };
        (0..token.len()).map(alike).max().unwrap_or_default()
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_token_no_run_is_left_that_tells_of_it() {
        let token = LinkToken::new(&std::array::from_fn::<_, 32, _>(|n| u8::try_from(7 * n).unwrap()));
        let text = token.expose().to_owned();
        for (quoted, struck) in [
            (format!("550 spam: ü{text}ü {text}"), "550 spam: ü…ü …".to_owned()),
            (format!("550 {}", text.to_ascii_uppercase()), "550 …".to_owned()),
            (format!("550 {}=\\n{}", &text[..20], &text[20..]), "550 …=\\n…".to_owned()),
            (format!("550 {}", &text[35..]), "550 …".to_owned()),
            (format!("550 {}", &text[36..]), format!("550 {}", &text[36..])),
        ] {
            assert_eq!(token.struck_from(&quoted), struck);
        }
        assert!(!format!("{token:?}").contains(&text[..4]));
        assert_eq!(LinkToken::default().struck_from("550 no such user"), "550 no such user");
    }
}
