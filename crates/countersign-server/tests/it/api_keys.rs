//! API keys: who is let in by one, and to what.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use countersign_server::app::App;
use countersign_server::error::Error;
use countersign_server::http::api_key::{ApiKey, Metrics};
use countersign_server::operations::Caller;
use countersign_server::operations::api_keys::KeyRefusal;
use countersign_server::sql;
use countersign_server::tables::api_key::{ApiKeyRow, Right};
use countersign_server::tables::event;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use secrecy::ExposeSecret as _;
use tower::ServiceExt as _;

use crate::kit::basic;
use crate::server::TestApp;

sql! {
    STORED = "SELECT id, digest, name, rights FROM api_keys";
}

fn operator(app: &App) -> Caller {
    Caller::command(app.clock.now())
}

/// A key with these rights, and its row.
pub(crate) async fn made(app: &App, rights: &[Right]) -> (ApiKeyRow, String) {
    let made = app.create_api_key(&operator(app), "a program", rights, None).await;
    let (row, key) = made.expect("the database answers");
    (row, key.expose_secret().to_owned())
}

async fn check(app: &App, key: &str, right: Right) -> Result<String, KeyRefusal> {
    app.check_api_key(key, right, app.clock.now()).await.map(|key| key.id.clone())
}

async fn kinds_actors_and_subjects(app: &App) -> Vec<[Option<String>; 3]> {
    let events = event::latest(&app.db, 100).await.expect("the database answers");
    let events = events.into_iter().filter(|event| event.kind.starts_with("apikey"));
    events.map(|event| [Some(event.kind), event.actor, event.subject]).collect()
}

/// The status and the challenge of a request with this `Authorization`.
async fn ask(app: &App, authorization: &[&str]) -> (u16, String) {
    let router = Router::new().route("/", get(|_: ApiKey<Metrics>| async {}));
    let mut request = Request::builder();
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = router.with_state(app.clone()).oneshot(request).await.expect("an answer");
    let challenge = answer.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().expect("ASCII").to_owned());
    (answer.status().as_u16(), challenge.unwrap_or_default())
}

