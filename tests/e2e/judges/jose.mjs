// The judge jose: verifies tokens, and makes some.

import { json } from "node:stream/consumers";
import { SignJWT, calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from "jose";

const REQUIRED = ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "sid", "epoch"];

/** `good`, or why not. */
async function verdict({ issuer, audience, jwks }, { token, typ }) {
  try {
    await jwtVerify(token, createLocalJWKSet(jwks), {
      issuer,
      audience,
      typ,
      algorithms: ["ES256", "EdDSA"],
      requiredClaims: REQUIRED,
      clockTolerance: 30,
      maxTokenAge: 600,
    });
    return "good";
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
}

/** The same tokens by either algorithm, and the keys to verify them. */
async function make(wanted) {
  const [keys, made] = [[], []];
  for (const alg of ["ES256", "EdDSA"]) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    keys.push({ ...jwk, kid, alg, use: "sig" });
    for (const { name, typ, claims } of wanted) {
      const token = await new SignJWT(claims).setProtectedHeader({ alg, kid, typ }).sign(privateKey);
      made.push({ name: `${alg}, ${name}`, token });
    }
  }
  return { keys, made };
}

const question = await json(process.stdin);
const answer = question.make
  ? await make(question.make)
  : { verdicts: await Promise.all(question.verify.cases.map((one) => verdict(question.verify, one))) };
console.log(JSON.stringify(answer));
