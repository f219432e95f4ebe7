//! Tokens: ours are verified by published libraries, theirs by the edge, and whatever is hostile by nobody who has to
//! be as strict as we are.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use shared::mac::MacKey;

use super::{Case, Judge};
use crate::fixture::{Answer, Browser, Conduct, Mobile, Relay, Reply, System, User, now, until};

const ACCESS: &str = "at+jwt";
const ASSERTION: &str = "assertion+jwt";

/// A path for whoever is signed in.
const ECHO: &str = "/api/echo";

/// One token of each kind that origin mints, by every way to it.
async fn ours(system: &System, user: &User) -> Vec<Case> {
    let mut app = Mobile::of(&system.edge, user).await;
    let token =
        |app: &Mobile, name: &str| Case::token(name, ACCESS, app.access_token.as_deref().expect("a token"));
    let mut cases = vec![token(&app, "of a login")];
    app.refresh().await.is(200);
    cases.push(token(&app, "of a refresh"));
    app.reauthenticate(user).await.is(200);
    cases.push(token(&app, "of a step up"));

    let mut browser = Browser::of(&system.edge, user).await;
    let assertion =
        |browser: &Browser, name: &str| Case::token(name, ASSERTION, &browser.cookies["__Host-assertion"]);
    cases.push(assertion(&browser, "of a browser's login"));
    browser.cookies.remove("__Host-assertion");
    browser.get(ECHO).await.is(200);
    cases.push(assertion(&browser, "renewed by the edge"));
    cases
}

/// What a judge has to know of a system to judge its tokens.
async fn expected(system: &System) -> Value {
    let keys = Mobile::at(&system.edge).get("/.well-known/jwks.json").await.is(200).json();
    json!({"issuer": system.edge, "audience": system.edge, "jwks": keys})
}

/// Wants a judge to verify our tokens, and none that was changed.
pub(super) async fn judged(judge: &Judge) {
    let es256 = System::shared().await;
    let eddsa = System::own(&["--set", "COUNTERSIGN_ALGORITHM=EdDSA"]).await;
    for system in [es256, &eddsa] {
        let user = system.new_user_with("editor").await;
        let (tokens, expected) = (ours(system, &user).await, expected(system).await);
        judge.finds_good(&expected, &tokens).await;
        let changed: Vec<Case> = tokens.iter().flat_map(Case::changed).collect();
        judge.finds_bad(&expected, &changed).await;
        // One kind is none of the other.
        let swapped: Vec<Case> = tokens
            .iter()
            .map(|case| {
                let other = if case.value["typ"] == ACCESS { ASSERTION } else { ACCESS };
                Case::token(format!("{}, as {other}", case.name), other, case.text())
            })
            .collect();
        judge.finds_bad(&expected, &swapped).await;
    }
}

/// A system whose edge takes tokens by keys that others have made: between it and origin stands somebody who has the
/// secret, and adds them to the edge state.
pub(super) struct Foreign {
    relay: Relay,
    system: System,
}

impl Foreign {
    pub(super) async fn start() -> Self {
        let relay = Relay::start().await;
        let system = System::behind(&relay, &["--set", "LOG=denials"]).await;
        Self { relay, system }
    }

    /// The claims of a token that is good at this edge.
    fn claims(&self) -> Value {
        let seconds = now().seconds();
        json!({
            "iss": self.system.edge, "aud": self.system.edge, "client_id": "a judge",
            "sub": "01890000-0000-7000-8000-000000000001", "sid": "01890000-0000-7000-8000-000000000002",
            "jti": "01890000-0000-7000-8000-000000000003",
            "iat": seconds, "exp": seconds + 600, "epoch": 1, "roles": ["viewer", "editor"],
            "auth_time": seconds, "amr": ["pwd"], "email_verified": true,
        })
    }

    /// Lets the edge know these keys beside origin's, once it has taken this token.
    async fn teach(&self, keys: Vec<Value>, token: &str) {
        let mac = self.system.secret().edge_state_key();
        let add = move |reply| with_keys(&reply, &keys, &mac);
        self.relay.behave(Conduct::Lying(Arc::new(add)));
        until("the edge knows the keys", async || self.show(token).await.status == 200).await;
    }

    async fn show(&self, token: &str) -> Answer {
        let mut app = Mobile::at(&self.system.edge);
        app.access_token = Some(token.to_owned());
        app.get(ECHO).await
    }

