//! Values, rows, and what a write answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use countersign_server::clock::Time;
use countersign_server::db::{AsDbError, Db, DbError, Ended};
use countersign_server::{params, sql};
use futures::FutureExt as _;
use parking_lot::Mutex;

use super::{COUNT, FIND, INSERT, LIST, NUMBERS, PAGE, STATEMENTS, Things, UPDATE};

type Thing = (String, Option<i64>, Option<String>);

#[derive(Debug, PartialEq, thiserror::Error)]
enum Failure {
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl AsDbError for Failure {
    fn as_db_error(&self) -> Option<&DbError> {
        match self {
            Self::Refused => None,
            Self::Db(error) => Some(error),
        }
    }
}

async fn insert(db: &Db, id: &str, number: Option<i64>, note: Option<&str>) -> Result<(), DbError> {
    let values = params![id, number, note];
    db.write("insert", move |tx| {
        let values = values.clone();
        async move { tx.execute(INSERT, &values).await.map(drop) }.boxed()
    })
    .await
}

on_each_database! {
    async fn values_come_back_as_they_went(things: Things) {
        let long = "ß".repeat(10_000);
        for (id, number, note) in [
            ("nothing", None, None),
            ("extremes", Some(i64::MAX), Some("")),
            ("least", Some(i64::MIN), Some("emoji 🎉, 'quotes' \\ and $1 ?")),
            ("long", Some(0), Some(long.as_str())),
            ("Ünïcode ", Some(-1), Some(" spaces ")),
        ] {
            insert(&things.db, id, number, note).await.expect("the row is new");
            let found: Option<Thing> = things.db.find(FIND, &params![id]).await.unwrap();
            assert_eq!(found, Some((id.to_owned(), number, note.map(str::to_owned))));
        }
        assert_eq!(things.count().await, 5);
        let missing: Option<Thing> = things.db.find(FIND, &params!["LONG"]).await.unwrap();
        assert_eq!(missing, None, "keys are compared byte by byte");
    }

    async fn text_is_ordered_byte_by_byte(things: Things) {
        for id in ["b", "ä", "A", "a", "_", "Z"] {
            insert(&things.db, id, None, None).await.unwrap();
        }
        let ids: Vec<String> = things.db.list(LIST, &[]).await.unwrap();
        assert_eq!(ids, ["A", "Z", "_", "a", "b", "ä"]);
    }

    async fn a_page_is_as_long_as_asked(things: Things) {
        for (id, number) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            insert(&things.db, id, Some(number), None).await.unwrap();
        }
        let ids: Vec<String> = things.db.list(PAGE, &params![1_i64, 2_i64]).await.unwrap();
        assert_eq!(ids, ["b", "c"]);
    }

    async fn a_null_may_come_before_or_after_a_value_in_the_same_statement(things: Things) {
        for (id, number) in [("a", None), ("b", Some(1)), ("c", None)] {
            insert(&things.db, id, number, None).await.unwrap();
        }
        for (number, id) in [(Some(Time(5)), "a"), (None, "b"), (Some(Time(7)), "c")] {
            let values = params![number, id];
            let matched: Result<u64, DbError> = things.db.write("update", move |tx| {
                let values = values.clone();
                async move { tx.execute(UPDATE, &values).await }.boxed()
            }).await;
            assert_eq!(matched, Ok(1));
        }
        let numbers: Vec<Option<Time>> = things.db.list(NUMBERS, &[]).await.unwrap();
        assert_eq!(numbers, [Some(Time(5)), None, Some(Time(7))]);
    }

    async fn rows_that_match_are_counted_even_if_they_do_not_change(things: Things) {
        insert(&things.db, "a", Some(1), None).await.unwrap();
        for (id, expected) in [("a", 1), ("a", 1), ("b", 0)] {
            let matched: Result<u64, DbError> = things.db.write("update", move |tx| {
                async move { tx.execute(UPDATE, &params![1_i64, id]).await }.boxed()
            }).await;
            assert_eq!(matched, Ok(expected));
        }
    }

    async fn a_key_that_exists_is_a_unique_violation(things: Things) {
        insert(&things.db, "a", None, None).await.unwrap();
        assert_eq!(insert(&things.db, "a", None, None).await, Err(DbError::Unique));
        assert_eq!(insert(&things.db, "A", None, None).await, Ok(()));
    }

    async fn an_err_rolls_back_and_an_ok_commits(things: Things) {
        for (id, fails) in [("a", true), ("b", false)] {
            let written = things.db.write("insert", move |tx| async move {
                tx.execute(INSERT, &params![id, None::<i64>, None::<i64>]).await?;
                let seen: Option<i64> = tx.find(COUNT, &[]).await?;
                assert_eq!(seen, Some(1), "a transaction sees what it did");
                if fails { Err(Failure::Refused) } else { Ok(seen) }
            }.boxed()).await;
            assert_eq!(written, if fails { Err(Failure::Refused) } else { Ok(Some(1)) });
        }
        let ids: Vec<String> = things.db.list(LIST, &[]).await.unwrap();
        assert_eq!(ids, ["b"]);
    }

