"""The system of document 002: accounts by e-mail, forms, one token a login in a header of its own."""

import os
import uuid
from datetime import datetime, timedelta
from functools import wraps

import jwt
from flask import Flask, jsonify, make_response, request
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config.update(
    SECRET_KEY="your secret key",
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    SQLALCHEMY_TRACK_MODIFICATIONS=True,
)
TOKEN_LIFE = timedelta(seconds=int(os.getenv("TOKEN_LIFE", "1800")))
db = SQLAlchemy(app)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    public_id = db.Column(db.String(50), unique=True)
    name = db.Column(db.String(100))
    email = db.Column(db.String(70), unique=True)
    password = db.Column(db.String(80))


def token_required(view):
    @wraps(view)
    def guarded(*args, **kwargs):
        token = request.headers.get("x-access-token")
        if not token:
            return jsonify({"message": "Token is missing !!"}), 401
        try:
            claims = jwt.decode(token, app.config["SECRET_KEY"])
            user = User.query.filter_by(public_id=claims["public_id"]).first()
        except Exception:
            return jsonify({"message": "Token is invalid !!"}), 401
        return view(user, *args, **kwargs)

    return guarded


def could_not_verify(status, realm):
    return make_response("Could not verify", status, {"WWW-Authenticate": f'Basic realm ="{realm}"'})


@app.route("/user", methods=["GET"])
@token_required
def users(_user):
    everybody = User.query.all()
    shown = [{"public_id": u.public_id, "name": u.name, "email": u.email} for u in everybody]
    return jsonify({"users": shown})


@app.route("/login", methods=["POST"])
def login():
    email, password = request.form.get("email"), request.form.get("password")
    if not email or not password:
        return could_not_verify(401, "Login required !!")
    user = User.query.filter_by(email=email).first()
    if not user:
        return could_not_verify(401, "User does not exist !!")
    if not check_password_hash(user.password, password):
        return could_not_verify(403, "Wrong Password !!")
    claims = {"public_id": user.public_id, "exp": datetime.utcnow() + TOKEN_LIFE}
    token = jwt.encode(claims, app.config["SECRET_KEY"])
    return make_response(jsonify({"token": token.decode("UTF-8")}), 201)


@app.route("/signup", methods=["POST"])
def signup():
    name, email = request.form.get("name"), request.form.get("email")
    password = request.form.get("password")
    if User.query.filter_by(email=email).first():
        return make_response("User already exists. Please Log in.", 202)
    user = User(
        public_id=str(uuid.uuid4()),
        name=name,
        email=email,
        password=generate_password_hash(password),
    )
    db.session.add(user)
    db.session.commit()
    return make_response("Successfully registered.", 201)


db.create_all()
