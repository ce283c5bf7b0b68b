"""Who asks, for schemathesis: a bearer token on what needs one, a signature on what changes state (api.md, HMAC).

Questions rotate over the stage's users, so that quotas stay as they are and hide nothing; everything else is one user's,
so that ids that were given out lead somewhere."""

import atexit
import base64
import hashlib
import hmac
import itertools
import json
import os
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import requests.auth
import schemathesis
from hypothesis import strategies

# Seconds that a timestamp may be off (300), less what a slow machine needs.
WINDOW_S = 280

with open(os.environ["MANUEL_STAGE"], encoding="utf-8") as file:
    STAGE = json.load(file)
KEY = STAGE["stage"]["hmac_key"]["throwaway"].encode()
TOKENS = {user: session["access_token"] for user, session in STAGE["tokens"].items()}
ASKERS = itertools.cycle(sorted(TOKENS))
OWNER = sorted(TOKENS)[0]


class Caller(requests.auth.AuthBase):
    """Signs what will really be sent: the prepared request."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next_free = {}

    def __call__(self, request):
        path = urlsplit(request.url).path
        with self.lock:
            user = next(ASKERS) if path in ("/api/query", "/api/transcribe") else OWNER
        request.headers["Authorization"] = f"Bearer {TOKENS[user]}"
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        digest = hashlib.sha256(body).hexdigest()
        timestamp = str(self.second(request.method, path, digest))
        text = "\n".join([timestamp, request.method, path, digest])
        request.headers["X-Manuel-Timestamp"] = timestamp
        request.headers["X-Manuel-Signature"] = hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
        return request

    def second(self, *what):
        """A signature works once: an identical request takes the next free second of the window."""
        now = int(time.time())
        with self.lock:
            second = max(self.next_free.get(what, 0), now - WINDOW_S)
            self.next_free[what] = second + 1
        return second


schemathesis.auth.set_from_requests(Caller()).apply_to(path_regex="^/api/").skip_for(method="OPTIONS")

# A cursor is opaque to clients; what it holds is an id.
schemathesis.openapi.format(
    "cursor",
    strategies.uuids().map(lambda id: base64.urlsafe_b64encode(str(id).encode()).decode().rstrip("=")),
)


# What was answered, for the figures of the run.
COUNTS = {"statuses": Counter(), "operations": set(), "succeeded": set()}


@schemathesis.hook
def after_call(context, case, response):
    status = response.status_code
    COUNTS["statuses"][str(status)] += 1
    COUNTS["operations"].add(case.operation.label)
    if status < 300:
        COUNTS["succeeded"].add(case.operation.label)


@atexit.register
def write_counts():
    with open(os.environ["MANUEL_COUNTS"], "w", encoding="utf-8") as file:
        json.dump(COUNTS, file, default=sorted)
