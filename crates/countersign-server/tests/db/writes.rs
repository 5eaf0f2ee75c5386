//! Writes that meet one another, lose their client, or lose their connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use countersign_server::db::{Db, DbError, Ended, Kind, Sql};
use countersign_server::entropy::Entropy;
use countersign_server::{params, sql};
use futures::FutureExt as _;
use futures::future::join_all;
use parking_lot::Mutex;
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::sync::Barrier;
use tokio::time::{sleep, timeout};

use super::{COUNT, INSERT, LIST, NUMBERS, Things};

const DISCONNECTS: usize = 3_000;
const CLIENTS: usize = 6;

const ADD: Sql = sql!("UPDATE things SET number = number + 1 WHERE id = ?");
const CLAIM: Sql = sql!("UPDATE things SET number = 1 WHERE id = ? AND number = 0");
const OPEN_POSTGRES: Sql = sql!(
    "SELECT COUNT(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
);
const OPEN_MYSQL: Sql = sql!(
    "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
     ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()"
);

async fn insert(db: &Db, id: String) -> Result<(), DbError> {
    db.write("insert", move |tx| {
        let values = params![&id, 0_i64, None::<i64>];
        async move { tx.execute(INSERT, &values).await.map(drop) }.boxed()
    })
    .await
}

/// Ends a server's connection as a restart would.
async fn kill(things: &Things, connection: i64) {
    if things.db.kind() == Kind::Postgres {
        let options: sqlx::postgres::PgConnectOptions = things.database.url.parse().unwrap();
        let kill = sqlx::query("SELECT pg_terminate_backend($1::int)").bind(connection);
        options.connect().await.unwrap().execute(kill).await.unwrap();
    } else {
        let options: sqlx::mysql::MySqlConnectOptions = things.database.url.parse().unwrap();
        let kill = sqlx::AssertSqlSafe(format!("KILL {connection}"));
        options.connect().await.unwrap().execute(kill).await.unwrap();
    }
}

fn own_id(kind: Kind) -> Sql {
    match kind {
        Kind::Postgres => sql!("SELECT pg_backend_pid()"),
        _ => sql!("SELECT CONNECTION_ID()"),
    }
}

