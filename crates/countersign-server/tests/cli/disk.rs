//! Disks that fail and files that go: nothing is acknowledged that is not kept, every request is
//! answered, and the health check says what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::database::{TestDatabase, run};
use crate::program::{PASSWORD, Place, Server, answer, until};

/// Tries to register somebody: the status.
async fn register(server: &Server, name: &str) -> u16 {
    let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
    server.post("/v1/register", body).await.0
}

async fn readiness(server: &Server) -> (u16, Value) {
    answer(server.request(Method::GET, "/readyz")).await.expect("the server answers")
}

/// Whether the health check blames the database, and says so of what.
async fn blames_database(server: &Server, of: &str) -> bool {
    let (status, answer) = readiness(server).await;
    status == 503
        && answer["failing"] == json!(["database"])
        && answer["problems"][0]["detail"].as_str().is_some_and(|detail| detail.contains(of))
}

/// How many lines of the log are about the database and name it.
fn lines(server: &Server, place: &str) -> usize {
    let log = server.stdout.get() + &server.stderr.get();
    log.lines().filter(|line| line.contains("ERROR") && line.contains(place)).count()
}

/// Waits until the server is ready and takes changes.
async fn recovers(server: &Server, name: &str) {
    until(async || (readiness(server).await.0 == 200).then_some(())).await;
    assert_eq!(register(server, name).await, 201);
}

#[tokio::test]
async fn nothing_is_acknowledged_once_a_file_of_the_database_is_gone_or_another() {
    for (file, ways) in [
        ("countersign.db", &["moved", "replaced"][..]),
        ("countersign.db-wal", &["moved", "replaced"]),
        ("countersign.db-shm", &["moved"]),
        ("", &["moved"]),
    ] {
        let place = Place::new();
        let server = place.serve().await;
        let session = server.register("before").await;
        let (path, elsewhere) = (place.data_dir().join(file), place.folder.path().join("away"));
        for way in ways {
            fs::rename(&path, &elsewhere).expect("it is there");
            if *way == "replaced" {
                fs::copy(&elsewhere, &path).expect("there is room");
            }
            let name = format!("{way}{}", file.len());
            assert_eq!(register(&server, &name).await, 503, "{file} {way}");
            assert!(blames_database(&server, "while the database was open").await, "{file} {way}");
            let log_out = server.request(Method::POST, "/v1/logout").bearer_auth(&session.access);
            assert_eq!(answer(log_out).await.expect("an answer").0, 503);
            fs::remove_file(&path).ok();
            fs::rename(&elsewhere, &path).expect("it is there");
            recovers(&server, &name).await;
        }
        let log = place.data_dir().join("countersign.db").display().to_string();
        assert_eq!(lines(&server, &log), ways.len(), "{file}: one line each");
    }
}

#[tokio::test]
async fn a_database_that_vanished_beside_its_secret_is_not_begun_anew_unasked() {
    for kept in ["master-secret", "audit.jsonl", "countersign.db-wal"] {
        let place = Place::new();
        let server = place.serve().await;
        assert_eq!(register(&server, "before").await, 201);
        server.kill();
        let folder = fs::read_dir(place.data_dir()).expect("it is there");
        for file in folder.map(|file| file.expect("it can be read").path()) {
            if file.file_name().is_some_and(|name| name != kept) {
                fs::remove_file(file).expect("it is ours");
            }
        }
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"], &["migrate"]]
        {
            let ran = place.run(command, "");
            assert_eq!(ran.code, Some(1), "{kept} {command:?}: {ran:?}");
            assert!(ran.stderr.contains(kept) && ran.stderr.contains("--new-database"), "{ran:?}");
        }
        let ran = place.run(&["doctor", "--json"], "");
        assert_eq!(ran.code, Some(1), "{kept}: {ran:?}");
        assert!(!place.data_dir().join("countersign.db").exists(), "{kept}: nothing was made");
        let server = place.serve_with(&["--new-database"]).await;
        assert_eq!(register(&server, "before").await, 201);
    }
}

#[tokio::test]
async fn an_empty_file_is_no_database_either() {
    let place = Place::new();
    let server = place.serve().await;
    assert_eq!(register(&server, "before").await, 201);
    server.kill();
    let (file, log) = ("countersign.db", "countersign.db-wal");
    let size = |name: &str| fs::metadata(place.data_dir().join(name)).expect("it is there").len();
    let before = size(log);
    fs::write(place.data_dir().join(file), "").expect("it is ours");
    let commands: [&[&str]; 6] = [
        &["doctor"],
        &["migrate", "--check"],
        &["migrate"],
        &["user", "list"],
        &["events", "verify"],
        &["serve", "--listen", "127.0.0.1:0"],
    ];
    for command in commands {
        let ran = place.run(command, "");
        assert_eq!(ran.code, Some(1), "{command:?}: {ran:?}");
        assert!((ran.stdout + &ran.stderr).contains("--new-database"), "{command:?}");
        assert_eq!((size(file), size(log)), (0, before), "{command:?}: nothing was touched");
    }
}

#[tokio::test]
async fn damage_is_unavailable_and_told_once_with_the_file() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("before").await;
    let file = place.data_dir().join("countersign.db");
    {
        let database = place.database();
        // Its schema is read now, since it cannot be later.
        database.execute_batch("SELECT number FROM users").expect("they are there");
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("nobody reads");
        let mut pages = fs::read(&file).expect("it is there");
        pages[4096..].fill(0xA5);
        fs::write(&file, pages).expect("it is ours");
        // So that every connection reads anew.
        database.execute_batch("PRAGMA user_version = 7").expect("the first page is good");
    }
    assert_eq!(register(&server, "after").await, 503);
    assert_eq!(server.me(&session).await.0, 503);
    let body = json!({ "refresh_token": session.refresh });
    assert_eq!(server.post("/v1/refresh", body).await.0, 503);
    assert!(readiness(&server).await.1["failing"].to_string().contains("database"));
    assert_eq!(lines(&server, &file.display().to_string()), 1);
}

