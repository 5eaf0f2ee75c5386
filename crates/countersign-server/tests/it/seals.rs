//! The chain of the events' seals: what is found of changes that were made behind the server's
//! back, and that nothing is found where there were none.

mod kept;
mod nodes;
mod tampered;

use std::sync::Arc;
use std::time::Duration;

use countersign_server::app::App;
use countersign_server::db::{DbError, FromRow, Kind, Sql, Value};
use countersign_server::error::Result;
use countersign_server::operations::Caller;
use countersign_server::operations::record::Record;
use countersign_server::operations::seals::{Chain, Fault};
use countersign_server::{params, sql};
use futures::FutureExt as _;

use crate::server::TestApp;

sql! {
    HOLD = "UPDATE leases SET holder = ?, until = ? WHERE name = 'event_seals'";
    HOLD_FIRST = "INSERT INTO leases (name, holder, until) VALUES ('event_seals', ?, ?)";
    IDS = "SELECT id, seal FROM events WHERE seal > 0 ORDER BY seal, id";
    SEALS = "SELECT number FROM event_seals ORDER BY number";
    SETTING = "SELECT value FROM settings WHERE name = ?";
}

/// A server whose events only `sealer` seals, a node that does nothing by itself, while the clock
/// stands still.
struct Sealed {
    server: TestApp,
    sealer: TestApp,
}

impl Sealed {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::of(TestApp::on_database(kind).await?).await
    }

    async fn of(server: TestApp) -> Option<Self> {
        let sealer = server.beside().await;
        let this = Self { server, sealer };
        this.hold().await;
        Some(this)
    }

    fn app(&self) -> &App {
        &self.sealer.app
    }

    async fn hold(&self) {
        self.hand_to(self.app()).await;
    }

    /// Lets this node seal from now on, and no other.
    async fn hand_to(&self, app: &App) {
        let until = app.clock.now().plus(Duration::from_mins(1));
        let values = params![app.node.id(), until];
        if try_to(app, HOLD, &values).await.expect("the database obeys") == 0
            && try_to(app, HOLD_FIRST, &values).await.is_err()
        {
            // The server took it for the first time just now.
            alter(app, HOLD, &values).await;
        }
    }

    /// Writes an event for each of these users, under one seal.
    async fn seal(&self, users: &[&str]) {
        for user in users {
            record(self.app(), user).await.expect("the database answers");
        }
        self.seal_all().await;
    }

    async fn seal_all(&self) {
        self.app().seal_events().await.expect("the database answers");
        assert_eq!(verify(self.app()).await.unsealed, 0);
    }

    /// Three seals over three events each, after those that the start made.
    async fn fill(&self) {
        self.seal(&["ann", "bob", "cid"]).await;
        self.seal(&["dan", "eve", "fay"]).await;
        self.seal(&["gus", "hal", "ida"]).await;
    }

    /// The ids of the sealed events with their seals' numbers, in the order of the chain.
    async fn ids(&self) -> Vec<(String, i64)> {
        rows(self.app(), IDS, &[]).await
    }

    async fn fault(&self) -> Option<Fault> {
        verify(self.app()).await.fault
    }
}

async fn rows<T: FromRow>(app: &App, statement: Sql, values: &[Value]) -> Vec<T> {
    app.db.list(statement, values).await.expect("the database answers")
}

async fn try_to(app: &App, statement: Sql, values: &[Value]) -> Result<u64, DbError> {
    let values: Arc<[Value]> = values.into();
    app.db
        .write("tamper", move |tx| {
            let values = values.clone();
            Box::pin(async move { tx.execute(statement, &values).await })
        })
        .await
}

/// Changes something behind the server's back.
async fn alter(app: &App, statement: Sql, values: &[Value]) {
    let changed = try_to(app, statement, values).await.expect("the database obeys");
    assert!(changed > 0, "nothing was changed by {}", statement.text());
}

/// Writes an event as an operation does.
async fn record(app: &App, user: &str) -> Result<()> {
    let job = (Caller::command(app.clock.now()), user.to_owned());
    app.write("record", job, |tx, app, job| {
        async move {
            let (caller, user) = &*job;
            let record =
                Record::of("login").user(user).session(user).about(user).because("testing");
            Ok(app.record(tx, caller, record).await?)
        }
        .boxed()
    })
    .await
}

/// Has this node seal until nothing is left, which is soon or never.
async fn seal_all_by(app: &App) {
    let sealed = async || {
        app.seal_events().await.expect("the database answers");
        verify(app).await.unsealed == 0
    };
    crate::redis_server::until("all is sealed", sealed).await;
}

async fn verify(app: &App) -> Chain {
    app.verify_events(&|_| {}).await.expect("the database answers")
}
