//! The main job from end to end: a person registers, logs in, is recognised, refreshes, changes
//! the password, sees their sessions, logs out, and the token is dead.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{PASSWORD, Session, TestApp};

on_each_database! {
    async fn a_person_does_the_main_job_from_end_to_end(server: TestApp) {
        let registered = server.register("alice").await;
        assert_eq!(server.check(&registered.access).await, 200);

        let session = server.log_in("alice").await;
        let me = server.get("/v1/me", &session.access).await.json();
        assert_eq!(me["identifiers"][0]["value"], "alice@example.org");
        assert_eq!(me["number"], 1);

        let refreshed = server.refresh(&session).await;
        assert_eq!(refreshed.id, session.id);
        assert_ne!(refreshed.refresh, session.refresh);

        let sessions = server.get("/v1/sessions", &refreshed.access).await.json();
        let sessions = sessions["sessions"].as_array().expect("a list").clone();
        assert_eq!(sessions.len(), 2);
        let current: Vec<&Value> = sessions.iter().filter(|s| s["current"] == true).collect();
        assert_eq!(current[0]["id"], session.id.as_str());

        let change = json!({ "current": PASSWORD, "new": "another long pass phrase" });
        let changed = server.send(Method::POST, "/v1/me/password", &refreshed.access, change).await;
        assert_eq!(changed.status, 204, "{changed:?}");
        assert_eq!(server.check(&registered.access).await, 401);
        assert_eq!(server.check(&refreshed.access).await, 200);
        assert_eq!(server.log_in_answer("alice", PASSWORD).await.status, 401);

        let out = server.send(Method::POST, "/v1/logout", &refreshed.access, Value::Null).await;
        assert_eq!(out.status, 204, "{out:?}");
        let refused = server.get("/v1/me", &refreshed.access).await;
        assert_eq!(refused.code(), (401, "invalid_token".into()));
        assert_eq!(refused.reason(), "logout");
        let refused = server.refresh_answer(&refreshed.refresh).await;
        assert_eq!(refused.code(), (401, "invalid_grant".into()));
        assert_eq!(refused.reason(), "logout");

        let again = server.log_in_answer("alice", "another long pass phrase").await;
        let again = Session::read(&again.json());
        let delete = json!({ "password": "another long pass phrase" });
        let deleted = server.send(Method::DELETE, "/v1/me", &again.access, delete).await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        assert_eq!(server.get("/v1/me", &again.access).await.reason(), "deleted");
        let gone = server.log_in_answer("alice", "another long pass phrase").await;
        assert_eq!(gone.code(), (401, "invalid_credentials".into()));
    }
}
