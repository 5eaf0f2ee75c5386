"""A client of the system of document 002."""

import time
from urllib.parse import urlencode

import kit

CLAIMS = ["public_id", "exp"]


def credentials(name, password=None):
    return {"email": f"{name}@example.org", "password": password or f"{name}'s old password"}


def sign_up(client, name, step="sign up"):
    form = {"name": name.title(), **credentials(name)}
    client.call(step, "POST", "/signup", form=form)


def log_in(client, name, step="log in"):
    answer = client.call(step, "POST", "/login", form=credentials(name))
    return client.name(answer.body["token"], f"{name}'s token")


def users(client, step, token):
    """The list, in which whoever has a name loses an id that is made at random."""
    answer = client.call(step, "GET", "/user", headers={"x-access-token": token})
    for user in answer.body.get("users", []):
        if user["public_id"] not in client.names:
            client.name(user["public_id"], f"{user['name']}'s public_id")
    return answer.body


def expire(client, state):
    """While tokens live for a second only."""
    sign_up(client, "erin")
    state["expired"] = log_in(client, "erin")
    kit.wait_until_expired(state["expired"])


def prepare(client, state):
    """Before the move."""
    for name in ("alice", "bob"):
        sign_up(client, name)
        state[name] = log_in(client, name)
    state["public ids"] = users(client, "list", state["alice"])["users"]


def speak(client, state):
    """After the move, and as well where nothing moved."""
    for user in state["public ids"]:
        client.name(user["public_id"], f"{user['name']}'s old public_id")
    users(client, "a token from before the move", state["alice"])
    users(client, "one that expired before the move", state["expired"])
    the_old_users(client)
    a_new_user(client)
    what_is_refused(client)


def the_old_users(client):
    for name in ("alice", "bob"):
        token = log_in(client, name, f"{name} logs in with the old password")
        client.token(f"the claims of {name}'s token", token, CLAIMS)
        users(client, f"{name}'s token", token)
    sign_up(client, "alice", "sign up an old user again")


def a_new_user(client):
    sign_up(client, "dave", "sign up")
    sign_up(client, "dave", "sign up again")
    form = {"name": "Frank", "admin": "true", **credentials("frank")}
    client.call("sign up by multipart", "POST", "/signup", multipart=form)
    token = log_in(client, "dave", "dave logs in")
    claims = kit.decode(token.split(".")[1])
    client.note("the life of dave's token", life=round(claims["exp"] - time.time(), -1))
    users(client, "dave's token", token)
    answer = client.call("frank by multipart", "POST", "/login", multipart=credentials("frank"))
    users(client, "frank's token", client.name(answer.body["token"], "frank's token"))


def what_is_refused(client):
    dave = credentials("dave")
    for step, form in {
        "login of an unknown user": credentials("nobody"),
        "login with a wrong password": credentials("dave", "not dave's password"),
        "login without a password": {"email": dave["email"]},
        "login without an e-mail": {"password": dave["password"]},
        "login with an empty password": {"email": dave["email"], "password": ""},
        "login with an empty e-mail": {"email": "", "password": dave["password"]},
        "login with nothing": {},
    }.items():
        client.call(step, "POST", "/login", form=form)
    client.call("login with JSON", "POST", "/login", json=dave)
    client.call("login in the query string", "POST", f"/login?{urlencode(dave)}")
    token = log_in(client, "dave", "dave logs in once more")
    client.call("list without a token", "GET", "/user")
    client.call("list with a bearer", "GET", "/user", headers={"Authorization": f"Bearer {token}"})
    users(client, "an empty token", "")
    users(client, "another signature", kit.altered(token))
    users(client, "no token at all", "nothing")
    users(client, "no signature", token.rsplit(".", 1)[0])


if __name__ == "__main__":
    kit.run({"expire": expire, "prepare": prepare, "speak": speak})
