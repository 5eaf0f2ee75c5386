//! What the tests share of the dialects whose older systems used flask-jwt-extended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, Issuer, SigningKey};
use countersign_server::config::{Config, DialectConfig, SigningSecret};
use countersign_server::operations::Caller;
use countersign_server::sql;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

use crate::server::{Answer, START, TestApp};

sql! {
    COME_ALONG = "INSERT INTO imports (user_id, source) VALUES (?, ?)";
    REVOKED_THERE = "INSERT INTO revocations (subject, reason, until) VALUES (?, 'logout', ?)";
}

pub(crate) const SECRET: &str = "a configured secret of 32 bytes, or a few more";
pub(crate) const OLD_SECRET: &str = "jwt-secret-string";

/// What anybody can sign who knows the secret.
pub(crate) fn sign(secret: &str, claims: &Value) -> String {
    let key = SigningKey::from_weak_secret(Algorithm::Hs256, None, secret.as_bytes());
    Issuer::new(key.expect("a key")).sign("JWT", claims).expect("a token")
}

/// A dialect that signs with [`SECRET`] and takes what was signed with [`OLD_SECRET`].
pub(crate) fn dialect(name: &str) -> DialectConfig {
    let secret = |text: &str| Some(SigningSecret::parse(text).expect("a secret"));
    DialectConfig {
        name: name.into(),
        secret: secret(SECRET),
        legacy_secret: secret(OLD_SECRET),
        legacy_tokens_until: Some(jiff::civil::date(2026, 12, 31)),
        ..DialectConfig::default()
    }
}

/// The JSON of one of a token's segments.
pub(crate) fn segment(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).expect("a segment");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).expect("base64url")).expect("JSON")
}

/// Tokens that are none, each with the answer to it.
pub(crate) fn undecodable(token: &str) -> Vec<(String, &'static str)> {
    let claims = segment(token, 1);
    let mut parts = token.split('.');
    let (header, payload) = (parts.next().expect("three"), parts.next().expect("three"));
    let signature = parts.next().expect("three");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        sign(SECRET, &claims)
    };
    let later = START.seconds() + 600;
    vec![
        ("x".into(), "Not enough segments"),
        (format!("{header}.{payload}"), "Not enough segments"),
        (format!("{token}.x"), "Not enough segments"),
        (
            sign("another secret that has 32 bytes or more", &claims),
            "Signature verification failed",
        ),
        (format!("{header}.{payload}.{other}{}", &signature[1..]), "Signature verification failed"),
        (format!("{none}.{payload}.{signature}"), "The specified alg value is not allowed"),
        (format!("{header}.{payload}.!"), "Invalid padding"),
        (with("sub", json!(7)), "Invalid claim: sub"),
        (with("nbf", json!(later)), "The token is not yet valid (nbf)"),
        (with("iat", json!(later)), "The token is not yet valid (iat)"),
    ]
}

impl Answer {
    /// Whether it is of this status and body.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: Value) {
        assert_eq!((self.status.as_u16(), self.json()), (status, body), "{self:?}");
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
    }

    /// As [`Answer::is`], for an answer that says when to come back.
    #[track_caller]
    pub(crate) fn is_for_later(&self, status: u16, body: Value) {
        self.is(status, body);
        assert!(self.headers.contains_key(RETRY_AFTER), "{self:?}");
    }

    /// As flask-jwt-extended answers.
    #[track_caller]
    pub(crate) fn is_msg(&self, status: u16, msg: &str) {
        self.is(status, json!({ "msg": msg }));
    }
}

impl TestApp {
    /// A request with this `Authorization` header, as it is.
    pub(crate) async fn authorized(&self, method: Method, path: &str, header: &str) -> Answer {
        Answer::of(self.request(method, path).header(AUTHORIZATION, header)).await
    }

    pub(crate) async fn post_as(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, content_type);
        Answer::of(request.body(body.to_vec())).await
    }

    /// The caller of what an operator does now.
    pub(crate) fn operator(&self) -> Caller {
        Caller::command(self.app.clock.now())
    }

    pub(crate) async fn user_id(&self, name: &str) -> String {
        self.app.find_user(name).await.expect("there is such a user").id
    }

    pub(crate) async fn make_admin(&self, name: &str) {
        let id = self.user_id(name).await;
        let roles = vec!["admin".into()];
        self.app.set_roles(&self.operator(), &id, roles).await.expect("a user");
    }

    pub(crate) async fn disable(&self, name: &str) {
        let id = self.user_id(name).await;
        self.app.disable(&self.operator(), &id).await.expect("a user");
    }

    pub(crate) async fn delete(&self, name: &str) {
        let id = self.user_id(name).await;
        self.app.delete_user(&self.operator(), &id).await.expect("a user");
    }

    pub(crate) async fn log_out_everywhere(&self, name: &str) {
        let (id, caller) = (self.user_id(name).await, self.operator());
        let reason = countersign::EndReason::LogoutAll;
        self.app.log_out_everywhere(&caller, &id, None, reason).await.expect("a user");
    }

    /// How many sessions of the user are live.
    pub(crate) async fn live(&self, name: &str) -> usize {
        let (id, caller) = (self.user_id(name).await, self.operator());
        self.app.sessions_of(&id, &caller).await.expect("the database answers").len()
    }

    /// Makes of a user one who came along from the system that `dialect` takes the place of.
    pub(crate) async fn come_along(&self, name: &str, dialect: &str) {
        let id = self.user_id(name).await;
        self.execute(COME_ALONG, vec![id.into(), dialect.into()]).await;
    }

    /// Takes over that the older system revoked the token with this `jti`.
    pub(crate) async fn revoked_there(&self, jti: &str) {
        let subject = format!("token:legacy:{jti}");
        let until = START.plus(std::time::Duration::from_hours(24 * 365));
        self.execute(REVOKED_THERE, vec![subject.into(), until.into()]).await;
    }

    pub(crate) async fn purge(&self) {
        self.app.purge(self.app.clock.now()).await.expect("the database answers");
    }
}

/// Strict limits, the server's policy, and few lanes.
pub(crate) fn strict(config: &mut Config) {
    config.limits.enabled = true;
    for dialect in &mut config.dialects {
        dialect.password_policy = countersign_server::config::PasswordPolicy::Server;
    }
}

/// So little room for hashes that most of sixteen at once are refused.
pub(crate) fn narrow(config: &mut Config) {
    config.passwords.lanes = 1;
    config.passwords.queue = 4;
    config.passwords.memory_kib = 64 * 1024;
    config.passwords.iterations = 4;
}
