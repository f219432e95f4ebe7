//! Who administers does it by rights that they have at that moment, and raises nobody's beyond them.

use shared::{id::SessionId, role::RoleName};

use super::*;
use crate::domain::Note;

const BOSS: &str = "boss@example.test";
const HELPER: &str = "helper@example.test";

/// Roles beside the example's: who helps others, who hands on what viewers and editors have, who makes accounts, who
/// makes service accounts and who gives these roles as well.
const ROLES: &str = r#"
[roles.helpdesk]
permissions = ["users:read", "users:disable", "users:verify", "sessions:end", "second_factors:reset"]
[roles.granter]
includes = ["editor"]
permissions = ["roles:grant", "users:create"]
[roles.creator]
permissions = ["users:create"]
[roles.keeper]
permissions = ["keys:rotate"]
[roles.hirer]
includes = ["editor"]
permissions = ["service_accounts:write"]
[roles.foreman]
includes = ["hirer"]
permissions = ["roles:grant"]
"#;

/// An administrator at work.
#[derive(Clone)]
pub(super) struct Desk {
    w: World,
    pub(super) user: UserId,
    session: SessionId,
}

impl World {
    /// The same with the roles of these tests.
    pub(super) async fn with_roles(self) -> Self {
        let text = format!("{}{ROLES}", include_str!("../../../../shared/policy.toml"));
        let policy = Arc::new(Policy::from_toml("policy.toml", &text).unwrap());
        let secrets = SharedSecrets::new(SharedSecret::new([1; 32]), None);
        let master_keys = MasterKeys { current: Secret::new(MASTER_KEY), previous: None };
        let store = self.store.clone();
        let domain = Domain::open(store, &master_keys, secrets, policy, settings(), time(0)).await.unwrap();
        Self { domain, ..self }
    }

    /// Somebody with these roles who is signed in.
    pub(super) async fn desk(&self, email: &str, roles: &[&str]) -> Desk {
        let user = self.user(email, roles).await;
        let session =
            self.domain.login_token(&self.at(0), &Attempt::new(email, PASSWORD)).await.unwrap().session;
        Desk { w: self.clone(), user, session }
    }

    async fn roles_of(&self, user: UserId) -> Vec<String> {
        let user = self.domain.find_user(user).await.unwrap().unwrap();
        user.roles.iter().map(ToString::to_string).collect()
    }
}

impl Desk {
    /// The session that they are signed in by.
    pub(super) const fn session(&self) -> SessionId {
        self.session
    }

    /// What an act by this permission is done with.
    pub(super) fn by(&self, permission: &str) -> Context {
        let permission = permission.parse().unwrap();
        let authority = Authority::Administrator { session: self.session, permission };
        Context { authority, ..self.w.at(1).by(self.user) }
    }

    async fn grant(&self, user: UserId, role: &str) -> Result<bool, Error> {
        self.w.domain.grant_role(&self.by("roles:grant"), user, &role_of(role)).await
    }

    async fn revoke(&self, user: UserId, role: &str) -> Result<bool, Error> {
        self.w.domain.revoke_role(&self.by("roles:grant"), user, &role_of(role)).await
    }

    async fn disable(&self, user: UserId) -> Result<(), Error> {
        self.w.domain.disable(&self.by("users:disable"), user).await
    }
}

pub(super) fn role_of(name: &str) -> RoleName {
    name.parse().unwrap()
}

/// The permission that was beyond what somebody holds.
#[track_caller]
pub(super) fn beyond<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::BeyondOwnRights(permission)) => permission.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_gives_or_takes_more_than_they_hold() {
    for w in World::each().await {
        let w = w.with_roles().await;
        let granter = w.desk(HELPER, &["granter"]).await;
        let user = w.user(EMAIL, &[]).await;

        assert!(granter.grant(user, "editor").await.unwrap());
        assert!(!granter.grant(user, "editor").await.unwrap());
        assert_eq!(beyond(granter.grant(user, "support").await), "sessions:end");
        assert_eq!(beyond(granter.grant(user, "admin").await), "*");
        assert!(matches!(granter.grant(user, "emperor").await, Err(Error::UnknownRole(_))));
        assert_eq!(w.roles_of(user).await, ["editor"]);

        // Nor is taken what could not be given.
        w.domain.grant_role(&w.at(1), user, &role_of("keeper")).await.unwrap();
        assert_eq!(beyond(granter.revoke(user, "keeper").await), "keys:rotate");
        assert_eq!(beyond(granter.revoke(user, "editor").await), "keys:rotate");
        w.domain.revoke_role(&w.at(1), user, &role_of("keeper")).await.unwrap();
        assert!(granter.revoke(user, "editor").await.unwrap());
        assert_eq!(w.roles_of(user).await, [""; 0]);

        let boss = w.desk(BOSS, &["admin"]).await;
        assert!(boss.grant(user, "admin").await.unwrap());
        assert_eq!(w.events("request.denied").await, ["failure beyond-own-rights"; 4]);
    }
}

