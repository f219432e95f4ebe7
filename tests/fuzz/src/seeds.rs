//! What a fuzzer begins with: a few of each that are good by the keys of these targets, and a few that almost are. They
//! are kept in `seeds/`, where `cargo run --example seeds` writes them.

use shared::{
    cookie::{ASSERTION_COOKIE, DEVICE_COOKIE, HANDLE_COOKIE, Handle},
    edge_state::{Challenge, Rule, StateDocument, VERSION, encode_rules},
    id::{SessionId, UserId},
    jwt::keys::PublicKey,
    mac::MacKeys,
    refresh::RefreshToken,
    seal::{self, MAX_LIFETIME, Message, Tag, nonce::Nonce},
    time::Timestamp,
};

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    BETWEEN,
    keys::{anothers, ours},
    token,
};

/// One of them.
#[derive(Debug)]
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// What is drawn.
    pub drawn: Vec<u8>,
}

/// All of them, those of one target in their order.
#[must_use]
pub fn all() -> Vec<Seed> {
    let of = |target, seeds: Vec<String>| {
        seeds.into_iter().map(move |drawn| Seed { target, drawn: drawn.into_bytes() })
    };
    of("token", tokens())
        .chain(of("cookie", cookies()))
        .chain(of("refresh", refresh_tokens()))
        .chain(of("path", paths()))
        .chain(of("policy", policies()))
        .chain(of("seal", seals()))
        .chain(of("state", states()))
        .collect()
}

fn tokens() -> Vec<String> {
    let whole = |number: usize| {
        let (header, claims) = token::good(number);
        (token::object(&header), token::object(&claims))
    };
    let mut seeds = Vec::new();
    for number in [0, 1] {
        let (header, claims) = whole(number);
        seeds.push([&number.to_string(), &*token::sign(number, &header, &claims)].concat());
    }
    let (header, claims) = whole(0);
    seeds.push(format!("0{header}{BETWEEN}{claims}"));
    let changes: [&[&str]; 9] = [
        &[
            "@typ=\"application/at+jwt\"",
            "auth_time=1800000000",
            "amr=[\"pwd\",\"mfa\"]",
            "email_verified=true",
        ],
        &["@typ=\"assertion+jwt\"", "hnd=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""],
        &["nbf=1800000000", "x=[{\"y\":null}]"],
        &["exp=1800000000"],
        &["iat=1800000030", "exp=1800000031"],
        &["x=1", "+x=2"],
        &["@alg=\"none\""],
        &["@crit=[\"b64\"]", "@b64=false"],
        &["-roles", "epoch=1.5"],
    ];
    seeds.extend(changes.map(|changes| {
        let changes: String = changes.iter().map(|change| format!("{BETWEEN}{change}")).collect();
        format!("1{changes}")
    }));
    seeds
}

fn cookies() -> Vec<String> {
    let handle = |keys: &MacKeys| Handle::mint([1; 32], keys.current()).to_text();
    let good = [HANDLE_COOKIE, "=", &handle(&ours().handle)].concat();
    let former = [HANDLE_COOKIE, "=", &handle(&ours().former_handle)].concat();
    let planted = [HANDLE_COOKIE, "=", &handle(&anothers().handle)].concat();
    vec![
        good.clone(),
        format!("{former}; {ASSERTION_COOKIE}=a.b.c; {DEVICE_COOKIE}=d"),
        format!("x=y;{planted}; {good}\n{former}"),
        format!(" {good}\n\t{good}\n\u{a0}{good}"),
        format!("$Version=1, {good}\nx=\"; {good}; \""),
        "__Host-session=\"a\"; __host-session=b; __Host-session =c; %5f_Host-session=d".to_owned(),
        ";; ;=;__Host-session;__Host-session=;".to_owned(),
    ]
}

fn session() -> SessionId {
    SessionId::new(Timestamp::from_seconds(1_700_000_000), [7; 10])
}

fn refresh_tokens() -> Vec<String> {
    let by = |keys: &MacKeys, counter| RefreshToken { session: session(), counter }.to_text(keys.current());
    let signed = |text: &str| format!("{BETWEEN}{text}");
    let session = session().to_string();
    vec![
        by(&ours().refresh, 4),
        by(&ours().former_refresh, u64::MAX),
        by(&anothers().refresh, 4),
        signed(&format!("{session}.0")),
        signed(&format!("{session}.18446744073709551615")),
        signed(&format!("{session}.07")),
        signed(&format!("{{{session}}}.7")),
        signed(&format!("{}.7.7", session.replace('-', ""))),
    ]
}

fn paths() -> Vec<String> {
    let paths = [
        "/",
        "/api/reports/7",
        "/%61pi/%7Eme/",
        "/caf%c3%a9/a%20b+c",
        "/admin/open/x",
        "/a/..;/b",
        "/a%252fb",
        "/a/%2e%2e/b",
        "/.well-known/jwks.json",
        "/edge/state",
        "/auth/sessions/current",
        "/100%25g",
    ];
    paths.map(str::to_owned).to_vec()
}

fn policies() -> Vec<String> {
    let head = "version = 1\n[roles.viewer]\npermissions = [\"reports:read\"]\n[roles.root]\nincludes = [\"viewer\"]\n\
                permissions = [\"*\"]\n[upstreams.origin]\n[upstreams.demo]\n";
    let route = |lines: &str| format!("[[routes]]\nupstream = \"demo\"\n{lines}\n");
    let seeds = vec![
        vec![route("path = \"/**\"\nallow = \"public\"")],
        vec![
            route("path = \"/login\"\nmethods = [\"GET\"]\nallow = \"public\""),
            route("path = \"/a/{id}\"\nallow = \"reports:read\"\nfreshness = \"strict\""),
            route(
                "path = \"/a/b/**\"\nallow = \"signed_in\"\nrequire = \"second_factor\"\nmax_auth_age = 60",
            ),
        ],
        vec![
            route(
                "path = \"/a\"\nmethods = [\"GET\", \"POST\"]\nallow = \"signed_in\"\ncredentials = [\"session\"]",
            ),
            route(
                "path = \"/a\"\nallow = \"optional\"\nstale_if_error = 0\ncsrf = \"origin\"\nwebsocket = true",
            ),
        ],
        vec![route(
            "path = \"/a\"\nallow = \"public\"\ncache = true\ndigest = true\ncors = { origins = [\"https://c.example\"], \
             methods = [\"PUT\"], headers = [\"x-a\"], max_age = 60 }",
        )],
        vec![route(
            "path = \"/a\"\nallow = \"reports:read\"\norigins = [\"https://b.example\"]\nforward_credential = true",
        )],
        vec![
            "[permissions.\"reports:read\"]\nrequire = [\"verified_email\"]\nmax_auth_age = 3600\n"
                .to_owned(),
        ],
        vec![route("path = \"/a/../b\"\nallow = \"publik\"\nmethods = [\"get\"]\ncolour = \"red\"")],
    ];
    seeds.into_iter().map(|tables| [head, &tables.concat()].concat()).collect()
}

fn seals() -> Vec<String> {
    let nonce = Nonce::parse("AAAAAAAAAAAAAAAAAAAAAA").expect("a nonce");
    let identity = [
        ("x-identity-subject", "018f0000-0000-7000-8000-000000000001"),
        ("x-identity-roles", "viewer,editor"),
        ("x-identity-session", "018f0000-0000-7000-8000-000000000003"),
        ("x-identity-credential", "session"),
        ("x-identity-issued", "1800000000"),
        ("x-identity-expires", "1800000300"),
        ("x-identity-address", "192.0.2.1"),
    ];
    let digest = [("content-digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")];
    let mut seeds = Vec::new();
    for headers in [&identity[..], &digest, &[]] {
        let message = Message {
            method: "GET",
            authority: "demo.example",
            path: "/reports/7",
            query: Some("a=1"),
            headers,
        };
        let head = ["GET", "demo.example", "/reports/7", "a=1"].join(&BETWEEN.to_string());
        let text = |choice: char, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| format!("{BETWEEN}{name}{BETWEEN}{value}"));
            [choice.to_string(), head.clone(), headers.collect()].concat()
        };
        let seal =
            seal::sign(&message, ours().seal.current(), Tag::Request, crate::seal::NOW, MAX_LIFETIME, nonce)
                .expect("it can be sealed");
        let input = [headers, &[("signature-input", &*seal.input)]].concat();
        let whole = [&input[..], &[("signature", &*seal.signature)]].concat();
        seeds.extend([text('0', &whole), text('1', &input), text('2', headers)]);
    }
    seeds
}

