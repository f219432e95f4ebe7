mod arbitrary;
mod routes;

use super::*;
use crate::{
    assurance::Assurance,
    policy::{Credentials, Csrf, Freshness},
};

const EXAMPLE: &str = include_str!("../../../policy.toml");

/// A policy with roles and upstreams, to which a test adds its routes; they begin on line 12.
const HEAD: &str = r#"version = 1
[roles.viewer]
permissions = ["reports:read"]
[roles.editor]
includes = ["viewer"]
permissions = ["reports:write"]
[roles.root]
permissions = ["*"]
[upstreams.demo]
[upstreams.origin]

"#;

fn faults(text: &str) -> Vec<String> {
    match Policy::from_toml("p.toml", text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(Fault::to_string).collect(),
    }
}

/// The faults of one route with these lines beside its path.
fn route_faults(lines: &str) -> Vec<String> {
    faults(&format!("{HEAD}[[routes]]\npath = \"/a\"\n{lines}\n"))
}

fn one_route(lines: &str) -> crate::policy::Route {
    let text =
        format!("{HEAD}[[routes]]\npath = \"/a\"\nallow = \"signed_in\"\nupstream = \"demo\"\n{lines}\n");
    Policy::from_toml("p.toml", &text).unwrap().routes().next().unwrap().clone()
}

#[test]
fn the_example_is_good() {
    assert_eq!(faults(EXAMPLE), Vec::<String>::new());
}

#[test]
fn a_policy_survives_being_built_into_the_edge() {
    let policy = Policy::from_toml("policy.toml", EXAMPLE).unwrap();
    let json = serde_json::to_string(&policy).unwrap();
    let read: Policy = serde_json::from_str(&json).unwrap();
    assert_eq!(read.rules, policy.rules);
    assert!(serde_json::from_str::<Policy>(&json.replace("\"demo\",\"origin\"", "\"origin\"")).is_err());
}

#[test]
fn a_role_includes_those_too_that_others_include_for_it() {
    let text =
        "version = 1\n[roles.a]\nincludes = [\"b\"]\n[roles.b]\nincludes = [\"c\"]\n[roles.c]\n[roles.d]\n";
    let policy = Policy::from_toml("p.toml", text).unwrap();
    let includes = |held: &str, role: &str| policy.includes(&[held.parse().unwrap()], &role.parse().unwrap());
    for (held, included) in [("a", "abc"), ("b", "bc"), ("c", "c"), ("d", "d"), ("e", "e")] {
        for role in ["a", "b", "c", "d", "e"] {
            assert_eq!(includes(held, role), included.contains(role), "{held} {role}");
        }
    }
    assert!(!policy.includes(&[], &"a".parse().unwrap()));
}

#[test]
fn what_a_route_does_not_say_is_the_careful_choice() {
    let route = one_route("");
    assert_eq!(route.methods, None);
    assert_eq!(route.credentials, Credentials::BOTH);
    assert_eq!(route.freshness, Freshness::Bounded { stale_if_error_seconds: 300 });
    assert_eq!(route.csrf, Csrf::Token);
    assert!(route.assurance.asks_for_nothing());
    assert_eq!((route.cors, route.origins), (None, vec![]));
    assert!(!route.websocket && !route.cache && !route.forward_credential && !route.digest);
    assert_eq!(route.line, 12);
}

#[test]
fn a_route_says_all_it_can() {
    let route = one_route(
        "methods = [\"GET\", \"POST\"]\ncredentials = [\"session\"]\nstale_if_error = 0\ncsrf = \"origin\"\n\
         origins = [\"https://b.example\"]\nwebsocket = true\nforward_credential = true\ndigest = true\n\
         cors = { origins = [\"https://c.example\"], credentials = true, max_age = 60 }",
    );
    assert_eq!(route.credentials, Credentials { session: true, bearer: false });
    assert_eq!(route.freshness, Freshness::Bounded { stale_if_error_seconds: 0 });
    assert_eq!(route.csrf, Csrf::Origin);
    assert!(route.websocket && route.forward_credential && route.digest);
    let cors = route.cors.unwrap();
    assert_eq!(cors.methods, ["GET", "POST"]);
    assert_eq!(cors.headers, ["authorization", "content-type", "x-csrf-token"]);
    assert!(cors.credentials && cors.max_age_seconds == 60);
    assert_eq!(one_route("freshness = \"strict\"").freshness, Freshness::Strict);
}

