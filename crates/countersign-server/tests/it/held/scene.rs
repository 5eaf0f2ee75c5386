//! For each route that takes a body: a request that is granted, and what must not happen before its
//! body arrives. A new route belongs here.

use std::time::Duration;

use countersign_server::operations::invitations::Invite;
use countersign_server::password::Password;
use countersign_server::tables::api_key::Right;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Answer, Meanwhile, PASSWORD, Session, Walk};
use crate::admin::admin;
use crate::api_keys::made;
use crate::forms::{URL_ENCODED, url_encoded};
use crate::kit::claims_of;

/// Beyond the life of every access token, and within that of the sessions.
const NATIVE_LIFE: Duration = Duration::from_mins(16);
const DIALECT_LIFE: Duration = Duration::from_hours(25);
const REFRESH_LIFE: Duration = Duration::from_hours(24 * 31);

/// Who sends a request, and so what it is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A user with a native access token.
    Member,
    /// An admin with one.
    Admin,
    /// A program with an API key.
    Program,
    /// Whoever has the refresh token in the body.
    RefreshToken,
    /// Whoever has the password in the body.
    Login,
    /// The same, in a dialect.
    DialectLogin,
    /// Whoever has the invitation in the body.
    Invited,
    /// Anybody.
    Anybody,
    /// A user with a native access token, which the handler looks at.
    LogsOut,
    /// A user with a dialect's access token.
    DialectMember,
    /// The same, which the handler looks at.
    DialectLogsOut,
    /// A user with a dialect's refresh token.
    DialectRefreshToken,
    /// An admin with a dialect's access token.
    DialectAdmin,
}

impl Sender {
    /// What refuses the sender, whenever it happens.
    pub(super) fn judged_by(self) -> &'static [Meanwhile] {
        use Meanwhile as M;
        match self {
            Self::Member | Self::LogsOut => {
                &[M::Logout, M::Disable, M::Delete, M::WithdrawSigningKey, M::Expire(NATIVE_LIFE)]
            }
            Self::Admin => &[
                M::Logout,
                M::Disable,
                M::Delete,
                M::Demote,
                M::WithdrawSigningKey,
                M::Expire(NATIVE_LIFE),
            ],
            Self::Program => &[M::RevokeApiKey, M::Expire(DIALECT_LIFE)],
            Self::RefreshToken => {
                &[M::Logout, M::Disable, M::Delete, M::Rotate, M::Expire(REFRESH_LIFE)]
            }
            Self::Login | Self::DialectLogin => &[M::Disable, M::Delete],
            Self::Invited => &[M::Uninvite, M::Expire(DIALECT_LIFE)],
            Self::Anybody => &[],
            Self::DialectMember | Self::DialectLogsOut => {
                &[M::Logout, M::Disable, M::Delete, M::Expire(DIALECT_LIFE)]
            }
            Self::DialectRefreshToken => {
                &[M::Logout, M::Disable, M::Delete, M::Expire(REFRESH_LIFE)]
            }
            Self::DialectAdmin => {
                &[M::Logout, M::Disable, M::Delete, M::Demote, M::Expire(DIALECT_LIFE)]
            }
        }
    }

    /// Whether the request's head alone shows who sends it, and the guard or an extractor looks.
    pub(super) fn is_known_by_head(self) -> bool {
        // The handler looks up the role of a dialect's admin.
        matches!(
            self,
            Self::Member
                | Self::Admin
                | Self::Program
                | Self::DialectMember
                | Self::DialectRefreshToken
        )
    }
}

/// A request to be, and what its sender holds.
pub(super) struct Scene {
    pub(super) sender: Sender,
    pub(super) path: String,
    pub(super) headers: String,
    pub(super) body: String,
    pub(super) user_id: String,
    pub(super) session_id: String,
    pub(super) session: Session,
    pub(super) key_id: String,
    pub(super) invitation_id: String,
}

