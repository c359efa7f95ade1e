#!/usr/bin/env python3
"""Makes the calls of fal's Python client (`fal_client`, which npm does not have) with nothing but the standard library.

usage: FAL_KEY=... FAL_RUN_HOST=host/fal/run FAL_QUEUE_RUN_HOST=host/fal/queue fal_client_calls.py

URLs, headers, what an answer must hold, retries and errors follow fal-ai/fal:projects/fal_client/src/fal_client/client.py.
It covers, of the synchronous client: submit (path, hint, priority, start_timeout, webhook_url), status with and without logs,
iter_events, get, cancel, get_handle (status, result, cancel by id), subscribe (with logs, with client_timeout), run, stream,
FalClientHTTPError. The asynchronous client makes the same calls but follows no redirect, so every redirect is a fault here.
Not covered, because the client's hosts are constants: upload*, realtime, ws_connect.

Prints one JSON line for each scene: its name, what it saw, how many HTTP calls it made.
"""

import http.client
import json
import os
import random
import re
import sys
import time
from urllib.parse import urlencode, urlsplit

RUN_URL = "https://" + os.environ["FAL_RUN_HOST"] + "/"
QUEUE_URL = "https://" + os.environ.get("FAL_QUEUE_RUN_HOST", "queue." + os.environ["FAL_RUN_HOST"]) + "/"
NAMESPACES = ("workflows", "comfy")
ATTEMPTS = 10
POLL_S = 0.1
IMAGE_MODEL = "fal-ai/flux/schnell"


class HTTPError(Exception):
    """What the client raises for any answer outside 2xx: `detail` of the body, else its text."""

    def __init__(self, response):
        try:
            self.message = response.json()["detail"]
        except (ValueError, KeyError, TypeError):
            self.message = response.text
        self.status = response.status
        self.headers = response.headers
        super().__init__(str(self.message))


class Response:
    def __init__(self, raw):
        self.status = raw.status
        self.headers = {name.lower(): value for name, value in raw.getheaders()}
        self.text = raw.read().decode()

    def json(self):
        return json.loads(self.text)


class Wire:
    """One connection per call, as far as a server can tell the difference."""

    def __init__(self, key):
        self.calls = 0
        self.base_headers = {
            "Authorization": "Key " + key,
            "User-Agent": "fal-client/0.2.2 (python)",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
        }

    def open(self, method, url, headers=None, body=None, timeout=120.0):
        self.calls += 1
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout)
        target = parts.path + ("?" + parts.query if parts.query else "")
        sent = {**self.base_headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
            body = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        elif method in ("POST", "PUT"):
            sent["Content-Length"] = "0"
        connection.request(method, target, body=body, headers=sent)
        return connection.getresponse()

    def request(self, method, url, headers=None, body=None, timeout=120.0):
        for attempt in range(1, ATTEMPTS + 1):
            response = Response(self.open(method, url, headers, body, timeout))
            if 200 <= response.status < 300:
                return response
            if not may_retry(response) or attempt == ATTEMPTS:
                raise HTTPError(response)
            time.sleep(min(30, 0.1 * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)))


def may_retry(response):
    if response.status == 504 and response.headers.get("x-fal-request-timeout-type"):
        return False
    if response.status in (502, 503, 504) and "x-fal-request-id" not in response.headers and "nginx" in response.text:
        return True
    return response.status in (408, 409, 429)


def app_of(endpoint):
    """`owner/alias`, or `namespace/owner/alias`: what stands before /requests/."""
    parts = endpoint.split("/")
    if len(parts) == 1:
        legacy = re.match(r"^([0-9]+)-([a-zA-Z0-9-]+)$", endpoint)
        parts = list(legacy.groups())
    return "/".join(parts[: 3 if parts[0] in NAMESPACES else 2])