on_each_database! {
    async fn a_key_opens_what_it_has_the_right_to_and_nothing_else(server: TestApp) {
        let app = &server.app;
        let (row, key) = made(app, &[Right::Metrics, Right::Introspect, Right::Metrics]).await;
        assert_eq!(row.rights, [Right::Introspect, Right::Metrics]);
        for right in Right::ALL {
            let expected = if row.rights.contains(&right) {
                Ok(row.id.clone())
            } else {
                Err(KeyRefusal::Lacks(right))
            };
            assert_eq!(check(app, &key, right).await, expected, "{right}");
        }
        let mut other = key.clone();
        let last = other.pop().expect("it has characters");
        other.push(if last == 'A' { 'E' } else { 'A' });
        for wrong in ["", "csk_", &other, &row.digest, &row.id, &format!("{key} ")] {
            let refused = check(app, wrong, Right::Metrics).await;
            assert_eq!(refused, Err(KeyRefusal::Unknown), "{wrong}");
        }
    }

    async fn the_key_itself_is_stored_nowhere(server: TestApp) {
        let app = &server.app;
        let (row, key) = made(app, &[Right::Revoke]).await;
        assert_eq!(key.len(), 47, "256 bits in base64url behind the prefix");
        let stored: Vec<(String, String, String, String)> =
            app.db.list(STORED, &[]).await.expect("the database answers");
        assert_eq!(stored, [(row.id.clone(), row.digest.clone(), row.name, "revoke".into())]);
        assert_eq!(row.digest.len(), 64);
    }

    async fn a_revoked_key_is_refused_at_once_here_and_when_another_node_looks(server: TestApp) {
        let other = server.beside().await;
        let (row, key) = made(&server.app, &[Right::Metrics]).await;
        assert_eq!(check(&other.app, &key, Right::Metrics).await, Err(KeyRefusal::Unknown));
        other.app.catch_up().await.expect("the database answers");
        assert_eq!(check(&other.app, &key, Right::Metrics).await, Ok(row.id.clone()));

        let app = &server.app;
        // Events of one moment stand in no order.
        server.advance(Duration::from_millis(1)).await;
        app.revoke_api_key(&operator(app), &row.id).await.expect("it is there");
        assert_eq!(check(app, &key, Right::Metrics).await, Err(KeyRefusal::Unknown));
        other.app.catch_up().await.expect("the database answers");
        assert_eq!(check(&other.app, &key, Right::Metrics).await, Err(KeyRefusal::Unknown));

        for id in [&*row.id, "none", ""] {
            let again = app.revoke_api_key(&operator(app), id).await;
            assert!(matches!(again, Err(Error::NotFound("API key"))), "{again:?}");
        }
        let listed = app.api_keys().await.expect("the database answers");
        assert!(listed[0].revoked_at.is_some() && listed.len() == 1);
        let expected = ["apikey_revoked", "apikey_created"]
            .map(|kind| [kind, "command", &*row.id].map(|text| Some(text.to_owned())));
        assert_eq!(kinds_actors_and_subjects(app).await, expected);
    }

    async fn a_key_ends_when_it_was_said_to(server: TestApp) {
        let app = &server.app;
        let expires = Some(app.clock.now().plus(Duration::from_mins(1)));
        let made = app.create_api_key(&operator(app), "short", &[Right::Metrics], expires).await;
        let key = made.expect("the database answers").1.expose_secret().to_owned();
        server.advance(Duration::from_millis(59_999)).await;
        assert!(check(app, &key, Right::Metrics).await.is_ok());
        server.advance(Duration::from_millis(1)).await;
        assert_eq!(check(app, &key, Right::Metrics).await, Err(KeyRefusal::Unknown));
        let now = app.clock.now();
        for (name, rights, expires, field) in [
            ("past", &[Right::Metrics][..], Some(now), "expires_in"),
            ("none", &[], None, "rights"),
            (" ", &[Right::Metrics], None, "name"),
            ("a\nb", &[Right::Metrics], None, "name"),
        ] {
            let refused = app.create_api_key(&operator(app), name, rights, expires).await;
            let named = match &refused {
                Err(Error::Invalid { field, .. }) => *field,
                _ => "",
            };
            assert_eq!(named, field, "{name}");
        }
    }

    async fn a_node_that_is_out_of_touch_lets_no_key_in(server: TestApp) {
        let other = server.beside().await;
        let (_, key) = made(&other.app, &[Right::Metrics]).await;
        assert!(check(&other.app, &key, Right::Metrics).await.is_ok());
        other.app.clock.advance(Duration::from_secs(6));
        let refused = check(&other.app, &key, Right::Metrics).await;
        assert_eq!(refused, Err(KeyRefusal::OutOfTouch));
        assert_eq!(ask(&other.app, &[&format!("Bearer {key}")]).await.0, 503);
    }

    async fn keys_survive_a_restart(server: TestApp) {
        let (row, key) = made(&server.app, &[Right::Metrics]).await;
        let server = server.restart().await;
        assert_eq!(check(&server.app, &key, Right::Metrics).await, Ok(row.id));
    }

    async fn a_handler_is_reached_only_with_a_key_that_has_its_right(server: TestApp) {
        let app = &server.app;
        let (_, key) = made(app, &[Right::Metrics]).await;
        let (_, other) = made(app, &[Right::Introspect, Right::Revoke, Right::Revocations]).await;
        let bearer = |key: &str| format!("Bearer {key}");
        let unknown = "Bearer error=\"invalid_token\"";
        let lacking = "Bearer error=\"insufficient_scope\"";
        let realm = "Basic realm=\"countersign\"";
        for (sent, status, challenge) in [
            (&[&*bearer(&key)][..], 200, ""),
            (&[&format!("bearer {key}")], 200, ""),
            (&[&basic(&key)], 200, ""),
            (&[], 401, "Bearer"),
            (&["Bearer"], 401, unknown),
            (&["Digest x"], 401, "Bearer"),
            (&[&key], 401, "Bearer"),
            (&[&bearer("csk_x")], 401, unknown),
            (&[&basic("csk_x")], 401, realm),
            (&["Basic %%%"], 401, realm),
            (&[&bearer(&other)], 403, lacking),
            (&[&basic(&other)], 403, lacking),
            (&[&bearer(&key), &bearer(&key)], 400, "Bearer error=\"invalid_request\""),
        ] {
            assert_eq!(ask(app, sent).await, (status, challenge.to_owned()), "{sent:?}");
        }
        let session = server.register("alice").await;
        assert_eq!(ask(app, &[&bearer(&session.access)]).await.0, 401, "a user is no program");
        assert_eq!(server.check(&key).await, 401, "a program is no user");
    }
}
