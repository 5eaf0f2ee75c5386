//! Registering with an invitation: once, in time, by whom it is for.

use std::time::Duration;

use countersign_server::config::RegistrationMode;
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::operations::invitations::Invite;
use futures::future::join_all;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::admin::{admin, events, patch};
use crate::kit::Tables;
use crate::server::{Answer, PASSWORD, Session, TestApp};

const DAY: Duration = Duration::from_hours(24);

/// A server with an admin, where nobody else registers without an invitation.
struct Invited {
    server: TestApp,
    admin: Session,
}

impl Invited {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::on_database(kind).await?;
        let admin = admin(&server, "root").await;
        let mut config = server.app.config.clone();
        config.registration.mode = RegistrationMode::Invite;
        Some(Self { server: server.restart_with(config).await, admin })
    }

    async fn invite_answer(&self, admin: &Session, body: Value) -> Answer {
        self.server.send(Method::POST, "/v1/admin/invitations", &admin.access, body).await
    }

    /// The id and the token of a new invitation.
    async fn invite(&self, body: Value) -> (String, String) {
        self.invite_as(&self.admin, body).await
    }

    async fn invite_as(&self, admin: &Session, body: Value) -> (String, String) {
        let made = self.invite_answer(admin, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (text(&made["invitation"]["id"]), text(&made["token"]))
    }

    /// An admin beside the first, who registers with an invitation.
    async fn second_admin(&self, name: &str) -> Session {
        let (_, token) = self.invite(json!({ "roles": ["admin"] })).await;
        let made = self.register(name, &token).await;
        assert_eq!(made.status, 201, "{made:?}");
        Session::read(&made.json()["session"])
    }

    async fn register(&self, name: &str, token: &str) -> Answer {
        let email = format!("{name}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "invitation": token });
        self.server.post("/v1/register", body).await
    }

    async fn list(&self) -> Vec<Value> {
        let answer = self.server.get("/v1/admin/invitations", &self.admin.access).await.json();
        answer["invitations"].as_array().expect("a list").clone()
    }
}

fn refused(reason: &str) -> (u16, String, String) {
    (403, "invitation_invalid".to_owned(), reason.to_owned())
}

fn told(answer: &Answer) -> (u16, String, String) {
    let (status, code) = answer.code();
    (status, code, answer.reason())
}

on_each_database! {
    async fn nobody_registers_without_an_invitation(server: Invited) {
        let before = Tables::of(&server.server.app).await;
        let body = json!({ "email": "alice@example.org", "password": PASSWORD });
        let without = server.server.post("/v1/register", body).await;
        assert_eq!(without.code(), (403, "invitation_required".into()));
        let long = "A".repeat(10_000);
        for token in ["", "x", "\0", "' OR 1=1--", &long, &"A".repeat(43)] {
            assert_eq!(told(&server.register("alice", token).await), refused("unknown"), "{token}");
        }
        assert_eq!(Tables::of(&server.server.app).await, before);
    }

    async fn an_invitation_is_good_once_and_gives_its_roles(server: Invited) {
        let (id, token) = server.invite(json!({ "roles": ["editor"] })).await;
        let made = server.register("alice", &token).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json()["user"]["roles"], json!(["editor"]));
        assert_eq!(told(&server.register("bob", &token).await), refused("used"));
        let listed = server.list().await;
        assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&json!(id), &json!("used")));
        assert_eq!(listed[0]["user_id"], made.json()["user"]["id"]);
        assert!(!listed[0].to_string().contains(&token));
        let session = Session::read(&made.json()["session"]);
        let created = events(&server.server, &session.user_id).await;
        let created = created.iter().find(|event| event.kind == "user_created").expect("an event");
        assert_eq!(created.reason.as_deref(), Some("invited"));
    }

    async fn f3_of_32_parallel_uses_of_one_invitation_one_succeeds(server: Invited) {
        let (_, token) = server.invite(json!({})).await;
        let before = Tables::of(&server.server.app).await;
        let names: Vec<String> = (0..32).map(|n| format!("user{n}")).collect();
        let answers = join_all(names.iter().map(|name| server.register(name, &token))).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let late = answers.iter().filter(|answer| told(answer) == refused("used")).count();
        assert_eq!((made, late), (1, 31), "{answers:?}");
        let after = Tables::of(&server.server.app).await;
        assert_eq!(after.users.len(), before.users.len() + 1);
        assert_eq!(after.sessions.len(), before.sessions.len() + 1);
        assert_eq!(after.identifiers.len(), before.identifiers.len() + 1);
    }

    async fn a_registration_that_fails_uses_nothing_up(server: Invited) {
        let (_, token) = server.invite(json!({})).await;
        assert_eq!(server.register("root", &token).await.code(), (409, "identifier_taken".into()));
        let short = json!({ "email": "a@example.org", "password": "x", "invitation": token });
        assert_eq!(server.server.post("/v1/register", short).await.status, 400);
        assert_eq!(server.register("alice", &token).await.status, 201);
    }

    async fn an_invitation_ends_in_time_or_when_it_is_withdrawn(server: Invited) {
        let (_, late) = server.invite(json!({ "expires_in": 60 })).await;
        server.server.advance(Duration::from_millis(1)).await;
        let (id, withdrawn) = server.invite(json!({})).await;
        let path = format!("/v1/admin/invitations/{id}");
        for _ in 0..2 {
            let done = server.server.send(Method::DELETE, &path, &server.admin.access, Value::Null);
            assert_eq!(done.await.status, 204);
        }
        assert_eq!(told(&server.register("bob", &withdrawn).await), refused("revoked"));
        server.server.advance(Duration::from_millis(59_998)).await;
        let (_, other) = server.invite(json!({ "expires_in": 60 })).await;
        server.server.advance(Duration::from_millis(1)).await;
        assert_eq!(told(&server.register("alice", &late).await), refused("expired"));
        assert_eq!(server.register("alice", &other).await.status, 201);
        let states: Vec<Value> =
            server.list().await.iter().map(|listed| listed["state"].clone()).collect();
        assert_eq!(states, ["used", "revoked", "expired"]);
    }

    async fn an_invitation_for_one_identifier_is_for_no_other(server: Invited) {
        let (_, token) = server.invite(json!({ "email": "Alice@Example.org" })).await;
        assert_eq!(told(&server.register("bob", &token).await), refused("identifier"));
        assert_eq!(server.register("ALICE", &token).await.status, 201);
        let again = server.invite_answer(&server.admin, json!({ "email": "alice@example.org" })).await;
        assert_eq!(again.code(), (409, "identifier_taken".into()));
    }

    async fn an_invitation_that_cannot_be_is_refused_by_name(server: Invited) {
        for (body, code, field) in [
            (json!({ "expires_in": 59 }), "invalid_field", "expires_in"),
            (json!({ "expires_in": 90 * 86_400 + 1 }), "invalid_field", "expires_in"),
            (json!({ "expires_in": -1 }), "invalid_body", "expires_in"),
            (json!({ "email": "x" }), "invalid_field", "email"),
            (json!({ "email": "a@b.c", "username": "a" }), "invalid_field", "username"),
            (json!({ "roles": [""] }), "invalid_field", "roles"),
            (json!({ "token": "x" }), "unknown_field", "token"),
        ] {
            let refused = server.invite_answer(&server.admin, body.clone()).await;
            assert_eq!(refused.code(), (400, code.into()), "{body}: {refused:?}");
            assert_eq!(refused.json()["field"], field, "{body}");
        }
        assert_eq!(server.list().await, Vec::<Value>::new());
    }

    async fn what_is_done_with_invitations_is_an_event_with_its_actor_and_its_subject(server: Invited) {
        let (id, _) = server.invite(json!({})).await;
        let path = format!("/v1/admin/invitations/{id}");
        server.server.send(Method::DELETE, &path, &server.admin.access, Value::Null).await;
        for kind in ["invitation_created", "invitation_revoked"] {
            let path = format!("/v1/admin/events?kind={kind}");
            let events = server.server.get(&path, &server.admin.access).await.json();
            assert_eq!(events["events"][0]["actor"], server.admin.user_id.as_str(), "{events}");
            assert_eq!(events["events"][0]["subject"], id.as_str(), "{events}");
            assert_eq!(events["events"].as_array().expect("a list").len(), 1);
        }
    }

    async fn invitations_that_are_long_over_are_removed(server: Invited) {
        let (_, used) = server.invite(json!({ "expires_in": 60 })).await;
        assert_eq!(server.register("alice", &used).await.status, 201);
        let app = &server.server.app;
        for (later, left) in [(30 * DAY + Duration::from_mins(1), 1), (Duration::from_millis(1), 0)] {
            server.server.advance(later).await;
            app.purge(app.clock.now()).await.expect("the database answers");
            let page = countersign_server::operations::page::Page { after: None, limit: 9 };
            let kept = app.invitations(&page).await.expect("the database answers");
            assert_eq!(kept.items.len(), left);
        }
    }

    async fn an_invitation_is_good_only_while_its_maker_is_an_admin(server: Invited) {
        let maker = server.second_admin("toor").await;
        let (_, token) = server.invite_as(&maker, json!({ "roles": ["admin"] })).await;
        for (taken, given) in [
            (json!({ "roles": [] }), json!({ "roles": ["admin"] })),
            (json!({ "active": false }), json!({ "active": true })),
        ] {
            let done = patch(&server.server, &server.admin, &maker.user_id, taken).await;
            assert_eq!(done.status, 200, "{done:?}");
            let before = Tables::of(&server.server.app).await;
            assert_eq!(told(&server.register("toor2", &token).await), refused("revoked"));
            assert_eq!(Tables::of(&server.server.app).await, before);
            let done = patch(&server.server, &server.admin, &maker.user_id, given).await;
            assert_eq!(done.status, 200, "{done:?}");
        }
        let made = server.register("toor2", &token).await;
        assert_eq!(made.json()["user"]["roles"], json!(["admin"]), "{made:?}");
    }

    async fn an_invitation_of_a_deleted_admin_is_good_for_nobody(server: Invited) {
        let maker = server.second_admin("toor").await;
        let (_, token) = server.invite_as(&maker, json!({ "roles": ["admin"] })).await;
        let path = format!("/v1/admin/users/{}", maker.user_id);
        let gone = server.server.send(Method::DELETE, &path, &server.admin.access, Value::Null);
        assert_eq!(gone.await.status, 204);
        assert_eq!(told(&server.register("toor", &token).await), refused("revoked"));
    }

    async fn an_invitation_that_a_command_made_needs_no_admin(server: Invited) {
        let caller = Caller::command(server.server.app.clock.now());
        let life = Duration::from_secs(60);
        let invite = Invite { identifier: None, roles: vec!["editor".to_owned()], life };
        let (_, token) = server.server.app.invite(&caller, invite).await.expect("it can be made");
        let made = server.register("alice", token.expose_secret()).await;
        assert_eq!(made.json()["user"]["roles"], json!(["editor"]), "{made:?}");
    }

    async fn an_open_server_takes_an_invitation_and_a_closed_one_does_not(server: Invited) {
        let (_, first) = server.invite(json!({ "roles": ["editor"] })).await;
        let (_, second) = server.invite(json!({})).await;
        let Invited { server, admin } = server;
        let mut config = server.app.config.clone();
        config.registration.mode = RegistrationMode::Open;
        let server = Invited { server: server.restart_with(config.clone()).await, admin };
        let made = server.register("alice", &first).await;
        assert_eq!(made.json()["user"]["roles"], json!(["editor"]), "{made:?}");
        assert_eq!(told(&server.register("bob", &first).await), refused("used"));
        config.registration.mode = RegistrationMode::Closed;
        let Invited { server, admin } = server;
        let server = Invited { server: server.restart_with(config).await, admin };
        let closed = server.register("carol", &second).await;
        assert_eq!(closed.code(), (403, "registration_closed".into()));
    }
}
