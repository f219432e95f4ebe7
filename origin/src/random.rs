//! The system's randomness, read nowhere else in origin.

/// The operating system's generator. Cheap to copy; handed to whatever needs random bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Random {
    /// `N` bytes that nobody can guess.
    ///
    /// # Errors
    /// [`Unavailable`] when the operating system gives none. Nothing secret can be made then, so the
    /// caller gives up.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], Unavailable> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct Unavailable(#[from] getrandom::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_alike() {
        assert_ne!(Random.bytes::<32>().unwrap(), Random.bytes::<32>().unwrap());
    }
}
