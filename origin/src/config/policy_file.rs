//! The policy: the file that is set, or the example that comes with the code.

use std::path::Path;

use shared::policy::Policy;

use super::reader::{Fault, Reader};

/// The policy that is used when none is set.
const EXAMPLE: &str = include_str!("../../../shared/policy.toml");

pub(super) fn read(read: &mut Reader<'_>) -> Option<Policy> {
    match read.text("policy") {
        Some(file) => read_file(read, Path::new(file)),
        None => note_faults(read, Policy::from_toml("shared/policy.toml", EXAMPLE)),
    }
}

pub(super) fn read_file(read: &mut Reader<'_>, file: &Path) -> Option<Policy> {
    let name = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => note_faults(read, Policy::from_toml(&name, &text)),
        Err(error) => {
            let message = format!("the policy file {name} cannot be read ({})", error.kind());
            read.fault("policy", message, "give a readable file, or nothing for the example policy");
            None
        }
    }
}

fn note_faults(read: &mut Reader<'_>, policy: Result<Policy, Vec<shared::policy::Fault>>) -> Option<Policy> {
    match policy {
        Ok(policy) => Some(policy),
        Err(faults) => {
            read.adopt(faults.into_iter().map(|fault| {
                Fault::new(format!("{}:{}", fault.file, fault.line), fault.message, fault.remedy)
            }));
            None
        }
    }
}
