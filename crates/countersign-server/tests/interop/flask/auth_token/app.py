"""The system of document 000: accounts by e-mail, one token a login, a table of ended tokens."""

import datetime
import os

import jwt
from flask import Flask, jsonify, make_response, request
from flask.views import MethodView
from flask_bcrypt import Bcrypt
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.getenv("SECRET_KEY", "my_precious"),
    BCRYPT_LOG_ROUNDS=4,
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    SQLALCHEMY_TRACK_MODIFICATIONS=False,
)
TOKEN_LIFE = datetime.timedelta(seconds=int(os.getenv("TOKEN_LIFE", "86400")))
db = SQLAlchemy(app)
bcrypt = Bcrypt(app)


class User(db.Model):
    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True, autoincrement=True)
    email = db.Column(db.String(255), unique=True, nullable=False)
    password = db.Column(db.String(255), nullable=False)
    registered_on = db.Column(db.DateTime, nullable=False)
    admin = db.Column(db.Boolean, nullable=False, default=False)

    def __init__(self, email, password, admin=False):
        self.email = email
        rounds = app.config["BCRYPT_LOG_ROUNDS"]
        self.password = bcrypt.generate_password_hash(password, rounds).decode()
        self.registered_on = datetime.datetime.now()
        self.admin = admin

    def encode_auth_token(self):
        now = datetime.datetime.utcnow()
        claims = {"exp": now + TOKEN_LIFE, "iat": now, "sub": self.id}
        return jwt.encode(claims, app.config["SECRET_KEY"], algorithm="HS256")


class BlacklistToken(db.Model):
    __tablename__ = "blacklist_tokens"

    id = db.Column(db.Integer, primary_key=True, autoincrement=True)
    token = db.Column(db.String(500), unique=True, nullable=False)
    blacklisted_on = db.Column(db.DateTime, nullable=False)

    def __init__(self, token):
        self.token = token
        self.blacklisted_on = datetime.datetime.now()


def decode_auth_token(token):
    """The user's id, or the sentence that says why there is none."""
    try:
        claims = jwt.decode(token, app.config["SECRET_KEY"])
        if BlacklistToken.query.filter_by(token=str(token)).first():
            return "Token blacklisted. Please log in again."
        return claims["sub"]
    except jwt.ExpiredSignatureError:
        return "Signature expired. Please log in again."
    except jwt.InvalidTokenError:
        return "Invalid token. Please log in again."


def answer(status, outcome, **members):
    return make_response(jsonify(status=outcome, **members)), status


class Register(MethodView):
    def post(self):
        data = request.get_json()
        if User.query.filter_by(email=data.get("email")).first():
            return answer(202, "fail", message="User already exists. Please Log in.")
        try:
            user = User(email=data.get("email"), password=data.get("password"))
            db.session.add(user)
            db.session.commit()
            token = user.encode_auth_token().decode()
        except Exception:
            return answer(401, "fail", message="Some error occurred. Please try again.")
        return answer(201, "success", message="Successfully registered.", auth_token=token)


class Login(MethodView):
    def post(self):
        data = request.get_json()
        try:
            user = User.query.filter_by(email=data.get("email")).first()
            if user and bcrypt.check_password_hash(user.password, data.get("password")):
                token = user.encode_auth_token().decode()
                return answer(200, "success", message="Successfully logged in.", auth_token=token)
            return answer(404, "fail", message="User does not exist.")
        except Exception as error:
            print(error)
            return answer(500, "fail", message="Try again")


class Status(MethodView):
    def get(self):
        header = request.headers.get("Authorization")
        try:
            token = header.split(" ")[1] if header else ""
        except IndexError:
            return answer(401, "fail", message="Bearer token malformed.")
        if not token:
            return answer(401, "fail", message="Provide a valid auth token.")
        found = decode_auth_token(token)
        if isinstance(found, str):
            return answer(401, "fail", message=found)
        user = User.query.filter_by(id=found).first()
        data = {
            "user_id": user.id,
            "email": user.email,
            "admin": user.admin,
            "registered_on": user.registered_on,
        }
        return answer(200, "success", data=data)


class Logout(MethodView):
    def post(self):
        header = request.headers.get("Authorization")
        token = header.split(" ")[1] if header else ""
        if not token:
            return answer(403, "fail", message="Provide a valid auth token.")
        found = decode_auth_token(token)
        if isinstance(found, str):
            return answer(401, "fail", message=found)
        try:
            db.session.add(BlacklistToken(token=token))
            db.session.commit()
        except Exception as error:
            return answer(200, "fail", message=str(error))
        return answer(200, "success", message="Successfully logged out.")


app.add_url_rule("/auth/register", view_func=Register.as_view("register"), methods=["POST"])
app.add_url_rule("/auth/login", view_func=Login.as_view("login"), methods=["POST"])
app.add_url_rule("/auth/status", view_func=Status.as_view("status"), methods=["GET"])
app.add_url_rule("/auth/logout", view_func=Logout.as_view("logout"), methods=["POST"])
db.create_all()
