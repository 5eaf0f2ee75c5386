//! What users and operators do, and what they are answered.

use countersign_server::operations::Caller;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

use crate::server::{Answer, TestApp};

impl Answer {
    /// Whether it is of this status and body.
    #[track_caller]
    pub fn is(&self, status: u16, body: Value) {
        assert_eq!((self.status.as_u16(), self.json()), (status, body), "{self:?}");
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
    }

    /// As [`Answer::is`], for an answer that says when to come back.
    #[track_caller]
    pub fn is_for_later(&self, status: u16, body: Value) {
        self.is(status, body);
        assert!(self.headers.contains_key(RETRY_AFTER), "{self:?}");
    }

    /// As flask-jwt-extended answers.
    #[track_caller]
    pub fn is_msg(&self, status: u16, msg: &str) {
        self.is(status, json!({ "msg": msg }));
    }
}

impl TestApp {
    /// A request with this `Authorization` header, as it is.
    pub async fn authorized(&self, method: Method, path: &str, header: &str) -> Answer {
        Answer::of(self.request(method, path).header(AUTHORIZATION, header)).await
    }

    pub async fn post_as(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, content_type);
        Answer::of(request.body(body.to_vec())).await
    }

    /// The caller of what an operator does now.
    pub fn operator(&self) -> Caller {
        Caller::command(self.app.clock.now())
    }

    pub async fn user_id(&self, name: &str) -> String {
        self.app.find_user(name).await.expect("there is such a user").id
    }

    pub async fn make_admin(&self, name: &str) {
        let id = self.user_id(name).await;
        let roles = vec!["admin".into()];
        self.app.set_roles(&self.operator(), &id, roles).await.expect("a user");
    }

    pub async fn disable(&self, name: &str) {
        let id = self.user_id(name).await;
        self.app.disable(&self.operator(), &id).await.expect("a user");
    }

    pub async fn delete(&self, name: &str) {
        let id = self.user_id(name).await;
        self.app.delete_user(&self.operator(), &id).await.expect("a user");
    }

    pub async fn log_out_everywhere(&self, name: &str) {
        let (id, caller) = (self.user_id(name).await, self.operator());
        let reason = countersign::EndReason::LogoutAll;
        self.app.log_out_everywhere(&caller, &id, None, reason).await.expect("a user");
    }

    /// How many sessions of the user are live.
    pub async fn live(&self, name: &str) -> usize {
        let (id, caller) = (self.user_id(name).await, self.operator());
        self.app.sessions_of(&id, &caller).await.expect("the database answers").len()
    }

    pub async fn purge(&self) {
        self.app.purge(self.app.clock.now()).await.expect("the database answers");
    }

    pub async fn register_with(&self, name: &str, password: &str) -> Answer {
        let email = format!("{name}@example.org");
        self.post("/v1/register", json!({ "email": email, "password": password })).await
    }

    pub async fn change_password(&self, access: &str, current: &str, new: &str) -> Answer {
        let body = json!({ "current": current, "new": new });
        self.send(Method::POST, "/v1/me/password", access, body).await
    }

    pub async fn log_in_with(
        &self,
        identifier: &str,
        password: &str,
        device: Option<&str>,
    ) -> Answer {
        let mut body = json!({ "identifier": identifier, "password": password });
        if let Some(device) = device {
            body["device"] = json!(device);
        }
        self.post("/v1/login", body).await
    }
}
