//! Devices that an account knows: who logged in there can do so again, whatever others are guessing
//! elsewhere (OWASP, "device cookies"). What a client keeps says nothing and is worth nothing but that.

use std::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::{mac::MacKeys, secret::Secret, time::Timestamp};

use super::{Context, Domain, Error, User, email::EmailAddress};

/// Between the tokens of several accounts; no token has it.
const SEPARATOR: char = '.';
/// How many accounts a client can be known to.
const MOST: usize = 4;

/// A device that an account knows, as its attempts are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct DeviceId([u8; 16]);

impl DeviceId {
    /// Its bytes.
    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What a client is to keep to be known by, for one or several accounts. It does not print.
#[derive(Clone)]
pub struct KnownDevice {
    text: String,
    max_age: Duration,
}

impl KnownDevice {
    /// What the client is to keep, and to present at its next login: base64url and dots.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.text.clone()
    }

    /// How long it can be of use.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }
}

impl fmt::Debug for KnownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownDevice(…)")
    }
}

/// For one account: the device's id, when the account last knew it, and a mac that binds both to the
/// account.
struct Token(Secret<40>);

impl Token {
    fn mint(device: DeviceId, account: &str, keys: &MacKeys, now: Timestamp) -> Self {
        let mut bytes = [0; 40];
        bytes[..16].copy_from_slice(&device.0);
        bytes[16..24].copy_from_slice(&now.seconds().to_be_bytes());
        let mac = keys.current().tag(&signed(&bytes, account));
        bytes[24..].copy_from_slice(&mac[..16]);
        Self(Secret::new(bytes))
    }

    /// The device, if this account knows it by this token.
    fn device(&self, account: &str, keys: &MacKeys, max_age: Duration, now: Timestamp) -> Option<DeviceId> {
        let bytes = self.0.expose();
        let (rest, mac) = bytes.split_last_chunk::<16>()?;
        if !keys.verify_half(&signed(bytes, account), mac) {
            return None;
        }
        let (id, known_at) = rest.split_first_chunk::<16>()?;
        let known_at = Timestamp::from_seconds(i64::from_be_bytes(known_at.try_into().ok()?));
        (now.since(known_at) <= max_age).then_some(DeviceId(*id))
    }

    fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(self.0.expose())
    }
}

/// What the mac covers.
fn signed(token: &[u8; 40], account: &str) -> Vec<u8> {
    [&token[..24], account.as_bytes()].concat()
}

/// The tokens of what a client presented, those that have the form of one.
fn tokens(presented: Option<&str>) -> impl Iterator<Item = Token> {
    let texts = presented.unwrap_or_default().split(SEPARATOR).take(MOST);
    texts.filter_map(|text| Secret::from_base64url(text).ok().map(Token))
}

impl Domain {
    /// The device that presented this, if the account of this address, in its lookup form, knows it. What
    /// is not good is as if it were not there.
    ///
    /// # Errors
    /// [`Error::Store`] when the keys cannot be read.
    pub(super) async fn known_device(
        &self,
        context: &Context,
        account: &str,
        presented: Option<&str>,
    ) -> Result<Option<DeviceId>, Error> {
        let keys = self.keys(context.now).await?;
        let max_age = self.0.settings.known_device;
        Ok(tokens(presented).find_map(|token| token.device(account, &keys.devices, max_age, context.now)))
    }

    /// What a client is to keep from now on that has just proven to be this user's: the same device as
    /// before if it was known, and still known to other accounts by what it presented.
    ///
    /// # Errors
    /// [`Error::Store`] when the keys cannot be read, [`Error::Random`] when there is no randomness.
    pub(super) async fn recognise(
        &self,
        context: &Context,
        user: &User,
        presented: Option<&str>,
    ) -> Result<KnownDevice, Error> {
        let address = EmailAddress::parse(&user.email)?;
        let account = address.lookup();
        let keys = self.keys(context.now).await?;
        let max_age = self.0.settings.known_device;
        let known = |token: &Token| token.device(account, &keys.devices, max_age, context.now);
        let device = match tokens(presented).find_map(|token| known(&token)) {
            Some(device) => device,
            None => DeviceId(self.0.random.bytes()?),
        };
        let others = tokens(presented).filter(|token| known(token).is_none());
        let tokens = std::iter::once(Token::mint(device, account, &keys.devices, context.now)).chain(others);
        let texts: Vec<String> = tokens.take(MOST).map(|token| token.to_text()).collect();
        Ok(KnownDevice { text: texts.join(&SEPARATOR.to_string()), max_age })
    }
}

#[cfg(test)]
mod tests {
    use shared::mac::{SharedSecret, SharedSecrets};

    use super::*;

    const ACCOUNT: &str = "ada@example.test";
    const DEVICE: DeviceId = DeviceId([3; 16]);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    fn keys(byte: u8) -> MacKeys {
        SharedSecrets::new(SharedSecret::new([byte; 32]), None).device_keys()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn a_token_is_known_to_its_account_alone_and_for_its_time() {
        let text = Token::mint(DEVICE, ACCOUNT, &keys(1), at(0)).to_text();
        let device = |account: &str, keys: &MacKeys, now| {
            tokens(Some(&text)).next().unwrap().device(account, keys, YEAR, now)
        };
        assert!(device(ACCOUNT, &keys(1), at(365 * 24 * 3600)) == Some(DEVICE));
        assert!(device(ACCOUNT, &keys(1), at(365 * 24 * 3600 + 1)).is_none());
        assert!(device("eve@example.test", &keys(1), at(0)).is_none());
        assert!(device(ACCOUNT, &keys(2), at(0)).is_none());
    }

    #[test]
    fn a_changed_character_makes_it_unknown() {
        let text = Token::mint(DEVICE, ACCOUNT, &keys(1), at(0)).to_text();
        for place in 0..text.len() {
            let mut changed = text.clone();
            changed.replace_range(place..=place, if &text[place..=place] == "A" { "B" } else { "A" });
            let known =
                tokens(Some(&changed)).any(|token| token.device(ACCOUNT, &keys(1), YEAR, at(0)).is_some());
            assert!(!known, "{place}");
        }
    }

    #[test]
    fn of_what_is_presented_only_a_little_is_looked_at() {
        let token = Token::mint(DEVICE, ACCOUNT, &keys(1), at(0)).to_text();
        assert_eq!(tokens(Some(&[token.as_str(); 100].join("."))).count(), MOST);
        for nothing in [None, Some(""), Some("."), Some("x"), Some("\u{e9}"), Some(&token[1..])] {
            assert_eq!(tokens(nothing).count(), 0, "{nothing:?}");
        }
    }
}
