// The judge http-message-signatures, for Node: verifies seals (RFC 9421), and makes one.

import { createHmac, timingSafeEqual } from "node:crypto";
import { json } from "node:stream/consumers";
import { httpbis } from "http-message-signatures";

const DERIVED = ["@method", "@authority", "@path", "@query"];

/** The id of a key, and what makes a mac by it. */
function read(text) {
  const [id, secret] = text.split(".");
  const key = Buffer.from(secret, "base64url");
  return { id, mac: (base) => createHmac("sha256", key).update(base).digest() };
}

/** `good`, or why not. */
async function verdict({ key }, { method, url, headers }) {
  const { id, mac } = read(key);
  const config = {
    requiredFields: [...DERIVED, ...Object.keys(headers).filter((name) => name.startsWith("x-identity-"))],
    requiredParams: ["created", "expires", "nonce", "keyid", "tag"],
    tolerance: 5,
    notAfter: Math.floor(Date.now() / 1000) + 5,
    keyLookup: async ({ keyid, tag }) =>
      keyid === id && tag === "countersign"
        ? { id, algs: ["hmac-sha256"], verify: async (base, signature) => timingSafeEqual(mac(base), signature) }
        : null,
  };
  try {
    return (await httpbis.verifyMessage(config, { method, url, headers })) === true ? "good" : "no seal that holds";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

/** The headers of a request with a seal among them. */
async function make({ key, tag, label, method, url, headers, created, expires, nonce }) {
  const { id, mac } = read(key);
  const sealed = await httpbis.signMessage(
    {
      key: { id, alg: "hmac-sha256", sign: async (base) => mac(base) },
      name: label,
      fields: [...DERIVED, ...Object.keys(headers)],
      params: ["created", "expires", "nonce", "alg", "keyid", "tag"],
      paramValues: { created: new Date(created * 1000), expires: new Date(expires * 1000), nonce, tag },
    },
    { method, url, headers },
  );
  return { headers: sealed.headers };
}

const question = await json(process.stdin);
const answer = question.make
  ? await make(question.make)
  : { verdicts: await Promise.all(question.verify.cases.map((one) => verdict(question.verify, one))) };
console.log(JSON.stringify(answer));
