//! The transaction of a change checks its actor as well: an admin, an API key, or the session of a user
//! who changes their own account. What another node ended a moment ago is not known here yet.

use std::time::Duration;

use countersign::EndReason;
use countersign_server::app::App;
use countersign_server::error::{Error, Refusal, Result};
use countersign_server::operations::Caller;
use countersign_server::operations::actor::Actor;
use countersign_server::operations::changes::{Changes, Rename};
use countersign_server::operations::credentials::Presented;
use countersign_server::operations::invitations::Invite;
use countersign_server::operations::register::Registration;
use countersign_server::password::Password;
use countersign_server::tables::api_key::Right;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use http::Method;
use serde_json::{Value, json};

use super::Walk;
use crate::admin::{admin, patch};
use crate::api_keys::made;
use crate::forms::{URL_ENCODED, url_encoded};
use crate::kit::Tables;
use crate::server::{PASSWORD, Session, TestApp};

/// What an admin does to a user and to the session of theirs.
type Act = for<'a> fn(&'a App, &'a Caller, &'a Session) -> BoxFuture<'a, Result<()>>;

/// Everything that an admin can do, by the name of its transaction.
const ACTS: [(&str, Act); 12] = [
    ("change_user", |app, caller, victim| {
        let name = Rename::To(Some("Another".to_owned()));
        let changes = Changes { name, ..Changes::default() };
        async move { app.change_user(caller, &victim.user_id, changes).await.map(drop) }.boxed()
    }),
    ("end_session", |app, caller, victim| {
        async move { app.end_session_as_operator(caller, &victim.id).await.map(drop) }.boxed()
    }),
    ("log_out_everywhere", |app, caller, victim| {
        let reason = EndReason::Admin;
        app.log_out_everywhere(caller, &victim.user_id, None, reason).boxed()
    }),
    ("disable", |app, caller, victim| {
        async move { app.disable(caller, &victim.user_id).await.map(drop) }.boxed()
    }),
    ("unlock", |app, caller, victim| {
        async move {
            let user = app.user(&victim.user_id).await?;
            app.unlock(caller, &user).await.map(drop)
        }
        .boxed()
    }),
    ("invite", |app, caller, _| {
        let life = Duration::from_hours(1);
        let invite = Invite { identifier: None, roles: vec!["admin".to_owned()], life };
        async move { app.invite(caller, invite).await.map(drop) }.boxed()
    }),
    ("create_api_key", |app, caller, _| {
        async move { app.create_api_key(caller, "a key", &[Right::Revoke], None).await.map(drop) }
            .boxed()
    }),
    ("rotate_key", |app, caller, _| {
        async move { app.rotate_key(caller, true).await.map(drop) }.boxed()
    }),
    ("register", |app, caller, victim| {
        let identifier = app.shapes.parse(&format!("made{}", &victim.user_id[24..]));
        let password = Password::parse(PASSWORD.to_owned()).expect("a password");
        let registration = Registration::of(vec![identifier.expect("a username")], password);
        async move { app.create_user(caller, Presented::Typed, registration).await.map(drop) }
            .boxed()
    }),
    ("revoke_invitation", |app, caller, _| {
        async move {
            let command = Caller::command(app.clock.now());
            let life = Duration::from_hours(1);
            let invite = Invite { identifier: None, roles: Vec::new(), life };
            let (invitation, _) = app.invite(&command, invite).await?;
            app.revoke_invitation(caller, &invitation.id).await.map(drop)
        }
        .boxed()
    }),
    ("revoke_api_key", |app, caller, _| {
        async move {
            let (row, _) = made(app, &[Right::Metrics]).await;
            app.revoke_api_key(caller, &row.id).await
        }
        .boxed()
    }),
    ("delete_user", |app, caller, victim| app.delete_user(caller, &victim.user_id).boxed()),
];

fn acting(app: &App, admin: &Session) -> Caller {
    let (user_id, session_id) = (admin.user_id.clone(), Some(admin.id.clone()));
    let actor = Actor::Admin { user_id, session_id };
    Caller { actor: Some(actor), ..Caller::nobody(app.clock.now()) }
}

/// Why somebody may not act any more, and what they are told.
async fn take_away(server: &TestApp, way: &str, admin: &Session) -> Error {
    let (app, caller) = (&server.app, server.operator());
    let done = "it can be done";
    let reason = match way {
        "logout" => {
            app.log_out(&caller, &admin.id).await.expect(done);
            EndReason::Logout
        }
        "disable" => {
            app.disable(&caller, &admin.user_id).await.expect(done);
            EndReason::Disabled
        }
        "delete" => {
            app.delete_user(&caller, &admin.user_id).await.expect(done);
            EndReason::Deleted
        }
        _ => {
            app.set_roles(&caller, &admin.user_id, Vec::new()).await.expect(done);
            return Error::NotAdmin;
        }
    };
    Refusal::Ended(reason).into()
}

