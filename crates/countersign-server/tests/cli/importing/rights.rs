//! An import makes nobody an administrator unless that is asked for.

use serde_json::{Value, json};

use super::old::{AUTH_TOKEN, Old};
use super::{BCRYPT, Importing, counts, failed};

/// The roles of every user, by number.
fn roles(importing: &Importing) -> Vec<(Value, Value)> {
    let users = importing.place.json(&["user", "list"]);
    let users = users["users"].as_array().expect("a list").clone();
    let mut roles: Vec<_> =
        users.into_iter().map(|user| (user["number"].clone(), user["roles"].clone())).collect();
    roles.sort_by_key(|(number, _)| number.as_i64());
    roles
}

/// Where the role administers, beside the users' own rows.
fn admins(importing: &Importing) -> i64 {
    let sql = "SELECT COUNT(*) FROM admins";
    importing.place.database().query_row(sql, [], |row| row.get(0)).expect("a count")
}

#[tokio::test]
async fn a_role_is_what_the_source_tells_apart_and_never_a_part_of_it() {
    let importing = Importing::new();
    let lines = json!([
        {"number": 1, "username": "a", "roles": ["Former admin"]},
        {"number": 2, "username": "b", "roles": ["admin,editor"]},
        {"number": 3, "username": "c", "roles": "Former admin"},
        {"number": 4, "username": "d", "roles": ["editor", "billing:read"]},
        {"number": 5, "username": "e", "roles": "editor; billing:read"},
        {"number": 6, "username": "f", "roles": [["admin"]]},
        {"number": 7, "username": "g", "roles": {"admin": true}},
    ]);
    let lines: Vec<_> = lines.as_array().expect("a list").iter().map(Value::to_string).collect();
    let lines = lines.join("\n");
    let file = importing.file("users.jsonl", lines);
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path"), "--allow-admins"];
    let told = importing.run(&[&import[..], &["--on-error", "skip"]].concat()).json();
    assert_eq!(counts(&told["users"]), [2, 0, 5], "{told}");
    let reasons = json!({ "invalid_role": 3, "wrong_type": 2 });
    assert_eq!(told["users"]["reasons"], reasons);
    let both = json!(["editor", "billing:read"]);
    assert_eq!(roles(&importing), [(json!(4), both.clone()), (json!(5), both)]);
    let file = importing.file("users.csv", "number,email,roles\n8,h@x.org,Former admin\n");
    let csv = ["--from", "csv", "--source", file.to_str().expect("a path"), "--allow-admins"];
    let told = failed(&importing.run(&csv), 1, "stopped");
    assert_eq!(told["problems"][0]["reason"], "invalid_role", "{told}");
    assert_eq!(admins(&importing), 0);
}

#[tokio::test]
async fn nobody_is_imported_as_an_administrator_without_the_flag() {
    for (name, text, from) in [
        ("roles.jsonl", "{\"email\":\"a@x.org\",\"roles\":[\"editor\",\"admin\"]}", "jsonl"),
        ("admin.jsonl", "{\"email\":\"a@x.org\",\"roles\":[\"editor\"],\"admin\":true}", "jsonl"),
        ("roles.csv", "email,roles\na@x.org,editor;admin\n", "csv"),
        ("admin.csv", "email,roles,admin\na@x.org,editor,yes\n", "csv"),
    ] {
        let importing = Importing::new();
        let file = importing.file(name, text);
        let import = ["--from", from, "--source", file.to_str().expect("a path")];
        let told = failed(&importing.run(&import), 1, "stopped");
        assert_eq!(told["problems"][0]["reason"], "admin_not_allowed", "{name}: {told}");
        assert!(told["problems"][0]["message"].to_string().contains("--allow-admins"), "{told}");
        assert_eq!(importing.count(), 0, "{name}");
        let told = importing.run(&[&import[..], &["--on-error", "drop-value"]].concat()).json();
        assert_eq!(counts(&told["users"]), [1, 0, 0], "{name}: {told}");
        assert_eq!(told["users"]["dropped_reasons"], json!({ "admin_not_allowed": 1 }), "{name}");
        assert_eq!(roles(&importing), [(json!(1), json!(["editor"]))], "{name}");
        assert_eq!(admins(&importing), 0, "{name}");
        let importing = Importing::new();
        let file = importing.file(name, text);
        let import = ["--from", from, "--source", file.to_str().expect("a path")];
        let told = importing.run(&[&import[..], &["--allow-admins"]].concat()).json();
        assert_eq!(counts(&told["users"]), [1, 0, 0], "{name}: {told}");
        assert_eq!(
            (roles(&importing), admins(&importing)),
            (vec![(json!(1), json!(["editor", "admin"]))], 1)
        );
    }
}

#[tokio::test]
async fn somebody_whose_state_cannot_be_read_cannot_log_in() {
    let importing = Importing::new();
    let line = format!(
        "{{\"number\":1,\"username\":\"a\",\"active\":\"maybe\",\"password\":\"{BCRYPT}\"}}"
    );
    let file = importing.file("users.jsonl", line);
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
    failed(&importing.run(&import), 1, "stopped");
    let users = importing.users(&[&import[..], &["--on-error", "drop-value"]].concat());
    assert_eq!((counts(&users), &users["dropped_values"]), ([1, 0, 0], &json!(1)));
    assert!(importing.is_disabled(1));
}

on_each_database! {
    async fn a_table_makes_administrators_with_the_flag_alone(old: Old) {
        old.execute(&AUTH_TOKEN).await;
        let importing = Importing::new();
        let told = failed(&old.import_into(&importing, "auth-token", &[]), 1, "stopped");
        assert_eq!(told["users"]["reasons"], json!({ "admin_not_allowed": 1 }), "{told}");
        let drop = ["--on-error", "drop-value"];
        let told = old.import_into(&importing, "auth-token", &drop).json();
        assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
        assert_eq!(admins(&importing), 0);
    }
}
