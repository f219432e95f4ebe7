//! Passwords that another system hashed as they came, in whatever form of Unicode that was.

use argon2::PasswordHasher as _;
use base64ct::{Base64Unpadded, Encoding as _};
use sha2::Sha256;

use super::*;
use crate::{
    domain::{
        ImportedAccount,
        email::EmailAddress,
        passwords::{Password, Passwords},
    },
    store::passwords::PasswordHash,
};

/// Decomposed, as some keyboards and files have it.
const NFD: &str = "Zwo\u{308}lf Boxka\u{308}mpfer";
/// The same composed.
const NFC: &str = "Zw\u{f6}lf Boxk\u{e4}mpfer";

/// The hash of another system, of the bytes as they came.
fn pbkdf2(password: &str) -> PasswordHash {
    let mut output = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), b"saltsalt", 1000, &mut output);
    let [salt, output] = [&b"saltsalt"[..], &output].map(Base64Unpadded::encode_string);
    PasswordHash::new(format!("$pbkdf2-sha256$i=1000,l=32${salt}${output}"))
}

fn presented(text: &str) -> Password {
    Password::presented(text).unwrap()
}

impl World {
    async fn imported(&self, hash: PasswordHash) {
        let account = ImportedAccount {
            email: EmailAddress::parse(EMAIL).unwrap(),
            password_hash: Some(hash),
            roles: vec!["viewer".parse().unwrap()],
            is_verified: true,
            is_disabled: false,
            created_at: time(0),
        };
        assert_eq!(self.domain.import(&self.at(0), &[account]).await.unwrap(), [true]);
    }

    async fn logs_in(&self, password: &str) -> bool {
        let login = self.domain.login_token(&self.at(1), &Attempt::new(EMAIL, password)).await;
        assert!(matches!(login, Ok(_) | Err(Error::InvalidCredentials)), "{login:?}");
        login.is_ok()
    }
}

#[tokio::test]
async fn an_imported_hash_is_matched_by_the_password_as_it_came() {
    let passwords = Passwords::new(&settings().hashing, Random).unwrap();
    let matches = async |password: &str, hash: &PasswordHash| {
        passwords.verify(&presented(password), Some(hash)).await.unwrap()
    };
    let decomposed = pbkdf2(NFD);
    assert!(matches(NFD, &decomposed).await);
    assert!(matches(NFD, &pbkdf2(NFC)).await && matches(NFC, &pbkdf2(NFC)).await);
    for wrong in [NFC, &NFD[1..], &NFD.replace('\u{308}', ""), &NFD.replace('\u{308}', "\u{301}"), ""] {
        assert!(!matches(wrong, &decomposed).await, "{wrong}");
    }
    // One of this system's own is of NFC alone, however the password came.
    let own = passwords.hash(&presented(NFD)).await.unwrap();
    assert!(matches(NFC, &own).await && matches(NFD, &own).await);
}

#[tokio::test]
async fn whoever_logs_in_to_an_imported_hash_in_any_form_does_so_in_each_from_then_on() {
    for w in World::each().await {
        w.imported(pbkdf2(NFD)).await;
        assert!(!w.logs_in(NFC).await);
        assert!(w.logs_in(NFD).await);
        assert!(w.logs_in(NFC).await && w.logs_in(NFD).await);
        assert_eq!(w.events("password.rehashed").await, ["success"]);
    }
}

#[tokio::test]
async fn a_hash_that_could_be_this_systems_own_is_known_for_another_systems() {
    // By argon2 with the parameters that are set here.
    let argon2 = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(8, 1, 1, None).unwrap(),
    );
    let hash = |password: &str| {
        let hash = argon2.hash_password_with_salt(password.as_bytes(), &[7; 16]).unwrap();
        PasswordHash::new(hash.to_string())
    };
    for w in World::each().await {
        w.imported(hash(NFD)).await;
        assert!(!w.logs_in("Zwolf Boxkampfer").await);
        assert!(w.logs_in(NFD).await && w.logs_in(NFC).await);
    }
}
