//! The signature base (RFC 9421 §2.5): one line for each component, so a value must never hold a line end.

use super::{Message, SealError, single};

/// The derived components that every seal covers, in this order (RFC 9421 §2.2).
pub(super) const DERIVED: [&str; 4] = ["@method", "@authority", "@path", "@query"];

/// The base of a message for the derived components, these headers, and these parameters.
pub(super) fn of(message: &Message<'_>, headers: &[&str], parameters: &str) -> Result<String, SealError> {
    let mut base = String::with_capacity(1024);
    line(&mut base, "@method", message.method)?;
    line(&mut base, "@authority", &message.authority.to_ascii_lowercase())?;
    // An empty path is "/" (RFC 9421 §2.2.6), and without a query there is an empty one (§2.2.7).
    line(&mut base, "@path", if message.path.is_empty() { "/" } else { message.path })?;
    line(&mut base, "@query", &["?", message.query.unwrap_or_default()].concat())?;
    for name in headers {
        line(&mut base, name, single(message, name)?.ok_or(SealError::MissingHeader)?)?;
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    Ok(base)
}

fn line(base: &mut String, name: &str, value: &str) -> Result<(), SealError> {
    // Spaces around a value are lost on the way (RFC 9110 §5.5), so they cannot be signed either.
    let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value;
    if !is_printable {
        return Err(SealError::Unprintable);
    }
    for part in ["\"", name, "\": ", value, "\n"] {
        base.push_str(part);
    }
    Ok(())
}
