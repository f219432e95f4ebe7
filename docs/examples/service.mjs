// A service behind the edge, in plain Node: it trusts a request only when its seal (RFC 9421) holds.
//
//     npm install http-message-signatures
//     SEAL_KEY=$(origin key seal demo) PORT=9000 node service.mjs
//
// SEAL_KEY is this service's own key, "<id>.<base64url>". It can check requests to this service and no other.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { httpbis } from "http-message-signatures";

const [keyId, keyText] = (process.env.SEAL_KEY ?? "").split(".");
const key = Buffer.from(keyText ?? "", "base64url");
if (key.length !== 32) {
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
  let nonce, expires;
  const holds = await httpbis.verifyMessage(
    {
      // Every identity header that is there must be covered: one that is not was added by somebody else.
      requiredFields: ["@method", "@authority", "@path", "@query", ...sealed],
      requiredParams: ["created", "expires", "nonce", "keyid", "tag"],
      maxAge: 60,
      tolerance: 5,
      notAfter: Math.floor(Date.now() / 1000) + 5,
      keyLookup: async (parameters) => {
        if (parameters.keyid !== keyId || parameters.tag !== "countersign") return null;
        ({ nonce, expires } = parameters);
        return {
          id: keyId,
          algs: ["hmac-sha256"],
          verify: async (base, signature) => {
            const expected = createHmac("sha256", key).update(base).digest();
            return signature.length === expected.length && timingSafeEqual(signature, expected);
          },
        };
      },
    },
    { method: request.method, url, headers: request.headers },
  );
  if (holds !== true) throw new Error("no seal that holds");

  const now = Date.now() / 1000;
  for (const [old, until] of used) if (until < now) used.delete(old);
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
    const body = JSON.stringify({ identity: await identity(request) });
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  } catch {
    const problem = JSON.stringify({ title: "The request does not come through the edge", status: 401 });
    response.writeHead(401, { "content-type": "application/problem+json" }).end(problem);
  }
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
