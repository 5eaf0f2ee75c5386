"""Prints what can be set on flask-jwt-extended, as it says itself, for tests/it/guard/coming_from_flask.rs:

    python3 -m venv v4 && v4/bin/pip install 'flask-jwt-extended>=4.7,<4.8'
    v4/bin/python list.py >options.json
"""

import json

import flask
import flask_jwt_extended as fje

application = flask.Flask(__name__)
fje.JWTManager(application)
options = sorted(name for name in application.config if name.startswith("JWT_"))
callbacks = sorted(name for name in dir(fje.JWTManager) if name.endswith("_loader"))
print(json.dumps({"options": options, "callbacks": callbacks}, indent=1))
