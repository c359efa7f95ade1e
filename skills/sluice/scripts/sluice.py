#!/usr/bin/env python3
"""Makes pictures, clips and speech through Sluice. One command a call; one JSON line on stdout. Python 3.9+, nothing to install.

Issued again, `make` with the same arguments is the same request for 24 hours: it resumes, it does not pay twice.
Exit codes: 0 done, 1 refused or failed, 2 usage, 3 money or frozen, 4 still running, 5 network or busy (safe to repeat).
"""
import argparse, fcntl, hashlib, http.client, json, os, re, shlex, sys, time
import urllib.error, urllib.parse, urllib.request
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path

DONE, REFUSED, USAGE, MONEY, RUNNING, NETWORK = range(6)
WAIT_S = 25            # below the 30 s after which many tools are stopped
DAY_S = 24 * 60 * 60   # Sluice remembers an Idempotency-Key for a day
SESSION_USD = "1.00"
ENDED = ("COMPLETED", "FAILED", "CANCELED")
MONEY_CODES = ("price_unknown", "key_frozen", "user_frozen")  # and every 402
NEXT = {
    "open": "Run {wait} now. Do not run make for it again under another --take: it is accepted and will be charged once.",
    "paused": "It is accepted and waits, free of charge, until the provider opens. Run {wait} at most 3 times, then give your human the request_id.",
    "uncertain": "Whether the provider took it is not known. It settles by itself. Do not make it again; tell your human the request_id.",
    "replayed": "This is the answer to your earlier call with the same arguments; nothing was charged again. For another one add --take 2.",
    "done": "Show the saved files or the urls; the urls stay.",
    "network": "Run exactly the same command again: it resumes, and is charged once.",
    "money": "Stop and ask your human: a limit of money is reached, or the key is frozen.",
    "refused": "Change what the message names, then run it again.",
    "content_refused": "The model refused this content. Change the prompt; the same prompt will be refused again.",
    "model_not_allowed": "Run models for what this key may run.",
    "forbidden": "This key may only look. Ask your human for a key with the scope run.",
}


class Stop(Exception):
    """Ends the command: an exit code and the one line of output."""

    def __init__(self, code, body):
        super().__init__(body)
        self.code, self.body = code, body


def fault(exit_code, code, message, next_text, **more):
    error = {"code": code, "message": message, **{name: value for name, value in more.items() if value is not None}}
    return Stop(exit_code, {"error": error, "next": next_text})


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_):
        return None


