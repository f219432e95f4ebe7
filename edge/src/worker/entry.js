// What the runtime calls. A panic, or whatever else is thrown out of the WebAssembly instance, leaves its memory as it was
// at that moment, so the next request begins with a new one. Nothing of the old one is kept; what it had pulled is pulled
// again.

import { __wbg_reset_state, __worker_init_state, fetch as answer } from "./index.js";

const state = __worker_init_state();

// What the glue of wasm-bindgen says instead of calling an instance that has ended.
const ENDED = "Module terminated";

addEventListener("error", ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError) note(error);
});

function note(error) {
  console.error("Critical", error);
  state.criticalError = true;
}

function renew() {
  console.log("Reinitializing Wasm application");
  __wbg_reset_state();
  state.criticalError = false;
  state.instanceId++;
}

export default {
  fetch(request, env, context) {
    if (state.criticalError) renew();
    try {
      return answer(request, env, context);
    } catch (error) {
      note(error);
      if (error.message !== ENDED) throw error;
    }
    // It had ended while nobody looked, in a request that waited, and nothing was done for this one yet.
    renew();
    return answer(request, env, context);
  },
};
