"""The system of document 001: accounts by username, an access and a refresh token a login."""

import os

from flask import Flask, jsonify
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt,
    get_jwt_identity,
    jwt_required,
)
from flask_restful import Api, Resource, reqparse
from flask_sqlalchemy import SQLAlchemy
from passlib.hash import pbkdf2_sha256

app = Flask(__name__)
app.config.update(
    # As under FLASK_DEBUG=1; otherwise Flask-RESTful makes a 500 of each refusal.
    PROPAGATE_EXCEPTIONS=True,
    SECRET_KEY="some-secret-string",
    JWT_SECRET_KEY="jwt-secret-string",
    JWT_BLOCKLIST_TOKEN_CHECKS=["access", "refresh"],
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    SQLALCHEMY_TRACK_MODIFICATIONS=False,
)
if "TOKEN_LIFE" in os.environ:
    app.config["JWT_ACCESS_TOKEN_EXPIRES"] = int(os.environ["TOKEN_LIFE"])
    app.config["JWT_REFRESH_TOKEN_EXPIRES"] = int(os.environ["TOKEN_LIFE"])
api = Api(app)
db = SQLAlchemy(app)
jwt = JWTManager(app)

parser = reqparse.RequestParser()
parser.add_argument("username", help="This field cannot be blank", required=True)
parser.add_argument("password", help="This field cannot be blank", required=True)


class UserModel(db.Model):
    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(120), unique=True, nullable=False)
    password = db.Column(db.String(120), nullable=False)

    @classmethod
    def find(cls, username):
        return cls.query.filter_by(username=username).first()


class RevokedTokenModel(db.Model):
    __tablename__ = "revoked_tokens"

    id = db.Column(db.Integer, primary_key=True)
    jti = db.Column(db.String(120))


@jwt.token_in_blocklist_loader
def is_revoked(_header, claims):
    return RevokedTokenModel.query.filter_by(jti=claims["jti"]).first() is not None


def save(row):
    db.session.add(row)
    db.session.commit()


def tokens(username):
    return {
        "access_token": create_access_token(identity=username),
        "refresh_token": create_refresh_token(identity=username),
    }


class Registration(Resource):
    def post(self):
        data = parser.parse_args()
        name = data["username"]
        if UserModel.find(name):
            return {"message": f"User {name} already exists"}
        try:
            save(UserModel(username=name, password=pbkdf2_sha256.hash(data["password"])))
            return {"message": f"User {name} was created", **tokens(name)}
        except Exception:
            return {"message": "Something went wrong"}, 500


class Login(Resource):
    def post(self):
        data = parser.parse_args()
        name = data["username"]
        user = UserModel.find(name)
        if not user:
            return {"message": f"User {name} doesn't exist"}
        if not pbkdf2_sha256.verify(data["password"], user.password):
            return {"message": "Wrong credentials"}
        return {"message": f"Logged in as {user.username}", **tokens(name)}


class Refresh(Resource):
    @jwt_required(refresh=True)
    def post(self):
        return {"access_token": create_access_token(identity=get_jwt_identity())}


def revoke(kind):
    try:
        save(RevokedTokenModel(jti=get_jwt()["jti"]))
        return {"message": f"{kind} token has been revoked"}
    except Exception:
        return {"message": "Something went wrong"}, 500


class LogoutAccess(Resource):
    @jwt_required()
    def post(self):
        return revoke("Access")


class LogoutRefresh(Resource):
    @jwt_required(refresh=True)
    def post(self):
        return revoke("Refresh")


class Users(Resource):
    def get(self):
        users = UserModel.query.all()
        return {"users": [{"username": u.username, "password": u.password} for u in users]}

    def delete(self):
        try:
            count = db.session.query(UserModel).delete()
            db.session.commit()
            return {"message": f"{count} row(s) deleted"}
        except Exception:
            return {"message": "Something went wrong"}


class Secret(Resource):
    @jwt_required()
    def get(self):
        return {"answer": 42}


@app.route("/")
def index():
    return jsonify({"message": "Hello, World!"})


api.add_resource(Registration, "/registration")
api.add_resource(Login, "/login")
api.add_resource(LogoutAccess, "/logout/access")
api.add_resource(LogoutRefresh, "/logout/refresh")
api.add_resource(Refresh, "/token/refresh")
api.add_resource(Users, "/users")
api.add_resource(Secret, "/secret")
db.create_all()
