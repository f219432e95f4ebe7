// What people use: hono and jose. It checks signature, algorithm, type, issuer, audience and times, and tells the
// upstream the subject; it knows no policy, no revocation and no seal.

import { Hono } from "hono";
import { createRemoteJWKSet, jwtVerify } from "jose";

const app = new Hono();
let keys;

app.use("*", async (c, next) => {
  const { JWKS, ISSUER: issuer, AUDIENCE: audience, ALGORITHM } = c.env;
  keys ??= createRemoteJWKSet(new URL(JWKS));
  const authorization = c.req.header("authorization");
  if (!authorization?.startsWith("Bearer ")) return c.json({ error: "unauthenticated" }, 401);
  try {
    const expected = { issuer, audience, typ: "at+jwt", algorithms: [ALGORITHM] };
    const { payload } = await jwtVerify(authorization.slice(7), keys, expected);
    c.set("subject", payload.sub);
  } catch {
    return c.json({ error: "invalid_token" }, 401);
  }
  await next();
});

app.all("*", (c) => {
  const { pathname, search } = new URL(c.req.url);
  const request = new Request(c.env.UPSTREAM + pathname + search, c.req.raw);
  request.headers.delete("authorization");
  request.headers.set("x-identity-subject", c.get("subject"));
  return fetch(request);
});

export default app;
