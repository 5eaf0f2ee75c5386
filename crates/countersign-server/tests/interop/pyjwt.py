"""PyJWT, with the key that the token names in the server's JWK set."""

import json
import sys

import jwt

order = json.load(sys.stdin)
client = jwt.PyJWKClient(order["jwks"])


def verify(token):
    try:
        return jwt.decode(
            token,
            client.get_signing_key_from_jwt(token),
            algorithms=["ES256"],
            issuer=order["issuer"],
            audience=order["audience"],
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
        )
    except jwt.PyJWTError as error:
        return {"refused": type(error).__name__}


print(json.dumps({name: verify(token) for name, token in order["tokens"].items()}))
