"""The judge http-message-signatures, for Python: verifies seals (RFC 9421). What it seals itself
has its parameters in another order than services take."""

import base64
import json
import sys

import requests
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPMessageSignaturesException,
    HTTPSignatureKeyResolver,
    algorithms,
)

DERIVED = ("@method", "@authority", "@path", "@query")


class Key(HTTPSignatureKeyResolver):
    """The one key that a service has."""

    def __init__(self, text):
        self.id, secret = text.split(".")
        self.secret = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))

    def resolve_public_key(self, key_id):
        if key_id != self.id:
            raise KeyError(key_id)
        return self.secret

    def resolve_private_key(self, key_id):
        raise KeyError(key_id)


def prepared(case):
    return requests.Request(case["method"], case["url"], headers=case["headers"]).prepare()


def verify(question):
    """`good`, or why not."""
    key = Key(question["key"])

    def verdict(case):
        verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=key)
        try:
            (result,) = verifier.verify(prepared(case))
            covered = {name.strip('"') for name in result.covered_components}
            wanted = {*DERIVED, *(name for name in case["headers"] if name.startswith("x-identity-"))}
            if wanted - covered:
                return f"not covered: {wanted - covered}"
            if result.parameters.get("tag") != "countersign":
                return "another purpose"
            return "good"
        except (HTTPMessageSignaturesException, KeyError, ValueError) as error:
            return f"{type(error).__name__}: {error}"

    return {"verdicts": [verdict(case) for case in question["cases"]]}


question = json.load(sys.stdin)
print(json.dumps(verify(question["verify"])))
