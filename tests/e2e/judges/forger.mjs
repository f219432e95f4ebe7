// Forges tokens. Its own two keys are known to whoever is to judge them, so that most have a good signature: what is
// wrong with them is something else. `taken_by` names the judges that take one all the same, because they leave to
// their callers what is checked here, or because of what they are: it says how much stricter we are.

import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { json } from "node:stream/consumers";

const { claims } = await json(process.stdin);
const now = claims.iat;

const encode = (text) => Buffer.from(text).toString("base64url");

/** A key pair, its public half as a member of a key set, named by its thumbprint (RFC 7638). */
function pair(type, options, alg) {
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  const jwk = publicKey.export({ format: "jwk" });
  const members = Object.fromEntries(Object.entries(jwk).sort());
  const kid = createHash("sha256").update(JSON.stringify(members)).digest("base64url");
  return { alg, kid, publicKey, privateKey, jwk: { ...jwk, kid, alg, use: "sig" } };
}

const es256 = pair("ec", { namedCurve: "P-256" }, "ES256");
const eddsa = pair("ed25519", {}, "EdDSA");
const stranger = pair("ec", { namedCurve: "P-256" }, "ES256");
const p384 = pair("ec", { namedCurve: "P-384" }, "ES384");
const rsa = pair("rsa", { modulusLength: 2048 }, "RS256");

const HASHES = { ES256: "sha256", ES384: "sha384", RS256: "sha256", EdDSA: null };

/** The signature of a key over any text. */
const signature = (input, key) =>
  sign(HASHES[key.alg], Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });

