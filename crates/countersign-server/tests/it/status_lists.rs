//! Status lists: which sessions have ended, for those who look once a minute.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{ClaimType, EndReason, KeyRing, Profile, StatusList, Subject, Verifier};
use countersign_server::db::Kind;
use countersign_server::error::{Error, Refusal};
use countersign_server::identifier::Identifier;
use countersign_server::operations::Caller;
use countersign_server::operations::credentials::Presented;
use countersign_server::operations::register::Registration;
use countersign_server::sql;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::accounts::alter;
use crate::kit::claims_of;
use crate::server::{Answer, PASSWORD, Session, TestApp};

sql! {
    LATER = "UPDATE counters SET value = ? WHERE name = 'status_index'";
    COUNT = "SELECT COUNT(*) FROM ended_statuses";
    HIDE = "ALTER TABLE counters RENAME TO hidden";
    SHOW = "ALTER TABLE hidden RENAME TO counters";
}

const ENTRIES: i64 = 1 << 20;

/// A server that serves status lists.
struct Listed(TestApp);

impl Listed {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.tokens.status_list = true).await.map(Self)
    }

    async fn get(&self, list: &str) -> Answer {
        Answer::of(self.0.request(Method::GET, &format!("/v1/status-lists/{list}"))).await
    }

    /// The list, verified as others do, by the published keys alone.
    async fn list(&self, number: &str) -> (Value, StatusList) {
        let answer = self.get(number).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/statuslist+jwt");
        assert_eq!(answer.headers["cache-control"], "public, max-age=60");
        let profile = Profile {
            typ: "statuslist+jwt",
            required: &[("iat", ClaimType::Integer), ("ttl", ClaimType::Integer)],
            subject: Subject::Text,
        };
        let app = &self.0.app;
        let keys = app.keys.ring().keys();
        let verifier = Verifier::new(profile, KeyRing::new(keys));
        let token = verifier.verify(&answer.text, app.clock.now().seconds());
        let claims: Value = token.expect("it is signed").claims.deserialize().expect("claims");
        assert_eq!(claims["status_list"]["bits"], 1);
        let encoded = claims["status_list"]["lst"].as_str().expect("a text");
        let list = StatusList::decode(1, encoded, 1 << 17).expect("it is one");
        (claims, list)
    }

    /// The status of the session as its access token says that it is told.
    async fn status(&self, session: &Session) -> Option<u8> {
        let (list, index) = reference(session);
        self.list(&list).await.1.find(index)
    }

    async fn log_out(&self, session: &Session) {
        let answer = self.0.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
        assert_eq!(answer.status, 204);
    }

    /// Until a list is made anew.
    async fn a_second(&self) {
        self.0.advance(Duration::from_secs(1)).await;
    }
}

/// The number of the list and the index in it.
fn reference(session: &Session) -> (String, usize) {
    let claim = claims_of(&session.access)["status"]["status_list"].clone();
    let list = claim["uri"].as_str().and_then(|uri| uri.rsplit('/').next()).expect("a URI");
    let index = claim["idx"].as_u64().and_then(|index| index.try_into().ok()).expect("an index");
    (list.to_owned(), index)
}