#[test]
fn a_route_asks_what_it_says_and_what_its_permission_does() {
    let asked = |head: &str, lines: &str| {
        let text = format!("{HEAD}{head}\n[[routes]]\npath = \"/a\"\nupstream = \"demo\"\n{lines}\n");
        Policy::from_toml("p.toml", &text).unwrap().routes().next().unwrap().assurance
    };
    let signed_in = "allow = \"signed_in\"";
    let both = Assurance { second_factor: true, verified_email: true, max_auth_age_seconds: Some(60) };
    for words in [r#"["second_factor", "verified_email"]"#, r#"["verified_email", "second_factor"]"#] {
        assert_eq!(asked("", &format!("{signed_in}\nrequire = {words}\nmax_auth_age = 60")), both);
    }
    let second_factor = Assurance { second_factor: true, ..Assurance::default() };
    assert_eq!(asked("", &format!("{signed_in}\nrequire = \"second_factor\"")), second_factor);

    let permission = "[permissions.\"reports:write\"]\nrequire = \"second_factor\"\nmax_auth_age = 300";
    assert_eq!(asked(permission, signed_in), Assurance::default());
    assert_eq!(asked(permission, "allow = \"reports:read\""), Assurance::default());
    for (own, seconds) in [("", 300), ("max_auth_age = 60", 60), ("max_auth_age = 600", 300)] {
        let expected = Assurance { max_auth_age_seconds: Some(seconds), ..second_factor };
        assert_eq!(asked(permission, &format!("allow = \"reports:write\"\n{own}")), expected);
    }
    let policy = Policy::from_toml("p.toml", &format!("{HEAD}{permission}\n")).unwrap();
    assert!(policy.assurance(&"reports:write".parse().unwrap()).second_factor);
    assert!(policy.assurance(&"reports:read".parse().unwrap()).asks_for_nothing());
}

#[test]
fn what_is_asked_of_a_login_has_to_make_sense() {
    let head = format!("{HEAD}[permissions.\"reports:wrote\"]\nrequire = \"second_factor\"\n");
    assert_eq!(
        faults(&head),
        ["p.toml:12: no role grants \"reports:wrote\"; did you mean \"reports:write\"?"]
    );
    for (tables, expected) in [
        ("[permissions.\"reports:write\"]", "permission reports:write asks for nothing"),
        ("[permissions.\"*\"]\nmax_auth_age = 1", "`*` grants everything and is not asked for itself"),
        (
            "[permissions.\"reports:write\"]\nrequire = []",
            "`require` of permission reports:write is an empty list",
        ),
        ("[permissions.\"reports:write\"]\nrequires = \"second_factor\"", "did you mean `require`?"),
        ("[permissions.write]\nmax_auth_age = 1", "no role grants \"write\""),
    ] {
        let found = faults(&format!("{HEAD}{tables}\n"));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{tables}: {found:?}");
    }
    let base = "upstream = \"demo\"\nallow = ";
    for (lines, expected) in [
        ("\"public\"\nrequire = \"second_factor\"", "`require` says nothing on a route that needs no login"),
        ("\"optional\"\nmax_auth_age = 60", "`max_auth_age` says nothing on a route that needs no login"),
        ("\"signed_in\"\nrequire = \"second-factor\"", "did you mean \"second_factor\"?"),
        ("\"signed_in\"\nrequire = \"mfa\"", "write one of second_factor, verified_email"),
        ("\"signed_in\"\nrequire = true", "`require` of a route is not a text"),
        ("\"signed_in\"\nrequire = [\"second_factor\", \"second_factor\"]", "twice"),
        ("\"signed_in\"\nmax_auth_age = 0", "over before anybody can have logged in"),
        ("\"signed_in\"\nmax_auth_age = -1", "a whole number from 0 to 31536000"),
        ("\"signed_in\"\nmax_auth_age = \"5m\"", "a whole number from 0 to 31536000"),
    ] {
        let found = route_faults(&format!("{base}{lines}"));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{lines}: {found:?}");
    }
}

#[test]
fn the_way_to_a_better_login_asks_for_none_itself() {
    let route = |path: &str| {
        faults(&format!(
            "{HEAD}[[routes]]\npath = \"{path}\"\nallow = \"signed_in\"\nupstream = \"origin\"\nmax_auth_age = 60\n"
        ))
    };
    assert_eq!(route("/auth/me"), Vec::<String>::new());
    for path in ["/auth/reauthenticate", "/auth/**"] {
        assert!(route(path)[0].contains("asks for one itself"), "{path}");
    }
}

