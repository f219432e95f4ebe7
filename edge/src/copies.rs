//! What the isolates of one location tell each other: whoever has pulled the edge state leaves a copy in the
//! location's cache, and whoever is about to pull looks there first. A copy that is missing, foreign, old
//! or does not go on from what is held is as good as none: origin is asked.

use std::rc::Rc;

use shared::{
    edge_state::{PATH, StateDocument},
    time::Timestamp,
};

use crate::{isolate::Edge, platform::Platform, state::Snapshot};

/// The longest answer that is shared, in bytes. A longer one brings the whole of a long log, which the
/// others have already.
const LONGEST: usize = 256 << 10;

/// A document that another isolate has pulled a moment ago, and when that pull began. It is of use when it
/// is younger than what is known and goes on from there.
pub async fn find<P: Platform>(
    edge: &Edge,
    platform: &P,
    known: Option<&Snapshot>,
) -> Option<(StateDocument, Timestamp)> {
    let copy = platform.recall(&name(edge)).await?;
    let keys = &edge.keys.state_copy;
    // It has to last until this isolate may pull again, or its requests would wait for that.
    let (fresh, max_age) = (edge.settings.fresh, edge.settings.max_age);
    let oldest = fresh.min(max_age.saturating_sub(fresh));
    let (document, began) = StateDocument::from_copy(&copy, keys, platform.now(), oldest).ok()?;
    let is_of_use = match known {
        Some(known) => {
            known.began() < began
                && known.incarnation == document.incarnation
                && (document.from..=document.number.saturating_add(1)).contains(&(known.number + 1))
        }
        None => document.from == document.floor,
    };
    is_of_use.then_some((document, began))
}

/// Leaves a copy of an answer that was verified, to a pull that began at `began`.
pub fn leave<P: Platform>(edge: &Rc<Edge>, platform: &P, answer: Vec<u8>, began: Timestamp) {
    if answer.len() > LONGEST {
        return;
    }
    let (edge, keeping_platform) = (Rc::clone(edge), platform.clone());
    platform.in_background(async move {
        let copy = StateDocument::copy(&answer, began, edge.keys.state_copy.current());
        keeping_platform.keep(&name(&edge), copy, edge.settings.fresh).await;
    });
}

/// Where copies are: in a cache that answers no request, under a path that no policy can lead to.
fn name(edge: &Edge) -> String {
    [edge.settings.issuer.as_str(), PATH].concat()
}