    async fn a_statement_that_failed_is_never_committed_over(things: Things) {
        insert(&things.db, "a", None, None).await.unwrap();
        let written: Result<(), DbError> = things.db.write("swallow", move |tx| async move {
            let values = |id: &str| params![id, None::<i64>, None::<i64>];
            tx.execute(INSERT, &values("b")).await?;
            let _: Result<_, _> = tx.execute(INSERT, &values("a")).await;
            assert_eq!(tx.execute(INSERT, &values("c")).await, Err(DbError::Unique));
            Ok(())
        }.boxed()).await;
        assert_eq!(written, Err(DbError::Unique));
        assert_eq!(things.count().await, 1);
    }

    async fn the_end_is_told_before_write_returns(things: Things) {
        let told = Arc::new(Mutex::new(Vec::new()));
        for fails in [true, false] {
            let told = Arc::clone(&told);
            let _: Result<(), Failure> = things.db.write("told", move |tx| {
                let told = Arc::clone(&told);
                async move {
                    tx.at_end(move |ended| told.lock().push(ended));
                    tx.execute(INSERT, &params!["a", None::<i64>, None::<i64>]).await?;
                    if fails { Err(Failure::Refused) } else { Ok(()) }
                }.boxed()
            }).await;
        }
        assert_eq!(*told.lock(), [Ended::RolledBack, Ended::Committed]);
    }

    async fn a_conflict_is_tried_again_three_times(things: Things) {
        for (conflicts, runs) in [(0, 1), (2, 3), (3, 4), (9, 4)] {
            let ran = Arc::new(AtomicU32::new(0));
            let told = Arc::new(Mutex::new(Vec::new()));
            let (run, tell) = (Arc::clone(&ran), Arc::clone(&told));
            let written: Result<(), DbError> = things.db.write("conflict", move |tx| {
                let (run, tell) = (run.fetch_add(1, Ordering::SeqCst), Arc::clone(&tell));
                async move {
                    tx.at_end(move |ended| tell.lock().push(ended));
                    let id = format!("{conflicts} {run}");
                    tx.execute(INSERT, &params![id, None::<i64>, None::<i64>]).await?;
                    if run < conflicts { Err(DbError::Conflict("made up".to_owned())) } else { Ok(()) }
                }.boxed()
            }).await;
            assert_eq!(written.is_ok(), conflicts <= 3);
            assert_eq!(ran.load(Ordering::SeqCst), runs);
            let committed = told.lock().iter().filter(|ended| **ended == Ended::Committed).count();
            assert_eq!((told.lock().len(), committed), (runs as usize, usize::from(conflicts <= 3)));
        }
        assert_eq!(things.count().await, 3);
        let door = things.db.door();
        let conflict = door.iter().find(|count| count.name == "conflict").expect("it was counted");
        assert_eq!((conflict.count, conflict.retries, conflict.failures), (4, 8, 1));
    }

    async fn a_panic_fails_its_own_change_only(things: Things) {
        let written: Result<(), DbError> = things.db.write("panics", |tx| async move {
            tx.execute(INSERT, &params!["a", None::<i64>, None::<i64>]).await?;
            panic!("on purpose")
        }.boxed()).await;
        assert_eq!(written, Err(DbError::Panicked { name: "panics" }));
        let written: Result<(), DbError> = things.db.write("panics", |_| panic!("at once")).await;
        assert_eq!(written, Err(DbError::Panicked { name: "panics" }));
        insert(&things.db, "b", None, None).await.unwrap();
        let ids: Vec<String> = things.db.list(LIST, &[]).await.unwrap();
        assert_eq!(ids, ["b"]);
    }

    async fn a_wrong_statement_is_refused_when_it_is_prepared(things: Things) {
        for (name, sql) in STATEMENTS {
            assert_eq!(things.db.prepare(*sql).await, Ok(()), "{name}");
        }
        let wrong = sql!("SELECT nothing FROM things WHERE id = ?");
        assert!(matches!(things.db.prepare(wrong).await, Err(DbError::Statement { .. })));
    }

    async fn a_closed_database_is_unavailable(things: Things) {
        things.db.close().await;
        let written = insert(&things.db, "a", None, None).await;
        assert!(written.is_err_and(|error| error.is_unavailable()));
    }

    async fn durability_can_be_asked(things: Things) {
        things.db.durability().await.expect("the settings can be read");
    }
}
