"""A client of the system of document 003, in a browser on another origin."""

import hashlib
from urllib.parse import urlencode

import kit

CLAIMS = ["iat", "nbf", "jti", "exp", "fresh", "type", "identity"]
ORIGIN = "https://app.example.org"


def credentials(name, password):
    return {"username": name, "password": hashlib.sha256(password.encode()).hexdigest()}


def old(name):
    return credentials(name, "123456" if name == "admin@gmail.com" else f"{name}'s old password")


def call(client, step, method, path, headers=None, **body):
    answer = client.call(step, method, path, headers={"Origin": ORIGIN, **(headers or {})}, **body)
    may_read = answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
    client.note(f"{step}: as a page sees it", readable=may_read)
    return answer


def log_in(client, name, step):
    answer = call(client, step, "POST", "/login", json=old(name))
    token = answer.body["token"]
    return client.name(token, f"{name}'s token") if token else None


def users(client, step, authorization):
    return call(client, step, "GET", "/users", {"Authorization": authorization})


def expire(client, state):
    """While tokens live for a second only."""
    state["expired"] = log_in(client, "erin", "erin logs in")
    kit.wait_until_expired(state["expired"])


def prepare(client, state):
    """Before the move."""
    state["admin"] = log_in(client, "admin@gmail.com", "the administrator logs in")
    state["alice"] = log_in(client, "alice", "alice logs in")


def speak(client, state):
    """After the move, and as well where nothing moved."""
    users(client, "a token from before the move", f"Bearer {state['alice']}")
    users(client, "the administrator's from before the move", f"Bearer {state['admin']}")
    users(client, "one that expired before the move", f"Bearer {state['expired']}")
    for name in ("admin@gmail.com", "alice"):
        token = log_in(client, name, f"{name} logs in with the old password")
        client.token(f"the claims of {name}'s token", token, CLAIMS)
        users(client, f"{name}'s token", f"Bearer {token}")
    log_in(client, "grace", "grace, who is not active, logs in")
    what_is_refused_at_login(client)
    what_is_refused(client, token)
    from_another_origin(client)


def what_is_refused_at_login(client):
    alice = old("alice")
    typed = {"username": "alice", "password": "alice's old password"}
    for step, body in {
        "unknown user": credentials("nobody", "anything"),
        "wrong password": credentials("alice", "not alice's password"),
        "the password as it is typed": typed,
        "no password": {"username": "alice"},
        "no username": {"password": alice["password"]},
        "nothing": {},
        "numbers": {"username": 5, "password": 5},
    }.items():
        call(client, f"login with {step}", "POST", "/login", json=body)
    path = f"/login?{urlencode(alice)}"
    call(client, "login in the query string", "POST", path, json={})


def what_is_refused(client, token):
    call(client, "list without a token", "GET", "/users")
    for step, header in {
        "another scheme": f"Token {token}",
        "bearer in lower case": f"bearer {token}",
        "no space after Bearer": f"Bearer{token}",
        "no token": "Bearer",
        "three parts": f"Bearer {token} {token}",
        "two segments": "Bearer " + token.rsplit(".", 1)[0],
        "no segments": "Bearer nothing",
        "another signature": "Bearer " + kit.altered(token),
    }.items():
        users(client, f"list with {step}", header)


def from_another_origin(client):
    """What a browser asks before it lets the page send its request."""
    for method, path, header in (
        ("POST", "/login", "content-type"),
        ("GET", "/users", "authorization"),
    ):
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": header,
        }
        # Nothing of the answer but these headers reaches a page.
        answer = client.send("OPTIONS", path, asked)
        allowed = {
            name: answer.headers[f"Access-Control-Allow-{name}"] or ""
            for name in ("Origin", "Methods", "Headers")
        }
        client.note(
            f"may a page send {method} {path}",
            succeeds=200 <= answer.status < 300,
            origin=allowed["Origin"] in ("*", ORIGIN),
            method=method in allowed["Methods"],
            header=header in allowed["Headers"].lower(),
        )


if __name__ == "__main__":
    kit.run({"expire": expire, "prepare": prepare, "speak": speak})
