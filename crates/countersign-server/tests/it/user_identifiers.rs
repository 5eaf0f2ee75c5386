//! What users are found by, changed by an admin.

use countersign_server::config::DialectConfig;
use countersign_server::db::Kind;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::{admin, events, patch};
use crate::kit::Tables;
use crate::server::{Answer, PASSWORD, Session, TestApp};

/// Kinds and values, as an admin sees them.
fn found_by(user: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let identifiers = user["identifiers"].as_array().expect("a list").iter();
    let mut found: Vec<_> = identifiers.map(|it| (text(&it["kind"]), text(&it["value"]))).collect();
    found.sort();
    found
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(kind, value)| (kind.to_owned(), value.to_owned())).into()
}

async fn shown(server: &TestApp, admin: &Session, user_id: &str) -> Vec<(String, String)> {
    let path = format!("/v1/admin/users/{user_id}");
    found_by(&server.get(&path, &admin.access).await.json())
}

async fn log_in(server: &TestApp, identifier: &str) -> u16 {
    let body = json!({ "identifier": identifier, "password": PASSWORD });
    server.post("/v1/login", body).await.status.as_u16()
}

async fn create(server: &TestApp, admin: &Session, body: Value) -> String {
    let made = server.send(Method::POST, "/v1/admin/users", &admin.access, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["id"].as_str().expect("an id").to_owned()
}

/// What the events say of changed identifiers: the kinds, and by whom.
async fn told(server: &TestApp, user_id: &str) -> Vec<(Option<String>, Option<String>)> {
    let events = events(server, user_id).await.into_iter();
    let told = events.filter(|event| event.kind == "identifiers_changed");
    let mut told: Vec<_> = told.map(|event| (event.subject, event.actor)).collect();
    told.sort();
    told
}

/// Their tokens name the user by an identifier, which may be somebody else's next.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_dialect_end_and_native_ones_go_on() {
    let server = TestApp::with(Kind::Sqlite, |config| {
        config.dialects =
            vec![DialectConfig { name: "access-refresh".into(), ..DialectConfig::default() }];
    });
    let server = server.await.expect("SQLite is always there");
    let admin = admin(&server, "root").await;
    let body = json!({ "username": "alice", "password": PASSWORD });
    let dialect = server.post("/registration", body).await.json();
    let token = dialect["access_token"].as_str().expect("a token");
    let native = server.post("/v1/login", json!({ "identifier": "alice", "password": PASSWORD }));
    let native = Session::read(&native.await.json());
    assert_eq!(server.get("/secret", token).await.status, 200);

    let body = json!({ "username": "alicia" });
    assert_eq!(patch(&server, &admin, &native.user_id, body).await.status, 200);
    assert_eq!(server.get("/secret", token).await.status, 401);
    assert_eq!(server.check(&native.access).await, 200);
    let ended = server.get("/v1/sessions?ended=true", &native.access).await.json();
    assert_eq!(ended["sessions"][0]["end_reason"], "admin");
    assert_eq!(ended["sessions"][0]["channel"], "access-refresh");
}

