"""Writes hashes.json: password hashes made by the libraries whose rows an import brings along.

    python3 -m venv venv && venv/bin/pip install bcrypt==5.0.0 flask-bcrypt==1.0.1 passlib==1.7.4 \
        werkzeug==3.1.9 django==5.2.19 argon2-cffi==25.1.0
    python3 -m venv old && old/bin/pip install werkzeug==1.0.1
    venv/bin/python hashes.py old/bin/python > hashes.json

Werkzeug 1.0.1 is asked in a process of its own. The rows of ASP.NET Core Identity and two of phpass
are those of their projects' own tests; for ASP.NET each is made again here from the documented
layout, so that a slip of the pen would be noticed. Salts are random: the file changes with each run.
"""

import base64
import hashlib
import json
import os
import struct
import subprocess
import sys

import argon2
import bcrypt
import django.conf
import flask
import flask_bcrypt
import passlib.hash
import werkzeug.security

ASCII = "correct horse battery staple"
COMPOSED = "pässwörd für 日本 🔑"
DECOMPOSED = "pa\u0308sswo\u0308rd fu\u0308r 日本 🔑"
LONG = "a pass phrase of more than seventy-two octets, of which bcrypt looks at no more"
assert len(LONG.encode()) > 72

rows = []


def add(made_by, password, hash, upgraded=True):
    hash = hash.decode() if isinstance(hash, bytes) else hash
    rows.append({"made_by": made_by, "password": password, "hash": hash, "upgraded": upgraded})


def add_each(made_by, make):
    for password in (ASCII, COMPOSED, DECOMPOSED):
        add(made_by, password, make(password))


def bcrypt_rows():
    add_each("bcrypt", lambda p: bcrypt.hashpw(p.encode(), bcrypt.gensalt(5)))
    add("bcrypt", ASCII, bcrypt.hashpw(ASCII.encode(), bcrypt.gensalt(12)))
    add("bcrypt $2a$", ASCII, bcrypt.hashpw(ASCII.encode(), bcrypt.gensalt(4, prefix=b"2a")))
    # Old versions cut what is too long, today's refuses it; what is hashed is the same.
    add("bcrypt", LONG, bcrypt.hashpw(LONG.encode()[:72], bcrypt.gensalt(4)), upgraded=False)
    add("bcrypt", LONG[:72], bcrypt.hashpw(LONG.encode()[:72], bcrypt.gensalt(4)), upgraded=False)
    add("bcrypt", LONG[:71], bcrypt.hashpw(LONG.encode()[:71], bcrypt.gensalt(4)))
    app = flask.Flask("rows")
    app.config["BCRYPT_LOG_ROUNDS"] = 4
    add("Flask-Bcrypt", ASCII, flask_bcrypt.Bcrypt(app).generate_password_hash(ASCII))
    # PHP's beginning, for the same computation.
    add("bcrypt $2y$", ASCII, "$2y" + bcrypt.hashpw(ASCII.encode(), bcrypt.gensalt(4)).decode()[3:])


def passlib_rows():
    add_each("passlib pbkdf2_sha256", passlib.hash.pbkdf2_sha256.hash)
    add("passlib pbkdf2_sha256", ASCII, passlib.hash.pbkdf2_sha256.using(rounds=1, salt_size=0).hash(ASCII))
    add("passlib pbkdf2_sha1", ASCII, passlib.hash.pbkdf2_sha1.hash(ASCII))
    add("passlib pbkdf2_sha512", ASCII, passlib.hash.pbkdf2_sha512.hash(ASCII))
    add_each("passlib scrypt", passlib.hash.scrypt.using(rounds=10).hash)
    add("passlib scrypt", ASCII, passlib.hash.scrypt.using(rounds=16, block_size=8, parallelism=1).hash(ASCII))
    add("passlib scrypt", ASCII, passlib.hash.scrypt.using(rounds=4, block_size=1, parallelism=16).hash(ASCII))
    add_each("passlib phpass", passlib.hash.phpass.using(rounds=8).hash)
    add("passlib phpass", ASCII, passlib.hash.phpass.using(rounds=13).hash(ASCII))
    add("passlib phpass $H$", ASCII, passlib.hash.phpass.using(rounds=11, ident="H").hash(ASCII))
    # https://www.openwall.com/phpass/, its test program; and of WordPress.
    add("phpass", "test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0")


