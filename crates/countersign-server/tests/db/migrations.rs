//! What the migration runner promises.

use std::time::Duration;

use countersign_server::db::migrations::MIGRATIONS;
use countersign_server::db::{Db, DbError, DbOptions, Kind, Migration, Sql};
use countersign_server::entropy::Entropy;
use countersign_server::sql;
use tokio::time::timeout;

use super::database::TestDatabase;

const A: Migration = Migration::new(
    "1_a.sql",
    "-- The first.\nCREATE TABLE a (id VARCHAR(50) NOT NULL PRIMARY KEY);\n",
);
const B: Migration = Migration::new("2_b.sql", "CREATE TABLE b (id BIGINT NOT NULL PRIMARY KEY)");
const INDEX: Migration = Migration::new("3_index.sql", "CREATE INDEX b_by_id ON b (id)");
const DATA: Migration = Migration::new("4_data.sql", "INSERT INTO a (id) VALUES ('kept')");
const COLUMN: Migration = Migration::new("5_c.sql", "ALTER TABLE b ADD COLUMN c VARCHAR(9)");
const ALL: &[Migration] = &[A, B, INDEX, DATA, COLUMN];

const IDS: Sql = sql!("SELECT id FROM a");
const STATES: Sql = sql!("SELECT state FROM migrations ORDER BY version");
const BEGIN_B: Sql =
    sql!("INSERT INTO migrations (version, name, state) VALUES (2, '2_b.sql', 'begun')");

struct Empty {
    db: Db,
    database: TestDatabase,
}

impl Empty {
    async fn on_database(kind: Kind) -> Option<Self> {
        let database = TestDatabase::on_database(kind).await?;
        let db = connect(&database).await;
        Some(Self { db, database })
    }

    async fn run(&self, sql: Sql) {
        let written: Result<u64, DbError> = self
            .db
            .write("test", move |tx| Box::pin(async move { tx.execute(sql, &[]).await }))
            .await;
        written.expect("the statement is right");
    }
}

async fn connect(database: &TestDatabase) -> Db {
    Db::connect(DbOptions::new(&database.url)).await.expect("the database was just created")
}

fn schema_error<T>(result: Result<T, DbError>) -> String {
    match result {
        Err(DbError::Schema(message)) => message,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it should have been refused"),
    }
}

