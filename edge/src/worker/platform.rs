//! [`Platform`] by Cloudflare Workers: the runtime's clock, randomness, WebCrypto and fetch.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use js_sys::{Array, Promise};
use shared::{
    edge_state,
    jwt::{
        compact::Unverified,
        keys::{KeyId, PublicKey},
        verify::{CheckUnavailable, SignatureCheck},
    },
    time::Timestamp,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Request, Response};
use worker::worker_sys::Context;

use super::{
    glue, in_wasm,
    passage::{Exchange, Outcome, Wanted},
    planted,
};
use crate::{
    forward::READ_OF_ANSWERS,
    platform::{BodyError, Call, Forwarded, NoRandomness, Outgoing, Platform, Reply, Unreachable},
};

/// How long a look into the location's cache may take, in milliseconds; a pull is not to wait for it.
const AT_ONCE: u32 = 250;

/// The most imported keys that are kept.
const MOST_KEYS: usize = 64;

/// How many random bytes are drawn at once: each draw is a crossing.
const DRAWN: usize = 1024;

thread_local! {
    /// Keys that were imported: any request may use them, where a promise would be its own request's.
    static KEYS: RefCell<BTreeMap<KeyId, JsValue>> = const { RefCell::new(BTreeMap::new()) };
    /// Random bytes that nobody has had yet.
    static RANDOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// [`READ_OF_ANSWERS`] as an array.
    static NAMES: JsValue = READ_OF_ANSWERS.iter().map(|name| JsValue::from_str(name)).collect::<Array>().into();
}

/// One request in its isolate.
pub(super) struct Workers {
    request: Request,
    head: OnceCell<Rc<str>>,
    context: Rc<Context>,
    exchange: Rc<Exchange>,
}

impl Workers {
    pub(super) fn new(request: Request, context: Context, exchange: Rc<Exchange>) -> Self {
        Self { request, head: OnceCell::new(), context: Rc::new(context), exchange }
    }

    /// What the runtime lets a request be waited for by.
    pub(super) fn context(&self) -> Rc<Context> {
        Rc::clone(&self.context)
    }

    /// The request's head, read once: with the peer's address only if that is wanted, since the runtime parses all
    /// that it knows of the connection to tell it.
    pub(super) fn head(&self, with_peer: bool) -> Rc<str> {
        Rc::clone(self.head.get_or_init(|| glue::read(&self.request, with_peer).into()))
    }

    /// The plan by which `glue.js` sends this request on, if it can be sent so: without a body, and with headers
    /// that are the same after having been text.
    fn plan(&self, outgoing: &Outgoing<'_>) -> Option<String> {
        let Outgoing { url, remove, set, .. } = outgoing;
        let head = self.head.get().filter(|head| outgoing.body.is_none() && head.is_ascii())?;
        let method = head.split('\n').next().unwrap_or_default();
        // The two that have none need not be asked.
        if !matches!(method, "GET" | "HEAD") && glue::has_body(&self.request) {
            return None;
        }
        // Whoever sends thousands of headers to be removed does not get them compared each with each.
        let mut remove = remove.clone();
        remove.sort_unstable();
        let mut plan = String::with_capacity(url.len() + head.len() + 1024);
        plan.push_str(method);
        plan.push('\n');
        plan.push_str(url);
        let mut push =
            |name: &str, value: &str| ["\n", name, "\n", value].iter().for_each(|part| plan.push_str(part));
        for (name, value) in head.split('\n').skip(3).filter_map(|line| line.split_once(':')) {
            match name {
                "content-length" | "transfer-encoding" | "upgrade" => return None,
                // The platform writes the one from the URL, and the other is no header to JavaScript.
                "host" | "__proto__" => {}
                _ if remove.binary_search(&name).is_ok() || set.iter().any(|(set, _)| *set == name) => {}
                _ => push(name, value),
            }
        }
        set.iter().for_each(|(name, value)| push(name, value));
        Some(plan)
    }

    /// The value of a promise, unless it is rejected.
    async fn settled(&self, promise: Promise) -> Option<JsValue> {
        match self.exchange.ask(Wanted::Settled(promise)).await {
            Outcome::Settled(value) => Some(value),
            _ => None,
        }
    }

    /// A key as the runtime uses it; none when it is not usable, such as a point off its curve.
    async fn imported(&self, key: &PublicKey) -> Result<Option<JsValue>, CheckUnavailable> {
        if let Some(known) = KEYS.with_borrow(|keys| keys.get(key.id()).cloned()) {
            return Ok(Some(known));
        }
        let imported = self.settled(glue::imported(key.bytes().into())).await.ok_or(CheckUnavailable)?;
        if imported.is_null() {
            return Ok(None);
        }
        KEYS.with_borrow_mut(|keys| {
            if keys.len() >= MOST_KEYS {
                keys.clear();
            }
            keys.insert(key.id().clone(), imported.clone());
        });
        Ok(Some(imported))
    }

