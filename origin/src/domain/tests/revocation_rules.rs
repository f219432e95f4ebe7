//! Which acts append a rule to the revocation log: each that ends a right early, and nothing else.

use std::fmt::Debug;

use shared::edge_state::Rule;

use super::{
    mail_links::token,
    passkeys::{made_up, registered},
    *,
};
use crate::{domain::Confirmed, store::users};

impl World {
    async fn epoch(&self, user: UserId) -> Option<u64> {
        users::by_id(self.store.reads(), user).await.unwrap().map(|user| user.epoch)
    }

    /// Does this, by which whatever was issued to this user so far is outdated: their epoch grows, and there is one new
    /// rule, which hits all that is below it, and whose number whoever asked is told.
    async fn outdates<T: Debug>(
        &self,
        seconds: u64,
        user: UserId,
        act: impl AsyncFnOnce(&Context) -> Result<T, Error>,
    ) -> T {
        let (rules, epoch) = (self.rules().await.len(), self.epoch(user).await.unwrap());
        let context = self.at(seconds);
        let done = act(&context).await.unwrap();
        // Of who was deleted nothing is left to look at.
        assert_eq!(self.epoch(user).await.unwrap_or(epoch + 1), epoch + 1);
        assert_eq!(self.rules_after(rules).await, [Rule::UserBelow(user, epoch + 1)]);
        assert_eq!(context.revoked.get(), Some(rules as u64 + 1));
        done
    }
}

#[tokio::test]
async fn each_act_that_ends_a_right_early_appends_its_rule() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let editor = "editor".parse().unwrap();
        let mut expected = Vec::new();
        let mut appended = async |context: &Context, rule| {
            expected.push(rule);
            assert_eq!(w.rules().await, expected);
            assert_eq!(context.revoked.get(), Some(expected.len() as u64));
        };

        let (here, there, phone) = (w.browser(0).await, w.browser(0).await, w.tokens(0).await);
        let me = w.principal(0, &here).await;
        let context = w.at(0);
        w.domain.end_own_session(&context, &me, there.session).await.unwrap();
        appended(&context, Rule::Session(there.session)).await;
        let context = w.at(0);
        w.domain.revoke_token(&context, &phone.refresh_token).await.unwrap();
        appended(&context, Rule::Session(phone.session)).await;
        let context = w.at(0);
        w.domain.logout(&context, &me).await.unwrap();
        appended(&context, Rule::Session(here.session)).await;

        let (first, context) = (w.tokens(0).await, w.at(HOUR));
        let lost = w.refresh(0, &first.refresh_token).await.unwrap();
        w.refresh(HOUR, &first.refresh_token).await.unwrap();
        w.domain.refresh(&context, &lost.refresh_token).await.unwrap_err();
        appended(&context, Rule::Session(first.session)).await;

        let (phone, context) = (w.tokens(0).await, w.at(0));
        w.domain.end_session(&context, phone.session).await.unwrap();
        appended(&context, Rule::Session(phone.session)).await;

        let context = w.at(0);
        w.domain.grant_role(&context, user, &editor).await.unwrap();
        appended(&context, Rule::UserBelow(user, 2)).await;
        let context = w.at(0);
        w.domain.revoke_role(&context, user, &editor).await.unwrap();
        appended(&context, Rule::UserBelow(user, 3)).await;

        let me = w.principal(0, &w.browser(0).await).await;
        let context = w.at(0);
        w.domain.change_password(&context, &me, PASSWORD, NEW_PASSWORD).await.unwrap();
        appended(&context, Rule::UserBelow(user, 4)).await;
        let context = w.at(0);
        w.domain.end_all_own(&context, &me).await.unwrap();
        appended(&context, Rule::UserBelow(user, 5)).await;
        let context = w.at(0);
        w.domain.disable(&context, user).await.unwrap();
        appended(&context, Rule::UserBelow(user, 6)).await;
        assert_eq!(w.domain.find_user(user).await.unwrap().unwrap().epoch, 6);
    }
}

