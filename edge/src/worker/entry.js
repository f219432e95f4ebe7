// What the runtime calls. A panic, or whatever else is thrown out of the WebAssembly instance, leaves its memory as it was
// at that moment, so the next request begins with a new one. Nothing of the old one is kept; what it had pulled is pulled
// again.

import { __wbg_reset_state, __worker_init_state, fetch as answer } from "./index.js";

const state = __worker_init_state();

addEventListener("error", ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError) note(error);
});

function note(error) {
  console.error("Critical", error);
  state.criticalError = true;
}

export default {
  fetch(request, env, context) {
    if (state.criticalError) {
      console.log("Reinitializing Wasm application");
      __wbg_reset_state();
      state.criticalError = false;
      state.instanceId++;
    }
    try {
      return answer(request, env, context);
    } catch (error) {
      // An instance that ended while nobody looked, in an earlier request that waited, says so to each later one here.
      note(error);
      throw error;
    }
  },
};