#[test]
fn all_faults_are_said_at_once_with_line_and_remedy() {
    let text = r#"version = 2
login = "/login"
[roles.editor]
includes = ["viewr"]
permissions = ["reports"]
[roles.viewer]
premissions = ["reports:read"]
[upstreams.Demo]
[[routes]]
path = "/a/"
alow = "public"
upstream = "demo"
[[routes]]
path = "/b"
allow = "reports:raed"
upstream = "nowhere"
"#;
    assert_eq!(
        faults(text),
        [
            "p.toml:1: the policy does not say that it is of version 1; write `version = 1` at its beginning",
            "p.toml:2: no route takes GET /login, the login page; add the route with allow = \"public\"",
            "p.toml:4: role editor includes \"viewr\", which does not exist; did you mean \"viewer\"?",
            "p.toml:5: \"reports\" is not a permission: `resource:action` of the letters a-z and _, or `*`; write one such as \"reports:read\"",
            "p.toml:7: `premissions` of role viewer is unknown; did you mean `permissions`?",
            "p.toml:8: \"Demo\" is not the name of an upstream: a lower-case letter, then at most 31 of a-z, 0-9 and -; rename it; its address is a variable, UPSTREAM_ and the name",
            "p.toml:9: a route has no `allow`; add allow = \"signed_in\", \"public\", \"optional\" or a permission",
            "p.toml:10: the path \"/a/\": a path pattern does not end with a slash: `/a` stands for `/a/` too; write \"/a\"",
            "p.toml:11: `alow` of a route is unknown; did you mean `allow`?",
            "p.toml:12: there is no upstream \"demo\"; add [upstreams.demo]",
            "p.toml:15: no role grants \"reports:raed\"; add it to the permissions of a role",
            "p.toml:16: there is no upstream \"nowhere\"; add [upstreams.nowhere]",
        ]
    );
}

#[test]
fn text_that_is_no_toml_is_a_fault_with_its_line() {
    let found = faults("version = 1\nlogin = \"/login\nroles = [\n");
    assert!(found[0].starts_with("p.toml:2: not TOML: "), "{found:?}");
    assert_eq!(faults("version = 1\nversion = 1\n").len(), 1);
}

#[test]
fn a_tie_is_a_fault_whatever_the_names_of_parameters() {
    let route = |path: &str, methods: &str| {
        format!("[[routes]]\npath = \"{path}\"\n{methods}\nallow = \"public\"\nupstream = \"demo\"\n")
    };
    let both = |one: (&str, &str), other: (&str, &str)| {
        faults(&format!("{HEAD}{}{}", route(one.0, one.1), route(other.0, other.1)))
    };
    let tied = "p.toml:17: the requests to /{b} are decided by the route on line 12 already; \
                give the two routes different methods, or remove one";
    assert_eq!(both(("/{a}", ""), ("/{b}", "")), [tied]);
    assert_eq!(both(("/{a}", "methods = [\"GET\", \"PUT\"]"), ("/{b}", "methods = [\"PUT\"]")), [tied]);
    assert!(both(("/{a}", "methods = [\"GET\"]"), ("/{b}", "methods = [\"PUT\"]")).is_empty());
    assert!(both(("/{a}", "methods = [\"GET\"]"), ("/{b}", "")).is_empty());
    assert!(both(("/{a}", ""), ("/**", "")).is_empty());
    assert_eq!(both(("/caf%C3%A9", ""), ("/café", "")).len(), 1);
}

