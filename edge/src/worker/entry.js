// What the runtime calls. A panic leaves the memory of the WebAssembly instance as it was at that moment, so the
// next request begins with a new one. Nothing of the old one is kept; what it had pulled is pulled again.

import { __wbg_reset_state, __worker_init_state, fetch as answer } from "./index.js";

const state = __worker_init_state();

addEventListener("error", ({ error }) => note(error));

function note(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("Critical", error);
    state.criticalError = true;
  }
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
      note(error);
      throw error;
    }
  },
};
