//! Group commit on SQLite: what a group does to its changes, above all when it goes wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use countersign_server::db::{Db, DbError, DbOptions, Ended, Kind, Migration, Sql};
use countersign_server::{params, sql};
use futures::FutureExt as _;
use futures::future::join_all;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{INSERT, LIST, SCHEMA, Things};

const GROUP: usize = 64;

const LIMITED: Sql = sql!("PRAGMA max_page_count = 60");
const UNLIMITED: Sql = sql!("PRAGMA max_page_count = 1073741823");
const CHILD: Sql = sql!("INSERT INTO children (id, parent) VALUES (?, ?)");

type Written = Result<(), DbError>;

/// Inserts a row of about three pages.
async fn insert_large(db: Db, id: String) -> (String, Written) {
    let (values, note) = (id.clone(), "x".repeat(10_000));
    let written = db.write("insert", move |tx| {
        let values = params![&values, 0_i64, &note];
        async move { tx.execute(INSERT, &values).await.map(drop) }.boxed()
    });
    (id, written.await)
}

/// Holds the writer until what `start` starts is waiting, so that it becomes one group.
async fn in_one_group<T>(db: &Db, start: impl FnOnce() -> Vec<JoinHandle<T>>) -> Vec<T> {
    let (held, is_held) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    let is_released = Arc::new(Mutex::new(is_released));
    let holder = db.clone();
    let holding = tokio::spawn(async move {
        let change = holder.write("hold", move |_| {
            let (held, is_released) = (held.clone(), Arc::clone(&is_released));
            // Blocking, not awaiting: this is the writer's own thread.
            async move {
                held.send(()).expect("the test waits");
                is_released.lock().recv().expect("the test goes on");
                Ok::<_, DbError>(())
            }
            .boxed()
        });
        change.await
    });
    tokio::task::spawn_blocking(move || is_held.recv()).await.unwrap().unwrap();
    let started = start();
    // Each has put its change into the queue once it has been polled; nothing shows when.
    tokio::time::sleep(Duration::from_millis(200)).await;
    release.send(()).expect("the writer waits");
    holding.await.unwrap().unwrap();
    join_all(started).await.into_iter().map(|result| result.expect("no panic")).collect()
}

fn spawn_large(db: &Db, ids: std::ops::Range<usize>) -> Vec<JoinHandle<(String, Written)>> {
    ids.map(|id| tokio::spawn(insert_large(db.clone(), format!("{id:04}")))).collect()
}

/// Nothing acknowledged is lost and nothing lost is acknowledged; how many were.
async fn check(db: &Db, written: Vec<(String, Written)>, before: &BTreeSet<String>) -> usize {
    let mut acknowledged = before.clone();
    for (id, written) in written {
        match written {
            Ok(()) => assert!(acknowledged.insert(id)),
            Err(error) if error.is_unavailable() => {}
            Err(error) => panic!("another error: {error}"),
        }
    }
    let there: Vec<String> = db.list(LIST, &[]).await.expect("a full disk can be read");
    assert_eq!(there.into_iter().collect::<BTreeSet<_>>(), acknowledged);
    acknowledged.len() - before.len()
}

async fn set_limit(db: &Db, limit: Sql) {
    let set: Result<Option<i64>, DbError> =
        db.write("limit", move |tx| async move { tx.find(limit, &[]).await }.boxed()).await;
    set.expect("a limit can be set");
}

async fn things() -> Things {
    Things::on_database(Kind::Sqlite).await.expect("SQLite needs no server")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_commits_what_it_can_of_a_file_that_is_full() {
    let things = things().await;
    set_limit(&things.db, LIMITED).await;
    let written = in_one_group(&things.db, || spawn_large(&things.db, 0..GROUP)).await;
    let fitted = check(&things.db, written, &BTreeSet::new()).await;
    assert!(fitted > 0 && fitted < GROUP, "{fitted}");

    set_limit(&things.db, UNLIMITED).await;
    let before = things.db.list::<String>(LIST, &[]).await.unwrap().into_iter().collect();
    let written = in_one_group(&things.db, || spawn_large(&things.db, GROUP..2 * GROUP)).await;
    assert_eq!(check(&things.db, written, &before).await, GROUP);
}

/// A file system of a few megabytes; `None` where one cannot be mounted.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(folder.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: no file system can be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the writer's thread may still be closing its files.
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.path().display());
        }
    }
}