def fetch(method, url, key=None, body=None, headers=(), timeout=WAIT_S + 15):
    """(status, headers, bytes). Raises OSError where no whole answer came: whether the call arrived is unknown then."""
    call = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    if key:
        call.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.build_opener(NoRedirects).open(call, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read()
    except http.client.HTTPException as broken:
        raise OSError(repr(broken)) from broken


class Sluice:
    def __init__(self, url, key):
        self.url, self.key = url.rstrip("/"), key

    def call(self, method, path, body=None, **headers):
        """The JSON of a 2xx and its headers; everything else ends the command."""
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        named = {"Content-Type": "application/json"} if sent else {}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        for is_last in (False, True):  # Every call here may be made twice: a submit has its Idempotency-Key.
            try:
                status, got, text = fetch(method, self.url + path, self.key, sent, named)
                answer = json.loads(text)
                break
            except (OSError, ValueError) as broken:
                if is_last:
                    raise fault(NETWORK, "network", f"No whole answer from {self.url}: {broken}", NEXT["network"])
                time.sleep(1)
        if status < 300:
            return answer, got
        raise refused_by(status, answer if isinstance(answer, dict) else {}, got.get("Retry-After"))


def refused_by(status, problem, retry_after):
    """What a problem (RFC 9457) means for whoever runs the command."""
    code = problem.get("code", f"http_{status}")
    message = " ".join(filter(None, [problem.get("detail", f"HTTP {status}"), problem.get("hint")]))
    if status == 402 or code in MONEY_CODES:
        return fault(MONEY, code, message, NEXT["money"], charged=False)
    if status == 429 or status >= 500 and problem.get("retryable", True):
        seconds = int(retry_after) if (retry_after or "").isdigit() else None
        return fault(NETWORK, code, message, NEXT["network"], retry_after_s=seconds)
    return fault(REFUSED, code, message, NEXT.get(code, NEXT["refused"]), charged=False)


def usd(text):
    """An amount as Decimal; None where it is unknown."""
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise fault(USAGE, "usage", f"{text!r} is no amount of USD, e.g. 0.25.", NEXT["refused"])


def request_key(secret, url, model, given, user, take):
    """The Idempotency-Key of a `make`: equal arguments give an equal key, so that a call issued again is one request. Files count by
    their bytes (`given` has hashes), because each upload has a URL of its own."""
    canonical = json.dumps([url, model, given, user, take], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "skill-" + hashlib.sha256(f"{secret}\n{canonical}".encode()).hexdigest()[:48]


def spent(calls, now):
    """What the session has used up: charges where they are known, the reserved estimates elsewhere."""
    return sum((Decimal(call["usd"]) for call in calls.values() if now - call["at"] < DAY_S), Decimal(0))


def reserve(calls, key, estimate, limit, now):
    """Books an estimate before the submit; None, or why there is no room. A call that is booked already is booked once."""
    if key in calls and now - calls[key]["at"] < DAY_S:
        return None
    used = spent(calls, now)
    if used + (estimate or 0) > limit:
        return f"This session may spend {limit} USD: {used} are used, this would add {estimate or 0}."
    calls[key] = {"usd": str(estimate or 0), "at": now}
    return None


@contextmanager
def stored(name):
    """A JSON file of the state folder, read and written under a lock, readable by its owner only."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "sluice"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = folder / name
        before = file.read_text("utf8") if file.exists() else "{}"
        content = json.loads(before)
        yield content
        after = json.dumps(content)
        if after != before:
            with open(os.open(folder / f"{name}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf8") as new:
                new.write(after)
                new.flush()
                os.fsync(new.fileno())
            os.replace(folder / f"{name}.new", file)


def session():
    name = os.environ.get("SLUICE_SESSION") or str(os.getppid())
    return stored("session-" + re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80] + ".json")


def upload(sluice, path, digest):
    """The URL of a file for a model's input. One upload a day for the same bytes: a repeated call then has the same input."""
    mark = hashlib.sha256(f"{sluice.url}\n{sluice.key}\n{digest}".encode()).hexdigest()
    with stored("uploads.json") as known:
        for old in [each for each, entry in known.items() if time.time() - entry["at"] >= DAY_S]:
            del known[old]
        if mark not in known:
            made, _ = sluice.call("POST", "/v1/uploads", {"file_name": path.name, "size": path.stat().st_size})
            send(made, path)
            known[mark] = {"url": made["file_url"], "at": time.time()}
        return known[mark]["url"]


def send(made, path):
    def put(method, url, body, headers):
        try:
            status, got, text = fetch(method, url, None, body, headers, timeout=300)
        except OSError as broken:
            raise fault(NETWORK, "network", f"{path.name} was not sent: {broken}", NEXT["network"])
        if status >= 300:
            raise refused_by(status, json.loads(text or b"{}"), got.get("Retry-After"))
        return text

    with open(path, "rb") as file:
        if made["parts"] is None:
            size = str(path.stat().st_size)
            put("PUT", made["upload_url"], file, {**made["headers"], "Content-Length": size})
            return
        numbers = range(1, made["parts"]["count"] + 1)
        binary = {"Content-Type": "application/octet-stream"}
        parts = [json.loads(put("PUT", f"{made['upload_url']}/{n}", file.read(made["parts"]["size"]), binary)) for n in numbers]
        kind = {"Content-Type": "application/json"}
        put("POST", f"{made['upload_url']}/complete", json.dumps({"parts": parts}).encode(), kind)


def save(request, where):
    """Writes every stored file into the folder `where`, or a single one under that name; gives the paths."""
    files = [each for each in request["files"] if each["status"] == "stored"]
    paths = []
    for n, file in enumerate(files):
        ending = Path(urllib.parse.urlparse(file["url"]).path).suffix
        own_name = len(files) == 1 and Path(where).suffix and not Path(where).is_dir()
        path = Path(where) if own_name else Path(where) / f"{request['id'][:12]}-{n}{ending}"
        try:
            status, _, data = fetch("GET", file["url"], timeout=300)
        except OSError as broken:
            raise fault(NETWORK, "network", f"{path.name} was not fetched: {broken}", NEXT["network"], request_id=request["id"])
        if status != 200:
            raise fault(NETWORK, f"http_{status}", f"{path.name} was not fetched.", NEXT["network"], request_id=request["id"])
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".part")
        half.write_bytes(data)
        half.replace(path)
        paths.append(str(path))
    return paths


def outcome(request, replayed, where):
    """Ends the command with what the request has come to; books its charge."""
    cost = {"estimated_usd": request["cost"]["estimated"], "charged_usd": request["cost"]["charged"]}
    body = {"request_id": request["id"], "status": request["status"], "stage": request["stage"], "model": request["model"]}
    if request["status"] in ENDED:
        known = request["cost"]["charged"]
        if known is None and (request["error"] or {}).get("charged") is False:
            known = "0"
        with session() as calls:
            for call in calls.values():
                if call.get("request") == request["id"] and known is not None:
                    call["usd"] = known
    if request["status"] == "COMPLETED":
        files = [{"n": n, **{name: each[name] for name in ("url", "content_type", "size")}} for n, each in enumerate(request["files"])]
        saved = [] if where is None else save(request, where)
        raise Stop(DONE, {**body, "files": files, "saved": saved, "output": None if files else request["output"], "cost": cost,
                          "replayed": replayed, "next": NEXT["replayed" if replayed else "done"]})
    if request["status"] in ENDED:
        error = request["error"] or {"code": "canceled", "message": "It was canceled.", "charged": False}
        raise fault(REFUSED, error["code"], error["message"], NEXT.get(error["code"], NEXT["refused"]),
                    charged=error["charged"], request_id=request["id"])
    waiting = request["waiting"] or {}
    why = "uncertain" if request["stage"] == "uncertain" else "paused" if waiting.get("reason") == "upstream_paused" else "open"
    again = f"python3 {shlex.quote(sys.argv[0])} wait {request['id']}"
    raise Stop(RUNNING, {**body, "place": request["queue_position"], "cost": cost, "replayed": replayed, "next": NEXT[why].format(wait=again)})


def make(sluice, given):
    fields = {**({} if given.prompt is None else {"prompt": given.prompt}), **given.input}
    hashed = dict(fields)
    for field, path in given.file:
        hashed[field] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    key = request_key(sluice.key, sluice.url, given.model, hashed, given.user, given.take)
    for field, path in given.file:
        fields[field] = upload(sluice, path, hashed[field])
    estimate = usd(sluice.call("POST", "/v1/estimate", {"model": given.model, "input": fields})[0]["estimated"])
    if estimate is None and not given.allow_unknown_price:
        raise fault(MONEY, "price_unknown", "The price of this is unknown; --allow-unknown-price runs it all the same.", NEXT["money"], charged=False)
    if given.max_usd is not None and estimate is not None and estimate > given.max_usd:
        raise fault(MONEY, "max_usd", f"It may cost {estimate} USD, more than --max-usd {given.max_usd}.", NEXT["money"], charged=False)
    limit = usd(os.environ.get("SLUICE_SESSION_USD") or SESSION_USD)
    with session() as calls:
        full = reserve(calls, key, estimate, limit, time.time())
    if full is not None:
        raise fault(MONEY, "session_usd", f"{full} SLUICE_SESSION_USD changes that.", NEXT["money"], charged=False)
    body = {"model": given.model, "input": fields, **({} if given.user is None else {"user": given.user})}
    try:
        request, headers = sluice.call("POST", "/v1/requests", body, Idempotency_Key=key, Prefer=f"wait={WAIT_S}")
    except Stop as stopped:
        if stopped.code in (REFUSED, MONEY):
            with session() as calls:
                if "request" not in calls.get(key, {}):
                    calls.pop(key, None)
        raise
    with session() as calls:
        calls.setdefault(key, {"usd": str(estimate or 0), "at": time.time()})["request"] = request["id"]
    outcome(request, headers.get("Idempotent-Replayed") == "true", given.out)


def read(sluice, given, wait_s):
    path = f"/v1/requests/{urllib.parse.quote(given.id, safe='')}"
    until = time.monotonic() + wait_s
    request, _ = sluice.call("GET", path)
    while request["status"] not in ENDED and until - time.monotonic() >= 1:
        # A held read comes back at each change, not at the end alone.
        request, _ = sluice.call("GET", f"{path}?wait={int(until - time.monotonic())}")
    outcome(request, False, given.out)


def show(body):
    raise Stop(DONE, body)


def run(sluice, given):
    model = f"/v1/models/{urllib.parse.quote(getattr(given, 'model', None) or '', safe='/')}"
    if given.command == "make":
        make(sluice, given)
    elif given.command == "wait":
        read(sluice, given, WAIT_S)
    elif given.command == "get":
        read(sluice, given, 0)
    elif given.command == "models":
        found = sluice.call("GET", "/v1/models")[0]["data"]
        words = (given.query or "").lower().split()
        matching = [each for each in found if all(word in json.dumps(each).lower() for word in words)]
        show({"models": matching[:8], "next": "describe MODEL gives the input. The plan may allow other fal ids too."})
    elif given.command == "describe":
        show({**sluice.call("GET", model)[0], "next": "Run estimate, then make."})
    elif given.command == "estimate":
        show({**sluice.call("POST", "/v1/estimate", {"model": given.model, "input": given.input})[0], "next": "Run make with the same input."})
    elif given.command == "limits":
        me = sluice.call("GET", "/v1/me")[0]
        with session() as calls:
            used = str(spent(calls, time.time()))
        show({"plan": me["plan"]["name"], "limits": me["limits"], "session_used_usd": used, "session_usd": os.environ.get("SLUICE_SESSION_USD") or SESSION_USD})
    elif given.command == "cancel":
        answer = sluice.call("POST", f"/v1/requests/{urllib.parse.quote(given.id, safe='')}/cancel")[0]
        show({"request_id": answer["id"], "status": answer["status"], "charged": answer["cost"]["charged"], "next": "Run wait for its end."})


class Usage(argparse.ArgumentParser):
    def error(self, message):
        raise fault(USAGE, "usage", message, f"Run python3 {shlex.quote(sys.argv[0])} --help")


def json_object(text):
    try:
        value = json.loads(Path(text[1:]).read_text("utf8") if text.startswith("@") else text)
    except (OSError, ValueError) as broken:
        raise argparse.ArgumentTypeError(f"is no JSON object: {broken}")
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("is no JSON object")
    return value


def file_field(text):
    """`cat.png`, or `field=cat.png` where the model's field is another than image_url."""
    field, _, name = text.rpartition("=") if re.match(r"^\w+=", text) else ("image_url", "", text)
    if not Path(name).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {name}")
    return field, Path(name)


def arguments(argv):
    parser = Usage(prog="sluice.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("make", help="make something, wait, save it")
    one.add_argument("model")
    one.add_argument("prompt", nargs="?")
    one.add_argument("--input", type=json_object, default={}, help="JSON of the other fields, or @file.json")
    one.add_argument("--image", "--file", dest="file", type=file_field, action="append", default=[], help="FILE or FIELD=FILE")
    one.add_argument("--take", type=int, default=1, help="2, 3, … for another one of the same")
    one.add_argument("--max-usd", type=usd)
    one.add_argument("--user")
    one.add_argument("--allow-unknown-price", action="store_true")
    one.add_argument("-o", "--out", default=".", help="folder or file name")
    for name in ("wait", "get"):
        command = commands.add_parser(name)
        command.add_argument("id")
        command.add_argument("-o", "--out", default="." if name == "wait" else None)
    commands.add_parser("cancel").add_argument("id")
    commands.add_parser("models").add_argument("query", nargs="?")
    commands.add_parser("describe").add_argument("model")
    estimate = commands.add_parser("estimate")
    estimate.add_argument("model")
    estimate.add_argument("input", type=json_object)
    commands.add_parser("limits")
    return parser.parse_args(argv)


def main(argv):
    try:
        given = arguments(argv)
        missing = [name for name in ("SLUICE_URL", "SLUICE_KEY") if not os.environ.get(name)]
        if missing:
            raise fault(USAGE, "usage", f"{' and '.join(missing)} must be set.", "Ask your human for the address and a key.")
        run(Sluice(os.environ["SLUICE_URL"], os.environ["SLUICE_KEY"]), given)
    except Stop as stopped:
        print(json.dumps(stopped.body, ensure_ascii=False))
        return stopped.code
    raise AssertionError("a command ended without an outcome")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
