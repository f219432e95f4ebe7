// The border between WebAssembly and the runtime. To cross it is what costs, so each function here does a
// whole step of a request's way in one crossing: a request is read as one text and built from one.
// Lines never hold a line break, because no header value does.

const encoder = new TextEncoder();

/** Method, URL and peer, then every header: a line each. */
export function read(request) {
  let head = `${request.method}\n${request.url}\n${request.cf?.clientIp ?? ""}`;
  for (const [name, value] of request.headers) head += `\n${name}:${value}`;
  return head;
}

/** Status, then every header: a line each, several `set-cookie` as several. */
export function describe(response) {
  let head = `${response.status}`;
  for (const [name, value] of response.headers) head += `\n${name}:${value}`;
  return head;
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
 * Sends the request on, streaming its body unless it had to be read. It is async so that whatever is thrown
 * here is a rejection: an exception would leave the caller in WebAssembly without an answer for ever.
 */
export async function forward(request, url, edits, body, cache) {
  const outgoing =
    body === undefined
      ? new Request(url, request)
      : new Request(url, { method: request.method, headers: request.headers, body: content(body) });
  edit(outgoing.headers, edits);
  return fetch(outgoing, cache ? CACHED : UNCACHED);
}

/** GET and HEAD can have no body, not even an empty one. */
function content(body) {
  return body.byteLength === 0 ? null : body;
}

/** The upstream's answer, changed. */
export function edited(response, edits) {
  const answer = new Response(response.body, response);
  edit(answer.headers, edits);
  return answer;
}

/** An answer of the edge itself. */
export function own(status, edits, body) {
  const headers = new Headers();
  edit(headers, edits);
  return new Response(body === "" ? null : body, { status, headers });
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
export function whole(request, limit) {
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

// Imported keys may be used by any request; a promise may not, so only what was awaited is kept.
const imported = new Map();
const MOST_KEYS = 64;

const ALGORITHMS = {
  ES256: {
    key: { name: "ECDSA", namedCurve: "P-256" },
    signature: { name: "ECDSA", hash: "SHA-256" },
    raw: (point) => Uint8Array.of(4, ...point), // SEC 1 §2.3.3: not compressed
  },
  EdDSA: { key: { name: "Ed25519" }, signature: { name: "Ed25519" }, raw: (point) => point },
};

/** Whether the signature is the key's over the text; a key that is none is false. */
export async function check(algorithm, point, signature, text) {
  const { key, signature: parameters, raw } = ALGORITHMS[algorithm];
  const id = algorithm + String.fromCharCode(...point);
  let known = imported.get(id);
  if (known === undefined) {
    try {
      known = await crypto.subtle.importKey("raw", raw(point), key, false, ["verify"]);
    } catch {
      return false;
    }
    if (imported.size >= MOST_KEYS) imported.clear();
    imported.set(id, known);
  }
  return crypto.subtle.verify(parameters, known, signature, encoder.encode(text));
}