/// Fills the file system but for `room` bytes.
fn fill(path: &Path, room: usize) {
    let mut size = 4 << 20;
    while fs::write(path, vec![0; size]).is_err() {
        size -= 64 << 10;
    }
    fs::write(path, vec![0; size - room]).expect("it was just larger");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_is_survived() {
    let Some(disk) = SmallDisk::mount() else { return };
    let url = format!("sqlite:{}", disk.path("countersign.db").display());
    let db = Db::connect(DbOptions::new(url)).await.unwrap();
    db.apply(SCHEMA).await.unwrap();
    let (mut before, mut refused) = (BTreeSet::new(), 0);
    for round in 0..6 {
        fill(&disk.path("ballast"), 300 << 10);
        let ids = round * GROUP..(round + 1) * GROUP;
        let written = in_one_group(&db, || spawn_large(&db, ids)).await;
        refused += GROUP - check(&db, written, &before).await;

        fs::remove_file(disk.path("ballast")).unwrap();
        let (id, written) = insert_large(db.clone(), format!("room {round}")).await;
        assert_eq!(written, Ok(()), "there is room again");
        before = db.list::<String>(LIST, &[]).await.unwrap().into_iter().collect();
        assert!(before.contains(&id));
        if round % 2 == 1 {
            db.write("clear", |tx| {
                async move { tx.execute(sql!("DELETE FROM things"), &[]).await }.boxed()
            })
            .await
            .expect("there is room to make room");
            before.clear();
        }
    }
    assert!(refused > 0, "the disk was never full");
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_that_waits_for_something_else_is_named_and_hurts_nobody() {
    let things = things().await;
    let written = in_one_group(&things.db, || {
        let mut started = spawn_large(&things.db, 0..20);
        let db = things.db.clone();
        started.push(tokio::spawn(async move {
            let sleeps = db.write("sleeps", |tx| {
                async move {
                    tx.execute(INSERT, &params!["never", 0_i64, "kept"]).await?;
                    tokio::task::yield_now().await;
                    Ok(())
                }
                .boxed()
            });
            ("never".to_owned(), sleeps.await)
        }));
        started.extend(spawn_large(&things.db, 20..40));
        started
    })
    .await;
    let (good, bad): (Vec<_>, Vec<_>) = written.into_iter().partition(|(id, _)| id != "never");
    assert_eq!(bad[0].1, Err(DbError::Pending { name: "sleeps" }));
    assert_eq!(check(&things.db, good, &BTreeSet::new()).await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_committed_hurts_nobody() {
    let things = things().await;
    // Checked when the whole group commits, not when the statement runs.
    let children = Migration::new(
        "2_children.sql",
        "CREATE TABLE children (id BIGINT NOT NULL PRIMARY KEY, parent VARCHAR(64), \
         FOREIGN KEY (parent) REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    things.db.apply(&[SCHEMA[0], children]).await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let written = in_one_group(&things.db, || {
        let mut started = spawn_large(&things.db, 0..10);
        let (db, told) = (things.db.clone(), Arc::clone(&told));
        started.push(tokio::spawn(async move {
            let orphan = db.write("orphan", move |tx| {
                let told = Arc::clone(&told);
                async move {
                    tx.at_end(move |ended| told.lock().push(ended));
                    tx.execute(CHILD, &params![1_i64, "nobody"]).await.map(drop)
                }
                .boxed()
            });
            ("orphan".to_owned(), orphan.await)
        }));
        started
    })
    .await;
    let (good, bad): (Vec<_>, Vec<_>) = written.into_iter().partition(|(id, _)| id != "orphan");
    assert!(matches!(bad[0].1, Err(DbError::Statement { .. })), "{:?}", bad[0].1);
    assert_eq!(check(&things.db, good, &BTreeSet::new()).await, 10);
    // Once with the group and once alone.
    assert_eq!(*told.lock(), [Ended::RolledBack, Ended::RolledBack]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_told_once_for_each_change_of_a_group() {
    let things = things().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let written = in_one_group(&things.db, || {
        let change = |number: i64| {
            let (db, told) = (things.db.clone(), Arc::clone(&told));
            tokio::spawn(async move {
                db.write("told", move |tx| {
                    let told = Arc::clone(&told);
                    async move {
                        tx.at_end(move |ended| told.lock().push((number, ended)));
                        tx.at_end(|_| panic!("on purpose"));
                        // Every second has the key of the one before it.
                        let id = (number / 2).to_string();
                        tx.execute(INSERT, &params![id, number, None::<i64>]).await.map(drop)
                    }
                    .boxed()
                })
                .await
            })
        };
        (0..20).map(change).collect()
    })
    .await;
    assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 10);
    let told = told.lock();
    assert_eq!(told.len(), 20);
    for (number, ended) in told.iter() {
        let expected = match &written[usize::try_from(*number).unwrap()] {
            Ok(()) => Ended::Committed,
            Err(DbError::Unique) => Ended::RolledBack,
            Err(error) => panic!("another error: {error}"),
        };
        assert_eq!(*ended, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_holds_is_waited_for_and_then_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.db");
    let busy_timeout = Duration::from_millis(100);
    let url = format!("sqlite:{}", path.display());
    let db = Db::connect(DbOptions { busy_timeout, ..DbOptions::new(url) }).await.unwrap();
    db.apply(SCHEMA).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (_, written) = insert_large(db.clone(), "a".to_owned()).await;
    assert!(matches!(written, Err(DbError::Conflict(_))), "{written:?}");
    assert!(written.is_err_and(|error| error.is_unavailable()));
    other.execute_batch("COMMIT").unwrap();
    let (_, written) = insert_large(db.clone(), "a".to_owned()).await;
    assert_eq!(written, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_version_tells_of_every_commit() {
    let things = things().await;
    let before = things.db.data_version().unwrap().expect("SQLite has one");
    assert_eq!(things.db.data_version(), Ok(Some(before)));
    insert_large(things.db.clone(), "a".to_owned()).await.1.unwrap();
    let after = things.db.data_version().unwrap();
    assert_ne!(after, Some(before));
    rusqlite::Connection::open(things.database.url.strip_prefix("sqlite:").unwrap())
        .and_then(|other| other.execute("DELETE FROM things", []))
        .unwrap();
    assert_ne!(things.db.data_version().unwrap(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_on_the_disk_before_it_is_answered() {
    let things = things().await;
    let setting =
        |pragma: Sql| things.db.write("ask", move |tx| tx.find::<i64>(pragma, &[]).boxed());
    assert_eq!(setting(sql!("PRAGMA synchronous")).await, Ok(Some(2)));
    assert_eq!(setting(sql!("PRAGMA foreign_keys")).await, Ok(Some(1)));
    let mode: Result<Option<String>, _> = things.db.find(sql!("PRAGMA journal_mode"), &[]).await;
    assert_eq!(mode, Ok(Some("wal".to_owned())));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let things = things().await;
    insert_large(things.db.clone(), "a".to_owned()).await.1.unwrap();
    let path = things.database.url.strip_prefix("sqlite:").unwrap();
    for name in [path.to_owned(), format!("{path}-wal"), format!("{path}-shm")] {
        let mode = fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_cannot_write() {
    let things = things().await;
    let written = things.db.list::<i64>(sql!("DELETE FROM things"), &[]).await;
    assert!(written.is_err());
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["", "oracle://x", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro"] {
        let refused = Db::connect(DbOptions::new(url)).await.map(drop);
        assert!(matches!(refused, Err(DbError::Configuration(_))), "{url}: {refused:?}");
    }
}
