//! What passkeys are called: by who they belong to, and nobody else.

use shared::id::PasskeyId;

use super::{passkeys::registered, *};

impl World {
    async fn names(&self, principal: &Principal) -> Vec<String> {
        let passkeys = self.domain.list_passkeys(principal).await.unwrap();
        passkeys.into_iter().map(|passkey| passkey.label).collect()
    }
}

#[tokio::test]
async fn a_passkey_is_given_another_name_and_the_log_says_which() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let (first, _second) = (registered(&w, user, 1).await, registered(&w, user, 2).await);
        let context = w.at(1).by(user);
        w.domain.rename_passkey(&context, &me, first, " Key\n of\u{7} the safe ").await.unwrap();
        assert_eq!(w.names(&me).await, ["Key of the safe", "Phone"]);
        assert_eq!(context.revoked.get(), None, "it changes nothing of what anybody may do");

        let log = w.log().await;
        let event = log.iter().find(|event| event.kind == "passkey.renamed").unwrap();
        assert!(event.success);
        assert_eq!((event.actor, event.subject, event.session), (Some(user), Some(user), Some(me.session)));
        assert_eq!(event.details()["passkey"], first.to_string());
    }
}

#[tokio::test]
async fn nobody_renames_the_passkey_of_another_or_one_that_is_not_there() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let other = w.user("eve@example.test", &["viewer"]).await;
        let (mine, others) = (registered(&w, user, 1).await, registered(&w, other, 2).await);
        for passkey in [others, PasskeyId::new(time(0), [3; 10])] {
            let renamed = w.domain.rename_passkey(&w.at(1), &me, passkey, "Mine").await;
            assert!(matches!(renamed, Err(Error::NotFound)), "{renamed:?}");
            let removed = w.domain.remove_passkey(&w.at(1), &me, passkey).await;
            assert!(matches!(removed, Err(Error::NotFound)), "{removed:?}");
            assert!(matches!(w.domain.find_passkey(&me, passkey).await, Err(Error::NotFound)));
        }
        w.domain.find_passkey(&me, mine).await.unwrap();
        let kept = crate::store::passkeys::of(w.store.reads(), other).await.unwrap();
        assert_eq!(kept.iter().map(|passkey| passkey.label.as_str()).collect::<Vec<_>>(), ["Phone"]);
        assert!(w.events("passkey.renamed").await.is_empty() && w.events("passkey.removed").await.is_empty());
    }
}
