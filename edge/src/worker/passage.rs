//! One request on its way through the pipeline, step by step from one wait to the next.
//!
//! Most requests wait once, for the upstream, or before that for a signature to be checked. Such a wait is
//! JavaScript's: it is handed the passage, does what is asked for and comes back with the outcome, in one
//! crossing each way. Whatever waits for anything else is handed over as a whole to wasm-bindgen's executor,
//! which costs several crossings a wait, and goes on there to its end.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;
use web_sys::Response;

use super::{glue, respond};
use crate::platform::Answer;

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
    is_handed_over: Cell<bool>,
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
    /// To check a signature.
    Check {
        /// The imported key.
        key: JsValue,
        /// The signature.
        signature: [u8; 64],
        /// What was signed.
        text: String,
    },
}

/// What came of it.
pub(super) enum Outcome {
    /// The upstream's answer, its status, and those of its headers that are looked at.
    Answered(Response, u16, String),
    /// Nobody answered.
    Unanswered,
    /// Whether the signature is good, if that could be found out.
    Checked(Option<bool>),
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
        // Nobody has to be woken: either JavaScript comes back with the outcome, or the executor polls anew.
        if let Poll::Ready(answer) = self.work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return respond(answer).map_or_else(|thrown| wasm_bindgen::throw_val(thrown), JsValue::from);
        }
        let wanted = self.exchange.wanted.take();
        match wanted {
            Some(Wanted::Send { plan, cache, names }) => glue::send(self.into(), &plan, cache, &names),
            Some(Wanted::Check { key, signature, text }) => {
                glue::check_on_the_way(self.into(), &key, &signature, text.as_bytes())
            }
            None => {
                self.exchange.is_handed_over.set(true);
                let work = self.work;
                future_to_promise(async move { Ok(respond(work.await)?.into()) }).into()
            }
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

    /// It has not.
    pub fn unanswered(self) -> JsValue {
        self.go_on(Outcome::Unanswered)
    }

    /// A signature was checked.
    pub fn checked(self, good: Option<bool>) -> JsValue {
        self.go_on(Outcome::Checked(good))
    }
}

impl Exchange {
    /// For work that no passage takes along, such as what goes on in the background.
    pub(super) fn handed_over() -> Self {
        Self { is_handed_over: Cell::new(true), ..Self::default() }
    }

    /// Whether the executor has taken over, so that nobody looks here any more.
    pub(super) fn is_handed_over(&self) -> bool {
        self.is_handed_over.get()
    }

    /// Waits until JavaScript has done this.
    pub(super) async fn ask(&self, wanted: Wanted) -> Outcome {
        self.wanted.replace(Some(wanted));
        poll_fn(|_| self.outcome.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}
