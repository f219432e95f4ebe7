// An authenticator of its own: reads the otpauth URI as an app does after a scan, and makes the code by Node's HMAC
// (OpenSSL's), which nothing of origin's is. `node authenticator.mjs URI SECONDS-AHEAD` prints the code.

import { createHmac } from "node:crypto";

const [uri, ahead] = process.argv.slice(2);
const { protocol, host, searchParams } = new URL(uri);
if (protocol !== "otpauth:" || host !== "totp") throw new Error("not a URI of an app");

const algorithm = searchParams.get("algorithm") ?? "SHA1";
const digits = Number(searchParams.get("digits") ?? 6);
const period = Number(searchParams.get("period") ?? 30);

// RFC 4648 §6.
let bits = "";
for (const letter of searchParams.get("secret")) {
  bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
}
const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));

// RFC 6238 §4, RFC 4226 §5.3.
const counter = Buffer.alloc(8);
counter.writeBigUInt64BE(BigInt(Math.floor((Date.now() / 1000 + Number(ahead)) / period)));
const digest = createHmac(algorithm, secret).update(counter).digest();
const number = digest.readUInt32BE(digest.at(-1) & 0xf) & 0x7fffffff;
console.log(String(number % 10 ** digits).padStart(digits, "0"));
