//! One line: an account as a JSON object. What is said of it never holds anything of a hash.

use serde_json::{Map, Value};
use shared::{role::RoleName, time::Timestamp};

use crate::{
    domain::{Domain, ImportedAccount, email::EmailAddress, passwords::imported::ImportedHash},
    store::passwords::PasswordHash,
};

/// The members that an account can have.
const MEMBERS: [&str; 6] = ["email", "password_hash", "roles", "verified", "disabled", "created_at"];

/// Reads an account.
///
/// # Errors
/// Why it is refused, in a sentence.
pub(super) fn read(line: &[u8], domain: &Domain, now: Timestamp) -> Result<ImportedAccount, String> {
    let Ok(Value::Object(members)) = serde_json::from_slice(line) else {
        return Err("the line is not a JSON object".to_owned());
    };
    if members.contains_key("password") {
        return Err("a password is not taken as plain text: give its \"password_hash\"".to_owned());
    }
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!("there is no member {unknown:?}: there are {}", MEMBERS.join(", ")));
    }
    let email = text(&members, "email")?.ok_or("\"email\" is missing")?;
    Ok(ImportedAccount {
        email: EmailAddress::parse(email).map_err(|invalid| invalid.to_string())?,
        password_hash: text(&members, "password_hash")?.map(hash).transpose()?,
        roles: match members.get("roles") {
            None | Some(Value::Null) => domain.ordinary_roles(),
            Some(roles) => self::roles(roles, domain)?,
        },
        is_verified: flag(&members, "verified")?,
        is_disabled: flag(&members, "disabled")?,
        created_at: match text(&members, "created_at")? {
            None => now,
            Some(time) => moment(time, now)?,
        },
    })
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name:?} is not a text")),
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("{name:?} is neither true nor false")),
    }
}

fn hash(text: &str) -> Result<PasswordHash, String> {
    ImportedHash::parse(text).map_err(|unusable| unusable.to_string())?;
    Ok(PasswordHash::new(text.to_owned()))
}

fn roles(roles: &Value, domain: &Domain) -> Result<Vec<RoleName>, String> {
    let Value::Array(roles) = roles else { return Err("\"roles\" is not a list".to_owned()) };
    let role = |role: &Value| {
        let name = role.as_str().ok_or("a role is not a text")?;
        let known = name.parse().ok().filter(|role| domain.policy().has_role(role));
        known.ok_or_else(|| format!("the policy has no role {name:?}"))
    };
    roles.iter().map(role).collect()
}

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "\"created_at\" is not a time such as 2024-05-31T12:00:00Z")?;
    let time = Timestamp::from_millis(time.as_millisecond());
    if time > now { Err("\"created_at\" lies in the future".to_owned()) } else { Ok(time) }
}
