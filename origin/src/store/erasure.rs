//! What names a person in the audit log, and its removal.

use shared::id::UserId;

use super::{Error, Transaction, audit::Record, audit_chain::numbered};

/// The events that name a user. One statement for each index; what somebody else did to the user is among them only
/// where its details name one.
const OF_A_USER: [&str; 2] = [
    "actor = $1",
    "subject = $1 AND (actor IS NULL OR personal IS NOT NULL OR (version = 0 AND detail IS NOT NULL))",
];

/// Those that know no user and name this address.
const OF_AN_ADDRESS: &str = "subject IS NULL AND personal = $1";

fn conditions<'a>(user: &'a str, personal: &'a [String]) -> impl Iterator<Item = (&'static str, &'a str)> {
    let of_the_user = OF_A_USER.into_iter().map(move |condition| (condition, user));
    of_the_user.chain(personal.iter().map(|personal| (OF_AN_ADDRESS, personal.as_str())))
}

/// The events that name this user, or have these as what names somebody, and are not linked yet.
pub async fn unlinked(
    transaction: &mut Transaction,
    user: UserId,
    personal: &[String],
) -> Result<Vec<(u64, Record)>, Error> {
    let mut found = std::collections::BTreeMap::new();
    for (condition, word) in conditions(&user.to_string(), personal) {
        let statement = format!(
            "SELECT * FROM audit_events WHERE {condition} AND seq IN (SELECT seq FROM audit_unlinked) ORDER BY seq"
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(word).fetch_all(&mut **transaction).await?;
        for row in &rows {
            let (seq, record) = numbered(row)?;
            found.insert(seq, record);
        }
    }
    Ok(found.into_iter().collect())
}

/// Removes from the same events, once they are linked, what names somebody, and the salts of its digests. How many
/// events.
pub async fn erase(transaction: &mut Transaction, user: UserId, personal: &[String]) -> Result<u64, Error> {
    let mut erased = 0;
    for (condition, word) in conditions(&user.to_string(), personal) {
        // Those that were erased before have no salt any more.
        let salts = format!(
            "UPDATE audit_links SET salt = NULL WHERE salt IS NOT NULL \
             AND seq IN (SELECT seq FROM audit_events WHERE {condition})"
        );
        sqlx::query(sqlx::AssertSqlSafe(salts)).bind(word).execute(&mut **transaction).await?;
        let events = format!(
            "UPDATE audit_events SET address = NULL, user_agent = NULL, personal = NULL, mac = NULL, \
             detail = CASE WHEN version = 0 THEN NULL ELSE detail END \
             WHERE {condition} AND (mac IS NOT NULL OR version = 0) \
             AND EXISTS (SELECT 1 FROM audit_links WHERE audit_links.seq = audit_events.seq AND salt IS NULL)"
        );
        let updated = sqlx::query(sqlx::AssertSqlSafe(events)).bind(word).execute(&mut **transaction).await?;
        erased += updated.rows_affected();
    }
    Ok(erased)
}
