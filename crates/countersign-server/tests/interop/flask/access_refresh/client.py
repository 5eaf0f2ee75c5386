"""A client of the system of document 001."""

from urllib.parse import urlencode

import kit

CLAIMS = ["fresh", "iat", "jti", "type", "sub", "nbf", "csrf", "exp"]


def credentials(name, password=None):
    return {"username": name, "password": password or f"{name}'s old password"}


def bearer(token, scheme="Bearer "):
    return {"Authorization": scheme + token}


def named(client, answer, whose):
    """The pair of tokens of an answer."""
    for kind in ("access_token", "refresh_token"):
        if kind in answer.body:
            client.name(answer.body[kind], f"{whose} {kind}")
    return answer.body


def post(client, step, path, **body):
    return client.call(step, "POST", path, **body)


def register(client, name, step="register"):
    answer = post(client, step, "/registration", json=credentials(name))
    return named(client, answer, f"{name}'s first")


def secret(client, step, token):
    return client.call(step, "GET", "/secret", headers=bearer(token))


def refresh(client, step, token):
    answer = client.call(step, "POST", "/token/refresh", headers=bearer(token))
    return named(client, answer, step).get("access_token")


def log_out(client, step, kind, token):
    return client.call(step, "POST", f"/logout/{kind}", headers=bearer(token))


def expire(client, state):
    """While tokens live for a second only."""
    state["expired"] = register(client, "erin")
    kit.wait_until_expired(state["expired"]["refresh_token"])


def prepare(client, state):
    """Before the move."""
    for name in ("alice", "bob", "carol"):
        state[name] = register(client, name)
    log_out(client, "bob logs out", "access", state["bob"]["access_token"])
    log_out(client, "bob logs out altogether", "refresh", state["bob"]["refresh_token"])


def speak(client, state):
    """After the move, and as well where nothing moved."""
    client.call("greeting", "GET", "/")
    the_old_tokens(client, state)
    the_old_users(client)
    pair = a_new_user(client)
    logging_out(client, pair)
    what_is_refused(client, state)
    lists(client, state)


def the_old_tokens(client, state):
    alice, bob, expired = state["alice"], state["bob"], state["expired"]
    secret(client, "an access token from before the move", alice["access_token"])
    access = refresh(client, "a refresh token from before the move", alice["refresh_token"])
    secret(client, "the access token from an old refresh token", access)
    refresh(client, "an old refresh token a second time", alice["refresh_token"])
    secret(client, "one that was logged out before the move", bob["access_token"])
    refresh(client, "a refresh token that was logged out", bob["refresh_token"])
    secret(client, "an access token that expired before the move", expired["access_token"])
    refresh(client, "a refresh token that expired before the move", expired["refresh_token"])
    secret(client, "an old refresh token as access token", alice["refresh_token"])
    refresh(client, "an old access token as refresh token", alice["access_token"])
    log_out(client, "logout with an old access token", "access", alice["access_token"])
    secret(client, "the old access token, logged out", alice["access_token"])
    access = refresh(client, "the old refresh token goes on", alice["refresh_token"])
    log_out(client, "logout with an old refresh token", "refresh", alice["refresh_token"])
    refresh(client, "the old refresh token, logged out", alice["refresh_token"])
    secret(client, "the access token from it goes on", access)


def the_old_users(client):
    for name in ("alice", "bob"):
        step = f"{name} logs in with the old password"
        answer = post(client, step, "/login", json=credentials(name))
        pair = named(client, answer, f"{name}'s")
        secret(client, f"{name}'s token", pair["access_token"])
    wrong = credentials("alice", "not alice's password")
    post(client, "wrong password", "/login", json=wrong)
    post(client, "register an old user again", "/registration", json=credentials("alice"))


def a_new_user(client):
    post(client, "unknown user", "/login", json=credentials("dave"))
    first = register(client, "dave")
    for kind in ("access_token", "refresh_token"):
        client.token(f"the claims of dave's {kind}", first[kind], CLAIMS)
    post(client, "register again", "/registration", json=credentials("dave"))
    extra = {**credentials("frank"), "admin": True}
    named(client, post(client, "more members", "/registration", json=extra), "frank's")
    for kind in ("form", "multipart"):
        answer = post(client, f"login by {kind}", "/login", **{kind: credentials("dave")})
        pair = named(client, answer, f"dave's {kind}")
    secret(client, "dave's access token", pair["access_token"])
    return pair


def logging_out(client, pair):
    access = refresh(client, "dave's refresh token", pair["refresh_token"])
    client.token("the claims of a refreshed token", access, CLAIMS)
    log_out(client, "dave logs out", "access", pair["access_token"])
    secret(client, "dave's access token, logged out", pair["access_token"])
    log_out(client, "dave logs out again", "access", pair["access_token"])
    secret(client, "dave's other access token goes on", access)
    refresh(client, "dave's refresh token goes on", pair["refresh_token"])
    log_out(client, "dave logs out altogether", "refresh", pair["refresh_token"])
    refresh(client, "dave's refresh token, logged out", pair["refresh_token"])
    log_out(client, "dave logs out altogether again", "refresh", pair["refresh_token"])
    secret(client, "dave's other access token still goes on", access)


def what_is_refused(client, state):
    for path in ("/registration", "/login"):
        post(client, f"{path} without a password", path, json={"username": "dave"})
        post(client, f"{path} without a username", path, json={"password": "something"})
        post(client, f"{path} with neither", path, form={"something": "else"})
        answer = post(client, f"{path} with numbers", path, json={"username": 5, "password": 5})
        named(client, answer, f"{path} with numbers:")
    path = f"/login?{urlencode(credentials('carol'))}"
    answer = post(client, "a password in the query string", path, form={"something": "else"})
    named(client, answer, "a password in the query string:")
    token = state["carol"]["access_token"]
    for method, path in (
        ("GET", "/secret"),
        ("POST", "/token/refresh"),
        ("POST", "/logout/access"),
        ("POST", "/logout/refresh"),
    ):
        client.call(f"{path} without a token", method, path)
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
            client.call(f"{path} with {step}", method, path, headers={"Authorization": header})


def lists(client, state):
    headers = bearer(state["carol"]["access_token"])
    client.call("list with a token", "GET", "/users", headers=headers)
    answer = client.call("list without a token", "GET", "/users")
    for user in answer.body.get("users", []):
        client.name(user["password"], "a password's hash")
    client.call("delete without a token", "DELETE", "/users")


if __name__ == "__main__":
    kit.run({"expire": expire, "prepare": prepare, "speak": speak})
