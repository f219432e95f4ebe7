//! The system's randomness, for the secrets of a development system and its ports.

use crate::failure::Failure;

/// Random bytes from the operating system.
#[expect(clippy::disallowed_methods, reason = "`cargo dev` makes the secrets of the systems that it starts")]
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("no randomness from the system: {error}"), "try again"))?;
    Ok(bytes)
}