on_each_database! {
    async fn they_are_replaced_given_and_taken_away_and_sessions_go_on(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let beside = server.beside().await;
        let change = async |body: Value| patch(&server, &admin, &alice.user_id, body).await;
        let by = |kinds: &str| (Some(kinds.to_owned()), Some(admin.user_id.clone()));

        let body = json!({ "email": "Alicia@example.org", "username": "alice_w", "name": "A" });
        let changed = change(body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        let both = pairs([("email", "Alicia@example.org"), ("username", "alice_w")]);
        assert_eq!(found_by(&changed.json()), both);
        assert_eq!(changed.json()["name"], "A");
        assert_eq!(told(&server, &alice.user_id).await, [by("email username")]);
        for node in [&server, &beside] {
            for (identifier, status) in
                [("alice@example.org", 401), ("ALICIA@example.org", 200), ("Alice_W", 200)]
            {
                assert_eq!(log_in(node, identifier).await, status, "{identifier}");
            }
        }
        let goes_on = server.refresh(&alice).await;
        assert_eq!(server.check(&goes_on.access).await, 200);
        assert_eq!(found_by(&server.get("/v1/me", &goes_on.access).await.json()), both);

        // Another spelling is no other identifier, and the same once more is no change.
        assert_eq!(change(json!({ "email": "alicia@EXAMPLE.org" })).await.status, 200);
        let before = Tables::of(&server.app).await;
        let same = change(json!({ "email": "alicia@EXAMPLE.org", "phone": null })).await;
        assert_eq!(same.status, 200, "{same:?}");
        assert_eq!(Tables::of(&server.app).await, before);
        assert_eq!(told(&server, &alice.user_id).await, [by("email"), by("email username")]);

        assert_eq!(change(json!({ "email": null, "phone": "+44 20 7946 0958" })).await.status, 200);
        let left = pairs([("phone", "+442079460958"), ("username", "alice_w")]);
        assert_eq!(shown(&server, &admin, &alice.user_id).await, left);
        let kinds = ["email", "email phone", "email username"];
        assert_eq!(told(&server, &alice.user_id).await, kinds.map(by));
        assert_eq!(log_in(&server, "+442079460958").await, 200);
        // What was let go is anybody's.
        assert_ne!(server.register("alice").await.user_id, alice.user_id);
        assert_ne!(server.register("alicia").await.user_id, alice.user_id);
    }

    async fn one_stays_at_least(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let refused = async |body: Value, field: &str| {
            let before = Tables::of(&server.app).await;
            let refused = patch(&server, &admin, &alice.user_id, body.clone()).await;
            assert_eq!(refused.code(), (400, "invalid_field".into()), "{body}: {refused:?}");
            assert_eq!((&refused.json()["field"], &*refused.reason()), (&json!(field), "missing"));
            assert_eq!(Tables::of(&server.app).await, before, "{body}");
        };
        refused(json!({ "email": null }), "email").await;
        refused(json!({ "name": "A", "email": null, "username": null }), "email").await;
        let given = json!({ "username": "alice", "email": null });
        assert_eq!(patch(&server, &admin, &alice.user_id, given).await.status, 200);
        refused(json!({ "roles": ["editor"], "username": null }), "username").await;
    }

    async fn what_another_has_is_refused_and_nothing_is_done(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let bob = json!({ "email": "bob@example.org", "username": "bob", "phone": "+15550100123" });
        create(&server, &admin, bob).await;
        let before = Tables::of(&server.app).await;
        for (field, value) in
            [("email", "BOB@example.org"), ("username", "Bob"), ("phone", "+1 555 010 0123")]
        {
            let mut body = json!({ "name": "A", "roles": ["editor"], "active": false });
            body[field] = value.into();
            let refused = patch(&server, &admin, &alice.user_id, body).await;
            assert_eq!(refused.code(), (409, "identifier_taken".into()), "{field}: {refused:?}");
            assert_eq!(refused.json()["field"], field);
            assert_eq!(Tables::of(&server.app).await, before, "{field}");
        }
        // A later refusal takes the identifier back as well.
        let body = json!({ "email": "alicia@example.org", "roles": [] });
        let refused = patch(&server, &admin, &admin.user_id, body).await;
        assert_eq!(refused.code(), (409, "last_admin".into()), "{refused:?}");
        assert_eq!(Tables::of(&server.app).await, before);
    }

    async fn what_cannot_be_one_is_refused_by_name_as_at_registration(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let before = Tables::of(&server.app).await;
        for (field, value, code) in [
            ("email", json!("alice"), "invalid_field"),
            ("email", json!(""), "invalid_field"),
            ("email", json!("a\0@example.org"), "invalid_field"),
            ("username", json!("alice@example.org"), "invalid_field"),
            ("username", json!("+442079460958"), "invalid_field"),
            ("phone", json!("12345"), "invalid_field"),
            ("phone", json!(442_079_460_958_u64), "invalid_body"),
            ("email", json!(["alice@example.org"]), "invalid_body"),
        ] {
            let body = json!({ field: value, "name": "A" });
            let refused = patch(&server, &admin, &alice.user_id, body.clone()).await;
            assert_eq!(refused.code(), (400, code.into()), "{body}: {refused:?}");
            assert_eq!(refused.json()["field"], field, "{body}");
            let body = json!({ field: value, "password": PASSWORD });
            let registered = server.post("/v1/register", body.clone()).await;
            assert_eq!(registered.code(), refused.code(), "{body}");
            assert_eq!(registered.reason(), refused.reason(), "{body}");
        }
        assert_eq!(Tables::of(&server.app).await, before);
    }

    async fn of_many_who_are_given_the_same_one_has_it(server: TestApp) {
        let admin = admin(&server, "root").await;
        let mut users = Vec::new();
        for number in 0..8 {
            users.push(create(&server, &admin, json!({ "username": format!("u{number}") })).await);
        }
        let body = json!({ "email": "one@example.org" });
        let give = |user: &String| {
            let (server, admin, user, body) = (&server, &admin, user.clone(), body.clone());
            async move { patch(server, admin, &user, body).await }
        };
        let answers: Vec<Answer> = join_all(users.iter().map(give)).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "{answers:?}");
        let refused = answers.iter().filter(|answer| answer.status != 200);
        for refused in refused {
            assert_eq!(refused.code(), (409, "identifier_taken".into()), "{refused:?}");
        }
    }

    async fn an_invitation_for_what_somebody_was_given_since_makes_no_second_account(
        server: TestApp
    ) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let invite = async |email: &str| {
            let body = json!({ "email": email });
            server.send(Method::POST, "/v1/admin/invitations", &admin.access, body).await
        };
        let invited = invite("alicia@example.org").await;
        assert_eq!(invited.status, 201, "{invited:?}");
        let given = json!({ "email": "alicia@example.org" });
        assert_eq!(patch(&server, &admin, &alice.user_id, given).await.status, 200);
        let token = &invited.json()["token"];
        let body = json!({ "email": "alicia@example.org", "password": PASSWORD, "invitation": token });
        let refused = server.post("/v1/register", body).await;
        assert_eq!(refused.code(), (409, "identifier_taken".into()), "{refused:?}");
        let invited = invite("alicia@example.org").await;
        assert_eq!(invited.code(), (409, "identifier_taken".into()), "{invited:?}");
        assert_eq!(invite("alice@example.org").await.status, 201, "it is nobody's now");
    }
}
