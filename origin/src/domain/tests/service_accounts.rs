//! Service accounts: their keys, what a key is exchanged for, and what ends it.

use shared::{id::SessionId, role::RoleName};

use super::*;
use crate::{
    domain::{MintedServiceKey, ServiceGrant, service_accounts::MOST_KEYS},
    store::service_keys::NO_END,
};

impl World {
    pub(super) async fn service(&self, name: &str, roles: &[&str]) -> UserId {
        let roles: Vec<RoleName> = roles.iter().map(|role| role.parse().unwrap()).collect();
        self.domain.create_service_account(&self.at(0), name, &roles).await.unwrap()
    }

    pub(super) async fn key(&self, seconds: u64, account: UserId) -> MintedServiceKey {
        self.domain.create_service_key(&self.at(seconds), account, Some("ci"), None).await.unwrap()
    }

    pub(super) async fn exchange(
        &self,
        seconds: u64,
        account: UserId,
        key: &MintedServiceKey,
    ) -> Result<ServiceGrant, Error> {
        let (id, secret) = (account.to_string(), key.secret.to_text());
        self.domain.exchange_service_key(&self.at(seconds), &id, &secret).await
    }

    async fn by_bearer(&self, seconds: u64, token: &str) -> Result<Principal, Error> {
        self.domain.by_bearer(&self.at(seconds), token).await
    }
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_token_that_speaks_of_its_account_and_of_no_login() {
    for w in World::each().await {
        let account = w.service("billing", &["editor"]).await;
        let key = w.key(0, account).await;
        let grant = w.exchange(1, account, &key).await.unwrap();
        assert_eq!(grant.expires_in, Duration::from_secs(10 * MINUTE));
        let claims = w.domain.read_access_token(&grant.access_token, time(1)).await.unwrap();
        let claims = &claims.claims().0;
        assert_eq!((claims.sub, claims.client_id.as_str()), (account, account.to_string().as_str()));
        assert_eq!((claims.sid, claims.auth_time, claims.amr.is_empty()), (key.id, None, true));
        assert!(!claims.email_verified);
        let principal = w.by_bearer(2, &grant.access_token).await.unwrap();
        assert!(principal.is_service && principal.user == account && principal.session == key.id);
        assert_eq!(principal.roles, ["editor".parse().unwrap()]);
        assert_eq!(principal.email, "billing");

        let kept = w.domain.list_service_keys(account, None, 10).await.unwrap();
        assert_eq!((kept[0].last_used_at, kept[0].label.as_deref()), (Some(time(1)), Some("ci")));
        assert_eq!(w.domain.service_account(account).await.unwrap().last_used_at, Some(time(1)));
        assert_eq!(w.events("service_key.exchanged").await, ["success"]);
        // It is no user among the others, and nobody logs in by its name.
        assert_eq!(w.users().await, []);
        let login = w.domain.login_token(&w.at(3), &Attempt::new("billing", PASSWORD)).await;
        assert!(matches!(login, Err(Error::InvalidCredentials)), "{login:?}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_is_the_same_error_and_another_reason() {
    for w in World::each().await {
        let (account, other) = (w.service("one", &[]).await, w.service("other", &[]).await);
        let (good, withdrawn) = (w.key(0, account).await, w.key(0, account).await);
        let context = w.at(0);
        let hour = Some(Duration::from_secs(HOUR));
        let short = w.domain.create_service_key(&context, account, None, hour).await.unwrap();
        w.domain.withdraw_service_key(&w.at(0), account, withdrawn.id).await.unwrap();
        let secret = good.secret.to_text();
        for client_id in ["", "one", &account.to_string().to_uppercase()] {
            let refused = w.domain.exchange_service_key(&w.at(1), client_id, &secret).await;
            assert!(matches!(refused, Err(Error::InvalidClient)), "{client_id}");
        }
        let made_up = secret.replace(&secret[40..44], "AAAA");
        for secret in ["", "csk_", &secret[4..], &made_up] {
            let refused = w.domain.exchange_service_key(&w.at(1), &account.to_string(), secret).await;
            assert!(matches!(refused, Err(Error::InvalidClient)), "{secret}");
        }
        w.domain.disable_service_account(&w.at(1), other).await.unwrap();
        let disabled = {
            let key = w.key(0, other).await;
            w.exchange(1, other, &key).await
        };
        for refused in [
            w.exchange(1, other, &good).await,
            w.exchange(1, account, &withdrawn).await,
            w.exchange(HOUR, account, &short).await,
            disabled,
        ] {
            assert!(matches!(refused, Err(Error::InvalidClient)), "{refused:?}");
        }
        let reasons = [
            "failure other_account",
            "failure other_account",
            "failure other_account",
            "failure account_disabled",
            "failure other_account",
            "failure key_withdrawn",
            "failure key_expired",
        ];
        assert_eq!(w.events("service_key.exchanged").await, reasons);
        w.exchange(HOUR, account, &good).await.unwrap();
    }
}

#[tokio::test]
async fn a_withdrawn_key_and_its_tokens_are_dead_and_another_goes_on() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let (old, new) = (w.key(0, account).await, w.key(0, account).await);
        let (by_old, by_new) =
            (w.exchange(1, account, &old).await.unwrap(), w.exchange(1, account, &new).await.unwrap());
        let context = w.at(2);
        w.domain.withdraw_service_key(&context, account, old.id).await.unwrap();
        assert!(context.revoked.get().is_some());
        w.by_bearer(2, &by_old.access_token).await.unwrap_err();
        w.exchange(2, account, &old).await.unwrap_err();
        w.by_bearer(2, &by_new.access_token).await.unwrap();
        w.exchange(2, account, &new).await.unwrap();
        let again = w.domain.withdraw_service_key(&w.at(3), account, old.id).await;
        assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
        let kept = w.domain.list_service_keys(account, None, 10).await.unwrap();
        assert_eq!(kept.iter().filter(|key| key.is_alive(time(3))).count(), 1);
        assert_eq!(w.events("service_key.withdrawn").await, ["success"]);
    }
}

#[tokio::test]
async fn a_key_of_another_account_is_out_of_reach() {
    for w in World::each().await {
        let (mine, other) = (w.service("mine", &[]).await, w.service("other", &[]).await);
        let key = w.key(0, mine).await;
        let withdrawn = w.domain.withdraw_service_key(&w.at(0), other, key.id).await;
        assert!(matches!(withdrawn, Err(Error::NotFound)), "{withdrawn:?}");
        let limited = w.domain.limit_service_key(&w.at(0), other, key.id, Duration::from_secs(60)).await;
        assert!(matches!(limited, Err(Error::NotFound)), "{limited:?}");
        // A session of a person is no key.
        w.user(EMAIL, &["viewer"]).await;
        let login = w.tokens(0).await;
        let limited =
            w.domain.limit_service_key(&w.at(0), login.user, login.session, Duration::from_secs(60)).await;
        assert!(matches!(limited, Err(Error::NotFound)), "{limited:?}");
        w.exchange(1, mine, &key).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_gets_an_end_and_no_token_outlives_it() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let key = w.key(0, account).await;
        let hour = Duration::from_secs(HOUR);
        let ends = w.domain.limit_service_key(&w.at(0), account, key.id, hour).await.unwrap();
        assert_eq!(ends, time(HOUR));
        let later = w.domain.limit_service_key(&w.at(0), account, key.id, hour * 2).await;
        assert!(matches!(later, Err(Error::InvalidEnd)), "{later:?}");
        let grant = w.exchange(HOUR - 60, account, &key).await.unwrap();
        assert_eq!(grant.expires_in, Duration::from_secs(60));
        w.by_bearer(HOUR - 1, &grant.access_token).await.unwrap();
        w.by_bearer(HOUR, &grant.access_token).await.unwrap_err();
        w.exchange(HOUR, account, &key).await.unwrap_err();
        let over = w.domain.limit_service_key(&w.at(HOUR), account, key.id, Duration::from_secs(1)).await;
        assert!(matches!(over, Err(Error::NotFound)), "{over:?}");
        for lifetime in [Duration::ZERO, Duration::from_secs(u64::MAX)] {
            let made = w.domain.create_service_key(&w.at(0), account, None, Some(lifetime)).await;
            assert!(matches!(made, Err(Error::InvalidEnd)), "{made:?}");
        }
    }
}

#[tokio::test]
async fn a_disabled_account_keeps_its_keys_and_none_is_good_until_it_is_enabled() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let key = w.key(0, account).await;
        let before = w.exchange(1, account, &key).await.unwrap();
        let context = w.at(2);
        w.domain.disable_service_account(&context, account).await.unwrap();
        assert!(context.revoked.get().is_some());
        w.by_bearer(2, &before.access_token).await.unwrap_err();
        w.exchange(2, account, &key).await.unwrap_err();
        let again = w.at(2);
        w.domain.disable_service_account(&again, account).await.unwrap();
        assert_eq!(again.revoked.get(), None);
        w.domain.enable_service_account(&w.at(3), account).await.unwrap();
        w.by_bearer(3, &before.access_token).await.unwrap_err();
        let after = w.exchange(3, account, &key).await.unwrap();
        w.by_bearer(3, &after.access_token).await.unwrap();
        assert_eq!(w.events("service_account.disabled").await, ["success"]);
    }
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_and_its_name_is_free() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let taken = w.domain.create_service_account(&w.at(0), "billing", &[]).await;
        assert!(matches!(taken, Err(Error::NameTaken)), "{taken:?}");
        let key = w.key(0, account).await;
        let grant = w.exchange(1, account, &key).await.unwrap();
        let context = w.at(2);
        w.domain.delete_service_account(&context, account).await.unwrap();
        assert!(context.revoked.get().is_some());
        w.by_bearer(2, &grant.access_token).await.unwrap_err();
        w.exchange(2, account, &key).await.unwrap_err();
        assert!(matches!(w.domain.service_account(account).await, Err(Error::NotFound)));
        assert!(matches!(w.domain.find_service_key(key.id).await, Err(Error::NotFound)));
        assert_ne!(w.service("billing", &[]).await, account);
    }
}

