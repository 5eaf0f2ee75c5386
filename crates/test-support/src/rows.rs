//! Rows read and changed behind the server's back.

use countersign_server::db::{DbError, Sql, Value};
use countersign_server::{params, sql};
use futures::FutureExt as _;

use crate::server::{START, TestApp};

sql! {
    FIND_HASH = "SELECT hash FROM passwords WHERE user_id = ?";
    COUNT_USERS = "SELECT COUNT(*) FROM users";
    COME_ALONG = "INSERT INTO imports (user_id, source) VALUES (?, ?)";
    REVOKED_THERE = "INSERT INTO revocations (subject, reason, until) VALUES (?, 'logout', ?)";
}

impl TestApp {
    /// Changes rows behind the server's back.
    pub async fn execute(&self, statement: Sql, values: Vec<Value>) {
        let done: Result<(), DbError> = self
            .app
            .db
            .write("test", move |tx| {
                let values = values.clone();
                async move { tx.execute(statement, &values).await.map(drop) }.boxed()
            })
            .await;
        done.expect("the database obeys");
    }

    pub async fn count(&self, statement: Sql) -> i64 {
        let count = self.app.db.find(statement, &[]).await.expect("the database answers");
        count.expect("a count")
    }

    pub async fn users(&self) -> i64 {
        self.count(COUNT_USERS).await
    }

    pub async fn hash_of(&self, user_id: &str) -> String {
        let hash = self.app.db.find(FIND_HASH, &params![user_id]).await;
        hash.expect("the database answers").expect("a row")
    }

    /// Makes of a user one who came along from the system that `dialect` takes the place of.
    pub async fn come_along(&self, name: &str, dialect: &str) {
        let id = self.user_id(name).await;
        self.execute(COME_ALONG, vec![id.into(), dialect.into()]).await;
    }

    /// Takes over that the older system revoked the token with this `jti`.
    pub async fn revoked_there(&self, jti: &str) {
        let subject = format!("token:legacy:{jti}");
        let until = START.plus(std::time::Duration::from_hours(24 * 365));
        self.execute(REVOKED_THERE, vec![subject.into(), until.into()]).await;
    }
}
