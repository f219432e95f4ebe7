//! Who administers service accounts: by which rights, how far they reach, and who made which key.

use super::{
    administration::{beyond, role_of},
    *,
};

#[tokio::test]
async fn nobody_hands_a_service_more_than_they_have_nor_takes_its_place() {
    for w in World::each().await {
        let w = w.with_roles().await;
        let hirer = w.desk("hirer@example.test", &["hirer"]).await.by("service_accounts:write");
        let foreman = w.desk("foreman@example.test", &["foreman"]).await.by("service_accounts:write");
        let (strong, weak) = (w.service("strong", &["support"]).await, w.service("weak", &["viewer"]).await);
        let key = w.key(0, strong).await;
        let (domain, minute) = (&w.domain, Duration::from_secs(60));
        for outcome in [
            domain.create_service_account(&foreman, "mine", &[role_of("support")]).await.map(drop),
            domain.grant_service_role(&foreman, weak, &role_of("support")).await.map(drop),
            domain.revoke_service_role(&foreman, strong, &role_of("support")).await.map(drop),
            domain.create_service_key(&hirer, strong, None, None).await.map(drop),
            domain.limit_service_key(&hirer, strong, key.id, minute).await.map(drop),
            domain.withdraw_service_key(&hirer, strong, key.id).await,
            domain.disable_service_account(&hirer, strong).await,
            domain.enable_service_account(&hirer, strong).await,
            domain.delete_service_account(&hirer, strong).await,
        ] {
            assert_eq!(beyond(outcome), "sessions:end");
        }
        domain.create_service_key(&hirer, weak, None, None).await.unwrap();
        domain.create_service_account(&foreman, "mine", &[role_of("editor")]).await.unwrap();
        w.exchange(2, strong, &key).await.unwrap();
    }
}

#[tokio::test]
async fn who_gives_a_service_a_role_may_give_roles() {
    for w in World::each().await {
        let w = w.with_roles().await;
        let hirer = w.desk("hirer@example.test", &["hirer"]).await.by("service_accounts:write");
        let foreman = w.desk("foreman@example.test", &["foreman"]).await.by("service_accounts:write");
        let (domain, viewer) = (&w.domain, role_of("viewer"));
        let account = domain.create_service_account(&hirer, "idle", &[]).await.unwrap();
        for outcome in [
            domain.create_service_account(&hirer, "other", std::slice::from_ref(&viewer)).await.map(drop),
            domain.grant_service_role(&hirer, account, &viewer).await.map(drop),
            domain.revoke_service_role(&hirer, account, &viewer).await.map(drop),
        ] {
            let missing = matches!(&outcome, Err(Error::MissingPermission(p)) if p.as_str() == "roles:grant");
            assert!(missing, "{outcome:?}");
        }
        assert!(domain.grant_service_role(&foreman, account, &viewer).await.unwrap());
        assert!(domain.revoke_service_role(&foreman, account, &viewer).await.unwrap());
        assert!(!domain.revoke_service_role(&foreman, account, &viewer).await.unwrap());
        assert_eq!(w.events("request.denied").await, ["failure insufficient-scope"; 3]);
    }
}

#[tokio::test]
async fn whoever_lost_the_right_while_the_call_was_under_way_has_lost_it() {
    for w in World::each().await {
        let account = w.service("billing", &["editor"]).await;
        let boss = w.desk(EMAIL, &["admin"]).await;
        let context = boss.by("service_accounts:write");
        w.domain.create_service_key(&context, account, None, None).await.unwrap();
        w.user("other@example.test", &["admin"]).await;
        w.domain.revoke_role(&w.at(1), boss.user, &role_of("admin")).await.unwrap();
        let made = w.domain.create_service_key(&context, account, None, None).await;
        assert!(matches!(made, Err(Error::MissingPermission(_))), "{made:?}");
    }
}