/// A place whose disk fails as `faults.c` says.
struct Failing {
    place: Place,
    faults: PathBuf,
}

impl Failing {
    fn new() -> Self {
        let place = Place::new();
        let faults = place.folder.path().join("faults");
        fs::create_dir(&faults).expect("there is room");
        let library = place.folder.path().join("faults.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/disk/faults.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-w", "-o"])
            .arg(&library)
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(compiled.is_ok_and(|status| status.success()), "the C compiler is there");
        let place = place
            .set("LD_PRELOAD", &library.display().to_string())
            .set("DISK_FAULTS", &faults.display().to_string());
        Self { place, faults }
    }

    fn begin(&self, fault: &str) {
        fs::write(self.faults.join(fault), "").expect("there is room");
    }

    fn end(&self, fault: &str) {
        fs::remove_file(self.faults.join(fault)).expect("it was begun");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_by_the_health_check_until_there_is_room() {
    let failing = Failing::new();
    let server = failing.place.serve().await;
    let session = server.register("before").await;
    failing.begin("full");
    assert_eq!(register(&server, "during").await, 503);
    assert!(blames_database(&server, "full").await);
    let ran = failing.place.run(&["doctor", "--json"], "");
    assert!(ran.code == Some(1) && ran.stdout.contains("it cannot be written"), "{ran:?}");
    assert_eq!(server.me(&session).await.0, 200, "what is there can be read");
    failing.end("full");
    recovers(&server, "during").await;
}

#[tokio::test]
async fn an_idle_server_notices_a_full_disk_too() {
    let failing = Failing::new();
    let server = failing.place.serve().await;
    failing.begin("full");
    until(async || blames_database(&server, "full").await.then_some(())).await;
    failing.end("full");
    recovers(&server, "after").await;
}

#[tokio::test]
async fn a_disk_that_hangs_is_unavailable_and_not_waited_for() {
    let failing = Failing::new();
    let server = failing.place.serve().await;
    let session = server.register("before").await;
    failing.begin("hang");
    let body = json!({ "refresh_token": session.refresh });
    // The disk is waited for until it is told otherwise, which is after these.
    let (registered, refreshed) =
        tokio::join!(register(&server, "during"), server.post("/v1/refresh", body));
    assert_eq!((registered, refreshed.0), (503, 503));
    assert!(blames_database(&server, "does not answer").await);
    let ran = failing.place.run(&["doctor", "--json"], "");
    assert!(ran.code == Some(1) && ran.stdout.contains("it cannot be written"), "{ran:?}");
    failing.end("hang");
    recovers(&server, "after").await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_unavailable() {
    let failing = Failing::new();
    let server = failing.place.serve().await;
    let session = server.register("before").await;
    failing.begin("unreadable");
    // Another process's change has every connection read anew.
    failing.place.database().execute_batch("PRAGMA user_version = 7").expect("it can be written");
    assert_eq!(server.me(&session).await.0, 503);
    assert!(readiness(&server).await.1["failing"].to_string().contains("database"));
}

fn place_on(database_url: &str) -> Place {
    Place::new()
        .set("COUNTERSIGN_DATABASE__URL", database_url)
        .set("COUNTERSIGN_MASTER_SECRET", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")
}

fn name_of(database: &TestDatabase) -> String {
    let url = url::Url::parse(&database.url).expect("a URL");
    url.path().trim_start_matches('/').to_owned()
}

#[tokio::test]
async fn a_server_that_turns_read_only_is_not_ready() {
    let Some(database) = TestDatabase::on_database(countersign_server::db::Kind::Postgres).await
    else {
        return;
    };
    let place = place_on(&database.url);
    let server = place.serve().await;
    assert_eq!(register(&server, "before").await, 201);
    let name = name_of(&database);
    let turn = async |to: &str| {
        let statement = format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}");
        run(&database.url, format!("BEGIN READ WRITE; {statement}; COMMIT")).await;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        run(&database.url, others.to_owned()).await;
    };
    turn("on").await;
    until(async || blames_database(&server, "read-only").await.then_some(())).await;
    assert_eq!(register(&server, "during").await, 503);
    let ran = place.run(&["doctor", "--json"], "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("read-only"), "{ran:?}");
    turn("off").await;
    recovers(&server, "during").await;
}

#[tokio::test]
async fn a_server_whose_database_user_lost_a_right_is_not_ready() {
    let Some(database) = TestDatabase::on_database(countersign_server::db::Kind::Postgres).await
    else {
        return;
    };
    let name = name_of(&database);
    let role = format!("{name}_user");
    run(&database.url, format!("CREATE ROLE {role} LOGIN")).await;
    run(&database.url, format!("ALTER DATABASE {name} OWNER TO {role}")).await;
    let mut url = url::Url::parse(&database.url).expect("a URL");
    url.set_username(&role).expect("it has a host");
    let place = place_on(url.as_str());
    let server = place.serve().await;
    let session = server.register("before").await;
    run(&database.url, format!("REVOKE INSERT, UPDATE ON users, sessions FROM {role}")).await;
    assert_eq!(register(&server, "during").await, 503);
    let body = json!({ "refresh_token": session.refresh });
    assert_eq!(server.post("/v1/refresh", body).await.0, 503);
    // Other tables can be written meanwhile.
    for _ in 0..3 {
        assert!(blames_database(&server, "lacks a right").await);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}