on_each_database! {
    async fn two_that_wait_for_each_other_both_get_done(things: Things) {
        for id in ["a", "b"] {
            insert(&things.db, id.to_owned()).await.unwrap();
        }
        let is_sqlite = things.db.kind() == Kind::Sqlite;
        let both = Arc::new(Barrier::new(2));
        let add = |first: &'static str, second: &'static str| {
            let (both, mut is_first) = (Arc::clone(&both), true);
            things.db.write("add", move |tx| {
                // Once each has its first row, each asks for the other's.
                let meet = std::mem::take(&mut is_first).then(|| Arc::clone(&both));
                async move {
                    tx.execute(ADD, &params![first]).await?;
                    if let (Some(both), false) = (meet, is_sqlite) {
                        both.wait().await;
                    }
                    tx.execute(ADD, &params![second]).await
                }.boxed()
            })
        };
        let results: (Result<u64, DbError>, Result<u64, DbError>) =
            tokio::join!(add("a", "b"), add("b", "a"));
        assert_eq!(results, (Ok(1), Ok(1)));
        let numbers: Vec<i64> = things.db.list(NUMBERS, &[]).await.unwrap();
        assert_eq!(numbers, [2, 2]);
        let count = things.db.door().into_iter().find(|count| count.name == "add").unwrap();
        assert_eq!(count.retries > 0, !is_sqlite);
    }

    async fn one_of_many_that_race_wins(things: Things) {
        insert(&things.db, "a".to_owned()).await.unwrap();
        let claims = (0..16).map(|_| things.db.write("claim", |tx| {
            async move { tx.execute(CLAIM, &params!["a"]).await }.boxed()
        }));
        let matched: Vec<Result<u64, DbError>> = join_all(claims).await;
        assert_eq!(matched.into_iter().sum::<Result<u64, _>>(), Ok(1));
    }

    async fn a_transaction_sees_what_others_commit(things: Things) {
        if things.db.kind() == Kind::Sqlite {
            return; // It has one writer.
        }
        let db = things.db.clone();
        let seen: Result<_, DbError> = things.db.write("look twice", move |tx| {
            let db = db.clone();
            async move {
                let before: Option<i64> = tx.find(COUNT, &[]).await?;
                insert(&db, "a".to_owned()).await?;
                Ok((before, tx.find::<i64>(COUNT, &[]).await?))
            }.boxed()
        }).await;
        assert_eq!(seen, Ok((Some(0), Some(1))));
    }

    async fn text_that_is_too_long_is_refused_not_cut(things: Things) {
        let written = insert(&things.db, "x".repeat(65)).await;
        match things.db.kind() {
            Kind::Sqlite => assert_eq!(written, Ok(())),
            _ => assert!(matches!(written, Err(DbError::Statement { .. })), "{written:?}"),
        }
    }

    async fn a_client_that_disconnects_takes_no_acknowledged_write_with_it(things: Things) {
        let acknowledged = Mutex::new(BTreeSet::new());
        let client = |client: usize| {
            let (things, acknowledged) = (&things, &acknowledged);
            async move {
                for write in 0..DISCONNECTS / CLIENTS {
                    let id = format!("{client}-{write}");
                    // Every third waits for its answer, so that the others do not run away.
                    let patience = match Entropy::System.below(3) {
                        0 => Duration::MAX,
                        _ => Duration::from_micros(Entropy::System.below(2_000)),
                    };
                    if let Ok(Ok(())) = timeout(patience, insert(&things.db, id.clone())).await {
                        acknowledged.lock().insert(id);
                    }
                }
            }
        };
        join_all((0..CLIENTS).map(client)).await;
        // Those that nobody waits for go on to their end.
        let ended = || things.db.door().iter().map(|count| count.count).sum::<u64>();
        for _ in 0..6_000 {
            if ended() == DISCONNECTS as u64 {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(ended(), DISCONNECTS as u64, "each goes on without its client");
        let there: BTreeSet<String> =
            things.db.list(LIST, &[]).await.unwrap().into_iter().collect();
        let acknowledged = acknowledged.into_inner();
        eprintln!("{} acknowledged, {} there", acknowledged.len(), there.len());
        assert!(!acknowledged.is_empty() && acknowledged.len() < DISCONNECTS);
        assert_eq!(acknowledged.difference(&there).count(), 0);
        let open = match things.db.kind() {
            Kind::Sqlite => return,
            Kind::Postgres => OPEN_POSTGRES,
            Kind::MySql => OPEN_MYSQL,
        };
        assert_eq!(things.db.find::<i64>(open, &[]).await, Ok(Some(0)));
    }

    async fn a_statement_that_is_not_waited_for_is_not_committed(things: Things) {
        if things.db.kind() == Kind::Sqlite {
            return; // It answers at once.
        }
        let hasty = Arc::new(AtomicU32::new(0));
        let mut answered = 0;
        for round in 0..8 {
            let count = Arc::clone(&hasty);
            let written: Result<(), DbError> = things.db.write("hasty", move |tx| {
                let count = Arc::clone(&count);
                async move {
                    let values = params![format!("hasty {round}"), None::<i64>, None::<i64>];
                    // A server that is quick enough answers at once all the same.
                    if tx.execute(INSERT, &values).now_or_never().is_none() {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(())
                }.boxed()
            }).await;
            answered += i64::from(written.is_ok());
            assert_eq!(insert(&things.db, format!("good {round}")).await, Ok(()));
        }
        assert!(hasty.load(Ordering::SeqCst) > 0);
        assert_eq!(answered + i64::from(hasty.load(Ordering::SeqCst)), 8);
        assert_eq!(things.count().await, 8 + answered);
    }

    async fn dead_connections_are_replaced(things: Things) {
        if things.db.kind() == Kind::Sqlite {
            return; // It has none.
        }
        let id = own_id(things.db.kind());
        for round in 0..4 {
            let (first, second) = tokio::join!(
                things.db.find::<i64>(id, &[]),
                things.db.find::<i64>(id, &[]),
            );
            let connections = BTreeSet::from([first.unwrap().unwrap(), second.unwrap().unwrap()]);
            for connection in connections {
                kill(&things, connection).await;
            }
            if round % 2 == 0 {
                assert_eq!(insert(&things.db, round.to_string()).await, Ok(()));
            } else {
                assert!(things.db.find::<i64>(COUNT, &[]).await.is_ok());
            }
        }
    }

    async fn a_commit_without_an_answer_ends_unknown_and_is_not_run_again(things: Things) {
        if things.db.kind() == Kind::Sqlite {
            return; // It always answers.
        }
        let things = Arc::new(things);
        let told = Arc::new(Mutex::new(Vec::new()));
        let (tell, killer) = (Arc::clone(&told), Arc::clone(&things));
        let written: Result<(), DbError> = things.db.write("killed", move |tx| {
            let (tell, killer) = (Arc::clone(&tell), Arc::clone(&killer));
            async move {
                tx.at_end(move |ended| tell.lock().push(ended));
                tx.execute(INSERT, &params!["a", None::<i64>, None::<i64>]).await?;
                let connection: Option<i64> = tx.find(own_id(killer.db.kind()), &[]).await?;
                kill(&killer, connection.expect("a connection has a number")).await;
                Ok(())
            }.boxed()
        }).await;
        assert!(matches!(written, Err(DbError::Unavailable(_))), "{written:?}");
        assert_eq!(*told.lock(), [Ended::Unknown]);
        assert_eq!(things.count().await, 0);
    }
}