/** A token with a good signature over any two texts. */
function signed(header, claims, key = es256) {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signature(input, key).toString("base64url")}`;
}

const header = { typ: "at+jwt", alg: "ES256", kid: es256.kid };

/** A token whose header differs; what is undefined is left out. */
const headed = (members, key) => signed(JSON.stringify({ ...header, ...members }), JSON.stringify(claims), key);

/** A token whose claims differ; what is undefined is left out. */
const claiming = (members) => signed(JSON.stringify(header), JSON.stringify({ ...claims, ...members }));

/** A token with one more member at the beginning of its header or of its claims, as it is spelled. */
const spelled = (object, member) => `{${member},${JSON.stringify(object).slice(1)}`;

const good = claiming({});
const [goodHeader, goodClaims, goodSignature] = good.split(".");
const goodInput = `${goodHeader}.${goodClaims}`;

/** The good token under other bytes of a signature. */
const under = (bytes) => `${goodInput}.${Buffer.from(bytes).toString("base64url")}`;

// The order of P-256, and the signature's other half that is as good (it makes no other token: RFC 8725 says nothing
// of it, and nothing here goes by a token's bytes).
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const bytes = (number) => Buffer.from(number.toString(16).padStart(64, "0"), "hex");
const [r, s] = [0, 32].map((at) => BigInt(`0x${Buffer.from(goodSignature, "base64url").subarray(at, at + 32).toString("hex")}`));

const hmac = (alg, secret) => {
  const input = `${encode(JSON.stringify({ ...header, alg }))}.${goodClaims}`;
  return `${input}.${createHmac(`sha${alg.slice(2)}`, secret).update(input).digest("base64url")}`;
};
const pem = es256.publicKey.export({ type: "spki", format: "pem" });

/** A good token whose signature is in the alphabet of RFC 4648 §4, with a character that only that one has. */
function inTheOtherAlphabet() {
  const text = signature(goodInput, es256).toString("base64");
  return /[+/]/.test(text) ? `${goodInput}.${text}` : inTheOtherAlphabet();
}

/** Another last character for the same bytes: the bits that are left over are not zero. */
const leftOver = (text) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);

const odd = [
  ["as it should be", good],
  ["by EdDSA", headed({ alg: "EdDSA", kid: eddsa.kid }, eddsa)],
  ["with the other half of its signature", under([...bytes(r), ...bytes(N - s)])],
  ["with one more member", headed({ cty: "json" })],
  ["spelled with escapes and spaces", signed(JSON.stringify(header, null, 1), JSON.stringify(claims, null, "\t").replace('"sub"', '"s\\u0075b"'))],
  ["just over, which clocks may differ by", claiming({ iat: now - 590, exp: now - 1, auth_time: now - 590 })],
];

const NONE = ["none", "None", "NONE", "nOnE", "none ", ""];
const TYPES = ["JWT", "assertion+jwt", "at+jwt ", "application/application/at+jwt", "", null, undefined, ["at+jwt"]];
const REQUIRED = ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "sid", "epoch"];

const hostile = [
  ...NONE.map((alg) => [`alg ${JSON.stringify(alg)}, unsigned`, `${encode(JSON.stringify({ ...header, alg }))}.${goodClaims}.`]),
  ...NONE.map((alg) => [`alg ${JSON.stringify(alg)}, signed`, headed({ alg })]),
  ...["es256", "ES256 ", "ES256K", "EdDSA", "Ed25519", 256, null, undefined, ["ES256"]].map((alg) => [`alg ${JSON.stringify(alg)}`, headed({ alg })]),
  ["HS256 by the public key as PEM", hmac("HS256", pem)],
  ["HS256 by the public key as JSON", hmac("HS256", JSON.stringify(es256.jwk))],
  ["HS256 by the public key's bytes", hmac("HS256", Buffer.from(es256.jwk.x + es256.jwk.y, "base64url"))],
  ["HS512 by nothing", hmac("HS512", "")],
  ["ES384 under our key's id", headed({ alg: "ES384" }, p384)],
  ["RS256 under our key's id", headed({ alg: "RS256" }, rsa)],
  ["a stranger's signature under our key's id", headed({}, stranger)],
  ["the other key's signature under this key's id", headed({}, eddsa)],
  ["a stranger's key", headed({ kid: stranger.kid }, stranger)],
  ["a stranger's key, brought along", headed({ jwk: stranger.jwk }, stranger)],
  ["a stranger's key, brought along under its own id", headed({ kid: stranger.kid, jwk: stranger.jwk }, stranger)],
  ["our key, brought along", headed({ jwk: es256.jwk })],
  ["a link to keys", headed({ jku: "https://attacker.test/jwks.json" })],
  ["a link to a certificate", headed({ x5u: "https://attacker.test/cert.pem" })],
  ["a certificate", headed({ x5c: ["MIIB"] })],
  ["no key id", headed({ kid: undefined })],
  ["a key id that is a path", headed({ kid: "../../dev/null" })],
  ["a key id that is a number", headed({ kid: 7 })],
  ["crit of nothing", headed({ crit: [] })],
  ["crit of a claim", headed({ crit: ["exp"], exp: claims.exp })],
  ["crit of what nobody knows", headed({ crit: ["x"], x: 1 })],
  ["crit that is no list", headed({ crit: "exp" })],
  ["crit of b64", headed({ crit: ["b64"], b64: true })],
  ["claims that are not encoded", headed({ crit: ["b64"], b64: false })],
  ["b64 without crit", headed({ b64: false })],
  ["zip", headed({ zip: "DEF" })],
  ["enc", headed({ enc: "A128GCM" })],
  ...TYPES.map((typ) => [`typ ${JSON.stringify(typ)}`, headed({ typ })]),
  ["typ in capitals", headed({ typ: "AT+JWT" })],
  ["alg twice", signed(spelled(header, '"alg":"none"'), JSON.stringify(claims))],
  ["kid twice", signed(spelled(header, `"kid":"${stranger.kid}"`), JSON.stringify(claims))],
  ["sub twice", signed(JSON.stringify(header), spelled(claims, '"sub":"01890000-0000-7000-8000-000000000009"'))],
  ["roles twice, once with an escape", signed(JSON.stringify(header), spelled(claims, '"\\u0072oles":["admin"]'))],
  ["exp twice", signed(JSON.stringify(header), spelled(claims, '"exp":99999999999'))],
  ...REQUIRED.map((name) => [`no ${name}`, claiming({ [name]: undefined })]),
  ...REQUIRED.map((name) => [`${name} null`, claiming({ [name]: null })]),
  ...["exp", "iat"].flatMap((name) => [
    [`${name} as a text`, claiming({ [name]: String(claims[name]) })],
    [`${name} with a fraction`, claiming({ [name]: claims[name] + 0.5 })],
    [`${name} below zero`, claiming({ [name]: -1 })],
    [`${name} as a list`, claiming({ [name]: [claims[name]] })],
    [`${name} as true`, claiming({ [name]: true })],
    [`${name} in milliseconds`, claiming({ [name]: claims[name] * 1000 })],
    [`${name} with an exponent`, signed(JSON.stringify(header), JSON.stringify(claims).replace(`"${name}":${claims[name]}`, `"${name}":${claims[name]}e0`))],
    [`${name} beyond all numbers`, signed(JSON.stringify(header), JSON.stringify(claims).replace(`"${name}":${claims[name]}`, `"${name}":1e400`))],
  ]),
  ["nbf as a text", claiming({ nbf: "1" })],
  ["over", claiming({ iat: now - 640, exp: now - 40 })],
  ["of the future", claiming({ iat: now + 60, exp: now + 660 })],
  ["not yet", claiming({ nbf: now + 60 })],
  ["living longer than ours", claiming({ exp: now + 601 })],
  ["ending before it begins", claiming({ exp: now - 1, iat: now })],
  ["of another issuer", claiming({ iss: `${claims.iss}/` })],
  ["of an issuer among others", claiming({ iss: [claims.iss] })],
  ["for another audience", claiming({ aud: "https://elsewhere.test" })],
  ["for us among others", claiming({ aud: [claims.aud, "https://elsewhere.test"] })],
  ["for us in a list", claiming({ aud: [claims.aud] })],
  ["of a user that is no id", claiming({ sub: "admin" })],
  ["of an epoch that is a text", claiming({ epoch: "1" })],
  ["with roles in a text", claiming({ roles: "admin" })],
  ["with a role that is none", claiming({ roles: ["viewer,admin"] })],
  ["claims that are a list", signed(JSON.stringify(header), "[]")],
  ["claims that are no JSON", signed(JSON.stringify(header), "sub=admin")],
  ["claims with something behind them", signed(JSON.stringify(header), `${JSON.stringify(claims)}{}`)],
  ["a header that is a list", signed("[]", JSON.stringify(claims))],
  ["padding", `${good}==`],
  ["padding inside", `${goodHeader}=.${goodClaims}.${goodSignature}`],
  ["bits left over", `${goodInput}.${leftOver(goodSignature)}`],
  ["the other alphabet", inTheOtherAlphabet()],
  ["a fourth part", `${good}.${goodSignature}`],
  ["a full stop behind", `${good}.`],
  ["two parts", goodInput],
  ["a signature of nothing", `${goodInput}.`],
  ["a signature of zeros", under(new Uint8Array(64))],
  ["r of zero", under([...bytes(0n), ...bytes(s)])],
  ["s of zero", under([...bytes(r), ...bytes(0n)])],
  ["r and s of the order", under([...bytes(N), ...bytes(N)])],
  ["s past the order", under([...bytes(r), ...bytes((s + N) % (1n << 256n))])],
  ["r and s of one", under([...bytes(1n), ...bytes(1n)])],
  ["a signature in DER", under(sign("sha256", Buffer.from(goodInput), { key: es256.privateKey, dsaEncoding: "der" }))],
  ["a signature with a byte more", under([...bytes(r), ...bytes(s), 0])],
  ["a signature with a byte less", under([...bytes(r), ...bytes(s)].slice(1))],
  ["a signature of another token", `${goodInput}.${claiming({ jti: claims.sid }).split(".")[2]}`],
];

/** What all of them take: their callers have to know what kind of key, header and claim they want. */
const TAKEN_BY_ALL = [
  "our key, brought along", "a link to keys", "a link to a certificate", "a certificate", "crit of b64",
  "alg twice", "kid twice", "sub twice", "roles twice, once with an escape", "exp twice",
  "exp with a fraction", "exp in milliseconds", "exp with an exponent", "iat with a fraction",
  "iat with an exponent", "living longer than ours", "ending before it begins", "for us among others",
  "for us in a list", "of a user that is no id", "of an epoch that is a text", "with roles in a text",
  "with a role that is none",
];

/** What some of them take. */
const TAKEN_BY = {
  jose: [
    "no key id", "b64 without crit", "zip", "enc", "typ in capitals", "sub null", "client_id null", "jti null",
    "sid null", "epoch null", "exp beyond all numbers", "padding", "bits left over",
  ],
  pyjwt: [
    "zip", "enc", "padding", "exp as a text", "iat as a text", "iat below zero", "iat as true",
    "nbf as a text",
  ],
  joserfc: [
    "iat below zero", "crit of nothing",
  ],
};

function named([name, token]) {
  const takes = (judge) => TAKEN_BY_ALL.includes(name) || TAKEN_BY[judge].includes(name);
  return { name, token, taken_by: Object.keys(TAKEN_BY).filter(takes) };
}

console.log(JSON.stringify({ keys: [es256.jwk, eddsa.jwk], odd: odd.map(named), hostile: hostile.map(named) }));
