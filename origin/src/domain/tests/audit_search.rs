//! Events are found by whatever is known of them.

use super::{tampering::worlds, *};
use crate::domain::AuditSearch;

#[tokio::test]
async fn the_log_is_searched_by_whatever_is_known() {
    for w in worlds().await {
        let ada = w.domain.find_user_by_email(EMAIL).await.unwrap().unwrap().id;
        let all = w.domain.search_audit(&AuditSearch::default(), 1000).await.unwrap();
        assert!(all.is_sorted_by(|(a_seq, a), (b_seq, b)| (a.at, a_seq) > (b.at, b_seq)));
        assert_eq!(all.len(), w.log().await.len());
        let count = async |search: AuditSearch| w.domain.search_audit(&search, 1000).await.unwrap().len();
        let wanted = |holds: &dyn Fn(&AuditRow) -> bool| all.iter().filter(|(_, event)| holds(event)).count();
        let login = || AuditSearch { kind: Some("login".to_owned()), ..AuditSearch::default() };
        assert_eq!(count(login()).await, wanted(&|event| event.kind == "login"));
        let failed = AuditSearch { success: Some(false), subject: Some(ada), ..login() };
        assert_eq!(count(failed).await, 4);
        let (from, until) = (Some(time(21)), Some(time(23)));
        assert_eq!(count(AuditSearch { from, until, ..login() }).await, 2);
        let session = all.iter().find_map(|(_, event)| event.session).unwrap();
        assert!(count(AuditSearch { session: Some(session), ..AuditSearch::default() }).await >= 1);
        let by_ada = wanted(&|event| event.actor == Some(ada));
        assert_eq!(count(AuditSearch { actor: Some(ada), ..AuditSearch::default() }).await, by_ada);

        // Page by page it is the same.
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let page = AuditSearch { before, ..AuditSearch::default() };
            let page = w.domain.search_audit(&page, 3).await.unwrap();
            let Some((seq, last)) = page.last() else { break };
            before = Some((last.at, *seq));
            pages.extend(page);
        }
        assert_eq!(pages, all);
    }
}
