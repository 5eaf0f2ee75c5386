"""The system of document 004: accounts by mobile number, the one good token of each in Redis.

The document has `authenticate` and `identify` only. The model, the paths, the registration and the
logout are what its description of them asks for.
"""

import datetime
import os
import re
import time

import jwt
import redis
from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config.update(
    SECRET_KEY="passport-secret",
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    SQLALCHEMY_TRACK_MODIFICATIONS=False,
    JSON_AS_ASCII=False,
)
TOKEN_LIFE = datetime.timedelta(seconds=int(os.getenv("TOKEN_LIFE", "86400")))
JWT_TOKEN_REDIS_EXPIRES = 86400
db = SQLAlchemy(app)
redis_store = redis.StrictRedis.from_url(os.environ["REDIS_URL"], decode_responses=True)


class HttpCode:
    ok = 200
    parmas_error = 400
    auth_error = 401
    db_error = 1001


class UserLogin(db.Model):
    __tablename__ = "user_login"

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, unique=True, nullable=False)
    mobile = db.Column(db.String(16), unique=True, nullable=False)
    password_hash = db.Column(db.String(128), nullable=False)
    last_login = db.Column(db.DateTime)
    last_login_stamp = db.Column(db.Integer)


def outcome(code, msg, data=None):
    return {"code": code, "msg": msg, "data": data}


def encode_auth_token(user_id, login_time):
    now = datetime.datetime.utcnow()
    claims = {
        "exp": now + TOKEN_LIFE,
        "iat": now,
        "iss": "Barry",
        "data": {"id": user_id, "login_time": login_time},
    }
    return jwt.encode(claims, app.config["SECRET_KEY"], algorithm="HS256").decode()


def decode_auth_token(token):
    """The claims, or the sentence that says why there are none."""
    try:
        return jwt.decode(token, app.config["SECRET_KEY"], options={"verify_exp": False})
    except jwt.ExpiredSignatureError:
        return "Token过期"
    except jwt.InvalidTokenError:
        return "无效Token"


def register(mobile, password):
    if not mobile or not password:
        return outcome(HttpCode.parmas_error, "参数不完整")
    if not re.match(r"^1[3-9]\d{9}$", mobile):
        return outcome(HttpCode.parmas_error, "手机号格式不正确")
    if UserLogin.query.filter_by(mobile=mobile).first():
        return outcome(HttpCode.parmas_error, "手机号已存在，请重新输入")
    last = db.session.query(db.func.max(UserLogin.user_id)).scalar() or 0
    user = UserLogin(
        user_id=last + 1, mobile=mobile, password_hash=generate_password_hash(password)
    )
    db.session.add(user)
    db.session.commit()
    return outcome(HttpCode.ok, "注册成功", {"user_id": user.user_id})


def authenticate(mobile, password):
    user = UserLogin.query.filter_by(mobile=mobile).first()
    if not user:
        return outcome(HttpCode.auth_error, "请求的用户不存在")
    if not check_password_hash(user.password_hash, password):
        return outcome(HttpCode.parmas_error, "用户登录密码输入错误")
    login_time = int(time.time())
    user.last_login_stamp, user.last_login = login_time, datetime.datetime.now()
    try:
        db.session.commit()
    except Exception:
        return outcome(HttpCode.db_error, "登录时间查询失败")
    token = encode_auth_token(user.user_id, login_time)
    try:
        redis_store.set(f"jwt_token:{user.user_id}", token, JWT_TOKEN_REDIS_EXPIRES)
    except Exception:
        return outcome(HttpCode.db_error, "token保存redis失败")
    return outcome(HttpCode.ok, "用户登录成功", {"token": token, "user_id": user.user_id})


def identify():
    header = request.headers.get("Authorization")
    if not header:
        return outcome(HttpCode.auth_error, "用户认证失败,请求未携带对应认证信息")
    parts = header.split(" ")
    if parts[0] != "JWT" or len(parts) != 2:
        return outcome(HttpCode.auth_error, "请求未携带认证信息，认证失败")
    claims = decode_auth_token(parts[1])
    if isinstance(claims, str):
        return outcome(HttpCode.auth_error, claims)
    user = UserLogin.query.filter_by(user_id=claims["data"]["id"]).first()
    if not user:
        return outcome(HttpCode.auth_error, "用户不存在，查无此用户")
    try:
        current = redis_store.get(f"jwt_token:{user.user_id}")
    except Exception:
        return outcome(HttpCode.db_error, "redis查询token失败")
    if not current or current != parts[1]:
        return outcome(HttpCode.auth_error, "jwt-token失效")
    if user.last_login_stamp != claims["data"]["login_time"]:
        return outcome(HttpCode.auth_error, "用户认证失败，需要再次登录")
    return outcome(HttpCode.ok, "用户认证成功", {"user_id": user.user_id})


def sent():
    data = request.get_json(silent=True) or request.form
    return data.get("mobile"), data.get("password")


@app.route("/passport/register", methods=["POST"])
def post_register():
    return jsonify(register(*sent()))


@app.route("/passport/login", methods=["POST"])
def post_login():
    mobile, password = sent()
    if not mobile or not password:
        return jsonify(outcome(HttpCode.parmas_error, "参数不完整"))
    return jsonify(authenticate(mobile, password))


@app.route("/passport/identify", methods=["GET"])
def get_identify():
    return jsonify(identify())


@app.route("/passport/logout", methods=["POST"])
def post_logout():
    found = identify()
    if found["code"] == HttpCode.ok:
        redis_store.delete(f"jwt_token:{found['data']['user_id']}")
        found = outcome(HttpCode.ok, "退出登录成功")
    return jsonify(found)


db.create_all()