on_each_database! {
    async fn an_admin_who_may_not_act_any_more_changes_nothing(walk: Walk) {
        let server = &walk.server;
        for (act, run) in ACTS {
            let victim = server.register(&format!("victim-{act}")).await;
            for way in ["logout", "disable", "delete", "demote"] {
                let admin = admin(server, &format!("{act}-{way}")).await;
                let caller = acting(&server.app, &admin);
                let refusal = take_away(server, way, &admin).await;
                let before = Tables::of(&server.app).await;
                let refused = run(&server.app, &caller, &victim).await;
                let refused = refused.expect_err("nobody does it").to_string();
                assert_eq!(refused, refusal.to_string(), "{act} {way}");
                assert_eq!(Tables::of(&server.app).await, before, "{act} {way}");
            }
            let caller = acting(&server.app, &walk.root);
            run(&server.app, &caller, &victim).await.unwrap_or_else(|error| panic!("{act}: {error}"));
        }
    }

    async fn an_admin_whose_session_ended_on_another_node_changes_nothing_here(server: TestApp) {
        let admin = admin(&server, "mallory").await;
        let victim = server.register("victim").await;
        // It looks at nothing that the first node writes.
        let here = server.beside().await;
        let named = patch(&here, &admin, &victim.user_id, json!({ "name": "Before" })).await;
        assert_eq!(named.status, 200, "{named:?}");
        let caller = server.operator();
        server.app.log_out(&caller, &admin.id).await.expect("it ends");
        let refused = patch(&here, &admin, &victim.user_id, json!({ "name": "After" })).await;
        assert_eq!(refused.code(), (401, "invalid_token".into()), "{refused:?}");
        assert_eq!(refused.reason(), "logout");
        let checked = here.get("/forward-auth", &admin.access).await;
        assert_eq!(checked.status, 401, "this node has learnt it: {checked:?}");
        let victim = server.app.user(&victim.user_id).await.expect("the user is there");
        assert_eq!(victim.name.as_deref(), Some("Before"));
    }

    async fn a_user_whose_session_ended_on_another_node_changes_nothing_here(server: TestApp) {
        // It looks at nothing that the first node writes.
        let here = server.beside().await;
        for (number, change) in ["name", "password", "session", "others", "delete"].iter().enumerate() {
            let name = format!("user{number}");
            let (other, ended) = (server.register(&name).await, server.log_in(&name).await);
            server.app.log_out(&server.operator(), &ended.id).await.expect("it ends");
            let new_password = json!({ "current": PASSWORD, "new": "another long pass phrase" });
            let session = format!("/v1/sessions/{}", other.id);
            let (method, path, body) = match *change {
                "name" => (Method::PATCH, "/v1/me", json!({ "name": "After" })),
                "password" => (Method::POST, "/v1/me/password", new_password),
                "session" => (Method::DELETE, &*session, Value::Null),
                "others" => (Method::POST, "/v1/logout", json!({ "scope": "others" })),
                _ => (Method::DELETE, "/v1/me", json!({ "password": PASSWORD })),
            };
            let refused = here.send(method, path, &ended.access, body).await;
            assert_eq!(refused.code(), (401, "invalid_token".into()), "{change}: {refused:?}");
            assert_eq!(refused.reason(), "logout", "{change}");
            assert_eq!(server.check(&other.access).await, 200, "{change}");
            let user = server.app.user(&other.user_id).await.expect("the user is there");
            assert_eq!(user.name, None, "{change}");
            server.log_in(&name).await;
        }
    }

    async fn an_api_key_that_was_revoked_on_another_node_ends_nothing_here(server: TestApp) {
        let session = server.register("victim").await;
        let (row, key) = made(&server.app, &[Right::Revoke]).await;
        let here = server.beside().await;
        let caller = server.operator();
        server.app.revoke_api_key(&caller, &row.id).await.expect("it can be done");
        for (authorization, challenge) in [
            (format!("Bearer {key}"), "Bearer error=\"invalid_token\""),
            (crate::kit::basic(&key), "Basic"),
        ] {
            let request = here.request(Method::POST, "/v1/revoke");
            let request = request.header("authorization", authorization);
            let body = url_encoded(&[("token", &session.access)]);
            let request = request.header("content-type", URL_ENCODED).body(body);
            let refused = crate::server::Answer::of(request).await;
            assert_eq!(refused.code(), (401, "invalid_api_key".into()), "{refused:?}");
            let told = refused.headers["www-authenticate"].to_str().expect("ASCII");
            assert!(told.starts_with(challenge), "{told}");
        }
        assert_eq!(server.check(&session.access).await, 200);
    }

    async fn admins_who_change_each_other_at_once_do_not_deadlock(server: TestApp) {
        let names = ["one", "two", "three"];
        let mut admins = Vec::new();
        for name in names {
            admins.push(admin(&server, name).await);
        }
        let pairs = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)];
        for round in 0..15 {
            let body = json!({ "name": format!("{round}"), "roles": ["admin"] });
            let changes = pairs.map(|(by, whom)| {
                patch(&server, &admins[by], &admins[whom].user_id, body.clone())
            });
            for answer in join_all(changes).await {
                // What changes the roles makes the older access tokens stale.
                assert!([200, 401].contains(&answer.status.as_u16()), "{answer:?}");
            }
            for (admin, name) in admins.iter_mut().zip(names) {
                *admin = server.log_in(name).await;
            }
        }
        let counts = server.app.db.door();
        let changes = counts.iter().find(|count| count.name == "change_user").expect("there are");
        assert_eq!(changes.retries, 0, "{changes:?}");
    }

    async fn an_admin_may_change_and_delete_themselves(server: TestApp) {
        admin(&server, "other").await;
        let own = admin(&server, "own").await;
        let named = patch(&server, &own, &own.user_id, json!({ "name": "Own" })).await;
        assert_eq!(named.status, 200, "{named:?}");
        let path = format!("/v1/admin/users/{}", own.user_id);
        let gone = server.send(Method::DELETE, &path, &own.access, Value::Null).await;
        assert_eq!(gone.status, 204, "{gone:?}");
    }
}