fn states() -> Vec<String> {
    let user = UserId::from(session().uuid());
    let document = |from: u64, floor, rules: &[Rule]| StateDocument {
        version: VERSION,
        challenge: Challenge::new([3; 16]),
        incarnation: "one".to_owned(),
        number: from + rules.len() as u64 - 1,
        issued: 1_800_000_000_123,
        keys: vec![PublicKey::es256([4; 64]).to_jwk(), PublicKey::ed25519([5; 32]).to_jwk()],
        from,
        floor,
        rules: encode_rules(rules.iter().copied()),
    };
    let sign = |document: &StateDocument| document.sign(ours().state.current()).expect("it is written");
    let (full, mac) = sign(&document(1, 1, &[Rule::Session(session()), Rule::UserBelow(user, 3)]));
    let (newer, _) = sign(&document(3, 2, &[Rule::UserBelow(user, 4), Rule::Key]));
    let (gap, _) = sign(&document(9, 1, &[Rule::Key]));
    let (empty, _) = sign(&document(50, 50, &[]));
    let dated = format!("1799999999500\n{full}");
    let copy_mac = Base64UrlUnpadded::encode_string(&ours().copy.current().tag(dated.as_bytes()));
    vec![
        format!("0{mac}{BETWEEN}{full}"),
        format!("1{copy_mac}\n{dated}"),
        format!("2{full}{BETWEEN}{newer}"),
        format!("2{full}{BETWEEN}{gap}"),
        format!("2{full}{BETWEEN}{empty}"),
        format!("2{newer}{BETWEEN}{full}"),
    ]
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn what_is_kept_is_what_is_made_and_holds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        let mut number = 0;
        let mut before = "";
        for Seed { target, drawn } in all() {
            number = if target == before { number + 1 } else { 1 };
            before = target;
            let kept = fs::read(root.join(target).join(number.to_string())).expect("it is kept");
            assert_eq!(kept, drawn, "{target}/{number}: run `cargo run --example seeds`");
            match target {
                "token" => token::check(&drawn),
                "cookie" => crate::cookie::check(&drawn),
                "refresh" => crate::refresh::check(&drawn),
                "path" => crate::path::check(&drawn),
                "policy" => crate::policy::check(&drawn),
                "seal" => crate::seal::check(&drawn),
                "state" => crate::state::check(&drawn),
                other => panic!("no target {other}"),
            }
        }
    }
}
