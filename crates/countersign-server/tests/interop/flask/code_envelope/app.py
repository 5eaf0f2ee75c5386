"""The system of document 003: accounts by username, an envelope with a code around each answer."""

import hashlib
import os

from flask import Flask, jsonify
from flask_cors import CORS
from flask_jwt_extended import JWTManager, create_access_token, jwt_required
from flask_restful import Api, Resource, reqparse
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config.update(
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    SQLALCHEMY_TRACK_MODIFICATIONS=True,
    JWT_SECRET_KEY=os.environ.get("JWT_SECRET_KEY") or "jwt-key",
    JWT_COOKIE_CSRF_PROTECT=True,
    JWT_CSRF_CHECK_FORM=True,
    JWT_ACCESS_TOKEN_EXPIRES=int(os.environ.get("TOKEN_LIFE") or 3600),
    PROPAGATE_EXCEPTIONS=True,
)
CORS(app)
api = Api(app)
db = SQLAlchemy(app)
jwt = JWTManager(app)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True, autoincrement=True)
    username = db.Column(db.String(45), nullable=False, unique=True)
    password = db.Column(db.String(128), nullable=False)
    active = db.Column(db.Boolean, default=True, nullable=False)

    @classmethod
    def authenticate(cls, username, password):
        """Whether there is such a user, whether the password is right, and the user."""
        user = cls.query.filter_by(username=username).first()
        return user is not None, user is not None and user.password == password, user


@jwt.expired_token_loader
def expired_token_callback(_token):
    return jsonify({"code": 201, "message": "token expired"})


class Login(Resource):
    def post(self):
        parser = reqparse.RequestParser()
        for name, empty in (("username", "用户名不能为空"), ("password", "密码不能为空")):
            parser.add_argument(name, type=str, location="json", required=True, help=empty)
        data = parser.parse_args()
        known, right, user = User.authenticate(data["username"], data["password"])
        token = userid = None
        if not known:
            code, message = 201, "user not exist"
        elif not right:
            code, message = 202, "wrong password"
        else:
            code, message = 200, "success"
            token, userid = create_access_token(identity=user.username), user.id
        return jsonify(code=code, message=message, token=token, userid=userid)


class Users(Resource):
    @jwt_required
    def get(self):
        users = [{"userid": user.id, "username": user.username} for user in User.query.all()]
        return jsonify(code=200, message="success", users=users)


api.add_resource(Login, "/login")
api.add_resource(Users, "/users")


def initialize():
    """What the system's script does to an empty database, for more users than one."""
    db.create_all()
    for name, password, active in (
        ("admin@gmail.com", "123456", True),
        ("alice", "alice's old password", True),
        ("erin", "erin's old password", True),
        ("grace", "grace's old password", False),
    ):
        digest = hashlib.sha256(password.encode()).hexdigest()
        db.session.add(User(username=name, password=digest, active=active))
    db.session.commit()


if __name__ == "__main__":
    initialize()
