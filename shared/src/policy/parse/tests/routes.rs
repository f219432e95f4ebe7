//! What the keys of a route may say, alone and together.

use super::*;

#[test]
fn what_does_not_go_together_is_a_fault() {
    for (lines, line) in [
        ("allow = \"public\"\ncredentials = [\"session\"]", 15),
        ("allow = \"public\"\nfreshness = \"strict\"", 15),
        ("allow = \"public\"\ncsrf = \"token\"", 15),
        ("allow = \"optional\"\ncache = true", 15),
        ("allow = \"public\"\nforward_credential = true\ncache = true", 16),
        ("allow = \"signed_in\"\ncache = true", 15),
        ("allow = \"signed_in\"\nfreshness = \"strict\"\nstale_if_error = 1", 16),
        ("allow = \"signed_in\"\nmethods = [\"POST\"]\nwebsocket = true", 16),
        ("allow = \"signed_in\"\ncors = { origins = [\"*\"], credentials = true }", 15),
        ("allow = \"signed_in\"\ncors = { origins = [\"*\", \"https://a\"] }", 15),
        ("allow = \"signed_in\"\ncors = { }", 15),
        ("allow = \"signed_in\"\ncors = { origins = [\"https://a\"], header = [\"x\"] }", 15),
    ] {
        let found = route_faults(&format!("{lines}\nupstream = \"demo\""));
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert!(found[0].starts_with(&format!("p.toml:{line}: ")), "{lines}: {found:?}");
    }
}

#[test]
fn what_does_go_together_is_none() {
    assert_eq!(one_route("csrf = \"token\"").csrf, Csrf::Token);
    for lines in ["cache = true", "forward_credential = true", "forward_credential = true\ncache = false"] {
        let found = route_faults(&format!("allow = \"public\"\nupstream = \"demo\"\n{lines}"));
        assert!(found.is_empty(), "{lines}: {found:?}");
    }
}

#[test]
fn a_path_is_corrected_where_it_is_clear_what_was_meant() {
    let some_path = "; write a path such as \"/reports/{id}\" or \"/public/**\"";
    for (path, remedy) in
        [("/a/", "; write \"/a\""), ("/a//", "; write \"/a\""), ("a", some_path), ("//", some_path)]
    {
        let route = format!("[[routes]]\npath = \"{path}\"\nallow = \"public\"\nupstream = \"demo\"\n");
        let found = faults(&format!("{HEAD}{route}"));
        assert!(matches!(&found[..], [only] if only.ends_with(remedy)), "{path}: {found:?}");
    }
}

#[test]
fn every_key_refuses_what_it_does_not_mean() {
    for line in [
        "methods = []",
        "methods = \"GET\"",
        "methods = [\"get\"]",
        "methods = [\"GET\", \"GET\"]",
        "methods = [\"TRACE\"]",
        "methods = [\"CONNECT\"]",
        "methods = [1]",
        "credentials = [\"cookie\"]",
        "credentials = []",
        "freshness = \"fresh\"",
        "stale_if_error = -1",
        "stale_if_error = 86401",
        "stale_if_error = 1.5",
        "stale_if_error = \"300\"",
        "csrf = \"none\"",
        "csrf = false",
        "origins = [\"*\"]",
        "origins = [\"null\"]",
        "origins = [\"https://a.example/\"]",
        "cors = true",
        "cors = { origins = [\"null\"] }",
        "cors = { origins = [\"https://a\"], headers = [\"X-Up\"] }",
        "cors = { origins = [\"https://a\"], max_age = 7201 }",
        "websocket = \"yes\"",
        "digest = 1",
        "timeout = 5",
    ] {
        let found = route_faults(&format!("allow = \"signed_in\"\nupstream = \"demo\"\n{line}"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("p.toml:16: "), "{line}: {found:?}");
    }
}