impl Scene {
    fn of(sender: Sender, path: &str) -> Self {
        let none = || String::new();
        let session = Session { access: none(), refresh: none(), id: none(), user_id: none() };
        Self {
            sender,
            path: path.to_owned(),
            headers: none(),
            body: none(),
            user_id: none(),
            session_id: none(),
            session,
            key_id: none(),
            invitation_id: none(),
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers = format!("{}{name}: {value}\r\n", self.headers);
        self
    }

    fn json(self, body: &Value) -> Self {
        let body = body.to_string();
        Self { body, ..self }.header("Content-Type", "application/json")
    }

    fn form(self, fields: &[(&str, &str)]) -> Self {
        Self { body: url_encoded(fields), ..self }.header("Content-Type", URL_ENCODED)
    }

    /// With the native session of the sender.
    fn session(self, session: Session) -> Self {
        let (user_id, session_id) = (session.user_id.clone(), session.id.clone());
        Self { user_id, session_id, session, ..self }
    }

    fn bearer(self) -> Self {
        let value = format!("Bearer {}", self.session.access);
        self.header("Authorization", &value)
    }
}

/// A header line with a bearer token.
pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What a client of `code-envelope` sends for the password.
fn hex() -> String {
    Password::parse(PASSWORD.to_owned()).expect("a password").client_sha256().expose().to_owned()
}

impl Walk {
    /// A request to this route that is granted as things are.
    pub(super) async fn scene(&self, route: &str) -> Scene {
        let name = format!("u{}", self.server.app.entropy.below(u64::MAX));
        if let Some(scene) = self.of_accounts(route, &name).await {
            return scene;
        }
        if let Some(scene) = self.of_administration(route, &name).await {
            return scene;
        }
        if let Some(scene) = self.of_programs(route, &name).await {
            return scene;
        }
        let scene = self.of_dialects(route, &name).await;
        scene.unwrap_or_else(|| panic!("{route} is a new route with a body: it belongs here"))
    }

    async fn of_accounts(&self, route: &str, name: &str) -> Option<Scene> {
        let email = format!("{name}@example.org");
        let scene = |sender| Scene::of(sender, route.split_once(' ').expect("a path").1);
        let member = async |sender| scene(sender).session(self.server.register(name).await);
        let login = json!({ "identifier": email, "password": PASSWORD });
        let current = json!({ "current": PASSWORD, "new": "another battery staple" });
        Some(match route {
            "POST /v1/register" => {
                let invite =
                    Invite { identifier: None, roles: Vec::new(), life: Duration::from_hours(24) };
                let invited = self.server.app.invite(&self.server.operator(), invite).await;
                let (invitation, token) = invited.expect("the database answers");
                let token = token.expose_secret();
                let body = json!({ "email": email, "password": PASSWORD, "invitation": token });
                let invitation_id = invitation.id;
                Scene { invitation_id, ..scene(Sender::Invited) }.json(&body)
            }
            "POST /v1/login" => member(Sender::Login).await.json(&login),
            "POST /v1/password" => {
                let mut body = current;
                body["identifier"] = json!(email);
                member(Sender::Login).await.json(&body)
            }
            "POST /v1/refresh" => {
                let scene = member(Sender::RefreshToken).await;
                let body = json!({ "refresh_token": scene.session.refresh });
                scene.json(&body)
            }
            "POST /v1/logout" => {
                member(Sender::LogsOut).await.bearer().json(&json!({ "scope": "all" }))
            }
            "PATCH /v1/me" => {
                member(Sender::Member).await.bearer().json(&json!({ "name": "Another" }))
            }
            "DELETE /v1/me" => {
                member(Sender::Member).await.bearer().json(&json!({ "password": PASSWORD }))
            }
            "POST /v1/me/password" => member(Sender::Member).await.bearer().json(&current),
            "DELETE /v1/sessions/{id}" => {
                let scene = member(Sender::Member).await.bearer().json(&json!({}));
                let other = self.server.log_in(name).await;
                Scene { path: format!("/v1/sessions/{}", other.id), ..scene }
            }
            _ => return None,
        })
    }

