//! What `glue.js` does, as Rust calls it.

use js_sys::Array;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use web_sys::{Request, Response};

#[wasm_bindgen(module = "/src/worker/glue.js")]
extern "C" {
    /// The request's head, as [`crate::request::Request::parse`] reads it; the peer only where it is wanted.
    pub(super) fn read(request: &Request, peer: bool) -> String;

    /// Whether the request has a body.
    #[wasm_bindgen(js_name = hasBody)]
    pub(super) fn has_body(request: &Request) -> bool;

    /// Headers of an answer, a line each: those of the names in an array, or all without one.
    pub(super) fn describe(response: &Response, names: &JsValue) -> String;

    /// Sends a request without a body on, and lets a [`super::passage::Passage`] go on with the answer: a
    /// promise of the response.
    pub(super) fn send(passage: JsValue, plan: &str, cache: bool, names: &JsValue) -> JsValue;

    /// Sends the request on; an exception means that nobody answered.
    #[wasm_bindgen(catch)]
    pub(super) async fn forward(
        request: &Request,
        url: &str,
        edits: &str,
        body: Option<Box<[u8]>>,
        cache: bool,
    ) -> Result<JsValue, JsValue>;

    /// An upstream's answer, changed.
    #[wasm_bindgen(catch)]
    pub(super) fn edited(response: &Response, edits: &str) -> Result<Response, JsValue>;

    /// An answer of the edge itself.
    #[wasm_bindgen(catch)]
    pub(super) fn own(status: u16, edits: &str, body: &str) -> Result<Response, JsValue>;

    /// Lets time pass.
    #[wasm_bindgen(catch)]
    pub(super) async fn pause(milliseconds: u32) -> Result<JsValue, JsValue>;

    /// Asks origin: an array of status, the value of the header `named`, and the body's bytes.
    #[wasm_bindgen(catch)]
    pub(super) async fn call(
        url: &str,
        edits: &str,
        body: &[u8],
        milliseconds: u32,
        limit: u32,
        named: &str,
    ) -> Result<JsValue, JsValue>;

    /// What the cache of this location has under a name: its bytes, or null.
    #[wasm_bindgen(catch)]
    pub(super) async fn recall(name: &str, milliseconds: u32, limit: u32) -> Result<JsValue, JsValue>;

    /// Puts bytes into the cache of this location.
    #[wasm_bindgen(catch)]
    pub(super) async fn keep(name: &str, content: Box<[u8]>, seconds: u32) -> Result<JsValue, JsValue>;

    /// The request's whole body, or null when it is longer than the limit.
    #[wasm_bindgen(catch)]
    pub(super) async fn whole(request: &Request, limit: u32) -> Result<JsValue, JsValue>;

    /// A public key as the runtime uses it, or null when it is none.
    #[wasm_bindgen(catch)]
    pub(super) async fn imported(point: Box<[u8]>) -> Result<JsValue, JsValue>;

    /// Whether a signature is good.
    #[wasm_bindgen(catch)]
    pub(super) async fn check(key: &JsValue, signature: &[u8], text: &[u8]) -> Result<JsValue, JsValue>;

    /// The same, and lets a [`super::passage::Passage`] go on with it: a promise of the response.
    #[wasm_bindgen(js_name = checkOnTheWay)]
    pub(super) fn check_on_the_way(passage: JsValue, key: &JsValue, signature: &[u8], text: &[u8])
    -> JsValue;
}

/// The parts of what [`call`] returns.
pub(super) fn parts(reply: JsValue) -> (u16, Option<String>, Vec<u8>) {
    let reply = Array::from(&reply);
    let status = reply.get(0).as_f64().map_or(0, |status| status as u16);
    (status, reply.get(1).as_string(), js_sys::Uint8Array::new(&reply.get(2)).to_vec())
}
