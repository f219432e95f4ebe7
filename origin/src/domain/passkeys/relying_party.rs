//! What WebAuthn calls the relying party: which origins a passkey is for, what a browser is asked, and whether
//! what it answers is good. All of the protocol is the library's; here stands what this system wants of it.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    authentication::{Method, Methods},
    id::UserId,
    secret::Digest,
};
use webauthn_rs::prelude::{
    AuthenticationResult, Credential, DiscoverableAuthentication, Passkey as PublicKey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::WAIT;
use crate::{domain::PasskeySettings, store::passkeys::Passkey};

/// The relying party of this site.
#[derive(Debug)]
pub(in crate::domain) struct RelyingParty(Webauthn);

/// What a browser is asked, and what is kept until it answers.
pub(super) struct Asked {
    /// The options, for `parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`.
    pub(super) options: Value,
    /// Of the challenge.
    pub(super) digest: Digest,
    /// What the answer is checked against, as JSON.
    pub(super) state: String,
}

/// A passkey that a browser has registered.
pub(super) struct Registered {
    pub(super) credential_id: Vec<u8>,
    pub(super) credential: String,
    pub(super) sign_count: u64,
    pub(super) synchronised: bool,
    pub(super) backed_up: bool,
}

/// A signature that was good.
pub(super) struct Signed {
    pub(super) sign_count: u64,
    pub(super) backed_up: bool,
}

/// Why an answer is refused; for the audit log.
pub(super) type Refused = &'static str;

impl RelyingParty {
    /// None when the settings name no origin that passkeys could be for.
    pub(in crate::domain) fn new(settings: &PasskeySettings) -> Option<Self> {
        let mut origins = settings.origins.iter().filter_map(|origin| Url::parse(origin).ok());
        // Subdomains and other ports are other origins: each has to be named.
        let first = origins.next()?;
        let mut builder = WebauthnBuilder::new(&settings.rp_id, &first).ok()?.timeout(WAIT);
        for origin in origins {
            builder = builder.append_allowed_origin(&origin);
        }
        builder.build().ok().map(Self)
    }

    /// Asks for a new passkey: one that the authenticator keeps together with whose it is, so that it logs in
    /// by itself, and that verifies its user, so that it is two factors.
    pub(super) fn ask_registration(
        &self,
        user: UserId,
        name: &str,
        present: &[Passkey],
    ) -> Result<Asked, WebauthnError> {
        let present = present.iter().map(|passkey| passkey.credential_id.clone()).collect();
        let (challenge, state) = self.0.start_passkey_registration(user.uuid(), name, name, Some(present))?;
        let digest = Digest::of(&challenge.public_key.challenge);
        let mut options = serde_json::to_value(challenge.public_key)?;
        options["authenticatorSelection"]["residentKey"] = "required".into();
        options["authenticatorSelection"]["requireResidentKey"] = true.into();
        Ok(Asked { options, digest, state: to_json(&state)? })
    }

    /// Checks what a browser registers.
    pub(super) fn register(&self, answer: &Value, state: &str) -> Result<Registered, Refused> {
        let answer = RegisterPublicKeyCredential::deserialize(answer).map_err(|_| "unreadable")?;
        let state: PasskeyRegistration = serde_json::from_str(state).map_err(|_| "unreadable")?;
        let key = self.0.finish_passkey_registration(&answer, &state).map_err(|error| reason(&error))?;
        let text = to_json(&key).map_err(|_| "unreadable")?;
        let credential = Credential::from(key);
        Ok(Registered {
            credential_id: credential.cred_id,
            credential: text,
            sign_count: credential.counter.into(),
            synchronised: credential.backup_eligible,
            backed_up: credential.backup_state,
        })
    }

    /// Asks for any passkey of this site: whose it is, the answer says.
    pub(super) fn ask_authentication(&self) -> Result<Asked, WebauthnError> {
        let (challenge, state) = self.0.start_discoverable_authentication()?;
        let digest = Digest::of(&challenge.public_key.challenge);
        let options = serde_json::to_value(challenge.public_key)?;
        Ok(Asked { options, digest, state: to_json(&state)? })
    }

    /// Checks a signature against the passkey that it claims to be of.
    pub(super) fn authenticate(
        &self,
        answer: &Answer,
        state: &str,
        passkey: &Passkey,
    ) -> Result<Signed, Refused> {
        let state: DiscoverableAuthentication = serde_json::from_str(state).map_err(|_| "unreadable")?;
        let key: PublicKey = serde_json::from_str(&passkey.credential).map_err(|_| "unreadable")?;
        let mut key = Credential::from(key);
        key.counter = u32::try_from(passkey.sign_count).map_err(|_| "unreadable")?;
        let (user, _) =
            self.0.identify_discoverable_authentication(&answer.0).map_err(|error| reason(&error))?;
        if user != passkey.user.uuid() {
            return Err("another_users");
        }
        let result: AuthenticationResult = self
            .0
            .finish_discoverable_authentication_v2(&answer.0, state, &key)
            .map_err(|error| reason(&error))?;
        if !result.user_verified() {
            return Err("user_not_verified");
        }
        Ok(Signed { sign_count: result.counter().into(), backed_up: result.backup_state() })
    }
}

/// What a browser answers to [`RelyingParty::ask_authentication`].
pub(super) struct Answer(PublicKeyCredential);

impl Answer {
    /// Reads what `PublicKeyCredential.toJSON()` gives.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        PublicKeyCredential::deserialize(answer).ok().map(Self)
    }

    /// The authenticator's name for the passkey.
    pub(super) fn credential_id(&self) -> &[u8] {
        self.0.get_credential_id()
    }
}

/// The digest of the challenge that an answer is to, by which its ceremony is found. The signature covers it.
pub(super) fn challenge_of(answer: &Value) -> Option<Digest> {
    #[derive(Deserialize)]
    struct ClientData {
        challenge: String,
    }
    let client_data = answer.get("response")?.get("clientDataJSON")?.as_str()?;
    let client_data = Base64UrlUnpadded::decode_vec(client_data).ok()?;
    let ClientData { challenge } = serde_json::from_slice(&client_data).ok()?;
    Some(Digest::of(&Base64UrlUnpadded::decode_vec(&challenge).ok()?))
}

/// How a passkey proves who somebody is (RFC 8176): what the authenticator is, and who uses it.
pub(super) fn methods(passkey: &Passkey) -> Methods {
    let key = if passkey.synchronised { Method::SoftwareKey } else { Method::HardwareKey };
    [key, Method::UserPresence, Method::MultipleFactors].into()
}

fn to_json(state: &impl serde::Serialize) -> Result<String, WebauthnError> {
    Ok(serde_json::to_string(state)?)
}

/// What the library says, as far as it is worth telling apart.
fn reason(error: &WebauthnError) -> Refused {
    match error {
        WebauthnError::InvalidRPOrigin => "wrong_origin",
        WebauthnError::InvalidRPIDHash => "wrong_site",
        WebauthnError::MismatchedChallenge => "wrong_challenge",
        WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => "user_not_verified",
        WebauthnError::CredentialPossibleCompromise => "counter_went_back",
        WebauthnError::AuthenticationFailure => "wrong_signature",
        _ => "not_accepted",
    }
}
