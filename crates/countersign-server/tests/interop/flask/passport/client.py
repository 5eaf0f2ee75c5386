"""A client of the system of document 004."""

from urllib.parse import urlencode

import kit

CLAIMS = ["exp", "iat", "iss", "data"]
MOBILES = {
    "alice": "13800000001",
    "bob": "13800000002",
    "carol": "13800000003",
    "erin": "13800000005",
    "dave": "15912345678",
    "nobody": "19900000000",
}


def credentials(name, password=None):
    return {"mobile": MOBILES[name], "password": password or f"{name}'s old password"}


def register(client, name, step="register"):
    answer = client.call(step, "POST", "/passport/register", json=credentials(name))
    return answer.body["data"] and answer.body["data"]["user_id"]


def log_in(client, name, step, kind="json"):
    # A login's time has whole seconds, and makes a token another one.
    kit.wait_for_another_second()
    answer = client.call(step, "POST", "/passport/login", **{kind: credentials(name)})
    return client.name(answer.body["data"]["token"], f"{step}: the token")


def identify(client, step, token, scheme="JWT "):
    client.call(step, "GET", "/passport/identify", headers={"Authorization": scheme + token})


def log_out(client, step, token):
    client.call(step, "POST", "/passport/logout", headers={"Authorization": f"JWT {token}"})


def expire(client, state):
    """While tokens live for a second only."""
    register(client, "erin")
    state["expired"] = log_in(client, "erin", "erin logs in")
    kit.wait_until_expired(state["expired"])


def prepare(client, state):
    """Before the move."""
    for name in ("alice", "bob", "carol"):
        state[f"{name}'s id"] = register(client, name)
        state[name] = log_in(client, name, f"{name} logs in")
    log_out(client, "bob logs out", state["bob"])
    state["replaced"] = state["carol"]
    state["carol"] = log_in(client, "carol", "carol logs in again")


def speak(client, state):
    """After the move, and as well where nothing moved."""
    for name in ("alice", "bob", "carol"):
        client.name_number("user_id", state[f"{name}'s id"], f"{name}'s id")
    the_old_tokens(client, state)
    the_old_users(client)
    a_new_user(client)
    what_is_refused(client)


def the_old_tokens(client, state):
    identify(client, "a token from before the move", state["alice"])
    identify(client, "one that was logged out before the move", state["bob"])
    identify(client, "one that was replaced before the move", state["replaced"])
    identify(client, "the one that replaced it", state["carol"])
    identify(client, "one that expired before the move", state["expired"])
    log_out(client, "logout with a token from before the move", state["carol"])
    identify(client, "the token from before the move, logged out", state["carol"])
    token = log_in(client, "alice", "alice logs in with the old password")
    identify(client, "alice's old token, replaced", state["alice"])
    identify(client, "alice's new token", token)


def the_old_users(client):
    for name in ("bob", "carol"):
        token = log_in(client, name, f"{name} logs in with the old password")
        identify(client, f"{name}'s token", token)
    register(client, "alice", "register an old user again")


def a_new_user(client):
    number = register(client, "dave")
    client.name_number("user_id", number, "dave's id")
    register(client, "dave", "register again")
    first = log_in(client, "dave", "dave logs in")
    client.token("the claims of dave's token", first, CLAIMS)
    data = kit.decode(first.split(".")[1])["data"]
    client.note("data of dave's token", members=sorted(data), id_is_daves=data["id"] == number)
    identify(client, "dave's token", first)
    second = log_in(client, "dave", "dave logs in again")
    identify(client, "dave's first token, replaced", first)
    identify(client, "dave's second token", second)
    log_out(client, "dave logs out", second)
    identify(client, "dave's second token, logged out", second)
    log_out(client, "dave logs out again", second)
    token = log_in(client, "dave", "dave logs in by form", "form")
    identify(client, "dave's token by form", token)


def what_is_refused(client):
    dave = credentials("dave")
    for step, body in {
        "an unknown number": credentials("nobody"),
        "a wrong password": credentials("dave", "not dave's password"),
        "no password": {"mobile": dave["mobile"]},
        "no number": {"password": dave["password"]},
        "an empty password": {**dave, "password": ""},
        "nothing": {},
    }.items():
        client.call(f"login with {step}", "POST", "/passport/login", json=body)
    client.call("login in the query string", "POST", f"/passport/login?{urlencode(dave)}", json={})
    for step, body in {
        "no password": {"mobile": "13912345678"},
        "no number": {"password": "something"},
        "a number that is none": {"mobile": "12345", "password": "something"},
        "a number of no mobile": {"mobile": "12012345678", "password": "something"},
    }.items():
        client.call(f"register with {step}", "POST", "/passport/register", json=body)
    token = log_in(client, "dave", "dave logs in once more")
    for method, path in (("GET", "/passport/identify"), ("POST", "/passport/logout")):
        client.call(f"{path} without a token", method, path)
        for step, header in {
            "another scheme": f"Bearer {token}",
            "the scheme in lower case": f"jwt {token}",
            "no space": f"JWT{token}",
            "no token": "JWT",
            "three parts": f"JWT {token} {token}",
            "another signature": "JWT " + kit.altered(token),
            "two segments": "JWT " + token.rsplit(".", 1)[0],
            "no segments": "JWT nothing",
        }.items():
            client.call(f"{path} with {step}", method, path, headers={"Authorization": header})


if __name__ == "__main__":
    kit.run({"expire": expire, "prepare": prepare, "speak": speak})
