//! The five older systems: from each database, and into each.

use serde_json::json;

use super::old::{AUTH_TOKEN, Old};
use super::{BCRYPT_OF, Importing, counts};

on_each_database! {
    async fn an_auth_token_system_is_read_alike_from_each_database(old: Old) {
        old.execute(&AUTH_TOKEN).await;
        let importing = Importing::new();
        let zone = ["--timezone", "America/New_York", "--allow-admins"];
        let told = old.import_into(&importing, "flask-jwt-auth", &zone).json();
        assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
        let revoked = &told["revoked_tokens"];
        assert_eq!((&revoked["imported"], &revoked["over"]), (&json!(2), &json!(1)), "{told}");

        let (joe, ann) = (importing.show("joe@gmail.com"), importing.show("3"));
        assert_eq!((&joe["number"], &joe["roles"]), (&json!(7), &json!([])));
        assert_eq!(joe["identifiers"][0]["value"], "Joe@gmail.com");
        assert_eq!(joe["created_at"], "2017-01-24T02:50:14.123Z", "UTC-5 in winter");
        assert_eq!(ann["created_at"], "2016-07-01T04:00:00.000Z", "UTC-4 in summer");
        assert_eq!(ann["roles"], json!(["admin"]));

        let server = importing.place.serve().await;
        let body = json!({ "identifier": "joe@gmail.com", "password": BCRYPT_OF });
        assert_eq!(server.post("/v1/login", body).await.0, 200);
        server.register("new").await;
        assert_eq!(importing.show("new@example.org")["number"], 8, "after the largest");
    }

    async fn what_was_imported_is_whole_in_each_database(importing: Importing) {
        let old = Old::sqlite().await;
        old.execute(&AUTH_TOKEN).await;
        let told = old.import_into(&importing, "auth-token", &["--allow-admins"]).json();
        assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
        let again = old.import_into(&importing, "auth-token", &["--allow-admins"]).json();
        assert_eq!(counts(&again["users"]), [0, 2, 0], "a second run adds nothing");
        let revoked = counts(&again["revoked_tokens"]);
        assert_eq!(revoked, [0, 2, 0], "{again}");
        let events = importing.place.json(&["events"]);
        let events = events["events"].as_array().expect("a list").iter();
        let mut imports: Vec<_> = events
            .filter(|event| event["kind"].as_str().is_some_and(|kind| kind.starts_with("import")))
            .map(|event| (&event["kind"], &event["reason"], &event["occurrences"]))
            .collect();
        // Both are of one moment.
        imports.sort_by_key(|(kind, _, _)| kind.as_str());
        let (source, two) = (json!("auth-token"), json!(2));
        assert_eq!(
            imports,
            [(&json!("import"), &source, &two), (&json!("import_revoked"), &source, &two)],
            "one event a run that did something"
        );
        let users = importing.place.json(&["user", "list"]);
        let ids: Vec<_> = users["users"].as_array().expect("a list").iter().collect();
        assert_eq!((&ids[0]["number"], &ids[1]["number"]), (&json!(3), &json!(7)), "the older first");
        let server = importing.place.serve().await;
        server.register("new").await;
        assert_eq!(importing.show("new@example.org")["number"], 8, "after the largest");
    }

    async fn an_access_refresh_system_comes_along(old: Old) {
        old.execute(&[
            "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, username VARCHAR(120) NOT NULL, \
             password VARCHAR(120) NOT NULL)",
            "CREATE TABLE revoked_tokens (id INTEGER NOT NULL PRIMARY KEY, jti VARCHAR(120))",
            "INSERT INTO users VALUES (1, 'alice', '{bcrypt}'), (2, 'bob@x.org', '{bcrypt}')",
            "INSERT INTO revoked_tokens VALUES (1, '0d9f6a3c-8f5e-4b43-9f6e-2a1d9c1b2e3f')",
        ]).await;
        let importing = Importing::new();
        let told = old.import_into(&importing, "access-refresh", &[]).json();
        assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
        assert_eq!(counts(&told["revoked_tokens"]), [1, 0, 0], "{told}");
        assert_eq!(importing.show("alice")["identifiers"][0]["kind"], "username");
        assert_eq!(importing.show("2")["identifiers"][0]["kind"], "email");
        let sql = "SELECT subject, reason FROM revocations WHERE subject LIKE 'token:%'";
        let database = importing.place.database();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (subject, reason): (String, String) =
            database.query_row(sql, [], row).expect("it was revoked");
        assert_eq!(subject, "token:legacy:0d9f6a3c-8f5e-4b43-9f6e-2a1d9c1b2e3f");
        assert_eq!(reason, "logout");
    }

    async fn an_x_access_token_system_comes_along(old: Old) {
        let id = "7b4cf1a0-3a58-4b8e-9d0f-3c6f6d1c2b1a";
        old.execute(&[
            "CREATE TABLE {user} (id INTEGER NOT NULL PRIMARY KEY, public_id VARCHAR(50), \
             name VARCHAR(100), email VARCHAR(70), password VARCHAR(80))",
            &format!("INSERT INTO {{user}} VALUES (1, '{id}', 'Zoë O''Hara', 'zoe@x.org', '{{bcrypt}}')"),
        ]).await;
        let importing = Importing::new();
        let told = old.import_into(&importing, "x-access-token", &[]).json();
        assert_eq!(counts(&told["users"]), [1, 0, 0], "{told}");
        assert_eq!(told["revoked_tokens"], json!(null));
        let zoe = importing.show("zoe@x.org");
        assert_eq!((&zoe["id"], &zoe["name"]), (&json!(id), &json!("Zoë O'Hara")));
    }

    async fn a_code_envelope_system_comes_along_with_its_hashes_hashed(old: Old) {
        // Of 123456.
        let sent = "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92";
        old.execute(&[
            "CREATE TABLE {user} (id INTEGER NOT NULL PRIMARY KEY, username VARCHAR(45) NOT NULL, \
             password VARCHAR(128) NOT NULL, active {boolean} NOT NULL)",
            &format!("INSERT INTO {{user}} VALUES (1, 'admin@gmail.com', '{sent}', {{yes}}), \
                      (2, 'gone', '{sent}', {{no}})"),
        ]).await;
        let importing = Importing::new();
        let told = old.import_into(&importing, "code-envelope", &[]).json();
        assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
        assert_eq!(told["users"]["hashed"], 2);
        let database = importing.place.database();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let sql = "SELECT form, hash FROM passwords LIMIT 1";
        let (form, hash): (String, String) = database.query_row(sql, [], row).expect("it is there");
        assert!(form == "client_sha256" && hash.starts_with("$argon2id$"), "{form} {hash}");
        assert!(importing.is_disabled(2) && !importing.is_disabled(1));
        let server = importing.place.serve().await;
        let log_in = async |identifier: &str| {
            let body = json!({ "identifier": identifier, "password": "123456" });
            server.post("/v1/login", body).await.0
        };
        assert_eq!((log_in("admin@gmail.com").await, log_in("gone").await), (200, 401));
    }

    async fn a_passport_system_comes_along(old: Old) {
        old.execute(&[
            "CREATE TABLE user_login (user_id INTEGER NOT NULL PRIMARY KEY, mobile VARCHAR(16), \
             password_hash VARCHAR(128), last_login_stamp BIGINT, last_login {time})",
            "INSERT INTO user_login VALUES (5, '13812345678', '{bcrypt}', 1485208214, \
             '2017-01-24 05:50:14'), (6, '+8613912345678', '{bcrypt}', NULL, NULL)",
        ]).await;
        let importing = Importing::new();
        let zone = ["--timezone", "Asia/Shanghai"];
        let told = old.import_into(&importing, "passport", &zone).json();
        assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
        let user = importing.show("+8613812345678");
        assert_eq!(user["number"], 5);
        assert_eq!(user["last_login_at"], "2017-01-23T21:50:14.000Z");
        let sql = "SELECT source, login_stamp FROM imports ORDER BY login_stamp DESC LIMIT 1";
        let database = importing.place.database();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let import: (String, Option<i64>) = database.query_row(sql, [], row).expect("it is there");
        assert_eq!(import, ("passport".to_owned(), Some(1_485_208_214)));
    }
}