    /// Wants the edge to take what this judge makes, by either algorithm.
    pub(super) async fn takes_tokens_of(&self, judge: &Judge) {
        let claims = self.claims();
        let with = |member: &str, value: Value| {
            let mut claims = claims.clone();
            claims[member] = value;
            claims
        };
        let wanted = json!([
            {"name": "as ours", "typ": ACCESS, "claims": claims},
            {"name": "of the type's full name", "typ": "application/at+jwt", "claims": claims},
            {"name": "with a claim of its own", "typ": ACCESS, "claims": with("tenant", json!({"a": [1, "ü", null]}))},
            {"name": "without a role", "typ": ACCESS, "claims": with("roles", json!([]))},
            {"name": "valid since a while", "typ": ACCESS, "claims": with("nbf", json!(1_700_000_000))},
        ]);
        let answer = judge.ask(json!({"make": wanted})).await;
        let keys = answer["keys"].as_array().expect("keys").clone();
        let made = answer["made"].as_array().expect("tokens");
        assert_eq!(made.len(), 2 * wanted.as_array().expect("cases").len(), "by either algorithm");
        self.teach(keys, made[0]["token"].as_str().expect("a token")).await;
        for case in made {
            let answer = self.show(case["token"].as_str().expect("a token")).await;
            assert_eq!(answer.status, 200, "{}: {}: {}", judge.script, case["name"], answer.text());
            let caller = answer.echo();
            assert_eq!(caller.caller().subject, claims["sub"], "{}", case["name"]);
            assert_eq!(caller.caller().session, claims["sid"], "{}", case["name"]);
        }
    }

    /// What `forger.mjs` makes: keys, good tokens that look odd, and hostile ones, with the judges that take each of
    /// these all the same.
    pub(super) async fn forgeries(&self) -> Forgeries {
        let forged = Judge::node("forger.mjs").ask(json!({"claims": self.claims()})).await;
        let list = |member: &str| forged[member].as_array().expect("a list").clone();
        let case = |case: &Value| {
            let text = |member: &str| case[member].as_str().expect("a text");
            let taken_by: Vec<String> = serde_json::from_value(case["taken_by"].clone()).unwrap_or_default();
            (Case::token(text("name"), ACCESS, text("token")), taken_by)
        };
        let odd: Vec<Case> = list("odd").iter().map(|odd| case(odd).0).collect();
        self.teach(list("keys"), odd[0].text()).await;
        let expected =
            json!({"issuer": self.system.edge, "audience": self.system.edge, "jwks": {"keys": list("keys")}});
        Forgeries { expected, odd, hostile: list("hostile").iter().map(case).collect() }
    }
}

/// What was forged for one edge.
pub(super) struct Forgeries {
    expected: Value,
    odd: Vec<Case>,
    hostile: Vec<(Case, Vec<String>)>,
}

impl Forgeries {
    /// Wants a judge to say of each what stands beside it.
    pub(super) async fn judged_by(&self, judge: &Judge) {
        judge.finds_good(&self.expected, &self.odd).await;
        let cases: Vec<Case> = self.hostile.iter().map(|(case, _)| case.clone()).collect();
        let verdicts = judge.verdicts(self.expected.clone(), &cases).await;
        let taken = |taken_by: &[String]| taken_by.iter().any(|name| name == judge.name());
        let surprises: Vec<String> = self
            .hostile
            .iter()
            .zip(verdicts)
            .filter(|((_, taken_by), verdict)| taken(taken_by) != (verdict == "good"))
            .map(|((case, _), verdict)| format!("{}: {verdict}", case.name))
            .collect();
        assert!(surprises.is_empty(), "{}:\n{}", judge.script, surprises.join("\n"));
    }
}

/// An edge state with more keys in it, under a good mac.
fn with_keys(reply: &Reply, keys: &[Value], mac: &MacKey) -> Reply {
    let mut document: Value = serde_json::from_slice(&reply.body).expect("a document");
    document["keys"].as_array_mut().expect("its keys").extend(keys.iter().cloned());
    let body = document.to_string().into_bytes();
    let mac = Base64UrlUnpadded::encode_string(&mac.tag(&body));
    reply.replaced(body, Some(&mac))
}

#[tokio::test]
async fn jose_verifies_our_tokens_and_none_that_was_changed() {
    judged(&Judge::node("jose.mjs")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_takes_the_tokens_of_jose_and_no_hostile_one() {
    let foreign = Foreign::start().await;
    let jose = Judge::node("jose.mjs");
    foreign.takes_tokens_of(&jose).await;
    let forgeries = foreign.forgeries().await;
    for odd in &forgeries.odd {
        let answer = foreign.show(odd.text()).await;
        assert_eq!(answer.status, 200, "{}: {}", odd.name, answer.text());
    }
    for (case, _) in &forgeries.hostile {
        let answer = foreign.show(case.text()).await;
        assert_eq!(answer.status, 401, "{}: {}", case.name, answer.text());
    }
    forgeries.judged_by(&jose).await;
    println!("{} hostile tokens, each refused", forgeries.hostile.len());
}