on_each_database! {
    async fn each_migration_runs_once(empty: Empty) {
        let first = empty.db.apply(&[A, B]).await.unwrap();
        assert_eq!((first.applied, first.version), (vec!["1_a.sql", "2_b.sql"], 2));
        let second = empty.db.apply(ALL).await.unwrap();
        assert_eq!(second.applied, ["3_index.sql", "4_data.sql", "5_c.sql"]);
        let third = empty.db.apply(ALL).await.unwrap();
        assert_eq!((third.applied, third.version), (vec![], 5));
        let ids: Vec<String> = empty.db.list(IDS, &[]).await.unwrap();
        assert_eq!(ids, ["kept"]);
    }

    async fn nodes_that_start_together_take_turns(empty: Empty) {
        let mut nodes = Vec::new();
        for _ in 0..4 {
            nodes.push(connect(&empty.database).await);
        }
        let runs = nodes.into_iter().map(|node| tokio::spawn(async move { node.apply(ALL).await }));
        let mut applied = 0;
        for run in runs.collect::<Vec<_>>() {
            applied += run.await.expect("no panic").expect("it takes its turn").applied.len();
        }
        assert_eq!(applied, ALL.len());
    }

    async fn a_newer_schema_is_refused(empty: Empty) {
        empty.db.apply(ALL).await.unwrap();
        let message = schema_error(empty.db.apply(&[A, B]).await);
        assert!(message.contains("newer than this program") && message.contains("3_index.sql"), "{message}");
    }

    async fn another_programs_schema_is_refused(empty: Empty) {
        empty.db.apply(&[A]).await.unwrap();
        let other = Migration::new("1_other.sql", A.sql);
        let message = schema_error(empty.db.apply(&[other]).await);
        assert!(message.contains("another program"), "{message}");
    }

    async fn who_could_administer_before_there_was_a_list_of_them_is_on_it(empty: Empty) {
        let made = MIGRATIONS.iter().position(|migration| migration.name.ends_with("_admins.sql"));
        empty.db.apply(&MIGRATIONS[..made.expect("one makes it")]).await.unwrap();
        for user in [
            sql!("INSERT INTO users VALUES ('a', 1, NULL, 'admin', 0, 5, NULL, NULL)"),
            sql!("INSERT INTO users VALUES ('b', 2, NULL, 'editor admin', 0, 5, NULL, NULL)"),
            sql!("INSERT INTO users VALUES ('c', 3, NULL, 'admin x', 0, 5, NULL, NULL)"),
            sql!("INSERT INTO users VALUES ('d', 4, NULL, 'x admin y', 0, 5, NULL, NULL)"),
            sql!("INSERT INTO users VALUES ('e', 5, NULL, 'administrator', 0, 5, NULL, NULL)"),
            sql!("INSERT INTO users VALUES ('f', 6, NULL, 'Admin sysadmin', 0, 5, NULL, NULL)"),
            sql!("INSERT INTO users VALUES ('g', 7, NULL, 'admin', 0, 5, NULL, 6)"),
            sql!("INSERT INTO users VALUES ('h', 8, NULL, '', 0, 5, NULL, NULL)"),
        ] {
            empty.run(user).await;
        }
        empty.db.migrate().await.unwrap();
        let listed: Vec<String> =
            empty.db.list(sql!("SELECT user_id FROM admins ORDER BY user_id"), &[]).await.unwrap();
        assert_eq!(listed, ["a", "b", "c", "d"]);
    }

    async fn an_empty_database_has_version_0(empty: Empty) {
        assert_eq!(empty.db.schema().await.unwrap().version, 0);
    }

    async fn a_migration_that_was_begun_is_finished(empty: Empty) {
        empty.db.apply(&[A]).await.unwrap();
        empty.run(BEGIN_B).await;
        assert_eq!(empty.db.apply(&[A, B]).await.unwrap().applied, ["2_b.sql"]);
        let states: Vec<String> = empty.db.list(STATES, &[]).await.unwrap();
        assert_eq!(states, ["done", "done"]);
    }

    async fn a_migration_that_is_refused_stays_to_be_done(empty: Empty) {
        empty.db.apply(&[A]).await.unwrap();
        let twice = Migration::new("2_twice.sql", A.sql);
        for _ in 0..2 {
            let message = schema_error(empty.db.apply(&[A, twice]).await);
            assert!(message.contains("2_twice.sql"), "{message}");
        }
        assert_eq!(empty.db.apply(&[A, B]).await.unwrap().applied, ["2_b.sql"]);
    }

    async fn a_run_that_is_interrupted_anywhere_is_finished_by_the_next(empty: Empty) {
        let mut interrupted = 0;
        for round in 0.. {
            let patience = Duration::from_micros(Entropy::System.below(3_000) + 500 * round);
            let node = connect(&empty.database).await;
            match timeout(patience, node.apply(ALL)).await {
                Ok(run) => {
                    run.expect("what is left can be finished");
                    break;
                }
                Err(_) => interrupted += 1,
            }
        }
        eprintln!("interrupted {interrupted} times");
        let ids: Vec<String> = empty.db.list(IDS, &[]).await.unwrap();
        assert_eq!(ids, ["kept"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_finishes_what_was_done_but_not_marked() {
    let Some(empty) = Empty::on_database(Kind::MySql).await else { return };
    empty.db.apply(ALL).await.unwrap();
    empty.run(sql!("UPDATE migrations SET state = 'begun' WHERE version IN (1, 2, 3, 5)")).await;
    let finished = empty.db.apply(ALL).await.unwrap().applied;
    assert_eq!(finished, ["1_a.sql", "2_b.sql", "3_index.sql", "5_c.sql"]);
    let drop = Migration::new("6_drop.sql", "ALTER TABLE b DROP COLUMN c");
    let with_drop = [ALL, &[drop]].concat();
    empty.db.apply(&with_drop).await.unwrap();
    empty.run(sql!("UPDATE migrations SET state = 'begun' WHERE version = 6")).await;
    assert_eq!(empty.db.apply(&with_drop).await.unwrap().applied, ["6_drop.sql"]);
}
