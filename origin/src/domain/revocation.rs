//! Revocation: whatever ends a right early is appended to the log in the transaction of the act, and edges
//! pull it together with the keys.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use shared::edge_state::{self, StateDocument, StateRequest, encode_rules};

use super::{Context, Domain, Error, audit::Event};
use crate::store::{
    Transaction, audit,
    revocations::{self, Extent, Position, Revocation},
};

/// How many rules are removed in one transaction.
const BATCH: u32 = 500;

/// The number in the revocation log from which on all that a request revoked is revoked. It is noted where
/// the act commits, so whoever answers knows it, whatever the act's result.
#[derive(Clone, Debug, Default)]
pub struct RevocationNumber(Arc<AtomicU64>);

impl RevocationNumber {
    /// The number; none when nothing was revoked.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|number| *number > 0)
    }

    fn note(&self, number: u64) {
        self.0.fetch_max(number, Ordering::AcqRel);
    }
}

impl Domain {
    /// Commits a change that revokes something, together with its event and its rule. The rule's number.
    pub(super) async fn commit_revoking(
        &self,
        transaction: Transaction,
        context: &Context,
        event: Event,
        revocation: Revocation<'_>,
    ) -> Result<u64, Error> {
        let number = self.commit_revoking_all(transaction, context, vec![event], &[revocation]).await?;
        Ok(number.unwrap_or_default())
    }

    /// Commits a change that may revoke several things or nothing, together with its events and its rules. The last
    /// rule's number.
    pub(super) async fn commit_revoking_all(
        &self,
        mut transaction: Transaction,
        context: &Context,
        events: Vec<Event>,
        revocations: &[Revocation<'_>],
    ) -> Result<Option<u64>, Error> {
        let events = events.into_iter().map(|event| event.record(context, &self.0.recorder));
        audit::insert(&mut transaction, &events.collect::<Result<Vec<_>, _>>()?).await?;
        let mut number = None;
        // Last: it makes all others wait that revoke something.
        for revocation in revocations {
            number = Some(revocations::append(&mut transaction, *revocation, context.now).await?);
        }
        transaction.commit().await?;
        if let Some(number) = number {
            context.revoked.note(number);
        }
        Ok(number)
    }

    /// What an edge must know to check tokens alone, in answer to this request: the keys, and what it
    /// lacks of the revocation log.
    ///
    /// # Errors
    /// [`Error::Store`] when they cannot be read.
    pub async fn state_document(
        &self,
        context: &Context,
        request: StateRequest,
    ) -> Result<StateDocument, Error> {
        let position = match (&request.incarnation, request.number) {
            (Some(incarnation), Some(number)) => Some(Position { incarnation, number }),
            _ => None,
        };
        let log = revocations::since(self.0.store.reads(), position).await?;
        self.must_not_have_gone_back(context, &request, &log.incarnation, log.number).await?;
        // After the log: a key whose withdrawal it tells of is not among them.
        let keys = self.latest_keys(context.now).await?;
        Ok(StateDocument {
            version: edge_state::version_for(request.version).unwrap_or(edge_state::VERSION),
            challenge: request.challenge,
            incarnation: log.incarnation,
            number: log.number,
            issued: context.now.millis(),
            keys: keys.accepted.iter().map(shared::jwt::keys::PublicKey::to_jwk).collect(),
            from: log.from,
            floor: log.floor,
            rules: encode_rules(log.rules),
        })
    }

    /// Removes rules that hit no token any more, in batches. How many.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails; the next time it goes on there.
    pub async fn prune_revocations(&self, context: &Context) -> Result<u64, Error> {
        let mut sum = 0;
        loop {
            let mut transaction = self.0.store.begin().await?;
            let removed = revocations::prune(&mut transaction, context.now, BATCH).await?;
            transaction.commit().await?;
            sum += removed;
            if removed < u64::from(BATCH) {
                return Ok(sum);
            }
        }
    }

    /// How far the revocation log reaches, and how much of it is kept.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read.
    pub async fn revocations(&self) -> Result<Extent, Error> {
        Ok(revocations::extent(self.0.store.reads()).await?)
    }
}
