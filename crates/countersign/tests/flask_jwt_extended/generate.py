"""Writes what flask-jwt-extended answers to a list of requests, as JSON, for tests/it/guard/flask.rs.

Run it once with each version; the answers of both stand in one file:

    python3 -m venv v3 && v3/bin/pip install flask-jwt-extended==3.24.1 Flask==1.1.2 \\
        'Werkzeug<2' 'PyJWT<2' 'Jinja2<3.1' 'itsdangerous<2.1' 'MarkupSafe<2.1'
    python3 -m venv v4 && v4/bin/pip install 'flask-jwt-extended>=4.7,<4.8'
    v3/bin/python generate.py answers.json && v4/bin/python generate.py answers.json
"""

import base64
import hashlib
import hmac
import json
import sys

import flask
import flask_jwt_extended as fje

SECRET = "0123456789abcdef0123456789abcdef"
PAST, GOOD, FAR = 1_600_000_000, 4_000_000_000, 3_000_000_000
VERSION = "V3" if fje.__version__.startswith("3.") else "V4"
HEADER = {"typ": "JWT", "alg": "HS256"}


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header=HEADER, payload=None, secret=SECRET, **changes):
    claims = {
        "iat": PAST, "nbf": PAST, "jti": "t1", "exp": GOOD, "fresh": False, "type": "access",
        "sub": "alice", "identity": "alice", "csrf": "the-csrf-value",
    }
    for name, value in changes.items():
        if value is None:
            del claims[name]
        else:
            claims[name] = value
    parts = [json.dumps(header), json.dumps(claims if payload is None else payload)]
    message = ".".join(encode(part.encode()) for part in parts)
    tag = hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()
    return message + "." + encode(tag)


def app(**config):
    application = flask.Flask(__name__)
    application.config.update(JWT_SECRET_KEY=SECRET, PROPAGATE_EXCEPTIONS=False, **config)
    manager = fje.JWTManager(application)
    if VERSION == "V3":
        application.config["JWT_BLACKLIST_ENABLED"] = True
        manager.token_in_blacklist_loader(lambda claims: claims["jti"] == "revoked")
        manager.user_loader_callback_loader(lambda name: None if name.startswith("gone") else name)
        manager.claims_verification_loader(lambda claims: claims != {"bad": True})
        required, fresh, refresh = fje.jwt_required, fje.fresh_jwt_required, fje.jwt_refresh_token_required
    else:
        manager.token_in_blocklist_loader(lambda header, claims: claims["jti"] == "revoked")
        manager.user_lookup_loader(
            lambda header, claims: None if claims["sub"].startswith("gone") else claims["sub"]
        )
        manager.token_verification_loader(
            lambda header, claims: claims.get("user_claims") != {"bad": True}
        )
        required, fresh, refresh = fje.jwt_required(), fje.jwt_required(fresh=True), fje.jwt_required(refresh=True)
    for path, guard in [("/", required), ("/fresh", fresh), ("/refresh", refresh)]:
        view = guard(lambda: flask.jsonify(ok=True))
        application.add_url_rule(path, path, view, methods=["GET", "POST"])
    return application


def bearer(text):
    return {"Authorization": "Bearer " + text}


def cookie(text):
    return {"Cookie": "access_token_cookie=" + text}


def other_key():
    return token(secret="another secret of thirty-two byte")


def tampered():
    return token()[:-8] + "AAAAAAAA"