#[tokio::test]
async fn no_act_on_a_person_reaches_a_service_account_nor_the_reverse() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let key = w.key(0, account).await;
        let boss = w.desk("boss@example.test", &["admin"]).await;
        let person = w.desk(EMAIL, &["viewer"]).await.user;
        let (domain, viewer) = (&w.domain, role_of("viewer"));
        // Whoever it is that does it: by a permission, or by a command.
        for context in [boss.by("users:read"), w.at(1)] {
            for outcome in [
                domain.disable(&context, account).await,
                domain.enable(&context, account).await,
                domain.mark_verified(&context, account).await,
                domain.grant_role(&context, account, &viewer).await.map(drop),
                domain.revoke_role(&context, account, &viewer).await.map(drop),
                domain.reset_second_factors(&context, account).await.map(drop),
                domain.end_session(&context, key.id).await,
                domain.end_all_sessions(&context, account).await.map(drop),
                domain.delete_account(&context, account).await,
                domain.copy_account(&context, account, None).await.map(drop),
                domain.disable_service_account(&context, person).await,
                domain.enable_service_account(&context, person).await,
                domain.grant_service_role(&context, person, &viewer).await.map(drop),
                domain.revoke_service_role(&context, person, &viewer).await.map(drop),
                domain.create_service_key(&context, person, None, None).await.map(drop),
                domain.list_service_keys(person, None, 10).await.map(drop),
                domain.delete_service_account(&context, person).await,
            ] {
                assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}");
            }
        }
        assert_eq!(domain.find_user(account).await.unwrap(), None);
        let sessions = domain.find_sessions(None, None, 100, time(1)).await.unwrap().sessions;
        assert!(sessions.iter().all(|session| session.id != key.id), "{sessions:?}");
        let kept = domain.service_account(account).await.unwrap();
        assert_eq!((kept.disabled_at, kept.roles), (None, vec![viewer]));
        w.exchange(2, account, &key).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_says_who_made_it_and_goes_when_all_of_theirs_are_withdrawn() {
    for w in World::each().await {
        let (one, other) = (w.service("one", &[]).await, w.service("other", &[]).await);
        let by_command = w.key(0, one).await;
        let boss = w.desk(EMAIL, &["admin"]).await;
        let context = boss.by("service_accounts:write");
        let mut theirs = Vec::new();
        for (account, millis) in [(one, 1), (one, 2), (other, 3)] {
            // Ids of one moment have no order.
            let context = Context { now: context.now + Duration::from_millis(millis), ..context.clone() };
            let key = w.domain.create_service_key(&context, account, None, None).await.unwrap();
            theirs.push((account, key));
        }
        let kept = w.domain.list_service_keys(one, None, 10).await.unwrap();
        let maker = |id| kept.iter().find(|key| key.id == id).unwrap().maker.clone();
        assert_eq!(maker(by_command.id).operator.as_deref(), Some("tester"));
        assert_eq!(maker(by_command.id).user, None);
        let boss_made = maker(theirs[0].1.id);
        assert_eq!((boss_made.user, boss_made.email.as_deref()), (Some(boss.user), Some(EMAIL)));

        // A key outlives its maker, and still says who that was.
        w.user("other@example.test", &["admin"]).await;
        w.domain.delete_account(&w.at(1), boss.user).await.unwrap();
        w.exchange(1, one, &theirs[0].1).await.unwrap();
        let made = w.domain.list_keys_made_by(boss.user, None, 10).await.unwrap();
        assert_eq!(made.iter().map(|(account, _)| *account).collect::<Vec<_>>(), [one, one, other]);
        assert_eq!((made[0].1.maker.user, made[0].1.maker.email.as_ref()), (Some(boss.user), None));
        w.domain.withdraw_service_key(&w.at(2), one, theirs[1].1.id).await.unwrap();
        let withdrawn = w.domain.withdraw_keys_made_by(&w.at(2), boss.user).await.unwrap();
        assert_eq!(withdrawn, [theirs[0].1.id, theirs[2].1.id]);
        for (account, key) in &theirs {
            assert!(w.exchange(3, *account, key).await.is_err());
        }
        w.exchange(3, one, &by_command).await.unwrap();
        assert_eq!(w.domain.withdraw_keys_made_by(&w.at(4), boss.user).await.unwrap(), []);
        assert_eq!(w.events("service_key.withdrawn").await.len(), 3);
    }
}