#[tokio::test]
async fn limits_of_a_role_and_the_purge_leave_keys_alone() {
    for w in World::each().await {
        let account = w.service("root", &[]).await;
        let key = w.key(0, account).await;
        w.domain.grant_service_role(&w.at(0), account, &"admin".parse().unwrap()).await.unwrap();
        w.domain.upkeep(&w.at(400 * DAY)).await.unwrap();
        w.exchange(400 * DAY, account, &key).await.unwrap();
        let holder = w.domain.find_session(key.id).await.unwrap().unwrap();
        assert_eq!(holder.expires_at, NO_END);
    }
}

#[tokio::test]
async fn a_service_account_is_not_the_administrator_that_is_left() {
    for w in World::each().await {
        w.service("root", &["admin"]).await;
        let admin = w.user(EMAIL, &["admin"]).await;
        let disabled = w.domain.disable(&w.at(0), admin).await;
        assert!(matches!(disabled, Err(Error::LastAdmin)), "{disabled:?}");
        let deleted = w.domain.delete_account(&w.at(0), admin).await;
        assert!(matches!(deleted, Err(Error::LastAdmin)), "{deleted:?}");
    }
}

#[tokio::test]
async fn a_service_account_ends_none_of_its_own_keys() {
    for w in World::each().await {
        let account = w.service("billing", &["viewer"]).await;
        let key = w.key(0, account).await;
        let grant = w.exchange(1, account, &key).await.unwrap();
        let me = w.by_bearer(1, &grant.access_token).await.unwrap();
        let ended = [
            w.domain.logout(&w.at(1), &me).await,
            w.domain.end_own_session(&w.at(1), &me, key.id).await,
            w.domain.end_all_own(&w.at(1), &me).await.map(drop),
            w.domain.delete_own_account(&w.at(1), &me).await,
        ];
        assert!(ended.iter().all(|ended| matches!(ended, Err(Error::ServiceAccount))), "{ended:?}");
        w.exchange(2, account, &key).await.unwrap();
    }
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_keys_that_are_alive() {
    for w in World::each().await {
        let account = w.service("billing", &[]).await;
        let mut keys = Vec::new();
        for _ in 0..MOST_KEYS {
            keys.push(w.key(0, account).await.id);
        }
        let one_more = w.domain.create_service_key(&w.at(0), account, None, None).await;
        assert!(matches!(one_more, Err(Error::TooManyKeys)), "{one_more:?}");
        w.domain.withdraw_service_key(&w.at(0), account, keys[3]).await.unwrap();
        w.key(0, account).await;
        let first = w.domain.list_service_keys(account, None, 10).await.unwrap();
        let rest = w.domain.list_service_keys(account, first.last().map(|key| key.id), 10).await.unwrap();
        let ids: Vec<SessionId> = first.iter().chain(&rest).map(|key| key.id).collect();
        assert_eq!(ids.len() as u64, MOST_KEYS + 1);
        assert!(keys.iter().all(|key| ids.contains(key)));
    }
}

#[tokio::test]
async fn a_restored_database_ends_all_keys() {
    for w in World::each().await {
        let account = w.service("billing", &[]).await;
        let key = w.key(0, account).await;
        w.domain.restored(&w.at(1)).await.unwrap();
        w.exchange(2, account, &key).await.unwrap_err();
        let key = w.key(2, account).await;
        w.exchange(3, account, &key).await.unwrap();
    }
}
