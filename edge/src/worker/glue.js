// The border between WebAssembly and the runtime. To cross it is what costs, so each function here does a
// whole step of a request's way in one crossing: a request is read as one text and built from one.
// Lines never hold a line break, because no header value does.

/** Method, URL and (where it is wanted) peer, then every header: a line each. */
export function read(request, peer) {
  let head = `${request.method}\n${request.url}\n${(peer && request.cf?.clientIp) || ""}`;
  for (const [name, value] of request.headers) head += `\n${name}:${value}`;
  return head;
}

/** Whether the request has a body, which need not have a length: HTTP/2 sends none. */
export function hasBody(request) {
  return request.body !== null;
}

/**
 * The headers of an answer that are looked at, a line each, several `set-cookie` as several: those with one
 * of the names, or all where there are no names. To ask for few is cheaper than to go through all.
 */
function describe(response, names) {
  const { headers } = response;
  let lines = "";
  if (names === undefined) {
    for (const [name, value] of headers) lines += `${name}:${value}\n`;
    return lines;
  }
  for (const name of names) {
    const value = headers.get(name);
    if (value === null) continue;
    if (name !== "set-cookie") lines += `${name}:${value}\n`;
    else for (const cookie of headers.getSetCookie()) lines += `${name}:${cookie}\n`;
  }
  return lines;
}

/** `-name` removes, `=name:value` replaces, `+name:value` adds. */
function edit(headers, edits) {
  if (edits === "") return;
  for (const line of edits.split("\n")) {
    const colon = line.indexOf(":");
    if (line[0] === "-") headers.delete(line.slice(1));
    else if (line[0] === "=") headers.set(line.slice(1, colon), line.slice(colon + 1));
    else headers.append(line.slice(1, colon), line.slice(colon + 1));
  }
}

// A redirect is the client's to follow: followed here, it would carry the seal to a stranger. And what is
// not said to be public is never kept: the platform's cache goes by file extension and knows no callers.
const UNCACHED = { redirect: "manual", cache: "no-store" };
const CACHED = { redirect: "manual" };

/**
 * Sends a request that has no body on, with exactly these headers: `plan` is method and URL, then names and
 * values in turns, a line each. `passage` goes on with what comes of it.
 */
export async function send(passage, plan, cache, names) {
  const lines = plan.split("\n");
  const headers = {};
  for (let at = 2; at < lines.length; at += 2) headers[lines[at]] = lines[at + 1];
  const method = lines[0];
  let answer, described;
  try {
    const how = cache ? { method, headers, ...CACHED } : { method, headers, ...UNCACHED };
    answer = open(await fetch(lines[1], how));
    described = describe(answer, names);
  } catch {
    return passage.failed();
  }
  return passage.answered(answer, answer.status, described);
}

/**
 * An answer whose headers can be changed. That of an open WebSocket would not survive it, and what is no answer yet,
 * such as early hints, cannot be one here.
 */
function open(response) {
  return response.status < 200 ? response : new Response(response.body, response);
}

/** Sends the request on, streaming its body unless it had to be read. `passage` goes on with what comes of it. */
export async function forward(passage, request, url, edits, body, cache, names) {
  let answer, described;
  try {
    const outgoing =
      body === undefined
        ? new Request(url, request)
        : new Request(url, { method: request.method, headers: request.headers, body: content(body) });
    edit(outgoing.headers, edits);
    answer = open(await fetch(outgoing, cache ? CACHED : UNCACHED));
    described = describe(answer, names);
  } catch {
    return passage.failed();
  }
  return passage.answered(answer, answer.status, described);
}

/** GET and HEAD can have no body, not even an empty one. */
function content(body) {
  return body.byteLength === 0 ? null : body;
}

/** Waits for a promise, and `passage` goes on with its value. */
export async function settle(passage, promise) {
  let value;
  try {
    value = await promise;
  } catch {
    return passage.failed();
  }
  return passage.settled(value);
}

// How long an answer is waited for whose client may have gone, in milliseconds. Cloudflare waits as long from the moment
// when the client goes; workerd by itself would wait for ever, and keep all that belongs to the request.
const LONGEST = 30_000;

/**
 * Lets an answer come, if it is a promise of one, though its client may have gone: the runtime would end the request
 * with the connection.
 */
export function seeThrough(context, answer) {
  if (answer instanceof Promise) context.waitUntil(Promise.race([answer, pause(LONGEST)]).catch(() => {}));
}

/** The upstream's answer, changed. */
export function edited(answer, edits) {
  edit(answer.headers, edits);
  return answer;
}

/** An answer of the edge itself. */
export function own(status, edits, body) {
  const headers = new Headers();
  edit(headers, edits);
  return new Response(body === "" ? null : body, { status, headers });
}

/** Lets time pass. */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Asks origin: status, the named header and the whole body, or an exception. */
export async function call(url, edits, body, milliseconds, limit, named) {
  const headers = new Headers();
  edit(headers, edits);
  const signal = AbortSignal.timeout(milliseconds);
  const response = await fetch(url, { method: "POST", headers, body, signal, ...UNCACHED });
  const bytes = await gather(response.body, limit);
  if (bytes === null) throw new RangeError("too long");
  return [response.status, response.headers.get(named), bytes];
}

// A cache of its own: no request of a client is ever answered from it. It is one location's.
const CACHE = "countersign";

/** What is kept there under a name, or null when there is nothing, or nothing soon. */
export function recall(name, milliseconds, limit) {
  return Promise.race([
    found(name, limit),
    new Promise((resolve) => setTimeout(() => resolve(null), milliseconds)),
  ]);
}

async function found(name, limit) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(name);
  return kept === undefined ? null : gather(kept.body, limit);
}

/** Keeps bytes there. */
export async function keep(name, content, seconds) {
  const cache = await caches.open(CACHE);
  const headers = { "cache-control": `max-age=${seconds}` };
  await cache.put(name, new Response(content, { headers }));
}

/** The request's whole body, or null when it is longer than the limit. */
export async function whole(request, limit) {
  return gather(request.body, limit);
}

async function gather(stream, limit) {
  if (stream === null) return new Uint8Array();
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > limit) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const EDDSA = { name: "Ed25519" };

/** A key in the form in which the runtime uses it: `x || y` for ES256, 32 bytes for EdDSA; null if it is none. */
export async function imported(point) {
  const isCurve = point.byteLength === 64;
  const bytes = isCurve ? Uint8Array.of(4, ...point) : point; // SEC 1 §2.3.3: not compressed
  try {
    return await crypto.subtle.importKey("raw", bytes, isCurve ? ES256 : EDDSA, false, ["verify"]);
  } catch {
    return null;
  }
}

/** Finds out whether the signature is the key's over the text, and `passage` goes on with it. */
export async function check(passage, key, signature, text) {
  let good;
  try {
    good = await crypto.subtle.verify(key.algorithm.name === "ECDSA" ? ES256 : EDDSA, key, signature, text);
  } catch {
    return passage.failed();
  }
  // What is no boolean is no answer: a promise, say, would count as true on the other side.
  return typeof good === "boolean" ? passage.checked(good) : passage.failed();
}
