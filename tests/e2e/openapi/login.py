"""Logs in for schemathesis, and again whenever it has ended the session that it was given."""

import os
import time

import requests
import schemathesis

ORIGIN = os.environ["ORIGIN"]
CREDENTIALS = {"email": os.environ["EMAIL"], "password": os.environ["PASSWORD"]}

# Some calls want a login that is not older than a few minutes.
FRESH = 120


@schemathesis.auth(refresh_interval=None)
class Login:
    token, since = None, 0.0

    def is_good(self):
        headers = {"authorization": f"Bearer {self.token}"}
        return time.monotonic() - self.since < FRESH and requests.get(f"{ORIGIN}/auth/me", headers=headers).ok

    def get(self, case, context):
        if not self.is_good():
            answer = requests.post(f"{ORIGIN}/auth/tokens", json=CREDENTIALS)
            answer.raise_for_status()
            Login.token, Login.since = answer.json()["access_token"], time.monotonic()
        return self.token

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}
