#!/usr/bin/env python3
"""Makes the calls that people write for Maton's gateway by hand: urllib as in its skill page's examples, and a kept-alive
session with the habits of `requests`. Standard library only.

usage: MATON_BASE=http://host/maton MATON_API_KEY=... maton_calls.py

It covers: connections (list with filters, create, get, delete), submit, status, result and cancel with a Bearer or a Key, request
URLs with the app and with the full model id, `?logs=`, `?fal_webhook=`, fal's request headers, the documented errors.
Prints one JSON line for each scene: its name and what it saw.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import quote, urlsplit

BASE = os.environ["MATON_BASE"]
KEY = os.environ["MATON_API_KEY"]
PATIENCE_S = 60

MODELS = {
    "fal-ai/flux/schnell": {"prompt": "a serene lake at dawn", "image_size": "landscape_16_9", "num_inference_steps": 4},
    "fal-ai/fast-sdxl": {"prompt": "a city at night", "negative_prompt": "blurry", "num_images": 1},
    "fal-ai/clarity-upscaler": {"image_url": "https://example.com/image.jpg", "scale": 2},
    "fal-ai/minimax/video-01": {"prompt": "a cat that plays with a ball"},
    "fal-ai/f5-tts": {"gen_text": "Hello, this is a voice."},
}


def send(path, body=None, method=None, key=KEY, scheme="Bearer", headers=None):
    """urlopen and json.load, as the page's examples: an answer outside 2xx is an exception, an empty body too."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data=data, method=method)
    if key is not None:
        request.add_header("Authorization", scheme + " " + key)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        return json.load(response)


def refusal(path, **call):
    try:
        send(path, **call)
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": json.load(error)}
    return None


def wait_for(request_path, **call):
    """The loop of the page: status until COMPLETED, or FAILED, which never comes; then the result."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        status = send(request_path + "/status", **call)["status"]
        if status == "COMPLETED":
            return send(request_path, **call)
        if status == "FAILED" or time.monotonic() > give_up_at:
            raise SystemExit("no end: " + status)
        time.sleep(1)


def scene_connections():
    before = send("/connections?app=fal-ai&status=ACTIVE")["connections"]
    made = send("/connections", {"app": "fal-ai"}, "POST")["connection"]
    pending = send("/connections?app=fal-ai&status=PENDING&method=API_KEY&limit=50")["connections"]
    read = send("/connections/" + made["connection_id"])["connection"]
    deleted = send("/connections/" + made["connection_id"], method="DELETE")
    return {
        "before": before,
        "made": made,
        "pending": [each["connection_id"] for each in pending],
        "read": read,
        "deleted": deleted,
        "gone": refusal("/connections/" + made["connection_id"]),
        "other_apps": send("/connections?app=google-mail")["connections"],
        "other_app": refusal("/connections", body={"app": "google-mail"}),
    }


def scene_models():
    outputs = {}
    for model, body in MODELS.items():
        submitted = send("/fal-ai/" + model, body, "POST")
        app = "/".join(model.split("/")[:2])
        outputs[model] = wait_for("/fal-ai/" + app + "/requests/" + submitted["request_id"])
    return outputs


def scene_full_id():
    """The page writes request URLs with the whole model id."""
    submitted = send("/fal-ai/fal-ai/flux/schnell", MODELS["fal-ai/flux/schnell"], "POST")
    path = "/fal-ai/fal-ai/flux/schnell/requests/" + submitted["request_id"]
    return {"submitted": submitted, "output": wait_for(path), "status": send(path + "/status?logs=1")}


def scene_headers():
    headers = {
        "X-Fal-Request-Timeout": "300",
        "X-Fal-Runner-Hint": "session-1",
        "X-Fal-Queue-Priority": "low",
        "X-Fal-No-Retry": "1",
    }
    submitted = send("/fal-ai/fal-ai/flux/schnell", MODELS["fal-ai/flux/schnell"], "POST", scheme="Key", headers=headers)
    return wait_for("/fal-ai/fal-ai/flux/requests/" + submitted["request_id"], scheme="Key")


def scene_cancel():
    submitted = send("/fal-ai/fal-ai/flux/schnell", {"prompt": "sandbox:slow"}, "POST")
    path = "/fal-ai/fal-ai/flux/requests/" + submitted["request_id"]
    early = refusal(path)
    first = send(path + "/cancel", method="PUT")
    give_up_at = time.monotonic() + PATIENCE_S
    while send(path + "/status")["status"] != "COMPLETED" and time.monotonic() < give_up_at:
        time.sleep(0.2)
    return {"early": early, "first": first, "second": refusal(path + "/cancel", method="PUT"), "result": refusal(path)}


def scene_errors():
    model = "/fal-ai/fal-ai/flux/schnell"
    return {
        "no_key": refusal(model, body={"prompt": "x"}, key=None),
        "wrong_key": refusal(model, body={"prompt": "x"}, key=KEY[:-1] + "x"),
        "invalid": refusal(model, body={"prompt": 7}),
        "no_app": refusal("/google-mail/v1/users/me", method="GET"),
        "no_owner": refusal("/fal-ai/flux/schnell/pro", body={"prompt": "x"}),
        "no_request": refusal("/fal-ai/fal-ai/flux/requests/3229f185-a99a-48c0-a292-e25bf9baaeba/status"),
    }


def scene_webhook():
    query = "?fal_webhook=" + quote(os.environ["WEBHOOK_URL"], safe="")
    submitted = send("/fal-ai/fal-ai/flux/schnell" + query, {"prompt": "a cat"}, "POST")
    wait_for("/fal-ai/fal-ai/flux/requests/" + submitted["request_id"])
    return {"request_id": submitted["request_id"]}


def scene_session():
    """`requests.Session`: one connection for every call, its own Accept-Encoding, JSON without spaces to spare."""
    parts = urlsplit(BASE)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    habits = {
        "User-Agent": "python-requests/2.32.5",
        "Accept-Encoding": "gzip, deflate",
        "Accept": "*/*",
        "Connection": "keep-alive",
        "Authorization": "Bearer " + KEY,
    }

    def ask(method, path, body=None):
        headers = dict(habits)
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        connection.request(method, parts.path + path, body=data, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.getheader("Content-Encoding") == "gzip":
            import gzip

            text = gzip.decompress(text)
        return answer.status, json.loads(text)

    _, submitted = ask("POST", "/fal-ai/fal-ai/flux/schnell", MODELS["fal-ai/flux/schnell"])
    path = "/fal-ai/fal-ai/flux/requests/" + submitted["request_id"]
    codes = []
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        code, status = ask("GET", path + "/status")
        codes.append([code, status["status"]])
        if status["status"] == "COMPLETED":
            break
        time.sleep(1)
    return {"codes": codes, "output": ask("GET", path)[1]}


SCENES = {name.removeprefix("scene_"): run for name, run in list(globals().items()) if name.startswith("scene_")}

for name in sys.argv[1:] or SCENES:
    print(json.dumps({"scene": name, "saw": SCENES[name]()}), flush=True)
