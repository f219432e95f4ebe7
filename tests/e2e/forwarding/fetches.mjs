// Calls what the worker fetches by, the very file, with a `fetch` that notes what it is asked: prints for each call what
// the runtime would do about redirects and caches.

import { readFile } from "node:fs/promises";

const source = await readFile(new URL("../../../edge/src/worker/glue.js", import.meta.url), "utf8");
const { call, forward, send } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const URL_OF_ALL = "http://service.example/x";
let asked;
globalThis.fetch = async (resource, options) => {
  asked = new Request(resource, options);
  return new Response("an answer", { headers: { "x-note": "1" } });
};

const passage = {
  answered: (_, status, described) => ({ status, described }),
  failed: () => {
    throw new Error("nobody answered");
  },
};

/** What was asked for, of which something has come. */
function noted(name, came) {
  if (came === undefined) throw new Error(`${name}: nothing came of it`);
  const { method, url, redirect, cache } = asked;
  if (url !== URL_OF_ALL) throw new Error(`${name}: ${url} was asked`);
  asked = undefined;
  return { name, method, redirect, cache };
}

const calls = [];
for (const cache of [false, true]) {
  const how = cache ? "cached" : "uncached";
  const plan = `GET\n${URL_OF_ALL}\naccept\n*/*`;
  calls.push(noted(`send ${how}`, await send(passage, plan, cache, undefined)));
  const get = new Request("http://edge.example/x");
  const forwarded = (request, edits, body) => forward(passage, request, URL_OF_ALL, edits, body, cache, undefined);
  calls.push(noted(`forward ${how}`, await forwarded(get, "=x-note:1", undefined)));
  const post = () => new Request("http://edge.example/x", { method: "POST", body: "a body" });
  calls.push(noted(`forward streaming ${how}`, await forwarded(post(), "", undefined)));
  const read = new TextEncoder().encode("a body");
  calls.push(noted(`forward read ${how}`, await forwarded(post(), "", read)));
}
calls.push(noted("call", await call(URL_OF_ALL, "=x-note:1", new Uint8Array(), 1000, 1000, "x-note")));
console.log(JSON.stringify(calls));
