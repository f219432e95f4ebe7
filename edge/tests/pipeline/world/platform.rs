//! [`Platform`] by the world of the tests.

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll, time::Duration};

use edge::forward::READ_OF_ANSWERS;
use edge::platform::{BodyError, Call, Forwarded, NoRandomness, Outgoing, Platform, Reply, Unreachable};
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike, NoCustomClaims,
    UnixTimeStamp, VerificationOptions,
};
use shared::{
    jwt::{
        compact::Unverified,
        keys::{Algorithm, PublicKey},
        verify::{CheckUnavailable, SignatureCheck},
    },
    time::Timestamp,
};

use super::{Late, World, request::Seen};

/// One request in the world.
#[derive(Clone)]
pub(super) struct InWorld {
    pub(super) world: World,
    pub(super) method: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl SignatureCheck for InWorld {
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        self.world.0.checks.update(|checks| checks + 1);
        // Times are not its business: at the epoch nothing has expired.
        let options = || {
            Some(VerificationOptions {
                accept_future: true,
                artificial_time: Some(UnixTimeStamp::from_secs(0)),
                time_tolerance: None,
                ..VerificationOptions::default()
            })
        };
        let token = token.token();
        Ok(match key.algorithm() {
            Algorithm::Es256 => ES256PublicKey::from_bytes(&[&[4], key.bytes()].concat())
                .and_then(|key| key.verify_token::<NoCustomClaims>(token, options()))
                .is_ok(),
            Algorithm::EdDsa => Ed25519PublicKey::from_bytes(key.bytes())
                .and_then(|key| key.verify_token::<NoCustomClaims>(token, options()))
                .is_ok(),
        })
    }
}

impl Platform for InWorld {
    type Response = ();

    fn now(&self) -> Timestamp {
        self.world.now()
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let drawn = self.world.0.drawn.get().wrapping_add(1);
        self.world.0.drawn.set(drawn);
        Ok([drawn; N])
    }

    fn log(&self, line: &str) {
        self.world.0.log.borrow_mut().push(line.to_owned());
    }

    async fn call(&self, call: Call, deadline: Duration) -> Result<Reply, Unreachable> {
        let world = &self.world;
        let path = call.url.rsplit_once(":8788").unwrap().1.to_owned();
        world.0.calls.borrow_mut().push(path.clone());
        let takes = world.0.origin_takes.get();
        let asked = world.now();
        // What it answers is what holds when it is asked, however long it takes.
        let mut reply = world.issuer().answer(&call, asked);
        world.0.tampering.borrow()(&path, &mut reply);
        while world.now().since(asked) < takes.min(deadline) {
            self.pause(Duration::from_millis(5)).await;
        }
        if world.0.origin_is_away.get() || takes > deadline {
            return Err(Unreachable);
        }
        Ok(reply)
    }

    async fn recall(&self, name: &str) -> Option<Vec<u8>> {
        self.world.0.kept.borrow().get(name).cloned()
    }

    async fn keep(&self, name: &str, content: Vec<u8>, _: Duration) {
        self.world.0.kept.borrow_mut().insert(name.to_owned(), content);
    }

    async fn forward(&self, outgoing: Outgoing<'_>) -> Result<Forwarded<()>, Unreachable> {
        if self.world.0.upstream_is_away.get() {
            return Err(Unreachable);
        }
        let seen = Seen::new(self, &outgoing);
        self.world.0.seen.borrow_mut().push_back(seen);
        let (status, mut headers) = self.world.0.upstream_answers.borrow().clone();
        headers.retain(|(name, _)| outgoing.wants_all || READ_OF_ANSWERS.contains(&name.as_str()));
        Ok(Forwarded { response: (), status, headers })
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        if self.body.len() > limit { Err(BodyError::TooLong) } else { Ok(self.body.clone()) }
    }

    async fn pause(&self, duration: Duration) {
        let until = self.world.now() + duration;
        // Another task may move time; when none does, this one does.
        tokio::task::yield_now().await;
        if self.world.now() < until {
            self.world.0.now.set(until.millis());
        }
    }

    async fn finish(&self, work: impl Future<Output = ()> + 'static) {
        let work: Late = Box::pin(work);
        let work = Rc::new(RefCell::new(Some(work)));
        // Whoever gets there moves it on: the request, or what is done whatever becomes of the request.
        self.in_background(finished(Rc::clone(&work)));
        finished(work).await;
    }

    fn in_background(&self, work: impl Future<Output = ()> + 'static) {
        self.world.0.background.borrow_mut().push(Box::pin(work));
    }
}

async fn finished(work: Rc<RefCell<Option<Late>>>) {
    poll_fn(|context| {
        let mut left = work.borrow_mut();
        let polled = left.as_mut().map_or(Poll::Ready(()), |work| work.as_mut().poll(context));
        if polled.is_ready() {
            *left = None;
        }
        polled
    })
    .await;
}