    async fn of_administration(&self, route: &str, name: &str) -> Option<Scene> {
        let (_, path) = route.split_once(' ')?;
        if !path.starts_with("/v1/admin/") {
            return None;
        }
        let email = json!({ "email": format!("made-{name}@example.org") });
        let (body, id) = match route {
            "POST /v1/admin/users" | "POST /v1/admin/invitations" => (email, None),
            "POST /v1/admin/keys" => (json!({ "now": false }), None),
            "POST /v1/admin/apikeys" => (json!({ "name": "new", "rights": ["revoke"] }), None),
            "PATCH /v1/admin/users/{id}" => {
                (json!({ "active": false, "roles": ["admin"] }), Some(self.victim(name).await))
            }
            "DELETE /v1/admin/users/{id}"
            | "POST /v1/admin/users/{id}/logout"
            | "POST /v1/admin/users/{id}/unlock" => (json!({}), Some(self.victim(name).await)),
            "DELETE /v1/admin/sessions/{id}" => {
                let victim = self.server.register(&format!("victim-{name}")).await;
                (json!({}), Some(victim.id))
            }
            "DELETE /v1/admin/invitations/{id}" => {
                let invite =
                    Invite { identifier: None, roles: Vec::new(), life: Duration::from_hours(1) };
                let invited = self.server.app.invite(&self.server.operator(), invite).await;
                (json!({}), Some(invited.expect("the database answers").0.id))
            }
            "DELETE /v1/admin/apikeys/{id}" => {
                let (row, _) = made(&self.server.app, &[Right::Metrics]).await;
                (json!({}), Some(row.id))
            }
            _ => return None,
        };
        let path = path.replace("{id}", id.as_deref().unwrap_or_default());
        let session = admin(&self.server, name).await;
        Some(Scene::of(Sender::Admin, &path).session(session).bearer().json(&body))
    }

    async fn victim(&self, name: &str) -> String {
        self.server.register(&format!("victim-{name}")).await.user_id
    }

    async fn of_programs(&self, route: &str, name: &str) -> Option<Scene> {
        let (_, path) = route.split_once(' ')?;
        if !["POST /v1/introspect", "POST /v1/revoke"].contains(&route) {
            return None;
        }
        let (app, caller) = (&self.server.app, self.server.operator());
        let rights = [Right::Introspect, Right::Revoke];
        let expires_at = Some(caller.now.plus(Duration::from_hours(24)));
        let made = app.create_api_key(&caller, "a program", &rights, expires_at).await;
        let (row, key) = made.expect("the database answers");
        app.catch_up().await.expect("the database answers");
        let session = self.server.register(name).await;
        let token = session.access.clone();
        let scene = Scene { key_id: row.id, ..Scene::of(Sender::Program, path) };
        let key = format!("Bearer {}", key.expose_secret());
        Some(scene.session(session).header("Authorization", &key).form(&[("token", &token)]))
    }

    async fn of_dialects(&self, route: &str, name: &str) -> Option<Scene> {
        let (_, path) = route.split_once(' ')?;
        Some(match path.split('/').nth(1)? {
            "auth-token" => self.of_auth_token(path, name).await,
            "access-refresh" => self.of_access_refresh(route, name).await,
            "x-access-token" => self.of_x_access_token(path, name).await,
            "code-envelope" => self.of_code_envelope(path, name).await,
            "passport" => self.of_passport(path, name).await,
            _ => return None,
        })
    }

    /// A request with a dialect's token, and the user and the session that the token is of.
    async fn bearing(&self, scene: Scene, (scheme, token): (&str, &str), known_as: &str) -> Scene {
        let session_id = text(&claims_of(token)["sid"]);
        let user = self.server.app.find_user(known_as).await.expect("the user is there");
        let value = format!("{scheme} {token}");
        let scene = scene.header("Authorization", &value).json(&json!({}));
        Scene { session_id, user_id: user.id, ..scene }
    }

    /// A login of a user who registers like that, and is known as this.
    async fn proving(&self, scene: Scene, known_as: &str, (path, body): (&str, &Value)) -> Scene {
        done(&self.server.post(path, body.clone()).await);
        let user = self.server.app.find_user(known_as).await.expect("the user is there");
        Scene { user_id: user.id, ..scene }
    }

    async fn of_auth_token(&self, path: &str, name: &str) -> Scene {
        let email = format!("{name}@example.org");
        let body = json!({ "email": email, "password": PASSWORD });
        let register = "/auth-token/auth/register";
        match path {
            "/auth-token/auth/register" => Scene::of(Sender::Anybody, path).json(&body),
            "/auth-token/auth/login" => {
                let scene = Scene::of(Sender::DialectLogin, path).json(&body);
                self.proving(scene, &email, (register, &body)).await
            }
            "/auth-token/auth/logout" => {
                let answer = done(&self.server.post(register, body).await);
                let token = text(&answer["auth_token"]);
                let scene = Scene::of(Sender::DialectMember, path);
                self.bearing(scene, ("Bearer", &token), &email).await
            }
            _ => panic!("{path} is a new route with a body: it belongs here"),
        }
    }

