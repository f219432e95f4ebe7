"""The judge PyJWT: verifies tokens, and makes some."""

import base64
import hashlib
import json
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

REQUIRED = ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "sid", "epoch"]


def verify(question):
    """`good`, or why not."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in question["jwks"]["keys"]}

    def verdict(case):
        try:
            header = jwt.get_unverified_header(case["token"])
            key = keys[header["kid"]]
            # PyJWT leaves the type to its caller.
            if header.get("typ") not in (case["typ"], "application/" + case["typ"]):
                return "another type"
            jwt.decode(
                case["token"],
                key,
                algorithms=[key.algorithm_name],
                issuer=question["issuer"],
                audience=question["audience"],
                leeway=30,
                options={"require": REQUIRED},
            )
            return "good"
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            return f"{type(error).__name__}: {error}"

    return {"verdicts": [verdict(case) for case in question["cases"]]}


def thumbprint(jwk):
    """RFC 7638."""
    members = {name: jwk[name] for name in sorted(["crv", "kty", "x", "y"]) if name in jwk}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def make(wanted):
    """The same tokens by either algorithm, and the keys to verify them."""
    pairs = {
        "ES256": (jwt.algorithms.ECAlgorithm, ec.generate_private_key(ec.SECP256R1())),
        "EdDSA": (jwt.algorithms.OKPAlgorithm, ed25519.Ed25519PrivateKey.generate()),
    }
    keys, made = [], []
    for alg, (algorithm, private) in pairs.items():
        jwk = json.loads(algorithm.to_jwk(private.public_key()))
        public = {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}
        kid = thumbprint(public)
        keys.append({**public, "kid": kid, "alg": alg, "use": "sig"})
        for case in wanted:
            headers = {"kid": kid, "typ": case["typ"]}
            token = jwt.encode(case["claims"], private, algorithm=alg, headers=headers)
            made.append({"name": f"{alg}, {case['name']}", "token": token})
    return {"keys": keys, "made": made}


question = json.load(sys.stdin)
print(json.dumps(make(question["make"]) if "make" in question else verify(question["verify"])))
