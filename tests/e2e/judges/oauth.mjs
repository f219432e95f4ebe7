// An OAuth client by oauth4webapi: discovery (RFC 8414), refresh (RFC 6749 §6), validation of access tokens as a
// resource server does it (RFC 9068 §4), revocation (RFC 7009).

import { json } from "node:stream/consumers";
import * as oauth from "oauth4webapi";

const { issuer, audience, refresh_token } = await json(process.stdin);
const insecure = { [oauth.allowInsecureRequests]: true }; // http, on this machine
const client = { client_id: "a judge" };
const nobody = oauth.None();

const discovered = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered);

async function refresh(token, options = {}) {
  const response = await oauth.refreshTokenGrantRequest(server, client, nobody, token, { ...options, ...insecure });
  return oauth.processRefreshTokenResponse(server, client, response);
}

async function revoke(token) {
  const response = await oauth.revocationRequest(server, client, nobody, token, insecure);
  await oauth.processRevocationResponse(response);
  return "done";
}

/** What the server said no with. */
async function refusal(work) {
  try {
    await work;
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) return `${error.status} ${error.error}`;
    throw error;
  }
  return "not refused";
}

async function claims(token) {
  const request = new Request(`${issuer}/api/echo`, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(server, request, audience, insecure);
}

const first = await refresh(refresh_token);
const again = await refresh(refresh_token);
const second = await refresh(first.refresh_token);
const [before, after] = [await claims(first.access_token), await claims(second.access_token)];

console.log(
  JSON.stringify({
    subject: before.sub,
    subject_after_refresh: after.sub,
    client: before.client_id,
    client_after_refresh: after.client_id,
    child: first.refresh_token === refresh_token ? "the same token" : "another token",
    repeated: again.refresh_token === first.refresh_token ? "the same child" : "another child",
    made_up: await refusal(refresh(second.refresh_token.replace(/[^.]+$/, (mac) => "A".repeat(mac.length)))),
    with_a_scope: await refusal(refresh(second.refresh_token, { additionalParameters: { scope: "admin" } })),
    unknown_revoked: await revoke("nobody's"),
    revoked: await revoke(second.refresh_token),
    after_revocation: await refusal(refresh(second.refresh_token)),
  }),
);
