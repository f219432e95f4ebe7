//! JSON that says one thing only: an object in which no member, at any depth, is named twice.
//!
//! RFC 7515 §4 and RFC 7519 §4 leave it to the parser what a second member of one name means; two
//! parsers that answer differently are how forged claims pass.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// More members than any object of ours has; it keeps the search for duplicates short.
const MAX_MEMBERS: usize = 64;

/// Whether the bytes are one JSON object without duplicate members.
pub(crate) fn is_plain_object(json: &[u8]) -> bool {
    json.first() == Some(&b'{') && serde_json::from_slice::<Plain>(json).is_ok()
}

struct Plain;

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            if names.len() == MAX_MEMBERS || names.contains(&name) {
                return Err(A::Error::custom("duplicate or too many members"));
            }
            names.push(name);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self, A::Error> {
        while sequence.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

/// A member's name with its escapes undone, so that one name is not two.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_an_object() {
        for json in ["{}", r#"{"a":1,"b":[{"a":-1.5},{"a":null}],"c":{"a":true,"b":"x"}}"#, "{ }\n"] {
            assert!(is_plain_object(json.as_bytes()), "{json}");
        }
        for json in [
            "",
            "[]",
            "1",
            "null",
            "\"a\"",
            " {}",
            "{}{}",
            "{",
            r#"{"a":NaN}"#,
            r#"{"a":1e400}"#,
            "\u{feff}{}",
        ] {
            assert!(!is_plain_object(json.as_bytes()), "{json}");
        }
        assert!(!is_plain_object(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn a_member_stands_once_however_it_is_spelled() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[[{"a":1,"a":1}]]}"#,
            r#"{"":1,"":1}"#,
        ] {
            assert!(!is_plain_object(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let deep = [r#"{"a":"#, &"[".repeat(100_000)].concat();
        assert!(!is_plain_object(deep.as_bytes()));
        let wide: Vec<_> = (0..=MAX_MEMBERS).map(|n| format!(r#""{n}":0"#)).collect();
        assert!(is_plain_object(format!("{{{}}}", wide[1..].join(",")).as_bytes()));
        assert!(!is_plain_object(format!("{{{}}}", wide.join(",")).as_bytes()));
    }
}