def read_status(data):
    """Strict, as the client: an unknown state or a missing key is an exception."""
    if data["status"] == "IN_QUEUE":
        return {"state": "Queued", "position": data["queue_position"]}
    if data["status"] == "IN_PROGRESS":
        return {"state": "InProgress", "logs": data["logs"]}
    if data["status"] == "COMPLETED":
        return {
            "state": "Completed",
            "logs": data["logs"],
            "metrics": data.get("metrics", {}),
            "error": data.get("error"),
            "error_type": data.get("error_type"),
        }
    raise ValueError("unknown status: %s" % data["status"])


class Handle:
    def __init__(self, wire, request_id, response_url, status_url, cancel_url):
        self.wire = wire
        self.request_id = request_id
        self.response_url = response_url
        self.status_url = status_url
        self.cancel_url = cancel_url

    def status(self, with_logs=False):
        # httpx from 0.28 on replaces the URL's own query by the parameters.
        url = self.status_url.split("?")[0] + "?" + urlencode({"logs": "true" if with_logs else "false"})
        return read_status(self.wire.request("GET", url).json())

    def iter_events(self, with_logs=False):
        while True:
            status = self.status(with_logs)
            yield status
            if status["state"] == "Completed":
                return
            time.sleep(POLL_S)

    def get(self):
        for _ in self.iter_events():
            pass
        return self.wire.request("GET", self.response_url).json()

    def cancel(self):
        self.wire.request("PUT", self.cancel_url)


class Client:
    def __init__(self, key):
        self.wire = Wire(key)

    def submit(self, application, arguments, path="", hint=None, webhook_url=None, priority=None, start_timeout=None):
        url = QUEUE_URL + application + ("/" + path.lstrip("/") if path else "")
        if webhook_url is not None:
            url += "?" + urlencode({"fal_webhook": webhook_url})
        headers = {}
        if hint is not None:
            headers["X-Fal-Runner-Hint"] = hint
        if priority is not None:
            headers["X-Fal-Queue-Priority"] = priority
        if start_timeout is not None:
            headers["X-Fal-Request-Timeout"] = str(float(start_timeout))
        data = self.wire.request("POST", url, headers, arguments).json()
        return Handle(self.wire, data["request_id"], data["response_url"], data["status_url"], data["cancel_url"])

    def get_handle(self, application, request_id):
        base = QUEUE_URL + app_of(application) + "/requests/" + request_id
        return Handle(self.wire, request_id, base, base + "/status", base + "/cancel")

    def subscribe(self, application, arguments, with_logs=False, on_queue_update=None, client_timeout=None):
        give_up_at = None if client_timeout is None else time.monotonic() + client_timeout
        handle = self.submit(application, arguments, start_timeout=client_timeout)
        for status in handle.iter_events(with_logs):
            if on_queue_update is not None:
                on_queue_update(status)
            if give_up_at is not None and time.monotonic() > give_up_at:
                handle.cancel()
                raise TimeoutError(handle.request_id)
        return handle.get()

    def run(self, application, arguments, path="", start_timeout=None):
        url = RUN_URL + application + ("/" + path.lstrip("/") if path else "")
        headers = {} if start_timeout is None else {"X-Fal-Request-Timeout": str(float(start_timeout))}
        return self.wire.request("POST", url, headers, arguments, timeout=None).json()

    def stream(self, application, arguments, path="/stream"):
        """httpx-sse: the content type must be that of events; comments and blank lines are skipped."""
        url = RUN_URL + application + "/" + path.lstrip("/")
        accept = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        raw = self.wire.open("POST", url, accept, arguments, timeout=None)
        kind = raw.getheader("content-type", "").partition(";")[0]
        if kind != "text/event-stream":
            raise ValueError("no event stream but %s: %s" % (kind, raw.status))
        data = []
        for line in raw:
            text = line.decode().rstrip("\r\n")
            if text == "":
                if data:
                    yield json.loads("\n".join(data))
                data = []
            elif text.startswith("data:"):
                data.append(text[5:].removeprefix(" "))


# --- Scenes ------------------------------------------------------------------------------------------------------


def prompt(words="a tiny cute cat"):
    return {"prompt": words, "image_size": "square", "num_images": 1}


