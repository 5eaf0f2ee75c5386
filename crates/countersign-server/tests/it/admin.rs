//! The administration API: who may use it, what it does, and what it refuses.

use std::time::Duration;

use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::tables::api_key::Right;
use countersign_server::tables::event::{self, Event};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::Tables;
use crate::server::{Answer, PASSWORD, Session, TestApp};

const NOBODY: &str = "01a1faf9-0572-7fe9-a290-dbfdd13398fa";

/// A registered user who may administer.
pub(crate) async fn admin(server: &TestApp, name: &str) -> Session {
    let session = server.register(name).await;
    let caller = Caller::command(server.app.clock.now());
    let promoted = server.app.set_roles(&caller, &session.user_id, vec!["admin".to_owned()]).await;
    promoted.expect("it can be done");
    server.log_in(name).await
}

pub(crate) async fn events(server: &TestApp, user_id: &str) -> Vec<Event> {
    let events = event::latest_of_user(&server.app.db, user_id, 200).await;
    events.expect("the database answers")
}

pub(crate) async fn patch(server: &TestApp, admin: &Session, user_id: &str, body: Value) -> Answer {
    server.send(Method::PATCH, &format!("/v1/admin/users/{user_id}"), &admin.access, body).await
}

/// All that a list has, part by part.
async fn all(server: &TestApp, admin: &Session, path: &str, member: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let answer = server.get(&format!("{path}{next}"), &admin.access).await;
        assert_eq!(answer.status, 200, "{path}{next}: {answer:?}");
        let answer = answer.json();
        found.extend(answer[member].as_array().expect("a list").clone());
        let Some(cursor) = answer["next_cursor"].as_str() else { return found };
        next = format!("&cursor={cursor}");
    }
}

fn texts<'a>(values: &'a [Value], member: &str) -> Vec<&'a str> {
    values.iter().map(|value| value[member].as_str().expect("text")).collect()
}

/// Every route of the API, with an id that nothing has.
fn routes() -> Vec<(Method, String)> {
    let list = ["users", "sessions?user=x", "events", "keys", "invitations", "apikeys"];
    let list = list.map(|path| (Method::GET, path.to_owned()));
    let make =
        ["users", "keys", "invitations", "apikeys"].map(|path| (Method::POST, path.to_owned()));
    let one = [Method::GET, Method::PATCH, Method::DELETE];
    let one = one.map(|method| (method, format!("users/{NOBODY}")));
    let act = ["logout", "unlock"].map(|act| (Method::POST, format!("users/{NOBODY}/{act}")));
    let end = ["sessions", "invitations", "apikeys"]
        .map(|what| (Method::DELETE, format!("{what}/{NOBODY}")));
    let routes = list.into_iter().chain(make).chain(one).chain(act).chain(end);
    routes.map(|(method, path)| (method, format!("/v1/admin/{path}"))).collect()
}

/// A server whose access tokens live for six hours.
struct SixHours(TestApp);

impl SixHours {
    async fn on_database(kind: Kind) -> Option<Self> {
        let change = |config: &mut countersign_server::config::Config| {
            config.tokens.access_ttl = Duration::from_hours(6);
        };
        TestApp::with(kind, change).await.map(Self)
    }
}

