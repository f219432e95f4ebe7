//! What `glue.js` does, as Rust calls it.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use web_sys::{Request, Response};
use worker::worker_sys::Context;

#[wasm_bindgen(module = "/src/worker/glue.js")]
extern "C" {
    /// The request's head, as [`crate::request::Request::parse`] reads it; the peer only where it is wanted.
    pub(super) fn read(request: &Request, peer: bool) -> String;

    /// Whether the request has a body.
    #[wasm_bindgen(js_name = hasBody)]
    pub(super) fn has_body(request: &Request) -> bool;

    /// Sends a request without a body on, and lets a [`super::passage::Passage`] go on with the answer: a
    /// promise of the response.
    pub(super) fn send(passage: JsValue, plan: &str, cache: bool, names: &JsValue) -> JsValue;

    /// Sends the request on, and lets a passage go on with the answer.
    pub(super) fn forward(
        passage: JsValue,
        request: &Request,
        url: &str,
        edits: &str,
        body: Option<Box<[u8]>>,
        cache: bool,
        names: &JsValue,
    ) -> JsValue;

    /// Checks a signature, and lets a passage go on with what was found out.
    pub(super) fn check(passage: JsValue, key: &JsValue, signature: &[u8], text: &[u8]) -> JsValue;

    /// Waits for a promise, and lets a passage go on with its value.
    pub(super) fn settle(passage: JsValue, promise: &Promise) -> JsValue;

    /// Lets an answer come, if it is a promise of one, though its client may have gone.
    #[wasm_bindgen(js_name = seeThrough)]
    pub(super) fn see_through(context: &Context, answer: &JsValue);

    /// An upstream's answer, changed.
    #[wasm_bindgen(catch)]
    pub(super) fn edited(response: &Response, edits: &str) -> Result<Response, JsValue>;

    /// An answer of the edge itself.
    #[wasm_bindgen(catch)]
    pub(super) fn own(status: u16, edits: &str, body: &str) -> Result<Response, JsValue>;

    /// Lets time pass.
    pub(super) fn pause(milliseconds: u32) -> Promise;

    /// Asks origin: an array of status, the value of the header `named`, and the body's bytes.
    pub(super) fn call(
        url: &str,
        edits: &str,
        body: &[u8],
        milliseconds: u32,
        limit: u32,
        named: &str,
    ) -> Promise;

    /// What the cache of this location has under a name: its bytes, or null.
    pub(super) fn recall(name: &str, milliseconds: u32, limit: u32) -> Promise;

    /// Puts bytes into the cache of this location.
    pub(super) fn keep(name: &str, content: Box<[u8]>, seconds: u32) -> Promise;

    /// The request's whole body, or null when it is longer than the limit.
    pub(super) fn whole(request: &Request, limit: u32) -> Promise;

    /// A public key as the runtime uses it, or null when it is none.
    pub(super) fn imported(point: Box<[u8]>) -> Promise;
}

/// The parts of what [`call`] returns.
pub(super) fn parts(reply: JsValue) -> (u16, Option<String>, Vec<u8>) {
    let reply = Array::from(&reply);
    let status = reply.get(0).as_f64().map_or(0, |status| status as u16);
    (status, reply.get(1).as_string(), js_sys::Uint8Array::new(&reply.get(2)).to_vec())
}
