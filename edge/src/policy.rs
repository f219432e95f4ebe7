//! The policy that was built into this worker.

use shared::policy::Policy;

/// The policy file in the form in which `build.rs` has checked and compiled it.
const COMPILED: &str = include_str!(concat!(env!("OUT_DIR"), "/policy.json"));

/// The policy, read once for each isolate.
///
/// # Errors
/// What does not fit, when build script and crate disagree about the form.
pub fn built_in() -> Result<Policy, serde_json::Error> {
    serde_json::from_str(COMPILED)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_policy_is_read_back_as_it_was_built() {
        assert_eq!(super::built_in().unwrap().login(), "/login");
    }
}
