//! What a worker does that was built for tests, with the feature `planted-panic`, where the head of a request asks for
//! it: it panics, throws, or tells how much memory it has.

use wasm_bindgen::{JsCast, JsValue};

use super::glue;

/// A page of WebAssembly's memory, in bytes.
const PAGE: usize = 1 << 16;

/// The answer to a request that asks for one of these, unless there will never be one.
pub(super) fn answer(head: &str) -> Option<JsValue> {
    assert!(!is_asked(head, "/edge/panic\n"), "it was asked for");
    throw_if_asked(head, "/edge/throw\n");
    if !is_asked(head, "/edge/memory\n") {
        return None;
    }
    let bytes = core::arch::wasm32::memory_size::<0>() * PAGE;
    glue::own(200, "", &bytes.to_string()).ok().map(JsValue::from)
}

/// Lets JavaScript throw through this instance.
pub(super) fn throw_if_asked(head: &str, asked: &str) {
    if is_asked(head, asked) {
        glue::has_body(JsValue::UNDEFINED.unchecked_ref());
    }
}

fn is_asked(head: &str, asked: &str) -> bool {
    cfg!(feature = "planted-panic") && head.contains(asked)
}
