//! The policy that was built into this worker.

use shared::policy::Policy;

/// The policy file as `build.rs` has checked and compiled it, in a form that a new isolate has read in a moment.
const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy"));

/// The policy, read once for each isolate.
///
/// # Errors
/// What does not fit, when build script and crate disagree about the form.
pub fn built_in() -> Result<Policy, postcard::Error> {
    postcard::from_bytes(COMPILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_read_back_as_it_was_built() {
        let file = option_env!("COUNTERSIGN_POLICY").unwrap_or("../shared/policy.toml");
        let built = Policy::from_toml(file, &std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(as_json(&built_in().unwrap()), as_json(&built));
    }

    fn as_json(policy: &Policy) -> serde_json::Value {
        serde_json::to_value(policy).unwrap()
    }
}