    async fn of_access_refresh(&self, route: &str, name: &str) -> Scene {
        let (method, path) = route.split_once(' ').expect("a path");
        let body = json!({ "username": name, "password": PASSWORD });
        let registration = "/access-refresh/registration";
        let sender = match (method, path) {
            ("POST", "/access-refresh/registration") => {
                return Scene::of(Sender::Anybody, path).json(&body);
            }
            ("POST", "/access-refresh/login") => {
                let scene = Scene::of(Sender::DialectLogin, path).json(&body);
                return self.proving(scene, name, (registration, &body)).await;
            }
            ("POST", "/access-refresh/logout/access") => Sender::DialectMember,
            ("POST", "/access-refresh/logout/refresh" | "/access-refresh/token/refresh") => {
                Sender::DialectRefreshToken
            }
            ("DELETE", "/access-refresh/users") => Sender::DialectAdmin,
            _ => panic!("{route} is a new route with a body: it belongs here"),
        };
        let answer = done(&self.server.post(registration, body).await);
        let refresh = sender == Sender::DialectRefreshToken;
        let token = text(&answer[if refresh { "refresh_token" } else { "access_token" }]);
        let scene = self.bearing(Scene::of(sender, path), ("Bearer", &token), name).await;
        if sender == Sender::DialectAdmin {
            let roles = vec!["admin".to_owned()];
            let promoted =
                self.server.app.set_roles(&self.server.operator(), &scene.user_id, roles).await;
            promoted.expect("it can be done");
        }
        scene
    }

    async fn of_x_access_token(&self, path: &str, name: &str) -> Scene {
        let email = format!("{name}@example.org");
        let fields = [("name", "Mike"), ("email", &*email), ("password", PASSWORD)];
        match path {
            "/x-access-token/signup" => Scene::of(Sender::Anybody, path).form(&fields),
            "/x-access-token/login" => {
                let session = self.server.register(name).await;
                let scene = Scene::of(Sender::DialectLogin, path).form(&fields[1..]);
                scene.session(session)
            }
            _ => panic!("{path} is a new route with a body: it belongs here"),
        }
    }

    async fn of_code_envelope(&self, path: &str, name: &str) -> Scene {
        // What the dialect's clients send is stored when the user logs in elsewhere.
        self.server.register(name).await;
        let session = self.server.log_in(name).await;
        let email = format!("{name}@example.org");
        let body = json!({ "username": email, "password": hex() });
        match path {
            "/code-envelope/login" => {
                Scene::of(Sender::DialectLogin, path).json(&body).session(session)
            }
            "/code-envelope/logout" => {
                let answer = done(&self.server.post("/code-envelope/login", body).await);
                let token = text(&answer["token"]);
                let scene = Scene::of(Sender::DialectLogsOut, path);
                self.bearing(scene, ("Bearer", &token), &email).await
            }
            _ => panic!("{path} is a new route with a body: it belongs here"),
        }
    }

    async fn of_passport(&self, path: &str, _: &str) -> Scene {
        let mobile = format!("138{:08}", self.server.app.entropy.below(100_000_000));
        let body = json!({ "mobile": mobile, "password": PASSWORD });
        let register = "/passport/passport/register";
        match path {
            "/passport/passport/register" => Scene::of(Sender::Anybody, path).json(&body),
            "/passport/passport/login" => {
                let scene = Scene::of(Sender::DialectLogin, path).json(&body);
                self.proving(scene, &mobile, (register, &body)).await
            }
            "/passport/passport/logout" => {
                done(&self.server.post(register, body.clone()).await);
                let answer = done(&self.server.post("/passport/passport/login", body).await);
                let token = text(&answer["data"]["token"]);
                let scene = Scene::of(Sender::DialectMember, path);
                self.bearing(scene, ("JWT", &token), &mobile).await
            }
            _ => panic!("{path} is a new route with a body: it belongs here"),
        }
    }
}

/// The body of an answer that must be a yes.
fn done(answer: &Answer) -> Value {
    assert!(answer.status.is_success(), "{answer:?}");
    answer.json()
}
