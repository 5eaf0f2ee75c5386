//! Whoever answers that a session has ended refuses its tokens from that answer on, whoever ended it
//! and wherever.

use std::time::Duration;

use countersign_server::config::DialectConfig;
use countersign_server::db::{DbError, Kind, Sql, Value as Column};
use countersign_server::operations::Caller;
use countersign_server::tables::api_key::Right;
use countersign_server::tables::session;
use countersign_server::{params, sql};
use countersign_test_support::holding::Holding;
use futures::FutureExt as _;
use futures::future::join_all;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::api_keys::made;
use crate::kit::basic;
use crate::server::{Answer, PASSWORD, Session, TestApp};

sql! {
    ADD_NODE = "INSERT INTO nodes (id, started_at, seen_at) VALUES (?, 0, 0)";
    ADD_CHANGE = "INSERT INTO changes (node, seq, floor, kind, subject, until) VALUES (?, ?, ?, ?, ?, ?)";
    COUNT_NODES = "SELECT COUNT(*) FROM nodes";
}

const MINUTE: Duration = Duration::from_mins(1);

/// Two nodes of one database. Neither learns anything unless it must.
struct Nodes {
    here: TestApp,
    there: TestApp,
    _first: TestApp,
}

impl Nodes {
    async fn on_database(kind: Kind) -> Option<Self> {
        let dialect = DialectConfig {
            name: "auth-token".to_owned(),
            prefix: "/a".to_owned(),
            ..DialectConfig::default()
        };
        let first = TestApp::with(kind, |config| config.dialects = vec![dialect]).await?;
        let (here, there) = (first.beside().await, first.beside().await);
        Some(Self { here, there, _first: first })
    }

    /// Two sessions of one user; the second has ended there, which is not yet known here.
    async fn ended_there(&self, name: &str) -> (Session, Session) {
        let asking = self.here.register(name).await;
        let ended = self.here.log_in(name).await;
        log_out(&self.there, &ended, "this").await;
        assert_eq!(check(&self.here, &ended).await, 200, "nobody has told");
        (asking, ended)
    }
}

/// The status of a check that reads no database.
async fn check(node: &TestApp, session: &Session) -> u16 {
    node.get("/forward-auth", &session.access).await.status.as_u16()
}