    /// Begins work that goes on whatever becomes of the request: the runtime waits for it.
    fn begin(&self, work: impl Future<Output = ()> + 'static) -> Promise {
        let promise = future_to_promise(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        });
        let _ = self.context.wait_until(&promise);
        promise
    }
}

/// A clone is for work in the background, which is no part of the request's passage: it waits by itself.
impl Clone for Workers {
    fn clone(&self) -> Self {
        Self {
            request: Clone::clone(&self.request),
            head: self.head.clone(),
            context: Rc::clone(&self.context),
            exchange: Rc::new(Exchange::in_background()),
        }
    }
}

impl SignatureCheck for Workers {
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        if let Some(good) = in_wasm::check(key, token) {
            return Ok(good);
        }
        let Some(key) = self.imported(key).await? else { return Ok(false) };
        let text = token.signing_input().to_owned();
        match self.exchange.ask(Wanted::Check { key, signature: *token.signature(), text }).await {
            Outcome::Checked(good) => Ok(good),
            _ => Err(CheckUnavailable),
        }
    }
}

impl Platform for Workers {
    type Response = Response;

    fn now(&self) -> Timestamp {
        // Whole milliseconds, far below the 2^53 up to which a double is exact.
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the module that draws the edge's random bytes")]
    fn random<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        RANDOM.with_borrow_mut(|left| {
            if left.len() < N {
                left.resize(DRAWN.max(N), 0);
                getrandom::fill(left).map_err(|_| {
                    left.clear();
                    NoRandomness
                })?;
            }
            let rest = left.len() - N;
            let drawn = left[rest..].try_into().map_err(|_| NoRandomness);
            left.truncate(rest);
            drawn
        })
    }

    fn log(&self, line: &str) {
        worker::console_log!("{line}");
    }

    async fn call(&self, call: Call, deadline: Duration) -> Result<Reply, Unreachable> {
        let headers = lines('=', &call.headers);
        let milliseconds = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        let limit = u32::try_from(edge_state::MAX_LENGTH).unwrap_or(u32::MAX);
        let named = edge_state::MAC_HEADER;
        let reply = glue::call(&call.url, &headers, &call.body, milliseconds, limit, named);
        let (status, mac, body) = glue::parts(self.settled(reply).await.ok_or(Unreachable)?);
        Ok(Reply { status, mac, body })
    }

    async fn recall(&self, name: &str) -> Option<Vec<u8>> {
        let limit = u32::try_from(edge_state::MAX_LENGTH).unwrap_or(u32::MAX);
        let found = self.settled(glue::recall(name, AT_ONCE, limit)).await?;
        (!found.is_null()).then(|| js_sys::Uint8Array::new(&found).to_vec())
    }

    async fn keep(&self, name: &str, content: Vec<u8>, duration: Duration) {
        let seconds = u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        self.settled(glue::keep(name, content.into_boxed_slice(), seconds)).await;
    }

    async fn forward(&self, outgoing: Outgoing<'_>) -> Result<Forwarded<Response>, Unreachable> {
        let names = if outgoing.wants_all { JsValue::UNDEFINED } else { NAMES.with(Clone::clone) };
        let wanted = if let Some(plan) = self.plan(&outgoing) {
            Wanted::Send { plan, cache: outgoing.cache, names }
        } else {
            let Outgoing { url, remove, set, body, cache, .. } = outgoing;
            let removed = remove.iter().map(|name| ["-", name].concat());
            let edits: Vec<String> = removed.chain([lines('=', &set)]).collect();
            let (request, edits) = (Clone::clone(&self.request), edits.join("\n"));
            Wanted::Forward { request, url, edits, body: body.map(Vec::into_boxed_slice), cache, names }
        };
        let Outcome::Answered(response, status, described) = self.exchange.ask(wanted).await else {
            return Err(Unreachable);
        };
        planted::throw_if_asked(self.head.get().map_or("", |head| &**head), "/late-throw\n");
        let headers = described.split('\n').filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Forwarded { response, status, headers })
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let body = self.settled(glue::whole(&self.request, limit)).await.ok_or(BodyError::Broken)?;
        if body.is_null() { Err(BodyError::TooLong) } else { Ok(js_sys::Uint8Array::new(&body).to_vec()) }
    }

    async fn pause(&self, duration: Duration) {
        self.settled(glue::pause(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))).await;
    }

    async fn finish(&self, work: impl Future<Output = ()> + 'static) {
        self.settled(self.begin(work)).await;
    }

    fn in_background(&self, work: impl Future<Output = ()> + 'static) {
        let _ = self.begin(async move {
            // In its own turn of the event loop: the request goes first, as far as it gets without waiting.
            let _ = JsFuture::from(glue::pause(0)).await;
            work.await;
        });
    }
}

/// A line for each header, as `glue.js` reads them.
pub(super) fn lines(mark: char, headers: &[(&'static str, String)]) -> String {
    let mut lines = String::with_capacity(headers.len() * 64);
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push(mark);
        lines.push_str(name);
        lines.push(':');
        lines.push_str(value);
    }
    lines
}