#[tokio::test]
async fn what_is_reset_changed_or_set_up_appends_its_rule() {
    for w in World::each().await {
        let (user, domain) = (w.user(EMAIL, &["viewer"]).await, &w.domain);
        domain.request_verification(&w.at(0), EMAIL).await.unwrap();
        let verify = token(&w.one_mail(0).await);
        w.outdates(0, user, async |context| domain.confirm_email(context, &verify).await).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let (old, new) = w.ask_for(1, &me, "countess@example.test").await;
        assert_eq!(w.confirm(1, &old).await.unwrap(), Confirmed::OneEnd);
        w.outdates(1, user, async |context| domain.confirm_email(context, &new).await).await;
        w.outdates(2, user, async |context| domain.set_email(context, user, EMAIL, false).await).await;
        w.outdates(2, user, async |context| domain.mark_verified(context, user).await).await;
        w.mail(2).await;
        w.forgot(3, EMAIL).await;
        let reset = token(&w.one_mail(3).await);
        w.outdates(3, user, async |context| domain.reset_password(context, &reset, NEW_PASSWORD).await).await;
        w.outdates(3, user, async |context| domain.set_password(context, user, PASSWORD).await).await;

        let me = w.principal(4, &w.browser(4).await).await;
        let secret = domain.enrol_totp(&w.at(4), &me).await.unwrap().secret;
        let code = secret.code_at(time(4));
        w.outdates(4, user, async |context| domain.confirm_totp(context, &me, &code).await).await;
        w.outdates(5, user, async |context| domain.remove_totp(context, &me).await).await;
        registered(&w, user, 1).await;
        w.outdates(6, user, async |context| domain.reset_second_factors(context, user).await).await;

        let me = w.principal(7, &w.browser(7).await).await;
        let first = made_up(user, 2);
        w.outdates(7, user, async |context| domain.add_passkey(context, &me, first).await).await;
        w.outdates(8, user, async |context| domain.delete_own_account(context, &me).await).await;
        let other = w.user("other@example.test", &[]).await;
        w.outdates(8, other, async |context| domain.delete_account(context, other).await).await;
    }
}

#[tokio::test]
async fn what_is_done_to_a_service_account_appends_its_rule() {
    for w in World::each().await {
        let (id, domain, role) = (w.service("billing", &[]).await, &w.domain, "editor".parse().unwrap());
        w.outdates(0, id, async |context| domain.grant_service_role(context, id, &role).await).await;
        w.outdates(0, id, async |context| domain.revoke_service_role(context, id, &role).await).await;
        let (key, context) = (w.key(0, id).await, w.at(0));
        domain.withdraw_service_key(&context, id, key.id).await.unwrap();
        assert_eq!((w.rules_after(2).await, context.revoked.get()), (vec![Rule::Session(key.id)], Some(3)));
        w.outdates(0, id, async |context| domain.disable_service_account(context, id).await).await;
        w.outdates(0, id, async |context| domain.delete_service_account(context, id).await).await;
    }
}

#[tokio::test]
async fn a_key_that_is_withdrawn_has_its_rule_and_one_that_retires_has_none() {
    for w in World::each().await {
        let rotated = w.domain.rotate_key(&w.at(HOUR)).await.unwrap();
        assert_eq!(w.rules().await, []);
        let context = w.at(HOUR);
        w.domain.withdraw_key(&context, &rotated.current).await.unwrap();
        w.domain.end_everybodys_sessions(&context).await.unwrap();
        assert_eq!((w.rules().await, context.revoked.get()), (vec![Rule::Key, Rule::Key], Some(2)));
    }
}

#[tokio::test]
async fn what_ends_no_right_appends_nothing() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (browser, phone) = (w.browser(0).await, w.tokens(0).await);
        let me = w.principal(0, &browser).await;
        w.domain.logout(&w.at(0), &me).await.unwrap();
        w.domain.revoke_token(&w.at(0), &phone.refresh_token).await.unwrap();
        w.domain.disable(&w.at(0), user).await.unwrap();
        let number = w.rules().await.len();

        let context = w.at(0);
        w.domain.logout(&context, &me).await.unwrap();
        w.domain.revoke_token(&context, &phone.refresh_token).await.unwrap();
        w.domain.revoke_token(&context, "made-up").await.unwrap();
        w.domain.refresh(&context, &phone.refresh_token).await.unwrap_err();
        w.domain.end_session(&context, phone.session).await.unwrap_err();
        w.domain.disable(&context, user).await.unwrap();
        w.domain.enable(&context, user).await.unwrap();
        w.domain.grant_role(&context, user, &"viewer".parse().unwrap()).await.unwrap();
        w.domain.revoke_role(&context, user, &"editor".parse().unwrap()).await.unwrap();
        let nobody = UserId::new(time(0), [0; 10]);
        w.domain.end_all_sessions(&context, nobody).await.unwrap_err();
        w.domain.grant_role(&context, nobody, &"viewer".parse().unwrap()).await.unwrap_err();
        let phone = w.tokens(0).await;
        w.refresh(0, &phone.refresh_token).await.unwrap();
        assert_eq!(w.rules_after(number).await, []);
        assert_eq!(context.revoked.get(), None);
    }
}