def error_of(attempt):
    try:
        attempt()
    except HTTPError as error:
        return {"status": error.status, "message": error.message}
    return None


def scene_submit(client):
    handle = client.submit(IMAGE_MODEL, prompt(), hint="session-1", priority="low", start_timeout=300)
    return {
        "request_id": handle.request_id,
        "urls": [handle.response_url, handle.status_url, handle.cancel_url],
        "without_logs": handle.status(),
        "with_logs": handle.status(with_logs=True),
        "output": handle.get(),
    }


def scene_path(client):
    """The endpoint's path as an argument of its own, and as part of the id: the same model."""
    handle = client.submit("fal-ai/flux", prompt(), path="/schnell")
    return {"output": handle.get(), "base": handle.response_url == client.get_handle(IMAGE_MODEL, handle.request_id).response_url}


def scene_events(client):
    handle = client.submit(IMAGE_MODEL, prompt("sandbox:slow:5000"))
    events = list(handle.iter_events(with_logs=True))
    return {"states": [event["state"] for event in events], "logs": events[-1]["logs"], "output": handle.get()}


def scene_handle(client):
    """Another process that knows endpoint and id only."""
    request_id = client.submit(IMAGE_MODEL, prompt()).request_id
    again = client.get_handle(IMAGE_MODEL, request_id)
    return {"output": again.get(), "state": again.status()["state"]}


def scene_subscribe(client):
    seen = []
    output = client.subscribe(IMAGE_MODEL, prompt(), with_logs=True, on_queue_update=seen.append)
    return {"output": output, "states": [status["state"] for status in seen]}


def scene_timeout(client):
    try:
        client.subscribe(IMAGE_MODEL, prompt("sandbox:slow"), client_timeout=8)
    except TimeoutError as error:
        handle = client.get_handle(IMAGE_MODEL, str(error))
        return {"end": error_of(handle.get), "state": handle.status()["state"]}
    return None


def scene_cancel(client):
    handle = client.submit(IMAGE_MODEL, prompt("sandbox:slow"))
    handle.cancel()
    end = error_of(handle.get)
    return {
        "end": end,
        "again": error_of(handle.cancel),
        "unknown": error_of(client.get_handle(IMAGE_MODEL, "00000000-0000-0000-0000-000000000000").cancel),
    }


def scene_run(client):
    return {"output": client.run(IMAGE_MODEL, prompt(), start_timeout=300), "path": client.run("fal-ai/flux", prompt(), path="schnell")}


def scene_stream(client):
    return {"events": list(client.stream(IMAGE_MODEL, prompt()))}


def scene_errors(client):
    refused = client.submit(IMAGE_MODEL, prompt("sandbox:refused"))
    last = list(refused.iter_events())[-1]
    stranger = Client(os.environ["FAL_KEY"][:-1] + "x")
    return {
        "refused_status": last,
        "refused_result": error_of(refused.get),
        "invalid": error_of(lambda: client.submit(IMAGE_MODEL, {"prompt": 7})),
        "run_refused": error_of(lambda: client.run(IMAGE_MODEL, prompt("sandbox:refused"))),
        "no_owner": error_of(lambda: client.submit("flux/schnell", prompt())),
        "unknown": error_of(lambda: client.get_handle(IMAGE_MODEL, "not-an-id").status()),
        "wrong_key": error_of(lambda: stranger.submit(IMAGE_MODEL, prompt())),
    }


def scene_webhook(client):
    handle = client.submit(IMAGE_MODEL, prompt(), webhook_url=os.environ["WEBHOOK_URL"])
    handle.get()
    return {"request_id": handle.request_id}


SCENES = {name.removeprefix("scene_"): run for name, run in list(globals().items()) if name.startswith("scene_")}


def main():
    for name in sys.argv[1:] or SCENES:
        client = Client(os.environ["FAL_KEY"])
        saw = SCENES[name](client)
        print(json.dumps({"scene": name, "saw": saw, "calls": client.wire.calls}), flush=True)


main()
