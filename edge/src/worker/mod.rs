//! The border to Cloudflare Workers. Nothing else in this crate knows of it.

mod glue;
mod in_wasm;
mod passage;
mod planted;
mod platform;

use std::{cell::RefCell, rc::Rc};

use shared::{origin_check::is_safe, problem::Kind};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use web_sys::{Request as JsRequest, Response as JsResponse};
use worker::{Env, worker_sys::Context};

use self::{
    passage::{Exchange, Passage},
    platform::Workers,
};
use crate::{
    gateway,
    isolate::Edge,
    log,
    platform::{Answer, Platform},
    policy, reject,
    request::Request,
    settings::Settings,
};

/// A request is a hundred strings and lists that come and go.
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    /// What this isolate has, from its first request on.
    static EDGE: RefCell<Option<Rc<Edge>>> = const { RefCell::new(None) };
}

/// Answers a request: by a response, or a promise of one where something has to be waited for. It never passes
/// a request on for want of a decision: an exception is a 500.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "it is reached from JavaScript")]
pub fn fetch(request: JsRequest, env: Env, context: Context) -> JsValue {
    let exchange = Rc::new(Exchange::default());
    let platform = Workers::new(request, context, Rc::clone(&exchange));
    let edge = isolate(&env, &platform);
    let head = platform.head(edge.as_ref().is_none_or(|edge| edge.settings.address_header.is_none()));
    if let Some(answer) = planted::answer(&head) {
        return answer;
    }
    // What may change something has its line in the log, even if the client does not wait for the answer.
    let outlives = (!is_safe(head.split('\n').next().unwrap_or_default())).then(|| platform.context());
    let answer = Passage::begin(exchange, async move {
        match (Request::parse(&head), edge) {
            (Some(request), Some(edge)) => gateway::handle(&edge, &platform, &request).await,
            (None, _) => reject::unread(&Kind::MalformedRequest.into()),
            (_, None) => reject::unread(&Kind::Internal.into()),
        }
    });
    if let Some(context) = outlives {
        glue::see_through(&context, &answer);
    }
    answer
}

/// What this isolate has; nothing when a setting is wrong.
fn isolate(env: &Env, platform: &Workers) -> Option<Rc<Edge>> {
    EDGE.with_borrow(Clone::clone).or_else(|| begin(env, platform))
}

/// Begins an isolate. Where a setting is wrong the log says which.
#[cold]
#[inline(never)]
fn begin(env: &Env, platform: &Workers) -> Option<Rc<Edge>> {
    // After a panic nothing of this instance is called any more, and the entry begins with a new one. What
    // `worker` sets here would begin it under a request that still waits with addresses of the old one.
    wasm_bindgen::handler::set_on_abort(|| ());
    let complain = |fault: &dyn ToString| log::event(platform, "error", "not configured", &fault.to_string());
    let policy = policy::built_in().map_err(|error| complain(&error)).ok()?;
    let settings = Settings::read(&policy, &|name| variable(env, name))
        .map_err(|faults| faults.iter().for_each(|fault| complain(fault)))
        .ok()?;
    let random = platform.random().map_err(|error| complain(&error)).ok()?;
    let edge = Rc::new(Edge::new(policy, settings, random));
    EDGE.set(Some(Rc::clone(&edge)));
    Some(edge)
}

/// A variable or a secret: to the worker both are text.
fn variable(env: &Env, name: &str) -> Option<String> {
    js_sys::Reflect::get(env, &JsValue::from_str(name)).ok()?.as_string()
}

/// The response that an answer is. An upstream may answer what cannot be an answer here, such as a status that
/// does not exist.
fn respond(answer: Answer<JsResponse>) -> Result<JsResponse, JsValue> {
    written(answer).or_else(|_| written(reject::unread(&Kind::BadGateway.into())))
}

fn written(answer: Answer<JsResponse>) -> Result<JsResponse, JsValue> {
    match answer {
        Answer::Own { status, headers, body } => glue::own(status, &platform::lines('+', &headers), &body),
        Answer::Edited(response, edits) => {
            let removed = edits.remove.iter().map(|name| ["-", name].concat());
            let edits =
                removed.chain([platform::lines('=', &edits.set), platform::lines('+', &edits.append)]);
            let edits: Vec<String> = edits.filter(|lines| !lines.is_empty()).collect();
            glue::edited(&response, &edits.join("\n"))
        }
        Answer::Untouched(response) => Ok(response),
    }
}
