"""A client of the system of document 000."""

import kit

CLAIMS = ["exp", "iat", "sub"]


def credentials(name, password=None):
    return {"email": f"{name}@example.org", "password": password or f"{name}'s old password"}


def bearer(token, scheme="Bearer "):
    return {"Authorization": scheme + token}


def register(client, name, step="register"):
    answer = client.call(step, "POST", "/auth/register", json=credentials(name))
    return client.name(answer.body["auth_token"], f"{name}'s first token")


def log_in(client, name, step):
    # The old system knows a token by its text, and makes the same one twice within a second.
    kit.wait_for_another_second()
    answer = client.call(step, "POST", "/auth/login", json=credentials(name))
    return client.name(answer.body["auth_token"], f"{name}'s token")


def status(client, step, token, scheme="Bearer "):
    return client.call(step, "GET", "/auth/status", headers=bearer(token, scheme))


def log_out(client, step, token):
    return client.call(step, "POST", "/auth/logout", headers=bearer(token))


def expire(client, state):
    """While tokens live for a second only."""
    state["expired"] = register(client, "erin")
    kit.wait_until_expired(state["expired"])


def prepare(client, state):
    """Before the move."""
    state["alice"] = register(client, "alice")
    state["alice's id"] = status(client, "alice", state["alice"]).body["data"]["user_id"]
    state["bob"] = register(client, "bob")
    log_out(client, "bob logs out", state["bob"])


def speak(client, state):
    """After the move, and as well where nothing moved."""
    client.name_number("user_id", state["alice's id"], "alice's id")
    the_old_tokens(client, state)
    the_old_users(client)
    a_new_user(client)
    what_is_refused(client, state)


def the_old_tokens(client, state):
    status(client, "a token from before the move", state["alice"])
    status(client, "one that was logged out before the move", state["bob"])
    log_out(client, "logout with one that was logged out", state["bob"])
    status(client, "one that expired before the move", state["expired"])
    log_out(client, "logout with one that expired", state["expired"])
    log_out(client, "logout with a token from before the move", state["alice"])
    status(client, "the token from before the move, logged out", state["alice"])


def the_old_users(client):
    for name in ("alice", "bob"):
        token = log_in(client, name, f"{name} logs in with the old password")
        status(client, f"{name}'s token", token)
    wrong = credentials("alice", "not alice's password")
    client.call("wrong password", "POST", "/auth/login", json=wrong)
    client.call("register an old user again", "POST", "/auth/register", json=credentials("alice"))


def a_new_user(client):
    client.call("unknown user", "POST", "/auth/login", json=credentials("dave"))
    first = register(client, "dave")
    data = status(client, "dave's first token", first).body["data"]
    client.name_number("user_id", data["user_id"], "dave's id")
    client.name(data["registered_on"], "when dave registered")
    client.token("the claims of dave's first token", first, CLAIMS, "user_id")
    client.call("register again", "POST", "/auth/register", json=credentials("dave"))
    # The answers tell the second of the registration, by which the two are told apart.
    kit.wait_for_another_second()
    extra = {**credentials("frank"), "admin": True}
    answer = client.call("register with more members", "POST", "/auth/register", json=extra)
    token = client.name(answer.body["auth_token"], "frank's token")
    data = status(client, "frank is no administrator", token).body["data"]
    client.name(data["registered_on"], "when frank registered")
    token = log_in(client, "dave", "dave logs in")
    status(client, "dave's second token", token)
    log_out(client, "dave logs out", token)
    status(client, "dave's second token, logged out", token)
    log_out(client, "dave logs out again", token)
    status(client, "dave's first token is still good", first)


def what_is_refused(client, state):
    token = log_in(client, "dave", "dave logs in once more")
    client.call("status without a token", "GET", "/auth/status")
    client.call("logout without a token", "POST", "/auth/logout")
    status(client, "no space after Bearer", token, "Bearer")
    status(client, "an empty token", token, "Bearer  ")
    status(client, "bearer in lower case", token, "bearer ")
    status(client, "another scheme", token, "Token ")
    for step, bad in (
        ("another signature", kit.altered(token)),
        ("no token at all", "nothing"),
        ("no signature", token.rsplit(".", 1)[0]),
    ):
        status(client, step, bad)
        log_out(client, f"logout with {step}", bad)


if __name__ == "__main__":
    kit.run({"expire": expire, "prepare": prepare, "speak": speak})