#[tokio::test]
async fn nobody_changes_their_own_account() {
    for w in World::each().await {
        w.user(EMAIL, &["admin"]).await;
        let boss = w.desk(BOSS, &["admin"]).await;
        let domain = &w.domain;
        for outcome in [
            boss.grant(boss.user, "support").await.map(drop),
            boss.revoke(boss.user, "admin").await.map(drop),
            boss.disable(boss.user).await,
            domain.enable(&boss.by("users:disable"), boss.user).await,
            domain.mark_verified(&boss.by("users:verify"), boss.user).await,
            domain.reset_second_factors(&boss.by("second_factors:reset"), boss.user).await.map(drop),
        ] {
            assert!(matches!(outcome, Err(Error::OwnAccount)), "{outcome:?}");
        }
        assert_eq!(w.roles_of(boss.user).await, ["admin"]);
        assert_eq!(w.events("request.denied").await, ["failure own-account"; 6]);
        // To sign oneself out raises nothing.
        assert_eq!(domain.end_all_sessions(&boss.by("sessions:end"), boss.user).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn whoever_administers_more_is_out_of_reach() {
    for w in World::each().await {
        let w = w.with_roles().await;
        let helper = w.desk(HELPER, &["helpdesk", "granter"]).await;
        let keeper = w.desk("keeper@example.test", &["keeper", "viewer"]).await;
        let editor = w.desk(EMAIL, &["editor"]).await;
        let domain = &w.domain;
        for (out_of_reach, missing) in [(&keeper, "keys:rotate"), (&w.desk(BOSS, &["admin"]).await, "*")] {
            let user = out_of_reach.user;
            let end = helper.by("sessions:end");
            for outcome in [
                helper.disable(user).await,
                domain.enable(&helper.by("users:disable"), user).await,
                domain.mark_verified(&helper.by("users:verify"), user).await,
                domain.reset_second_factors(&helper.by("second_factors:reset"), user).await.map(drop),
                domain.end_session(&end, out_of_reach.session).await,
                domain.end_all_sessions(&end, user).await.map(drop),
                helper.grant(user, "editor").await.map(drop),
                helper.revoke(user, "viewer").await.map(drop),
            ] {
                assert_eq!(beyond(outcome), missing);
            }
            assert!(domain.list_sessions(user, time(1)).await.unwrap().len() == 1);
            assert!(domain.find_user(user).await.unwrap().unwrap().disabled_at.is_none());
        }
        // What an editor may do is no administration, so a helper without it can still help.
        domain.end_session(&helper.by("sessions:end"), editor.session).await.unwrap();
        domain.mark_verified(&helper.by("users:verify"), editor.user).await.unwrap();
        helper.disable(editor.user).await.unwrap();
        domain.enable(&helper.by("users:disable"), editor.user).await.unwrap();
    }
}

#[tokio::test]
async fn the_rights_are_those_of_the_moment() {
    for w in World::each().await {
        let w = w.with_roles().await;
        let (boss, user) = (w.desk(BOSS, &["admin"]).await, w.user(EMAIL, &[]).await);
        let helper = w.desk(HELPER, &["helpdesk"]).await;
        // The guard has let it pass, and meanwhile:
        boss.revoke(helper.user, "helpdesk").await.unwrap();
        assert!(
            matches!(helper.disable(user).await, Err(Error::MissingPermission(p)) if p.as_str() == "users:disable")
        );
        boss.grant(helper.user, "helpdesk").await.unwrap();
        w.domain.end_session(&boss.by("sessions:end"), helper.session).await.unwrap();
        assert!(matches!(helper.disable(user).await, Err(Error::Unauthenticated)));
        let helper = Desk { session: w.desk("h2@example.test", &["helpdesk"]).await.session, ..helper };
        // A session of somebody else is no authority.
        assert!(matches!(helper.disable(user).await, Err(Error::Unauthenticated)));
        // Nor is none at all.
        let nobody = Context { authority: Authority::None, ..w.at(1).by(boss.user) };
        assert!(matches!(w.domain.disable(&nobody, user).await, Err(Error::Unauthenticated)));
        assert!(matches!(w.domain.rotate_key(&nobody).await, Err(Error::Unauthenticated)));
        assert!(w.domain.find_user(user).await.unwrap().unwrap().disabled_at.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_administrators_who_disarm_each_other_at_once_one_succeeds() {
    for w in World::each().await {
        // Somebody is left in any case: it is not the last administrator that decides.
        let third = w.desk("third@example.test", &["admin"]).await;
        for round in 0..10 {
            let both = [
                w.desk(&format!("a{round}@example.test"), &["admin"]).await,
                w.desk(&format!("b{round}@example.test"), &["admin"]).await,
            ];
            let outcomes = at_once(2, |n| {
                let (actor, other) = (both[n].clone(), both[1 - n].user);
                Box::pin(async move {
                    match (round + n) % 2 {
                        0 => actor.disable(other).await,
                        _ => actor.revoke(other, "admin").await.map(drop),
                    }
                })
            });
            let outcomes = outcomes.await;
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            let is_disarmed = |outcome: &Result<(), Error>| {
                matches!(outcome, Err(Error::MissingPermission(_) | Error::Unauthenticated))
            };
            assert_eq!(outcomes.iter().filter(|outcome| is_disarmed(outcome)).count(), 1, "{outcomes:?}");
        }
        third.grant(w.user(EMAIL, &[]).await, "admin").await.unwrap();
    }
}

#[tokio::test]
async fn who_makes_an_account_gives_it_no_more_than_they_have() {
    for w in World::each().await {
        let w = w.with_roles().await;
        let roles = |names: &[&str]| -> Vec<RoleName> { names.iter().map(|name| role_of(name)).collect() };
        let creator = w.desk(HELPER, &["creator"]).await.by("users:create");
        let granter = w.desk(BOSS, &["granter"]).await.by("users:create");
        let create = async |context: &Context, email: &str, names: &[&str]| {
            w.domain.create_user(context, email, None, &roles(names)).await
        };
        create(&creator, "a@example.test", &[]).await.unwrap();
        create(&creator, "b@example.test", &["viewer"]).await.unwrap();
        let refused = create(&creator, "c@example.test", &["viewer", "editor"]).await;
        assert!(matches!(refused, Err(Error::MissingPermission(p)) if p.as_str() == "roles:grant"));
        create(&granter, "c@example.test", &["viewer", "editor"]).await.unwrap();
        assert_eq!(beyond(create(&granter, "d@example.test", &["editor", "support"]).await), "sessions:end");
        assert!(w.domain.find_user_by_email("d@example.test").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_event_says_who_did_what_to_whom_and_why() {
    for w in World::each().await {
        let (boss, user) = (w.desk(BOSS, &["admin"]).await, w.desk(EMAIL, &["viewer"]).await);
        let why = Some(Note::parse("left the company").unwrap());
        boss.w.domain.end_session(&boss.by("sessions:end").because(why.clone()), user.session).await.unwrap();
        boss.w.domain.disable(&boss.by("users:disable").because(why.clone()), user.user).await.unwrap();
        w.domain.enable(&w.at(2).because(why), user.user).await.unwrap();

        let log = w.log().await;
        let event = |kind: &str| {
            let event = log.iter().find(|event| event.kind == kind).unwrap();
            let members = |text: &Option<String>| -> serde_json::Value {
                serde_json::from_str(text.as_deref().unwrap()).unwrap()
            };
            // What somebody wrote about a person goes when that person goes.
            assert_eq!(members(&event.personal)["note"], "left the company");
            (event.actor, event.subject, event.session, members(&event.detail))
        };
        let (actor, subject, session, detail) = event("session.ended");
        assert_eq!((actor, subject, session), (Some(boss.user), Some(user.user), Some(user.session)));
        assert_eq!(detail["actor_session"], boss.session.to_string());
        let (actor, subject, session, _) = event("account.disabled");
        assert_eq!((actor, subject, session), (Some(boss.user), Some(user.user), Some(boss.session)));
        let (actor, subject, session, detail) = event("account.enabled");
        assert_eq!((actor, subject, session), (None, Some(user.user), None));
        assert_eq!(detail["operator"], "tester");
    }
}

#[tokio::test]
async fn who_is_invited_chooses_the_password_by_the_link() {
    for w in World::each().await {
        let user = w.domain.invite_user(&w.at(0), EMAIL, &[role_of("viewer")]).await.unwrap();
        let mail = w.domain.take_mail(&w.at(0)).await.unwrap().remove(0);
        assert!(mail.letter.text.contains("good for 24 hours"), "{}", mail.letter.text);
        let token = mail.letter.text.split("token=").nth(1).unwrap().split('\n').next().unwrap().to_owned();
        assert!(w.domain.login_token(&w.at(1), &Attempt::new(EMAIL, PASSWORD)).await.is_err());
        w.domain.reset_password(&w.at(20 * HOUR), &token, PASSWORD).await.unwrap();
        w.domain.login_token(&w.at(20 * HOUR), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        assert!(w.domain.find_user(user).await.unwrap().unwrap().verified_at.is_some());
    }
}
