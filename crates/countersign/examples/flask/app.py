"""The API of ../protect.rs in Python: Flask, PyJWT with the keys of a Countersign server, and one
question to that server, which knows who has logged out."""

import json
import os
from http.client import HTTPException
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import jwt
from flask import Flask, abort, g, jsonify, make_response, request

ISSUER = os.environ.get("ISSUER", "http://localhost:8080")
SERVER = os.environ.get("SERVER", ISSUER)
API_KEY = os.environ["COUNTERSIGN_API_KEY"]
PUBLIC = {"/healthz"}

app = Flask(__name__)
keys = jwt.PyJWKClient(SERVER + "/.well-known/jwks.json", lifespan=300, timeout=5)


def refuse(status, error, challenge):
    answer = make_response(jsonify(error=error), status)
    if challenge:
        answer.headers["WWW-Authenticate"] = challenge
    abort(answer)


def verify(token):
    # `typ` tells an access token from every other, and PyJWT does not look at it.
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=ISSUER,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )


def is_live(token):
    """Whether the token's session goes on, which no signature can tell."""
    key = {"Authorization": f"Bearer {API_KEY}"}
    question = Request(SERVER + "/v1/introspect", urlencode({"token": token}).encode(), key)
    try:
        with urlopen(question, timeout=5) as answer:
            return json.load(answer).get("active") is True
    except (OSError, HTTPException, ValueError):
        # Who cannot know lets nobody in.
        refuse(503, "temporarily_unavailable", None)


@app.before_request
def authenticate():
    """Every route needs a good token, unless its path is public."""
    if request.path in PUBLIC:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        refuse(401, "unauthenticated", "Bearer")
    try:
        g.claims = verify(token)
    except jwt.PyJWKClientConnectionError:
        refuse(503, "temporarily_unavailable", None)
    except jwt.PyJWTError:
        refuse(401, "invalid_token", 'Bearer error="invalid_token"')
    if not is_live(token):
        refuse(401, "invalid_token", 'Bearer error="invalid_token"')


def demand_role(role):
    if role not in g.claims.get("roles", []):
        refuse(403, "insufficient_scope", 'Bearer error="insufficient_scope"')


@app.get("/healthz")
def healthz():
    return "well"


@app.get("/me")
def me():
    return g.claims["sub"]


@app.get("/admin")
def admin():
    demand_role("admin")
    return "hello, admin"


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "3000")))