# name, configuration, method, path, headers, body
CASES = [
    ("good", {}, "GET", "/", bearer(token()), None),
    ("no header", {}, "GET", "/", {}, None),
    ("empty header", {}, "GET", "/", {"Authorization": ""}, None),
    ("another scheme", {}, "GET", "/", {"Authorization": "Basic " + token()}, None),
    ("lower case", {}, "GET", "/", {"Authorization": "bearer " + token()}, None),
    ("token alone", {}, "GET", "/", {"Authorization": token()}, None),
    ("scheme alone", {}, "GET", "/", {"Authorization": "Bearer"}, None),
    ("three parts", {}, "GET", "/", bearer(token() + " x"), None),
    ("own header", {"JWT_HEADER_NAME": "x-token", "JWT_HEADER_TYPE": "JWT"}, "GET", "/", {}, None),
    ("own header, another scheme", {"JWT_HEADER_NAME": "x-token", "JWT_HEADER_TYPE": "JWT"},
     "GET", "/", {"x-token": "Bearer a"}, None),
    ("own header, scheme alone", {"JWT_HEADER_NAME": "x-token", "JWT_HEADER_TYPE": "JWT"},
     "GET", "/", {"x-token": "JWT"}, None),
    ("header without scheme, two parts", {"JWT_HEADER_NAME": "x-token", "JWT_HEADER_TYPE": ""},
     "GET", "/", {"x-token": "a b"}, None),
    ("expired", {}, "GET", "/", bearer(token(exp=PAST + 1)), None),
    ("not yet valid", {}, "GET", "/", bearer(token(nbf=FAR)), None),
    ("another key", {}, "GET", "/", bearer(other_key()), None),
    ("tampered", {}, "GET", "/", bearer(tampered()), None),
    ("no dots", {}, "GET", "/", bearer("abc"), None),
    ("one dot", {}, "GET", "/", bearer("abc.def"), None),
    ("another algorithm", {}, "GET", "/", bearer(token(header={"typ": "JWT", "alg": "HS384"})), None),
    ("no algorithm", {}, "GET", "/", bearer(token(header={"typ": "JWT", "alg": "none"})), None),
    ("kid a number", {}, "GET", "/", bearer(token(header=dict(HEADER, kid=5))), None),
    ("header a list", {}, "GET", "/", bearer(token(header=["HS256"])), None),
    ("payload a list", {}, "GET", "/", bearer(token(payload=[1])), None),
    ("exp a text", {}, "GET", "/", bearer(token(exp="soon")), None),
    ("iat a text", {}, "GET", "/", bearer(token(iat="then")), None),
    ("nbf a text", {}, "GET", "/", bearer(token(nbf="then")), None),
    ("another issuer", {"JWT_DECODE_ISSUER": "us"}, "GET", "/", bearer(token(iss="them")), None),
    ("no issuer", {"JWT_DECODE_ISSUER": "us"}, "GET", "/", bearer(token()), None),
    ("another audience", {"JWT_DECODE_AUDIENCE": "us"}, "GET", "/", bearer(token(aud="them")), None),
    ("no audience", {"JWT_DECODE_AUDIENCE": "us"}, "GET", "/", bearer(token()), None),
    ("refresh for access", {}, "GET", "/", bearer(token(type="refresh")), None),
    ("access for refresh", {}, "GET", "/refresh", bearer(token()), None),
    ("refresh for refresh", {}, "GET", "/refresh", bearer(token(type="refresh")), None),
    ("not fresh", {}, "GET", "/fresh", bearer(token()), None),
    ("revoked", {}, "GET", "/", bearer(token(jti="revoked")), None),
    ("user gone", {}, "GET", "/", bearer(token(sub="gone", identity="gone")), None),
    ("user gone, not in ASCII", {}, "GET", "/",
     bearer(token(sub="gone \u00e9 \U0001d11e", identity="gone \u00e9 \U0001d11e")), None),
    ("claims refused", {}, "GET", "/", bearer(token(user_claims={"bad": True})), None),
    ("own key for messages", {"JWT_ERROR_MESSAGE_KEY": "message"}, "GET", "/", {}, None),
    ("cookie missing", {"JWT_TOKEN_LOCATION": ["cookies"]}, "GET", "/", {}, None),
    ("cookie or header missing", {"JWT_TOKEN_LOCATION": ["headers", "cookies"]}, "GET", "/", {}, None),
    ("four places missing", {"JWT_TOKEN_LOCATION": ["headers", "cookies", "query_string", "json"]},
     "POST", "/", {"Content-Type": "application/json"}, "{}"),
    ("not JSON", {"JWT_TOKEN_LOCATION": ["query_string", "json"]}, "POST", "/", {}, None),
    ("query missing", {"JWT_TOKEN_LOCATION": ["query_string"]}, "GET", "/", {}, None),
    ("query", {"JWT_TOKEN_LOCATION": ["query_string"]}, "GET", "/?jwt=" + token(), {}, None),
    ("json", {"JWT_TOKEN_LOCATION": ["headers", "json"]}, "POST", "/",
     {"Content-Type": "application/json"}, json.dumps({"access_token": token()})),
    ("cookie", {"JWT_TOKEN_LOCATION": ["cookies"]}, "GET", "/", cookie(token()), None),
    ("cookie without CSRF", {"JWT_TOKEN_LOCATION": ["cookies"]}, "POST", "/", cookie(token()), None),
    ("cookie with another CSRF value", {"JWT_TOKEN_LOCATION": ["cookies"]}, "POST", "/",
     dict(cookie(token()), **{"X-CSRF-TOKEN": "no"}), None),
]


def main(path):
    try:
        with open(path, encoding="utf-8") as file:
            rows = [row for row in json.load(file) if row["version"] != VERSION]
    except FileNotFoundError:
        rows = []
    for name, config, method, target, headers, body in CASES:
        with app(**config).test_client(use_cookies=False) as client:
            answer = client.open(target, method=method, headers=headers, data=body)
        rows.append({
            "case": name, "version": VERSION, "config": config, "method": method, "target": target,
            "headers": headers, "body": body, "status": answer.status_code,
            "content_type": answer.headers["Content-Type"], "answer": answer.data.decode(),
        })
    rows.sort(key=lambda row: row["version"])
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


main(sys.argv[1])
