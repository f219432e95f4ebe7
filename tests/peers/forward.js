// The limit: it only forwards. Nothing that runs in the same runtime and does more can be faster.

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(env.UPSTREAM + pathname + search, request);
  },
};