def werkzeug_rows(old_python):
    make = werkzeug.security.generate_password_hash
    add_each("Werkzeug 3 scrypt", make)
    add("Werkzeug 3 pbkdf2", ASCII, make(ASCII, method="pbkdf2"))
    add("Werkzeug 3 pbkdf2", COMPOSED, make(COMPOSED, method="pbkdf2:sha512:1000"))
    ask = (
        "import json, sys\n"
        "from werkzeug.security import generate_password_hash\n"
        "print(json.dumps([generate_password_hash(*of) for of in json.load(sys.stdin)]))"
    )
    wanted = [[ASCII], [COMPOSED], [DECOMPOSED], [ASCII, "pbkdf2:sha1:1000"], [ASCII, "pbkdf2:sha512"]]
    made = subprocess.run(
        [old_python, "-c", ask], input=json.dumps(wanted), capture_output=True, text=True, check=True
    )
    for (password, *_), hash in zip(wanted, json.loads(made.stdout)):
        add("Werkzeug 1", password, hash)


def django_rows():
    django.conf.settings.configure()
    from django.contrib.auth import hashers

    add_each("Django", lambda p: hashers.PBKDF2PasswordHasher().encode(p, "a-salt-of-django", 10_000))
    add("Django", ASCII, hashers.make_password(ASCII))
    add("Django", ASCII, hashers.PBKDF2SHA1PasswordHasher().encode(ASCII, "salt", 1000))


def argon2_rows():
    cheap = {"time_cost": 1, "memory_cost": 64, "parallelism": 2}
    add_each("argon2-cffi", argon2.PasswordHasher(**cheap).hash)
    add("argon2-cffi", ASCII, argon2.PasswordHasher().hash(ASCII))
    of_type_i = argon2.PasswordHasher(**cheap, type=argon2.Type.I)
    add_each("argon2-cffi Argon2i", of_type_i.hash)
    # As the server of the tests would write it, but of a password that is not in NFC.
    same = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, hash_len=32, salt_len=16)
    add("argon2-cffi", DECOMPOSED, same.hash(DECOMPOSED))
    add("argon2-cffi", ASCII, same.hash(ASCII), upgraded=False)


def aspnet(digest, rounds, salt, octets, password):
    number = {"sha1": 0, "sha256": 1, "sha512": 2}[digest]
    subkey = hashlib.pbkdf2_hmac(digest, password.encode(), salt, rounds, octets)
    return base64.b64encode(struct.pack(">BIII", 1, number, rounds, len(salt)) + salt + subkey).decode()


def aspnet_rows():
    # PasswordHasherTest.cs of ASP.NET Core.
    for published in (
        "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
        "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ=",
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
        "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
        "AQAAAAIAAYagAAAAEAABAgMEBQYHCAkKCwwNDg/Q8A0WMKbtHQJQ2DHCdoEeeFBrgNlldq6vH4qX/CGqGQ==",
    ):
        octets = base64.b64decode(published)
        _, number, rounds, length = struct.unpack(">BIII", octets[:13])
        salt, subkey = octets[13 : 13 + length], octets[13 + length :]
        digest = ["sha1", "sha256", "sha512"][number]
        assert aspnet(digest, rounds, salt, len(subkey), "my password") == published
        add("ASP.NET Core Identity 3", "my password", published)
    add_each("the layout of ASP.NET Core Identity 3", lambda p: aspnet("sha512", 1000, os.urandom(16), 32, p))


bcrypt_rows()
passlib_rows()
werkzeug_rows(sys.argv[1])
django_rows()
argon2_rows()
aspnet_rows()
json.dump(rows, sys.stdout, ensure_ascii=False, indent=1)
print()
