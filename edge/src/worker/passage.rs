//! One request on its way through the pipeline, step by step from one wait to the next.
//!
//! Whatever a request waits for, JavaScript waits for: it is handed the passage, does what is asked for and comes back
//! with the outcome. Most requests wait once, for the upstream, or before that for a signature to be checked, and each
//! of these is one crossing each way. Anything else is a promise that is already under way.
//!
//! So what waits is never Rust's. The runtime settles no promise any more of a request whose client has gone, and a
//! future that awaits one holds itself for ever; a passage is collected with all that JavaScript has of the request.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use js_sys::Promise;
use shared::problem::Kind;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use super::{glue, respond};
use crate::{platform::Answer, reject};

/// The pipeline at work on one request.
type Work = Pin<Box<dyn Future<Output = Answer<Response>>>>;

/// A request on its way. JavaScript owns it while it waits: when the client has gone, it is dropped there.
#[wasm_bindgen]
pub struct Passage {
    work: Work,
    exchange: Rc<Exchange>,
}

/// Where the pipeline leaves what it waits for, and finds what came of it.
#[derive(Default)]
pub(super) struct Exchange {
    wanted: RefCell<Option<Wanted>>,
    outcome: RefCell<Option<Outcome>>,
    is_in_background: bool,
}

/// What JavaScript can do for a passage.
pub(super) enum Wanted {
    /// To send the request on without a body.
    Send {
        /// The method, where to, and the headers, as `glue.js` reads them.
        plan: String,
        /// Whether the platform may answer from its cache.
        cache: bool,
        /// The names of the headers that are wanted of the answer.
        names: JsValue,
    },
    /// To send the request on as it is but for some headers, its body streamed.
    Forward {
        /// The request.
        request: Request,
        /// Where to.
        url: String,
        /// What is changed of the headers, as `glue.js` reads it.
        edits: String,
        /// The body, where it had to be read.
        body: Option<Box<[u8]>>,
        /// Whether the platform may answer from its cache.
        cache: bool,
        /// The names of the headers that are wanted of the answer.
        names: JsValue,
    },
    /// To check a signature.
    Check {
        /// The imported key.
        key: JsValue,
        /// The signature.
        signature: [u8; 64],
        /// What was signed.
        text: String,
    },
    /// To wait for a promise.
    Settled(Promise),
}

/// What came of it.
pub(super) enum Outcome {
    /// The upstream's answer, its status, and those of its headers that are looked at.
    Answered(Response, u16, String),
    /// Whether the signature is good.
    Checked(bool),
    /// The value of the promise.
    Settled(JsValue),
    /// Nothing: nobody answered, or it could not be found out.
    Failed,
}

impl Passage {
    /// Takes a request as far as it gets at once: a response, or a promise of one.
    pub(super) fn begin(
        exchange: Rc<Exchange>,
        work: impl Future<Output = Answer<Response>> + 'static,
    ) -> JsValue {
        Self { work: Box::pin(work), exchange }.advance()
    }

    fn advance(mut self) -> JsValue {
        // Nobody has to be woken: JavaScript comes back with the outcome.
        let polled = self.work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let wanted = self.exchange.wanted.take();
        let answer = match (polled, wanted) {
            (Poll::Ready(answer), _) => answer,
            (_, Some(wanted)) => return self.wait_for(wanted),
            // It waits for what JavaScript knows nothing of, and nobody would ever come back.
            (_, None) => reject::unread(&Kind::Internal.into()),
        };
        respond(answer).map_or_else(|thrown| wasm_bindgen::throw_val(thrown), JsValue::from)
    }

    fn wait_for(self, wanted: Wanted) -> JsValue {
        let passage = self.into();
        match wanted {
            Wanted::Send { plan, cache, names } => glue::send(passage, &plan, cache, &names),
            Wanted::Forward { request, url, edits, body, cache, names } => {
                glue::forward(passage, &request, &url, &edits, body, cache, &names)
            }
            Wanted::Check { key, signature, text } => glue::check(passage, &key, &signature, text.as_bytes()),
            Wanted::Settled(promise) => glue::settle(passage, &promise),
        }
    }

    fn go_on(self, outcome: Outcome) -> JsValue {
        self.exchange.outcome.replace(Some(outcome));
        self.advance()
    }
}

#[wasm_bindgen]
impl Passage {
    /// The upstream has answered.
    pub fn answered(self, response: Response, status: u16, headers: String) -> JsValue {
        self.go_on(Outcome::Answered(response, status, headers))
    }

    /// A signature was checked.
    pub fn checked(self, good: bool) -> JsValue {
        self.go_on(Outcome::Checked(good))
    }

    /// A promise has its value.
    pub fn settled(self, value: JsValue) -> JsValue {
        self.go_on(Outcome::Settled(value))
    }

    /// Nothing came of what was wanted.
    pub fn failed(self) -> JsValue {
        self.go_on(Outcome::Failed)
    }
}

impl Exchange {
    /// For work that no passage takes along, since it goes on in the background.
    pub(super) fn in_background() -> Self {
        Self { is_in_background: true, ..Self::default() }
    }

    /// Waits until JavaScript has done this. In the background there are only promises, and the executor waits for
    /// them: the runtime settles them all, since it was told to wait for the work itself.
    pub(super) async fn ask(&self, wanted: Wanted) -> Outcome {
        if self.is_in_background {
            let Wanted::Settled(promise) = wanted else { return Outcome::Failed };
            return JsFuture::from(promise).await.map_or(Outcome::Failed, Outcome::Settled);
        }
        self.wanted.replace(Some(wanted));
        poll_fn(|_| self.outcome.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}
