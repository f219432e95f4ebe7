//! What judges are asked about.

use serde_json::{Value, json};

/// A token or a request, and what it is called in a message.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// As the judge reads it.
    pub(super) value: Value,
}

impl Case {
    /// A token of this type.
    pub(super) fn token(name: impl Into<String>, typ: &str, token: &str) -> Self {
        Self { name: name.into(), value: json!({"typ": typ, "token": token}) }
    }

    /// The token of such a case.
    pub(super) fn text(&self) -> &str {
        self.value["token"].as_str().expect("a token")
    }

    /// The same token with one character changed in each of its parts, and without its signature.
    pub(super) fn changed(&self) -> Vec<Self> {
        let (token, typ) = (self.text(), self.value["typ"].as_str().expect("a type"));
        let parts: Vec<&str> = token.split('.').collect();
        let mut cases = vec![Self::token(
            format!("{}, unsigned", self.name),
            typ,
            &format!("{}.{}.", parts[0], parts[1]),
        )];
        for (number, part) in parts.iter().enumerate() {
            // In the middle, where every bit of a character counts.
            let at = part.len() / 2;
            let other = if &part[at..=at] == "A" { "B" } else { "A" };
            let changed = [&part[..at], other, &part[at + 1..]].concat();
            let mut parts = parts.clone();
            parts[number] = &changed;
            cases.push(Self::token(format!("{}, part {number} changed", self.name), typ, &parts.join(".")));
        }
        cases
    }
}