#[test]
fn ties_are_said_beside_other_faults() {
    let route = "[[routes]]\npath = \"/a\"\nallow = \"public\"\nupstream = \"demo\"\n";
    let found = faults(&format!("{HEAD}{route}{route}cahce = true\n"));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn routes_do_not_lead_to_what_is_not_for_clients() {
    let with_path = |path: &str, upstream: &str| {
        faults(&format!(
            "{HEAD}[[routes]]\npath = \"{path}\"\nallow = \"public\"\nupstream = \"{upstream}\"\n"
        ))
    };
    for path in
        ["/edge/**", "/edge", "/edge/state", "/{x}/state", "/**", "/metrics", "/health/{x}", "/h%65alth/**"]
    {
        assert_eq!(with_path(path, "origin").len(), 1, "{path}");
    }
    for path in ["/metrics", "/edge/**", "/health/live"] {
        assert_eq!(with_path(path, "demo").len(), 1, "{path}");
    }
    for path in ["/**", "/{x}", "/edges", "/a/edge"] {
        assert!(with_path(path, "demo").is_empty(), "{path}");
    }
    assert!(with_path("/", "origin").is_empty());
}

#[test]
fn a_page_for_logging_in_that_needs_a_login_is_a_fault() {
    let text = |allow: &str| {
        format!(
            "login = \"/in\"\n{HEAD}[[routes]]\npath = \"/in\"\nallow = \"{allow}\"\nupstream = \"demo\"\n"
        )
    };
    assert!(faults(&text("public")).is_empty());
    assert_eq!(
        faults(&text("signed_in")),
        ["p.toml:13: the login page /in needs a login itself; write allow = \"public\" for its route"]
    );
    assert_eq!(faults(&format!("login = \"https://evil.example\"\n{HEAD}")).len(), 1);
    assert_eq!(
        faults(&text("public").replace("login = \"/in", "login = \"/%69n")),
        [
            "p.toml:1: the login page \"/%69n\" is not a path in its plain form; write a path such as \"/login\""
        ]
    );
}

#[test]
fn what_is_unknown_and_like_nothing_known_is_to_be_removed() {
    let text =
        "version = 1\n[roles.viewer]\npermissions = [\"a:b\"]\nmembers = 7\n[upstreams.demo]\naddress = 1\n";
    assert_eq!(
        faults(text),
        [
            "p.toml:4: `members` of role viewer is unknown; remove it: there are includes, permissions",
            "p.toml:6: `address` of upstream demo is unknown; remove it: nothing belongs there"
        ]
    );
}

#[test]
fn headers_of_other_sites_scripts_are_named_in_lower_case() {
    let names = ["x-csrf-token", "x_1", "2"];
    let cors = one_route(&format!("cors = {{ origins = [\"*\"], headers = {names:?} }}")).cors.unwrap();
    assert_eq!((cors.origins, cors.headers), (vec!["*".to_owned()], names.map(str::to_owned).to_vec()));
    for name in ["", "X-Up", "a b", "a:", "é"] {
        let found = route_faults(&format!(
            "allow = \"signed_in\"\nupstream = \"demo\"\ncors = {{ origins = [\"*\"], headers = [{name:?}] }}"
        ));
        let fault = format!("p.toml:16: {name:?} is not the name of a header in lower case");
        assert!(matches!(&found[..], [only] if only.starts_with(&fault)), "{found:?}");
    }
}

#[test]
fn a_permission_that_no_role_names_is_a_slip_unless_a_role_has_all() {
    let route = |allow: &str| route_faults(&format!("allow = \"{allow}\"\nupstream = \"demo\""));
    assert!(route("keys:rotate").is_empty());
    assert_eq!(
        route("report:read"),
        ["p.toml:14: no role grants \"report:read\"; did you mean \"reports:read\"?"]
    );
    assert_eq!(route("signedin"), ["p.toml:14: no role grants \"signedin\"; did you mean \"signed_in\"?"]);
    assert_eq!(
        route("whoever"),
        [
            "p.toml:14: no role grants \"whoever\"; write \"public\", \"optional\", \"signed_in\" or a permission such as \"reports:read\""
        ]
    );
    assert_eq!(route("*").len(), 1);
    assert_eq!(route("Public").len(), 1);
}

#[test]
fn roles_grant_what_they_include_and_circles_are_found() {
    let policy = Policy::from_toml("p.toml", HEAD).unwrap();
    let granted = |roles: &[&str]| {
        let roles: Vec<_> = roles.iter().map(|role| role.parse().unwrap()).collect();
        let permissions = policy.permissions(&roles);
        permissions.iter().map(|permission| permission.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(granted(&["editor"]), ["reports:read", "reports:write"]);
    assert_eq!(granted(&["viewer", "unknown"]), ["reports:read"]);
    assert_eq!(granted(&["unknown"]), Vec::<String>::new());
    assert_eq!(granted(&["root"]), ["*"]);

    let circle = "version = 1\n[roles.a]\nincludes = [\"b\"]\n[roles.b]\nincludes = [\"a\"]\n[roles.c]\nincludes = [\"a\"]\n";
    let found = faults(circle);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("p.toml:2: role a includes itself"), "{found:?}");
}

#[test]
fn wrong_types_anywhere_are_faults() {
    for text in [
        "version = \"1\"",
        "version = 1\nroles = 1",
        "version = 1\nroles.a = 1",
        "version = 1\nroles.a.includes = 1",
        "version = 1\nroles.a.permissions = [[]]",
        "version = 1\nroles.A = {}",
        "version = 1\nupstreams = []",
        "version = 1\nupstreams.demo = \"http://x\"",
        "version = 1\nupstreams.demo = { url = \"http://x\" }",
        "version = 1\nroutes = 1",
        "version = 1\nroutes = [1]",
        "version = 1\n[routes]\npath = \"/\"",
        "version = 1\nlogin = 1",
        "version = 1\nrouts = []",
        "",
    ] {
        assert_eq!(faults(text).len(), 1, "{text}: {:?}", faults(text));
    }
}