on_each_database! {
    async fn f9_a_user_who_is_no_admin_is_refused_everywhere_and_that_is_an_event(server: TestApp) {
        let (user, stranger) = (server.register("alice").await, server.register("bob").await);
        let before = Tables::of(&server.app).await;
        for (method, path) in routes() {
            let nobody = Answer::of(server.request(method.clone(), &path)).await;
            assert_eq!(nobody.code(), (401, "token_missing".into()), "{method} {path}");
            let refused = server.send(method.clone(), &path, &user.access, Value::Null).await;
            assert_eq!(refused.code(), (403, "role_missing".into()), "{method} {path}");
        }
        let there = format!("/v1/admin/users/{}", stranger.user_id);
        assert_eq!(server.get(&there, &user.access).await.status, 403);
        let own = format!("/v1/sessions/{}", stranger.id);
        let other = server.send(Method::DELETE, &own, &user.access, Value::Null).await;
        assert_eq!(other.code(), (404, "not_found".into()));
        assert_eq!(Tables::of(&server.app).await, before);

        let refused = |events: Vec<Event>| -> Vec<(String, Option<String>, i64)> {
            let refused = events.into_iter().filter(|event| event.kind == "admin_refused");
            refused.map(|event| (event.outcome, event.reason, event.occurrences)).collect()
        };
        let told = |times| ("refused".to_owned(), Some("not_admin".to_owned()), times);
        assert_eq!(refused(events(&server, &user.user_id).await), [told(1)]);
        server.advance(Duration::from_secs(61)).await;
        server.get("/v1/admin/users", &user.access).await;
        let times = i64::try_from(routes().len()).expect("there are few") + 1;
        assert_eq!(refused(events(&server, &user.user_id).await), [told(times), told(1)]);
        server.log_in("alice").await;
    }

    async fn f9_what_does_not_exist_is_not_found_by_an_admin(server: TestApp) {
        let admin = admin(&server, "root").await;
        for id in [NOBODY, "1", "x%00", "%ff", &admin.user_id[1..], "..."] {
            for (method, path) in [
                (Method::GET, format!("users/{id}")),
                (Method::PATCH, format!("users/{id}")),
                (Method::DELETE, format!("users/{id}")),
                (Method::POST, format!("users/{id}/logout")),
                (Method::POST, format!("users/{id}/unlock")),
                (Method::DELETE, format!("sessions/{id}")),
                (Method::DELETE, format!("invitations/{id}")),
                (Method::DELETE, format!("apikeys/{id}")),
            ] {
                let path = format!("/v1/admin/{path}");
                let body = if method == Method::PATCH { json!({ "name": "x" }) } else { Value::Null };
                let answer = server.send(method.clone(), &path, &admin.access, body).await;
                assert_eq!(answer.code(), (404, "not_found".into()), "{method} {path}");
            }
        }
        let unknown = server.get(&format!("/v1/admin/sessions?user={NOBODY}"), &admin.access).await;
        assert_eq!(unknown.code(), (404, "not_found".into()));
    }

    async fn f10_a_demoted_admin_is_refused_at_the_next_request_though_the_token_lives(
        server: SixHours
    ) {
        let server = server.0;
        let (first, second) = (admin(&server, "root").await, admin(&server, "toor").await);
        assert_eq!(server.get("/v1/admin/users", &second.access).await.status, 200);
        // As another node does it that this one has not heard of yet.
        let beside = server.beside().await;
        let caller = Caller::command(server.app.clock.now());
        beside.app.set_roles(&caller, &second.user_id, Vec::new()).await.expect("it can be done");
        let refused = server.get("/v1/admin/users", &second.access).await;
        assert!(matches!(refused.status.as_u16(), 401 | 403), "{refused:?}");

        let third = admin(&server, "hugo").await;
        assert_eq!(patch(&server, &first, &third.user_id, json!({ "roles": [] })).await.status, 200);
        let refused = server.get("/v1/admin/users", &third.access).await;
        assert_eq!(refused.code(), (401, "invalid_token".into()));
        let again = server.refresh(&third).await;
        let refused = server.get("/v1/admin/users", &again.access).await;
        assert_eq!(refused.code(), (403, "role_missing".into()));
        assert_eq!(server.get("/v1/admin/users", &first.access).await.status, 200);
    }

    async fn f12_parameters_that_cannot_be_are_refused_by_name(server: TestApp) {
        let admin = admin(&server, "root").await;
        for (query, code, field) in [
            ("users?limit=1000000000", "invalid_field", "limit"),
            ("users?limit=0", "invalid_field", "limit"),
            ("users?limit=-1", "invalid_field", "limit"),
            ("users?offset=-1", "unknown_parameter", "offset"),
            ("users?sort=password", "unknown_parameter", "sort"),
            ("users?query=", "invalid_field", "query"),
            ("users?query=a%00", "invalid_field", "query"),
            ("users?cursor=%27", "invalid_field", "cursor"),
            ("users?query=al&cursor=Ym9i", "invalid_field", "cursor"),
            ("users?query=a&query=b", "invalid_query", "query"),
            ("events?user=1", "invalid_field", "user"),
            ("events?kind=%25", "invalid_field", "kind"),
            ("events?limit=201", "invalid_field", "limit"),
            ("events?page=2", "unknown_parameter", "page"),
            ("sessions", "invalid_field", "user"),
            ("sessions?user=bob", "invalid_field", "user"),
            ("keys?x", "unknown_parameter", "x"),
            ("invitations?state=open", "unknown_parameter", "state"),
        ] {
            let refused = server.get(&format!("/v1/admin/{query}"), &admin.access).await;
            assert_eq!(refused.code(), (400, code.into()), "{query}: {refused:?}");
            assert_eq!(refused.json()["field"], field, "{query}");
        }
        let path = format!("/v1/admin/users/{}?force=true", admin.user_id);
        let refused = server.send(Method::DELETE, &path, &admin.access, Value::Null).await;
        assert_eq!(refused.code(), (400, "unknown_parameter".into()));
    }

    async fn users_are_found_by_a_prefix_of_any_identifier(server: TestApp) {
        let admin = admin(&server, "root").await;
        for body in [
            json!({ "email": "Alice@Example.org", "username": "alice_w", "phone": "+15550100123" }),
            json!({ "email": "alina@example.org" }),
            json!({ "username": "Älva" }),
            json!({ "username": "al-50" }),
            json!({ "email": "al%@example.org" }),
        ] {
            let made = server.send(Method::POST, "/v1/admin/users", &admin.access, body).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
        for (query, found) in [
            ("AL", vec!["al%@example.org", "al-50", "+15550100123", "alina@example.org"]),
            ("ali", vec!["+15550100123", "alina@example.org"]),
            ("alice%5F", vec!["+15550100123"]),
            ("alice%40example.org", vec!["+15550100123"]),
            ("%2B1%20(555)", vec!["+15550100123"]),
            ("a%CC%88lv", vec!["Älva"]),
            ("al%25", vec!["al%@example.org"]),
            ("al%5F", vec![]),
            ("lice", vec![]),
        ] {
            for limit in [1, 50] {
                let path = format!("/v1/admin/users?limit={limit}&query={query}");
                let users = all(&server, &admin, &path, "users").await;
                let oldest = |user: &Value| user["identifiers"][0]["value"].clone();
                assert_eq!(users.iter().map(oldest).collect::<Vec<_>>(), found, "{query} {limit}");
            }
        }
    }

    async fn all_users_come_in_parts_without_a_gap_or_a_repetition(server: TestApp) {
        let admin = admin(&server, "root").await;
        let mut made = vec![admin.user_id.clone()];
        for n in 0..6 {
            made.push(server.register(&format!("user{n}")).await.user_id);
        }
        made.sort();
        for limit in [1, 3, 7, 200] {
            let path = format!("/v1/admin/users?limit={limit}");
            assert_eq!(texts(&all(&server, &admin, &path, "users").await, "id"), made, "{limit}");
        }
    }

    async fn a_user_is_made_with_a_password_or_without(server: TestApp) {
        let admin = admin(&server, "root").await;
        let create = async |body: Value| {
            server.send(Method::POST, "/v1/admin/users", &admin.access, body).await
        };
        let body = json!({
            "email": "alice@example.org", "password": PASSWORD, "name": "Alice", "roles": ["editor"]
        });
        let made = create(body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let alice = made.json();
        assert_eq!(alice["roles"], json!(["editor"]));
        assert_eq!((&alice["has_password"], &alice["active"]), (&json!(true), &json!(true)));
        server.log_in("alice").await;
        let made = events(&server, alice["id"].as_str().expect("an id")).await;
        let made = made.iter().find(|event| event.kind == "user_created").expect("an event");
        assert_eq!(made.actor.as_deref(), Some(&*admin.user_id));
        assert_eq!(made.subject.as_deref(), Some("editor"));

        let bob = create(json!({ "email": "bob@example.org" })).await.json();
        assert_eq!(bob["has_password"], false);
        let refused = server.log_in_answer("bob", PASSWORD).await;
        assert_eq!(refused.code(), (401, "invalid_credentials".into()));

        for (body, status, code) in [
            (json!({}), 400, "invalid_field"),
            (json!({ "email": "ALICE@example.org" }), 409, "identifier_taken"),
            (json!({ "email": "c@example.org", "password": "short" }), 400, "invalid_field"),
            (json!({ "email": "c@example.org", "roles": ["two words"] }), 400, "invalid_field"),
            (json!({ "email": "c@example.org", "must_change_password": true }), 400, "invalid_field"),
            (json!({ "email": "c@example.org", "id": NOBODY }), 400, "unknown_field"),
        ] {
            let refused = create(body.clone()).await;
            assert_eq!(refused.code(), (status, code.into()), "{body}");
        }
    }

    async fn what_an_admin_changes_acts_at_once_and_is_an_event_with_its_actor(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let renamed = patch(&server, &admin, &alice.user_id, json!({ "name": "Al" })).await.json();
        assert_eq!(renamed["name"], "Al");
        let nameless = patch(&server, &admin, &alice.user_id, json!({ "name": null })).await.json();
        assert_eq!(nameless["name"], Value::Null);
        let body = json!({ "roles": ["editor", "author"], "active": false, "name": "A" });
        let disabled = patch(&server, &admin, &alice.user_id, body).await.json();
        assert_eq!(disabled["active"], false);
        assert_eq!(disabled["roles"], json!(["editor", "author"]));
        assert_eq!(server.get("/v1/me", &alice.access).await.reason(), "disabled");
        let enabled = patch(&server, &admin, &alice.user_id, json!({ "active": true })).await.json();
        assert_eq!((&enabled["active"], &enabled["disabled_at"]), (&json!(true), &Value::Null));

        let (one, two) = (server.log_in("alice").await, server.log_in("alice").await);
        let end = format!("/v1/admin/sessions/{}", one.id);
        for _ in 0..2 {
            let ended = server.send(Method::DELETE, &end, &admin.access, Value::Null).await;
            assert_eq!(ended.status, 204);
        }
        assert_eq!(server.get("/v1/me", &one.access).await.reason(), "admin");
        let list = format!("/v1/admin/sessions?user={}", alice.user_id);
        let live = server.get(&list, &admin.access).await.json();
        assert_eq!(texts(live["sessions"].as_array().expect("a list"), "id"), [&*two.id]);
        let over = all(&server, &admin, &format!("{list}&ended=true&limit=1"), "sessions").await;
        let mut reasons = texts(&over, "end_reason");
        reasons.sort_unstable();
        assert_eq!(reasons, ["admin", "disabled"]);

        let everywhere = format!("/v1/admin/users/{}/logout", alice.user_id);
        let ended = server.send(Method::POST, &everywhere, &admin.access, Value::Null).await;
        assert_eq!(ended.status, 204);
        assert_eq!(server.get("/v1/me", &two.access).await.reason(), "admin");

        let gone = format!("/v1/admin/users/{}", alice.user_id);
        let deleted = server.send(Method::DELETE, &gone, &admin.access, Value::Null).await;
        assert_eq!(deleted.status, 204);
        assert_eq!(server.get(&gone, &admin.access).await.status, 404);
        let told = events(&server, &alice.user_id).await;
        let by_admin = told.iter().rev().filter(|event| event.actor.is_some());
        let by_admin: Vec<_> = by_admin
            .map(|event| (&*event.kind, event.actor.as_deref() == Some(&*admin.user_id)))
            .collect();
        let kinds = [
            "user_renamed", "user_renamed", "user_renamed", "roles_changed", "user_disabled",
            "user_enabled", "logout", "logout_all", "user_deleted",
        ];
        assert_eq!(by_admin.len(), kinds.len(), "{by_admin:?}");
        for kind in kinds {
            assert!(by_admin.contains(&(kind, true)), "{kind}: {by_admin:?}");
        }
        let subjects: Vec<_> =
            told.iter().filter_map(|event| Some((&*event.kind, event.subject.as_deref()?))).collect();
        assert_eq!(subjects, [("roles_changed", "editor author")]);
    }

    async fn a_change_that_cannot_be_done_whole_is_not_done_at_all(server: TestApp) {
        let admin = admin(&server, "root").await;
        let bob = server.send(Method::POST, "/v1/admin/users", &admin.access,
            json!({ "username": "bob" })).await.json();
        let bob = bob["id"].as_str().expect("an id");
        let body = json!({ "name": "Bob", "must_change_password": true });
        let refused = patch(&server, &admin, bob, body).await;
        assert_eq!(refused.code(), (400, "invalid_field".into()), "{refused:?}");
        assert_eq!(refused.reason(), "no_password");
        let path = format!("/v1/admin/users/{bob}");
        assert_eq!(server.get(&path, &admin.access).await.json()["name"], Value::Null);
    }

    async fn f13_events_are_listed_by_user_and_kind_and_nobody_changes_them(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        for _ in 0..5 {
            server.log_in("alice").await;
        }
        let of = |events: &[Value]| events.iter().map(|event| event["kind"].clone()).collect::<Vec<_>>();
        let path = format!("/v1/admin/events?limit=2&user={}", alice.user_id);
        let own = all(&server, &admin, &path, "events").await;
        assert_eq!(of(&own).len(), 7, "made, and logged in six times");
        let path = format!("{path}&kind=user_created");
        assert_eq!(of(&all(&server, &admin, &path, "events").await), ["user_created"]);
        let path = "/v1/admin/events?limit=3&kind=login";
        assert_eq!(all(&server, &admin, path, "events").await.len(), 8);
        let whole = all(&server, &admin, "/v1/admin/events?limit=4", "events").await;
        let mut sorted = texts(&whole, "id");
        sorted.sort_unstable();
        sorted.dedup();
        sorted.reverse();
        assert_eq!(texts(&whole, "id"), sorted, "the latest first, each once");

        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for path in ["/v1/admin/events".to_owned(), format!("/v1/admin/events/{}", sorted[0])] {
                let refused = server.send(method.clone(), &path, &admin.access, json!({})).await;
                assert!(matches!(refused.status.as_u16(), 404 | 405), "{method} {path}");
            }
        }
    }

    async fn keys_are_listed_without_their_secrets_and_rotated(server: TestApp) {
        let admin = admin(&server, "root").await;
        let keys = server.get("/v1/admin/keys", &admin.access).await;
        assert!(!keys.text.contains("sealed"), "{}", keys.text);
        assert_eq!(texts(keys.json()["keys"].as_array().expect("a list"), "state"), ["active"]);
        let next = server.send(Method::POST, "/v1/admin/keys", &admin.access, Value::Null).await;
        assert_eq!((next.status.as_u16(), &next.json()["state"]), (201, &json!("next")));
        server.advance(Duration::from_secs(1)).await;
        let at_once = json!({ "now": true });
        let now = server.send(Method::POST, "/v1/admin/keys", &admin.access, at_once).await;
        assert_eq!((now.status.as_u16(), &now.json()["state"]), (201, &json!("active")));
        let rotated = all(&server, &admin, "/v1/admin/events?kind=key_rotated", "events").await;
        assert_eq!(rotated[0]["actor"], admin.user_id.as_str());
        assert_eq!(rotated[0]["subject"], now.json()["kid"]);
        let caller = Caller::command(server.app.clock.now());
        let next = next.json()["kid"].as_str().expect("a kid").to_owned();
        server.app.revoke_key(&caller, &next).await.expect("it is there");
        let revoked = all(&server, &admin, "/v1/admin/events?kind=key_revoked", "events").await;
        assert_eq!(revoked[0]["subject"], next);
        assert_eq!(server.get("/v1/me", &server.log_in("root").await.access).await.status, 200);
    }

    async fn api_keys_are_made_shown_once_and_revoked(server: TestApp) {
        let admin = admin(&server, "root").await;
        let create = async |body: Value| {
            server.send(Method::POST, "/v1/admin/apikeys", &admin.access, body).await
        };
        let made = create(json!({ "name": "shop", "rights": ["introspect"], "expires_in": 60 })).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let (id, key) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
        let listed = server.get("/v1/admin/apikeys", &admin.access).await;
        assert!(!listed.text.contains(key), "{}", listed.text);
        assert_eq!(listed.json()["api_keys"][0]["id"], id);
        for (body, field) in [
            (json!({ "name": "x", "rights": [] }), "rights"),
            (json!({ "name": "", "rights": ["revoke"] }), "name"),
            (json!({ "name": "x", "rights": ["revoke"], "expires_in": 0 }), "expires_in"),
        ] {
            let refused = create(body.clone()).await;
            assert_eq!(refused.code(), (400, "invalid_field".into()), "{body}");
            assert_eq!(refused.json()["field"], field, "{body}");
        }
        let good = async || server.app.check_api_key(key, Right::Introspect, server.app.clock.now()).await;
        assert!(good().await.is_ok());
        let path = format!("/v1/admin/apikeys/{id}");
        let revoked = server.send(Method::DELETE, &path, &admin.access, Value::Null).await;
        assert_eq!(revoked.status, 204);
        assert!(good().await.is_err());
        let again = server.send(Method::DELETE, &path, &admin.access, Value::Null).await;
        assert_eq!(again.code(), (404, "not_found".into()));
        for kind in ["apikey_created", "apikey_revoked"] {
            let path = format!("/v1/admin/events?kind={kind}");
            let events = all(&server, &admin, &path, "events").await;
            assert_eq!((events.len(), &events[0]["actor"]), (1, &json!(admin.user_id)));
            assert_eq!(events[0]["subject"], id);
        }
    }

    async fn who_must_change_the_password_can_do_nothing_else_with_it(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        let body = json!({ "must_change_password": true });
        let changed = patch(&server, &admin, &alice.user_id, body.clone()).await;
        assert_eq!(changed.json()["must_change_password"], true, "{changed:?}");
        assert_eq!(server.get("/v1/me", &alice.access).await.reason(), "admin");
        assert_eq!(server.refresh_answer(&alice.refresh).await.reason(), "admin");
        patch(&server, &admin, &alice.user_id, body.clone()).await;

        for _ in 0..2 {
            let refused = server.log_in_answer("alice", PASSWORD).await;
            assert_eq!(refused.code(), (403, "password_change_required".into()), "{refused:?}");
        }
        let wrong = server.log_in_answer("alice", "not the one at all").await;
        assert_eq!(wrong.code(), (401, "invalid_credentials".into()), "nobody else is told");

        let change = async |identifier: &str, current: &str, new: &str| {
            let body = json!({ "identifier": identifier, "current": current, "new": new });
            server.post("/v1/password", body).await
        };
        let new = "another long pass phrase";
        for (identifier, current, new, status, code) in [
            ("alice@example.org", "not the one at all", new, 401, "invalid_credentials"),
            ("carol@example.org", PASSWORD, new, 401, "invalid_credentials"),
            ("\0", PASSWORD, new, 401, "invalid_credentials"),
            ("alice@example.org", "not the one at all", "alice@example.org", 401, "invalid_credentials"),
            ("alice@example.org", PASSWORD, "alice@example.org", 400, "invalid_field"),
            ("alice@example.org", PASSWORD, PASSWORD, 400, "invalid_field"),
            ("alice@example.org", PASSWORD, "short", 400, "invalid_field"),
            ("alice@example.org", "not the one at all", "short", 400, "invalid_field"),
            ("carol@example.org", "the same as this", "the same as this", 400, "invalid_field"),
        ] {
            let refused = change(identifier, current, new).await;
            assert_eq!(refused.code(), (status, code.into()), "{identifier} {current} {new}");
        }
        assert_eq!(change("Alice@example.org", PASSWORD, new).await.status, 204);
        let old = server.log_in_answer("alice", PASSWORD).await;
        assert_eq!(old.code(), (401, "invalid_credentials".into()));
        let session = Session::read(&server.log_in_answer("alice", new).await.json());
        assert_eq!(server.check(&session.access).await, 200);

        let kinds = events(&server, &alice.user_id).await;
        let count = |kind: &str| kinds.iter().filter(|event| event.kind == kind).count();
        assert_eq!((count("password_expired"), count("password_changed")), (1, 1));
        let told = kinds.iter().filter(|event| {
            event.reason.as_deref() == Some("password_change_required")
        });
        assert_eq!(told.count(), 1, "at most one a minute");
        let own = |event: &&Event| event.reason.as_deref() == Some("own_identifier");
        let own: Vec<_> = kinds.iter().filter(own).collect();
        let [own] = own[..] else { panic!("one event, though the password was right: {own:?}") };
        assert_eq!((&*own.kind, &*own.outcome), ("password_change", "refused"));
    }

    async fn a_change_of_the_password_that_is_not_demanded_any_more(server: TestApp) {
        let (admin, alice) = (admin(&server, "root").await, server.register("alice").await);
        for demanded in [true, false] {
            let body = json!({ "must_change_password": demanded });
            let changed = patch(&server, &admin, &alice.user_id, body).await;
            assert_eq!(changed.json()["must_change_password"], demanded);
        }
        server.log_in("alice").await;
        let body = json!({ "email": "bob@example.org", "password": PASSWORD,
            "must_change_password": true });
        let made = server.send(Method::POST, "/v1/admin/users", &admin.access, body).await;
        assert_eq!(made.json()["must_change_password"], true, "{made:?}");
        let refused = server.log_in_answer("bob", PASSWORD).await;
        assert_eq!(refused.code(), (403, "password_change_required".into()));
    }
}
