"""A receiver with Python's standard library: python3 receiver.py 3000, with WEBHOOK_SECRET=whsec_… in the environment.

In Flask, Django or FastAPI, call `verify` with the raw body (request.get_data(), request.body, await request.body()).
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_S = 300


def verify(secret: str, headers, body: bytes) -> dict:
    """The event that was signed with `secret` ("whsec_…"), or ValueError. `headers` has a case-insensitive `get`."""
    message_id, timestamp = headers.get("webhook-id") or "", headers.get("webhook-timestamp") or ""
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
        raise ValueError("the timestamp is missing or outside the tolerance")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(signed)
    # During a secret rotation there are several signatures.
    given = (headers.get("webhook-signature") or "").encode("utf-8", "replace").split(b" ")
    if not any([hmac.compare_digest(each, expected) for each in given]):
        raise ValueError("invalid signature")
    return json.loads(body)


handled = set()


def on_event(message_id: str, event: dict) -> None:
    """An event can be delivered twice: store its id with the result of the work, not in memory as here."""
    if message_id in handled:
        return
    handled.add(message_id)
    print(f"{event['type']}: {event['data']['id']} is {event['data']['status']}", flush=True)


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            event = verify(os.environ["WEBHOOK_SECRET"], self.headers, body)
        except ValueError as refused:
            self.send_error(401, str(refused))
            return
        on_event(self.headers["webhook-id"], event)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Disables the access log; on_event prints the events."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
