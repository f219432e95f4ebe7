//! Roles, which users have, and permissions, which routes ask for. The policy says which role grants what.

/// A text that is a value of the type only if it passes `$is_valid`, wherever it comes from.
macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $invalid:ident, $is_valid:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as it is written everywhere.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $invalid;

            fn from_str(text: &str) -> Result<Self, $invalid> {
                if $is_valid(text) { Ok(Self(text.into())) } else { Err($invalid) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $invalid;

            fn try_from(text: String) -> Result<Self, $invalid> {
                if $is_valid(&text) { Ok(Self(text.into_boxed_str())) } else { Err($invalid) }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into_string()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use checked_name;

checked_name!(
    /// A role: `[a-z][a-z0-9_-]{0,31}`. So it needs no quoting in a header, a claim or a log line.
    RoleName, InvalidRoleName, is_role_name
);
checked_name!(
    /// A permission: `resource:action`, each `[a-z_]+` and at most 31 long, or `*`, which stands for all.
    Permission, InvalidPermission, is_permission
);

/// The text is not the name of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a role: a lower-case letter, then at most 31 of a-z, 0-9, _ and -")]
pub struct InvalidRoleName;

/// The text is not a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a permission: `resource:action` of the letters a-z and _, or `*`")]
pub struct InvalidPermission;

fn is_role_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn is_permission(text: &str) -> bool {
    let is_word = |word: &str| {
        (1..=31).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    text == "*" || text.split_once(':').is_some_and(|(resource, action)| is_word(resource) && is_word(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_short_lower_case_word() {
        for good in ["a", "viewer", "on-call_2", &"r".repeat(32)] {
            assert_eq!(good.parse::<RoleName>().map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", "Viewer", "2nd", "-a", "a b", "a,b", "rôle", "a\n", &"r".repeat(33)] {
            assert_eq!(bad.parse::<RoleName>(), Err(InvalidRoleName), "{bad:?}");
        }
    }

    #[test]
    fn a_permission_is_a_resource_and_an_action() {
        for good in ["*", "reports:read", "audit_log:read"] {
            assert_eq!(good.parse::<Permission>().map(String::from), Ok(good.to_owned()));
        }
        for bad in
            ["", "reports", "reports:", ":read", "a:b:c", "*:read", "reports:*", "Reports:read", "a :b"]
        {
            assert_eq!(bad.parse::<Permission>(), Err(InvalidPermission), "{bad:?}");
        }
    }

    #[test]
    fn names_are_checked_when_they_are_deserialised() {
        assert!(serde_json::from_str::<RoleName>(r#""viewer""#).is_ok());
        assert!(serde_json::from_str::<RoleName>(r#""view er""#).is_err());
        assert!(serde_json::from_str::<Permission>(r#""reports""#).is_err());
    }
}