#[tokio::test]
async fn a_redis_is_a_passport_systems_and_must_answer() {
    let old = Old::sqlite().await;
    old.execute(&AUTH_TOKEN).await;
    let importing = Importing::new();
    let redis = ["--redis", "redis://127.0.0.1:1"];
    let ran = old.import_into(&importing, "auth-token", &redis);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let map = ["--table", "users", "--map", "mobile=email", "--map", "login_stamp=id"];
    let arguments = [&map[..], &["--map", "last_login_at=", "--map", "number=id"]].concat();
    let ran = old.import_into(&importing, "passport", &[&arguments[..], &redis].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("--redis"), "{ran:?}");
    let ran = old.import_into(&importing, "passport", &[&arguments[..], &["--dry-run"]].concat());
    assert!(ran.stderr.contains("warning: --redis"), "{ran:?}");
}

#[tokio::test]
async fn a_table_and_columns_of_other_names_are_found_by_being_named() {
    let old = Old::sqlite().await;
    old.execute(&[
        "CREATE TABLE \"my people\" (nr INTEGER NOT NULL UNIQUE, \"e-mail\" TEXT, pw TEXT, nick TEXT)",
        "INSERT INTO \"my people\" VALUES (1, 'a@x.org', '{bcrypt}', 'Al')",
        "CREATE TABLE gone (id INTEGER PRIMARY KEY, tk TEXT)",
        "INSERT INTO gone VALUES (1, 'e30.eyJzdWIiOjd9.AA')",
    ]).await;
    let importing = Importing::new();
    let ran = old.import_into(&importing, "auth-token", &[]);
    super::failed(&ran, 2, "there is no table users, user");
    let table = ["--table", "my people"];
    let ran = old.import_into(&importing, "auth-token", &table);
    super::failed(&ran, 2, "there are: nr, e-mail, pw, nick");
    let named = [
        &table[..],
        &["--map", "number=nr", "--map", "email=e-mail", "--map", "password=pw"],
        &["--map", "name=nick", "--revoked-table", "gone", "--revoked-column", "tk"],
    ]
    .concat();
    let told = old.import_into(&importing, "auth-token", &named).json();
    assert_eq!(counts(&told["users"]), [1, 0, 0], "{told}");
    assert_eq!(counts(&told["revoked_tokens"]), [1, 0, 0], "{told}");
    assert_eq!(importing.show("a@x.org")["name"], "Al");
}

#[tokio::test]
async fn a_url_with_a_password_is_no_argument() {
    let importing = Importing::new();
    let url = "postgres://root:sesame@127.0.0.1:1/old";
    let ran = importing.run(&["--from", "auth-token", "--source", url]);
    super::failed(&ran, 2, "COUNTERSIGN_IMPORT_SOURCE");
    assert!(!ran.stderr.contains("sesame"), "{ran:?}");
    let mut command = importing.command(&["--from", "auth-token"]);
    command.env("COUNTERSIGN_IMPORT_SOURCE", url);
    super::failed(&crate::program::finish(command, ""), 1, "--source: the database is unavailable");
    let command = importing.command(&["--from", "auth-token", "--source", "-"]);
    let ran = crate::program::finish(command, "sqlite:nowhere.db\n");
    super::failed(&ran, 2, "there is no file nowhere.db");
}
