"""The judge joserfc: verifies tokens, and makes some."""

import json
import sys

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

REQUIRED = ["sub", "client_id", "exp", "iat", "jti", "sid", "epoch"]
ALGORITHMS = ["ES256", "EdDSA"]


def verify(question):
    """`good`, or why not."""
    keys = KeySet.import_key_set(question["jwks"])
    claims = jwt.JWTClaimsRegistry(
        leeway=30,
        iss={"essential": True, "value": question["issuer"]},
        aud={"essential": True, "value": question["audience"]},
        **{name: {"essential": True} for name in REQUIRED},
    )

    def verdict(case):
        try:
            token = jwt.decode(case["token"], keys, algorithms=ALGORITHMS)
            # joserfc leaves the type to its caller.
            if token.header.get("typ") not in (case["typ"], "application/" + case["typ"]):
                return "another type"
            claims.validate(token.claims)
            return "good"
        except (JoseError, ValueError, TypeError, KeyError) as error:
            return f"{type(error).__name__}: {error}"

    return {"verdicts": [verdict(case) for case in question["cases"]]}


def make(wanted):
    """The same tokens by either algorithm, and the keys to verify them."""
    pairs = {"ES256": ECKey.generate_key("P-256"), "EdDSA": OKPKey.generate_key("Ed25519")}
    keys, made = [], []
    for alg, key in pairs.items():
        kid = key.thumbprint()
        public = key.as_dict(private=False)
        members = {name: public[name] for name in ("kty", "crv", "x", "y") if name in public}
        keys.append({**members, "kid": kid, "alg": alg, "use": "sig"})
        for case in wanted:
            header = {"alg": alg, "kid": kid, "typ": case["typ"]}
            token = jwt.encode(header, case["claims"], key, algorithms=ALGORITHMS)
            made.append({"name": f"{alg}, {case['name']}", "token": token})
    return {"keys": keys, "made": made}


question = json.load(sys.stdin)
print(json.dumps(make(question["make"]) if "make" in question else verify(question["verify"])))
