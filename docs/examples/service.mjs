// A service behind the edge, in plain Node: it trusts a request only when its seal (RFC 9421) holds.
//
//     npm install http-message-signatures
//     SEAL_KEY=$(origin key seal demo) PORT=9000 node service.mjs
//
// SEAL_KEY is this service's own key, "<id>.<base64url>"; two, separated by a comma, while the secret that they come from
// changes. It can check requests to this service and no other.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { httpbis } from "http-message-signatures";

const keys = new Map();
for (const text of (process.env.SEAL_KEY ?? "").split(",")) {
  const [id, key] = text.split(".");
  keys.set(id, Buffer.from(key ?? "", "base64url"));
}
if ([...keys.values()].some((key) => key.length !== 32)) {
  console.error("SEAL_KEY is missing or malformed: print it with `origin key seal <upstream>`");
  process.exit(2);
}

/** Nonces that were used, with the second from which they may be forgotten: a seal counts once. */
const used = new Map();

/** The identity that the edge sealed into this request; throws when there is no seal that holds. */
async function identity(request) {
  // The library reads the target as a URL, which resolves dots, drops fragments and finds a path in a host. Only a
  // target that it reads as it stands is the one that was sealed.
  const { host } = request.headers;
  const url = new URL(`http://${host}${request.url}`);
  const target = url.pathname + url.search;
  if (url.host !== host || (request.url !== target && request.url !== `${target}?`)) throw new Error("ambiguous");

  const sealed = Object.keys(request.headers).filter((name) => name.startsWith("x-identity-"));
  let nonce, expires, digest;
  const holds = await httpbis.verifyMessage(
    {
      // Every identity header that is there must be covered: one that is not was added by somebody else.
      requiredFields: ["@method", "@authority", "@path", "@query", ...sealed],
      requiredParams: ["created", "expires", "nonce", "keyid", "tag"],
      maxAge: 60,
      tolerance: 5,
      notAfter: Math.floor(Date.now() / 1000) + 5,
      keyLookup: async (parameters) => {
        const key = keys.get(parameters.keyid);
        if (key === undefined || parameters.tag !== "countersign") return null;
        ({ nonce, expires } = parameters);
        return {
          id: parameters.keyid,
          algs: ["hmac-sha256"],
          verify: async (base, signature) => {
            // What is signed is a line for each part: `"content-digest": sha-256=:…:`.
            digest = /^"content-digest": (.*)$/m.exec(base.toString())?.[1];
            const expected = createHmac("sha256", key).update(base).digest();
            return signature.length === expected.length && timingSafeEqual(signature, expected);
          },
        };
      },
    },
    { method: request.method, url, headers: request.headers },
  );
  if (holds !== true) throw new Error("no seal that holds");
  // On a route with `digest = true` the seal is over the body as well, which the edge has bounded; to compare it is left
  // to the service.
  if (digest !== undefined) {
    const hash = createHash("sha256");
    for await (const chunk of request) hash.update(chunk); // keep the chunks where the body is wanted
    if (digest !== `sha-256=:${hash.digest("base64")}:`) throw new Error("another body");
  }

  const now = Date.now() / 1000;
  for (const [old, until] of used) {
    if (until >= now) break; // the oldest come first
    used.delete(old);
  }
  if (used.has(nonce)) throw new Error("a seal counts once");
  used.set(nonce, Number(expires) + 10);

  const subject = request.headers["x-identity-subject"] ?? null; // null: a public route, nobody signed in
  if (subject === null) return null;
  return {
    subject,
    roles: request.headers["x-identity-roles"]?.split(",") ?? [], // left out when there are none
    session: request.headers["x-identity-session"],
    credential: request.headers["x-identity-credential"],
  };
}

const server = createServer(async (request, response) => {
  try {
    const answer = JSON.stringify({ identity: await identity(request) });
    response.writeHead(200, { "content-type": "application/json" }).end(answer);
  } catch {
    const problem = JSON.stringify({ title: "The request does not come through the edge", status: 401 });
    response.writeHead(401, { "content-type": "application/problem+json" }).end(problem);
  }
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
