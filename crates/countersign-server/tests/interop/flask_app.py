"""flask-jwt-extended, given the server's public key, in front of a route."""

import json
import sys
import urllib.request

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask_jwt_extended import JWTManager, get_jwt, jwt_required
from jwt import PyJWKSet

order = json.load(sys.stdin)
with urllib.request.urlopen(order["jwks"]) as answer:
    [key] = PyJWKSet.from_json(answer.read()).keys

app = Flask(__name__)
app.config.update(
    JWT_ALGORITHM="ES256",
    JWT_PUBLIC_KEY=key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    JWT_DECODE_ISSUER=order["issuer"],
    JWT_DECODE_AUDIENCE=order["audience"],
)
JWTManager(app)


@app.get("/")
@jwt_required()
def whoever():
    return get_jwt()


def verify(token):
    headers = {"Authorization": f"Bearer {token}"}
    answer = app.test_client().get("/", headers=headers)
    return answer.json if answer.status_code == 200 else {"refused": answer.json["msg"]}


print(json.dumps({name: verify(token) for name, token in order["tokens"].items()}))
