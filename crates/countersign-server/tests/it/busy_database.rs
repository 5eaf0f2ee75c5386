//! A database with too much to do: nobody waits for another user's row, and the node goes on hearing
//! of the others.

use std::time::Duration;

use countersign_server::db::{DbError, Kind, Sql};
use countersign_server::sql;
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};

use crate::server::{Answer, Session, TestApp};

/// Takes a reader of lists some seconds.
const LONG: Sql = sql!(
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000000) \
     SELECT COUNT(*) FROM c"
);

const CHANGE: Sql = sql!("INSERT INTO nodes (id, started_at, seen_at) VALUES ('x', 0, 0)");

/// Users' rows that somebody else has locked, until this is dropped.
enum Locked {
    Postgres { _connection: PgConnection },
    MySql { _connection: MySqlConnection },
}

impl Locked {
    async fn rows_of(server: &TestApp, sessions: &[Session]) -> Self {
        let ids: Vec<String> =
            sessions.iter().map(|session| format!("'{}'", session.user_id)).collect();
        let lock = format!("UPDATE users SET epoch = epoch WHERE id IN ({})", ids.join(", "));
        let statements = [AssertSqlSafe("BEGIN".to_owned()), AssertSqlSafe(lock)];
        let url = server.database_url();
        if server.app.db.kind() == Kind::Postgres {
            let mut connection = PgConnection::connect(url).await.expect("the server answers");
            for statement in statements {
                connection.execute(statement).await.expect("the server obeys");
            }
            Self::Postgres { _connection: connection }
        } else {
            let mut connection = MySqlConnection::connect(url).await.expect("the server answers");
            for statement in statements {
                connection.execute(statement).await.expect("the server obeys");
            }
            Self::MySql { _connection: connection }
        }
    }
}

/// A server with two connections.
struct TwoConnections(TestApp);

impl TwoConnections {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.database.max_connections = 2).await.map(Self)
    }
}

async fn users<const N: usize>(server: &TestApp) -> [Session; N] {
    let names: [String; N] = std::array::from_fn(|number| format!("user{number}"));
    let sessions = join_all(names.iter().map(|name| server.register(name))).await;
    sessions.try_into().expect("as many as there are names")
}

fn assert_try_again(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

on_each_database! {
    async fn a_row_that_is_stuck_costs_its_own_user_alone(server: TestApp) {
        if server.app.db.kind() == Kind::Sqlite {
            return; // It locks no rows.
        }
        let [alice, mut bob] = users(&server).await;
        let locked = Locked::rows_of(&server, std::slice::from_ref(&alice)).await;
        let stuck = join_all((0..40).map(|_| server.refresh_answer(&alice.refresh)));
        let others = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            for _ in 0..20 {
                bob = server.refresh(&bob).await;
                assert_eq!(server.check(&bob.access).await, 200);
            }
        };
        let (stuck, ()) = tokio::join!(stuck, others);
        stuck.iter().for_each(assert_try_again);
        drop(locked);
        let refreshed = server.refresh(&alice).await;
        assert_eq!(server.check(&refreshed.access).await, 200);
    }

    async fn a_node_looks_while_all_connections_are_taken(server: TwoConnections) {
        let server = server.0;
        if server.app.db.kind() == Kind::Sqlite {
            let lists = (0..2).map(|_| {
                let db = server.app.db.clone();
                tokio::spawn(async move { db.list::<i64>(LONG, &[]).await })
            });
            let lists: Vec<_> = lists.collect();
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.execute(CHANGE, vec![]).await;
            assert_eq!(server.app.node.catch_up().await, Ok(()));
            let waited: Result<Vec<i64>, DbError> = server.app.db.list(sql!("SELECT 1"), &[]).await;
            assert!(matches!(waited, Ok(_) | Err(DbError::Busy(_))), "{waited:?}");
            for list in lists {
                drop(list.await);
            }
            return;
        }
        let sessions: [Session; 8] = users(&server).await;
        let _locked = Locked::rows_of(&server, &sessions).await;
        let stuck = join_all(sessions.iter().map(|it| server.refresh_answer(&it.refresh)));
        let look = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            for _ in 0..20 {
                assert_eq!(server.app.node.catch_up().await, Ok(()));
            }
        };
        let (stuck, ()) = tokio::join!(stuck, look);
        stuck.iter().for_each(assert_try_again);
        let overloaded = stuck.iter().filter(|answer| answer.code().1 == "overloaded").count();
        assert!(overloaded > 0, "who waited for a connection is told so: {stuck:?}");
    }
}
