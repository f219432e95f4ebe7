//! Texts that nobody would write: each is a policy or has faults, and none makes the parser panic.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        _ = Policy::from_toml("p.toml", &text);
    }

    #[test]
    fn no_arrangement_of_words_makes_the_parser_panic(words in prop::collection::vec(word(), 0..40)) {
        _ = Policy::from_toml("p.toml", &words.concat());
    }

    /// Each line of the example, changed somewhere, gives a policy or faults, and faults name their lines.
    #[test]
    fn a_damaged_example_is_read_or_refused(at in 0..EXAMPLE.len(), length in 0..40_usize, insert in word()) {
        let (start, end) = (EXAMPLE.floor_char_boundary(at), EXAMPLE.ceil_char_boundary((at + length).min(EXAMPLE.len())));
        let text = [&EXAMPLE[..start], insert, &EXAMPLE[end..]].concat();
        if let Err(faults) = Policy::from_toml("p.toml", &text) {
            prop_assert!(!faults.is_empty());
            let lines = u32::try_from(text.lines().count()).unwrap() + 1;
            prop_assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line) && !fault.remedy.is_empty()));
        }
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "version = 1\n",
        "[roles.a]\n",
        "[roles.b]\n",
        "[[routes]]\n",
        "[upstreams.demo]\n",
        "includes = [\"a\", \"b\"]\n",
        "permissions = [\"*\"]\n",
        "path = \"/{x}/**\"\n",
        "path = \"/**\"\n",
        "allow = \"public\"\n",
        "allow = \"a:b\"\n",
        "upstream = \"demo\"\n",
        "methods = [\"GET\"]\n",
        "cors = {",
        "origins = [\"*\"]",
        "}",
        "\n",
        "=",
        "\"",
        "[",
        "]",
        "é",
        "1e400",
        "0xffffffffffffffffff",
        "-0",
        "nan",
        ".",
        "'''",
        "#",
        "\r",
        "\u{feff}",
        "{ a = { b = [[",
        "2020-01-01",
    ])
}
