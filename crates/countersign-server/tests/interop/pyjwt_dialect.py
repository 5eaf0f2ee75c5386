"""PyJWT, with the secret of the dialect; `sub` is an integer there, which PyJWT would refuse."""

import json
import sys

import jwt

order = json.load(sys.stdin)


def verify(token):
    try:
        return jwt.decode(
            token, order["secret"], algorithms=["HS256"], options={"verify_sub": False}
        )
    except jwt.PyJWTError as error:
        return {"refused": type(error).__name__}


print(json.dumps({name: verify(token) for name, token in order["tokens"].items()}))
