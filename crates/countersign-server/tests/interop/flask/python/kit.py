"""What the five clients share: requests, and a transcript in which what is random bears a name."""

import base64
import http.client
import json
import sys
import time
from urllib.parse import urlencode, urlsplit

COMPARED_HEADERS = ["Content-Type", "WWW-Authenticate", "Location", "Set-Cookie"]
BOUNDARY = "----the-boundary-of-an-old-client"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        text = response.read().decode()
        self.body = json.loads(text) if "json" in (self.headers["Content-Type"] or "") else text


class Client:
    """Speaks to the server at `base`, and writes down what it answers."""

    def __init__(self, base):
        address = urlsplit(base)
        self.host, self.prefix = address.netloc, address.path.rstrip("/")
        self.lines = []
        self.names = {}

    def call(self, step, method, path, *, form=None, multipart=None, headers=None, **body):
        """One request; the body is `json`, `form`, `multipart` or none."""
        headers = dict(headers or {})
        data = None
        if "json" in body:
            data, headers["Content-Type"] = json.dumps(body["json"]), "application/json"
        elif form is not None:
            data = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif multipart is not None:
            data = in_parts(multipart)
            headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        answer = self.send(method, path, headers, data)
        shown = {name: answer.headers[name] for name in COMPARED_HEADERS if name in answer.headers}
        self.note(step, status=answer.status, headers=shown, body=answer.body)
        return answer

    def send(self, method, path, headers, data=None):
        """One request of which nothing is written down."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(method, self.prefix + path, data, headers)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def note(self, step, **facts):
        self.lines.append({"step": step, **facts})

    def name(self, value, name):
        """Writes `name` wherever the transcript would hold this text."""
        self.names[value] = f"<{name}>"
        return value

    def name_number(self, member, number, name):
        """Writes `name` wherever the transcript would hold this number as this member."""
        self.names[member, number] = f"<{name}>"
        return number

    def token(self, step, token, wanted, ids=()):
        """Writes down a token's header and the claims that a backend may read from it."""
        header, claims = (decode(part) for part in token.split(".")[:2])
        life = claims["exp"] - claims["iat"] if "iat" in claims else None
        shown = {name: self.shown(name, claims, ids) for name in wanted}
        # The libraries read the clock more than once for one token.
        life = life and round(life, -1)
        self.note(step, alg=header["alg"], typ=header["typ"], claims=shown, life=life)

    def shown(self, name, claims, ids):
        if name not in claims:
            return "<missing>"
        if name in ("exp", "iat", "nbf", "jti", "csrf", "data"):
            return f"<{type(claims[name]).__name__}>"
        return self.names.get((ids, claims[name]), claims[name])

    def print(self):
        for line in self.lines:
            print(json.dumps(self.named(line), ensure_ascii=False))

    def named(self, value, member=None):
        if isinstance(value, dict):
            return {key: self.named(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.named(inner) for inner in value]
        if isinstance(value, str):
            return self.names.get(value, value)
        return self.names.get((member, value), value)


def decode(segment):
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def altered(token):
    """The token with another signature."""
    head, signature = token.rsplit(".", 1)
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def in_parts(fields):
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join(parts) + f"--{BOUNDARY}--\r\n"


def wait_for_another_second():
    time.sleep(1.1)


def wait_until_expired(token):
    """Until the libraries, which compare whole seconds, refuse the token."""
    expires_at = decode(token.split(".")[1])["exp"]
    time.sleep(max(0, int(expires_at) + 1.1 - time.time()))


def run(phases):
    """`client.py PHASE BASE STATE`: each phase gets the client and what earlier ones left behind."""
    phase, base, path = sys.argv[1:]
    try:
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
    except FileNotFoundError:
        state = {}
    client = Client(base)
    phases[phase](client, state)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(state, file)
    client.print()