async fn log_out(node: &TestApp, session: &Session, scope: &str) {
    let body = json!({ "scope": scope });
    let answer = node.send(Method::POST, "/v1/logout", &session.access, body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn operator(node: &TestApp) -> Caller {
    Caller::command(node.app.clock.now())
}

async fn ask(node: &TestApp, key: &str, path: &str, form: String) -> Answer {
    let request = node.request(Method::POST, path).header(AUTHORIZATION, basic(key));
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    Answer::of(request.body(form)).await
}

on_each_database! {
    async fn who_ends_a_session_that_ended_elsewhere_refuses_its_tokens(nodes: Nodes) {
        let here = &nodes.here;
        let (asking, ended) = nodes.ended_there("a").await;
        log_out(here, &ended, "this").await;
        assert_eq!(check(here, &ended).await, 401, "logout");

        let ended = here.log_in("a").await;
        log_out(&nodes.there, &ended, "this").await;
        let path = format!("/v1/sessions/{}", ended.id);
        let answer = here.send(Method::DELETE, &path, &asking.access, Value::Null).await;
        assert_eq!((answer.status.as_u16(), check(here, &ended).await), (204, 401));

        for scope in ["others", "all"] {
            let (asking, ended) = nodes.ended_there(scope).await;
            log_out(here, &asking, scope).await;
            assert_eq!(check(here, &ended).await, 401, "{scope}");
        }

        let (_, ended) = nodes.ended_there("b").await;
        let done = here.app.end_session_as_operator(&operator(here), &ended.id).await;
        assert!(!done.expect("it can be done"), "it had ended");
        assert_eq!(check(here, &ended).await, 401, "the operator");

        let (asking, ended) = nodes.ended_there("c").await;
        let change = json!({ "current": PASSWORD, "new": "another long pass phrase" });
        let changed = here.send(Method::POST, "/v1/me/password", &asking.access, change).await;
        assert_eq!((changed.status.as_u16(), check(here, &ended).await), (204, 401));
    }

    async fn who_is_told_that_a_session_ended_elsewhere_is_told_so_by_its_tokens(nodes: Nodes) {
        let here = &nodes.here;
        let (_, ended) = nodes.ended_there("a").await;
        let refused = here.refresh_answer(&ended.refresh).await;
        assert_eq!((refused.code().0, check(here, &ended).await), (401, 401), "{refused:?}");

        let (asking, ended) = nodes.ended_there("b").await;
        let listed = here.get("/v1/sessions?ended=true", &asking.access).await;
        assert!(listed.text.contains(&ended.id), "{listed:?}");
        assert_eq!(check(here, &ended).await, 401, "the list");

        let (_, key) = made(&here.app, &[Right::Introspect, Right::Revoke]).await;
        here.app.catch_up().await.expect("the database answers");
        let (_, ended) = nodes.ended_there("c").await;
        let form = format!("token={}&token_type_hint=refresh_token", ended.refresh);
        let told = ask(here, &key, "/v1/introspect", form).await;
        assert_eq!((told.json(), check(here, &ended).await), (json!({ "active": false }), 401));

        let (_, ended) = nodes.ended_there("d").await;
        let revoked = ask(here, &key, "/v1/revoke", format!("token={}", ended.refresh)).await;
        assert_eq!((revoked.status.as_u16(), check(here, &ended).await), (200, 401));
    }

    async fn what_happened_to_a_user_elsewhere_is_so_here_once_it_is_told(nodes: Nodes) {
        let Nodes { here, there, .. } = &nodes;
        let disabled = here.register("a").await;
        let done = there.app.disable(&operator(there), &disabled.user_id).await;
        assert!(done.expect("it can be done"));
        assert_eq!(check(here, &disabled).await, 200, "nobody has told");
        let done = here.app.disable(&operator(here), &disabled.user_id).await;
        assert!(!done.expect("it can be done"), "it was so already");
        assert_eq!(check(here, &disabled).await, 401);

        let deleted = here.register("b").await;
        there.app.delete_user(&operator(there), &deleted.user_id).await.expect("it can be done");
        assert_eq!(check(here, &deleted).await, 200, "nobody has told");
        assert_eq!(here.check(&deleted.access).await, 401, "who reads the user is told");
        assert_eq!(check(here, &deleted).await, 401);

        let promoted = here.register("c").await;
        for node in [there, here] {
            let roles = vec!["billing".to_owned()];
            let set = node.app.set_roles(&operator(node), &promoted.user_id, roles).await;
            set.expect("it can be done");
        }
        assert_eq!(check(here, &promoted).await, 401, "its roles are those of before");

        let expired = here.register("d").await;
        for (node, first) in [(there, true), (here, false)] {
            let done = node.app.expire_password(&operator(node), &expired.user_id).await;
            assert_eq!(done.expect("it can be done"), first);
        }
        assert_eq!(check(here, &expired).await, 401);
    }

    async fn a_logout_of_a_dialect_says_what_is_so(nodes: Nodes) {
        let Nodes { here, there, .. } = &nodes;
        let body = json!({ "email": "joe@example.org", "password": "123456" });
        let joe = here.post("/a/auth/register", body).await.json();
        let token = joe["auth_token"].as_str().expect("a token").to_owned();
        for node in [there, here] {
            let answer = node.send(Method::POST, "/a/auth/logout", &token, Value::Null).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        assert_eq!(here.get("/a/auth/status", &token).await.status, 401);
        let answer = here.send(Method::POST, "/a/auth/logout", &token, Value::Null).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }

    async fn of_many_logouts_at_once_each_answers_what_is_so(server: TestApp) {
        server.register("alice").await;
        for _ in 0..100 {
            let session = server.log_in("alice").await;
            let logouts = (0..4).map(async |_| {
                log_out(&server, &session, "this").await;
                check(&server, &session).await
            });
            assert_eq!(join_all(logouts).await, [401; 4]);
        }
    }

    async fn a_logout_after_the_death_of_the_node_that_did_it_answers_what_is_so(nodes: Nodes) {
        let Nodes { here, there, _first } = nodes;
        let session = here.register("alice").await;
        // The change is committed, and nobody is told.
        let done = there.app.log_out(&operator(&there), &session.id).await;
        done.expect("it can be done");
        drop(there);
        assert_eq!(check(&here, &session).await, 200, "nobody has told");
        log_out(&here, &session, "this").await;
        assert_eq!(check(&here, &session).await, 401);
    }

    async fn a_thousand_dead_nodes_are_read_and_then_no_more(nodes: Nodes) {
        let Nodes { here, _first: first, .. } = &nodes;
        let ended = here.register("alice").await;
        let dead = |node: usize| format!("dead {node}");
        let about = |node: usize, what: String| {
            let until = here.app.clock.now().plus(60 * MINUTE);
            let row = params![dead(node), 1_i64, 1_i64, "revocation", format!("{what} logout"), until];
            Vec::from(row)
        };
        let joined = (0..1_000).map(|node| Vec::from(params![dead(node)]));
        add_rows(first, ADD_NODE, joined.collect()).await;
        here.app.catch_up().await.expect("the database answers");
        let changes = (0..1_000).map(|node| match node {
            777 => about(node, format!("session:{}", ended.id)),
            _ => about(node, format!("token:{node}")),
        });
        add_rows(first, ADD_CHANGE, changes.collect()).await;
        assert_eq!(check(here, &ended).await, 200, "nobody has looked");
        here.app.catch_up().await.expect("the database answers");
        assert_eq!(check(here, &ended).await, 401, "all are read");

        first.app.clock.advance(3 * MINUTE);
        here.app.catch_up().await.expect("the database answers");
        let late = here.register("bob").await;
        let mut change = about(5, format!("session:{}", late.id));
        (change[1], change[2]) = (2_i64.into(), 2_i64.into());
        add_rows(first, ADD_CHANGE, vec![change]).await;
        here.app.catch_up().await.expect("the database answers");
        assert_eq!(check(here, &late).await, 200, "the dead are not read any longer");
    }

    async fn a_node_that_slept_for_long_is_heard_with_its_next_change(nodes: Nodes) {
        let Nodes { here, there, _first: first } = &nodes;
        for (round, minutes) in [3, 3, 16].into_iter().enumerate() {
            here.app.catch_up().await.expect("the database answers");
            for _ in 0..minutes {
                first.app.clock.advance(MINUTE);
                here.app.catch_up().await.expect("the database answers");
            }
            first.app.node.heartbeat().await.expect("the database answers");
            first.app.purge(first.app.clock.now()).await.expect("the database answers");
            here.app.catch_up().await.expect("the database answers");
            let session = here.register(&format!("user{round}")).await;
            log_out(there, &session, "this").await;
            here.app.catch_up().await.expect("the database answers");
            assert_eq!(check(here, &session).await, 401, "after {minutes} minutes");
        }
    }

    async fn rows_of_nodes_that_ended_or_died_go_after_minutes(nodes: Nodes) {
        let Nodes { there, _first: first, .. } = nodes;
        there.app.node.leave().await.expect("the database answers");
        first.app.clock.advance(10 * MINUTE);
        first.app.node.heartbeat().await.expect("the database answers");
        first.app.purge(first.app.clock.now()).await.expect("the database answers");
        assert_eq!(first.count(COUNT_NODES).await, 3);
        first.app.clock.advance(6 * MINUTE);
        first.app.node.heartbeat().await.expect("the database answers");
        first.app.purge(first.app.clock.now()).await.expect("the database answers");
        assert_eq!(first.count(COUNT_NODES).await, 1, "those that live stay");
    }
}

async fn add_rows(server: &TestApp, statement: Sql, rows: Vec<Vec<Column>>) {
    let added: Result<(), DbError> = server
        .app
        .db
        .write("test", move |tx| {
            let rows = rows.clone();
            async move {
                for row in rows {
                    tx.execute(statement, &row).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await;
    added.expect("the database obeys");
}

/// Whether the database says that the session has ended.
async fn has_ended(node: &TestApp, session: &Session) -> bool {
    let row = session::find(&node.app.db, &session.id).await.expect("the database answers");
    row.expect("a session has a row").ended.is_some()
}

/// Nodes of which one, `there`, gave up waiting for the COMMIT of a logout.
struct HeldBack {
    hop: Holding,
    session: Session,
    nodes: Nodes,
}

impl HeldBack {
    /// Holds a COMMIT back until the node gives up, and for as many seconds more as
    /// `COUNTERSIGN_TEST_HOLD_SECONDS` says.
    async fn on(kind: Kind, patient: bool) -> Option<Self> {
        let first = TestApp::on_database(kind).await?;
        let hop = Holding::before(first.database_url(), patient).await;
        let (here, there) = (first.beside().await, first.beside_by(&hop.url).await);
        let session = here.register("alice").await;
        hop.hold_next();
        let body = json!({ "scope": "this" });
        let logout = there.send(Method::POST, "/v1/logout", &session.access, body);
        let (answer, ()) = tokio::join!(logout, hop.has_held());
        assert_eq!(answer.code(), (503, "unavailable".into()), "{answer:?}");
        if let Ok(seconds) = std::env::var("COUNTERSIGN_TEST_HOLD_SECONDS") {
            let seconds = seconds.parse().expect("a number of seconds");
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        let this = Self { hop, session, nodes: Nodes { here, there, _first: first } };
        this.go_on("bob").await;
        Some(this)
    }

    /// Time passes, and the node logs others out, which all hear of.
    async fn go_on(&self, name: &str) {
        let Nodes { here, there, _first: first } = &self.nodes;
        first.app.clock.advance(2 * MINUTE);
        there.app.node.resolve_doubts().await.expect("the database answers");
        for node in [here, there] {
            node.app.catch_up().await.expect("the database answers");
        }
        for turn in 0..2 {
            let other = here.register(&format!("{name}{turn}")).await;
            log_out(there, &other, "this").await;
            here.app.catch_up().await.expect("the database answers");
            assert_eq!(check(here, &other).await, 401);
        }
    }

    async fn checks(&self) -> [u16; 2] {
        [
            check(&self.nodes.here, &self.session).await,
            check(&self.nodes.there, &self.session).await,
        ]
    }
}

async fn a_commit_that_comes_late_is_heard_of(kind: Kind) {
    let Some(held) = HeldBack::on(kind, true).await else { return };
    let Nodes { here, there, _first: first } = &held.nodes;
    assert!(!has_ended(first, &held.session).await);
    held.hop.release();
    for _ in 0..200 {
        if has_ended(first, &held.session).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(has_ended(first, &held.session).await, "the COMMIT came through");
    here.app.catch_up().await.expect("the database answers");
    there.app.node.resolve_doubts().await.expect("the database answers");
    assert_eq!(held.checks().await, [401, 401]);
    held.go_on("carol").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_late_is_heard_of_on_postgres() {
    a_commit_that_comes_late_is_heard_of(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_late_is_heard_of_on_mysql() {
    a_commit_that_comes_late_is_heard_of(Kind::MySql).await;
}

async fn a_commit_that_comes_too_late_is_refused(kind: Kind) {
    let Some(held) = HeldBack::on(kind, false).await else { return };
    let Nodes { here, there, _first: first } = &held.nodes;
    held.hop.is_closed_by_server().await;
    held.hop.release();
    held.go_on("carol").await;
    assert!(!has_ended(first, &held.session).await, "the database gave it up");
    assert_eq!(held.checks().await, [200, 200]);
    log_out(here, &held.session, "this").await;
    assert_eq!(check(here, &held.session).await, 401);
    there.app.catch_up().await.expect("the database answers");
    assert_eq!(held.checks().await, [401, 401]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_too_late_is_refused_on_postgres() {
    a_commit_that_comes_too_late_is_refused(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_too_late_is_refused_on_mysql() {
    a_commit_that_comes_too_late_is_refused(Kind::MySql).await;
}
