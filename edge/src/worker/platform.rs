//! [`Platform`] by Cloudflare Workers: the runtime's clock, randomness, WebCrypto and fetch.

use std::{rc::Rc, time::Duration};

use shared::{
    edge_state,
    jwt::{
        compact::Unverified,
        keys::PublicKey,
        verify::{CheckUnavailable, SignatureCheck},
    },
    time::Timestamp,
};
use wasm_bindgen::JsCast;
use web_sys::{Request, Response};
use worker::{Context, Date, Delay};

use super::glue;
use crate::platform::{BodyError, Call, Forwarded, NoRandomness, Outgoing, Platform, Reply, Unreachable};

/// How long a look into the location's cache may take, in milliseconds; a pull is not to wait for it.
const AT_ONCE: u32 = 250;

/// One request in its isolate.
#[derive(Clone)]
pub(super) struct Workers {
    request: Request,
    context: Rc<Context>,
}

impl Workers {
    pub(super) fn new(request: Request, context: Context) -> Self {
        Self { request, context: Rc::new(context) }
    }
}

impl SignatureCheck for Workers {
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        let algorithm = key.algorithm().name();
        let good = glue::check(algorithm, key.bytes(), token.signature(), token.signing_input()).await;
        good.ok().and_then(|good| good.as_bool()).ok_or(CheckUnavailable)
    }
}

impl Platform for Workers {
    type Response = Response;

    fn now(&self) -> Timestamp {
        let millis = i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the module that draws the edge's random bytes")]
    fn random<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(bytes)
    }

    fn log(&self, line: &str) {
        worker::console_log!("{line}");
    }

    async fn call(&self, call: Call, deadline: Duration) -> Result<Reply, Unreachable> {
        let headers = lines('=', &call.headers);
        let milliseconds = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        let limit = u32::try_from(edge_state::MAX_LENGTH).unwrap_or(u32::MAX);
        let named = edge_state::MAC_HEADER;
        let reply = glue::call(&call.url, &headers, &call.body, milliseconds, limit, named).await;
        let (status, mac, body) = glue::parts(reply.map_err(|_| Unreachable)?);
        Ok(Reply { status, mac, body })
    }

    async fn recall(&self, name: &str) -> Option<Vec<u8>> {
        let limit = u32::try_from(edge_state::MAX_LENGTH).unwrap_or(u32::MAX);
        let found = glue::recall(name, AT_ONCE, limit).await.ok()?;
        (!found.is_null()).then(|| js_sys::Uint8Array::new(&found).to_vec())
    }

    async fn keep(&self, name: &str, content: Vec<u8>, duration: Duration) {
        let seconds = u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        let _ = glue::keep(name, content.into_boxed_slice(), seconds).await;
    }

    async fn forward(&self, outgoing: Outgoing<'_>) -> Result<Forwarded<Response>, Unreachable> {
        let Outgoing { url, remove, set, body, cache } = outgoing;
        let removed = remove.iter().map(|name| ["-", name].concat());
        let edits: Vec<String> = removed.chain([lines('=', &set)]).collect();
        let edits = edits.join("\n");
        let body = body.map(Vec::into_boxed_slice);
        let response = glue::forward(&self.request, &url, &edits, body, cache).await;
        let response: Response = response.map_err(|_| Unreachable)?.unchecked_into();
        let described = glue::describe(&response);
        let mut lines = described.split('\n');
        let status = lines.next().and_then(|status| status.parse().ok()).ok_or(Unreachable)?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Forwarded { response, status, headers })
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let body = glue::whole(&self.request, limit).await.map_err(|_| BodyError::Broken)?;
        if body.is_null() { Err(BodyError::TooLong) } else { Ok(js_sys::Uint8Array::new(&body).to_vec()) }
    }

    async fn pause(&self, duration: Duration) {
        Delay::from(duration).await;
    }

    fn in_background(&self, work: impl Future<Output = ()> + 'static) {
        self.context.wait_until(work);
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