on_each_database! {
    async fn an_access_token_says_where_its_status_is_told(listed: Listed) {
        let session = listed.0.register("alice").await;
        let base = listed.0.app.config.public_url.as_str();
        let claim = claims_of(&session.access)["status"].clone();
        assert_eq!(claim, json!({ "status_list": { "idx": 1, "uri": format!("{base}/v1/status-lists/0") } }));
        let refreshed = listed.0.refresh(&session).await;
        assert_eq!(reference(&refreshed), reference(&session));
        let other = listed.0.log_in("alice").await;
        assert_ne!(reference(&other), reference(&session));
        assert_eq!(listed.0.check(&other.access).await, 200);

        let (claims, list) = listed.list("0").await;
        let now = listed.0.app.clock.now().seconds();
        assert_eq!(
            (&claims["sub"], &claims["iat"], &claims["exp"], &claims["ttl"]),
            (&json!(format!("{base}/v1/status-lists/0")), &json!(now), &json!(now + 300), &json!(60))
        );
        assert_eq!((list.find((1 << 20) - 1), list.find(1 << 20)), (Some(0), None));
        let header = listed.get("0").await.text.split('.').next().map(str::to_owned);
        let header = URL_SAFE_NO_PAD.decode(header.expect("a header")).expect("base64url");
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        assert_eq!(header["typ"], "statuslist+jwt");
    }

    async fn a_session_that_ended_is_told_however_it_did(listed: Listed) {
        let server = &listed.0;
        let (first, second) = (server.register("alice").await, server.log_in("alice").await);
        let (third, left) = (server.log_in("alice").await, server.register("bob").await);
        listed.log_out(&first).await;
        listed.a_second().await;
        assert_eq!(listed.status(&first).await, Some(1));
        assert_eq!(listed.status(&second).await, Some(0));
        let replaced = server.refresh(&second).await;
        server.advance(Duration::from_secs(11)).await;
        server.check(&replaced.access).await;
        assert_eq!(server.refresh_answer(&second.refresh).await.reason(), "refresh_reuse");
        let caller = Caller::command(server.app.clock.now());
        server.app.delete_user(&caller, &third.user_id).await.expect("the user is there");
        listed.a_second().await;
        for ended in [&first, &second, &third] {
            assert_eq!(listed.status(ended).await, Some(1));
        }
        assert_eq!(listed.status(&left).await, Some(0));
        let listed = Listed(listed.0.restart().await);
        assert_eq!((listed.status(&third).await, listed.status(&left).await), (Some(1), Some(0)));
    }

    async fn another_node_tells_the_same(listed: Listed) {
        let session = listed.0.register("alice").await;
        let other = Listed(listed.0.beside().await);
        let there = other.0.register("bob").await;
        assert_ne!(reference(&there), reference(&session));
        listed.log_out(&session).await;
        assert_eq!(other.status(&session).await, Some(1));
        assert_eq!(other.status(&there).await, Some(0));
    }

    async fn entries_are_forgotten_when_no_token_can_name_them(listed: Listed) {
        let session = listed.0.register("alice").await;
        listed.log_out(&session).await;
        let count = async || listed.0.app.db.find::<i64>(COUNT, &[]).await.expect("it answers");
        let purge = async || listed.0.app.purge(listed.0.app.clock.now()).await.expect("it answers");
        listed.0.advance(Duration::from_hours(24)).await;
        purge().await;
        assert_eq!(count().await, Some(1));
        listed.0.advance(Duration::from_mins(16)).await;
        purge().await;
        assert_eq!(count().await, Some(0));
        let next = listed.0.log_in("alice").await;
        assert_ne!(reference(&next), reference(&session), "no entry is anybody else's later");
    }

    async fn there_is_a_list_for_every_entry_and_no_other(listed: Listed) {
        let first = listed.0.register("alice").await;
        for none in ["1", "-1", "00", "+0", "x", "9223372036854775807", "99999999999999999999", "%30%20"] {
            assert_eq!(listed.get(none).await.code(), (404, "not_found".into()), "{none}");
        }
        let later = ENTRIES * 3 - 1;
        let moved = listed.0.app.db.write("later", move |tx| {
            Box::pin(async move {
                tx.execute(LATER, &[later.into()]).await.map(drop)
            })
        });
        moved.await.expect("it is written");
        let listed = Listed(listed.0.restart().await);
        let session = listed.0.log_in("alice").await;
        assert_eq!(reference(&session), ("3".to_owned(), 0));
        listed.log_out(&session).await;
        assert_eq!(listed.status(&session).await, Some(1));
        assert_eq!(listed.status(&first).await, Some(0));
        assert_eq!(listed.get("4").await.status, 404);
    }

    async fn a_registration_without_an_entry_leaves_no_account(listed: Listed) {
        let server = &listed.0;
        let register = async || {
            let body = json!({ "username": "alice", "password": PASSWORD });
            server.post("/v1/register", body).await
        };
        // Of the users' numbers there are some left.
        let bob = Registration {
            identifiers: vec![Identifier::parse("bob").expect("a username")],
            password: None,
            name: None,
            roles: Vec::new(),
            must_change_password: false,
            invitation: None,
        };
        let caller = Caller::command(server.app.clock.now());
        server.app.create_user(&caller, Presented::Typed, bob).await.expect("it can be done");
        alter(&server.app, HIDE).await;
        assert_eq!(register().await.status, 500);
        alter(&server.app, SHOW).await;
        assert_eq!(register().await.status, 201);
    }

    async fn a_session_that_ends_before_it_has_an_entry_says_why(listed: Listed) {
        let mut without = listed.0.app.config.clone();
        let with = without.clone();
        without.tokens.status_list = false;
        let server = listed.0.restart_with(without).await;
        let session = server.register("alice").await;
        let server = server.restart_with(with).await;
        let (app, caller) = (&server.app, Caller::nobody(server.app.clock.now()));
        let (_, mut session) = app.refresh(&caller, &session.refresh).await.expect("it is good");
        app.log_out(&caller, &session.id).await.expect("it can be done");
        let refused = app.enlist(&mut session).await;
        assert!(
            matches!(refused, Err(Error::Refused(Refusal::Ended(EndReason::Logout)))),
            "{refused:?}"
        );
    }

    async fn a_session_that_was_begun_before_gets_an_entry_when_it_is_refreshed(listed: Listed) {
        let mut without = listed.0.app.config.clone();
        let with = without.clone();
        without.tokens.status_list = false;
        let server = listed.0.restart_with(without).await;
        let session = server.register("alice").await;
        assert_eq!(claims_of(&session.access).get("status"), None);
        assert_eq!(Answer::of(server.request(Method::GET, "/v1/status-lists/0")).await.status, 404);
        let listed = Listed(server.restart_with(with).await);
        let refresh = || async { listed.0.refresh(&session).await };
        let refreshed = join_all((0..8).map(|_| refresh())).await;
        let references: Vec<_> = refreshed.iter().map(reference).collect();
        assert!(references.iter().all(|one| *one == references[0]), "{references:?}");
        assert_eq!(listed.status(&refreshed[0]).await, Some(0));
        listed.log_out(&refreshed[0]).await;
        listed.a_second().await;
        assert_eq!(listed.status(&refreshed[0]).await, Some(1));
    }
}
