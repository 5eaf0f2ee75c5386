//! Values are read as a registration reads them, and one that cannot be used costs itself alone.

use serde_json::{Value, json};

use super::{BCRYPT, BCRYPT_OF, Importing, counts, failed};

/// What a run told of its problems: the line, what is lost, the field and the reason.
fn problems(told: &Value) -> Vec<Value> {
    let problems = told["problems"].as_array().expect("a list").iter();
    problems.map(|it| json!([it["line"], it["lost"], it["field"], it["reason"]])).collect()
}

#[tokio::test]
async fn the_field_says_what_an_identifier_is() {
    let importing = Importing::new();
    let text = "number,phone,email\n1,15551234567,\n2,,none\n3,,nobody\n4,0044 20 7946 0958,\n5,+442079460958,\n";
    let file = importing.file("users.csv", text);
    let import = ["--from", "csv", "--source", file.to_str().expect("a path")];
    let skip = [&import[..], &["--on-error", "skip"]].concat();
    let told = importing.run(&skip).json();
    let expected = [
        json!([2, "row", "phone", "phone_shape"]),
        json!([3, "row", "email", "email_shape"]),
        json!([4, "row", "email", "email_shape"]),
        json!([5, "row", "phone", "phone_shape"]),
    ];
    assert_eq!(problems(&told), expected, "{told}");
    assert!(told["problems"][0]["message"].to_string().contains("--phone-prefix"), "{told}");
    let told = importing.run(&[&skip[..], &["--phone-prefix", "+"]].concat()).json();
    assert_eq!(counts(&told["users"]), [1, 1, 3], "{told}");
    let identifier = &importing.show("1")["identifiers"][0];
    assert_eq!(
        (&identifier["kind"], &identifier["value"]),
        (&json!("phone"), &json!("+15551234567"))
    );
    let server = importing.place.serve().await;
    let body = json!({ "phone": "+15551234567", "password": crate::program::PASSWORD });
    assert_eq!(server.post("/v1/register", body).await.0, 409, "it has its owner");
}

#[tokio::test]
async fn a_country_code_is_put_before_what_is_dialled_after_it() {
    let importing = Importing::new();
    let lines =
        "{\"phone\":\"7911 123456\"}\n{\"phone\":\"07911 123457\"}\n{\"phone\":7911123458}\n";
    let file = importing.file("users.jsonl", lines);
    let file = file.to_str().expect("a path");
    let import = ["--from", "jsonl", "--source", file, "--phone-prefix", "+44"];
    let told = importing.run(&[&import[..], &["--on-error", "skip"]].concat()).json();
    assert_eq!(counts(&told["users"]), [2, 0, 1], "{told}");
    assert_eq!(importing.show("+447911123456")["number"], 1);
    assert_eq!(importing.show("+447911123458")["number"], 2);
}

#[tokio::test]
async fn a_username_is_no_phone_number_where_clients_write_such_numbers() {
    let importing = Importing::new();
    let importing = Importing {
        place: importing.place.set("COUNTERSIGN_DIALECTS", "[{ name = \"passport\" }]"),
        ..importing
    };
    let file = importing.file("users.csv", "username\n13812345678\n");
    let import = ["--from", "csv", "--source", file.to_str().expect("a path")];
    assert_eq!(counts(&importing.users(&import)), [1, 0, 0]);
    let identifier = &importing.show("1")["identifiers"][0];
    assert_eq!(identifier["value"], "+8613812345678");
}

#[tokio::test]
async fn who_has_no_password_is_imported_without_one() {
    let importing = Importing::new();
    let unusable =
        ["!qUzjhgzmpPb4M2UYOeXGDyWeqQ0uOs8mYRvZcYb2", "!", "*", "NULL", "null", "\\N", ""];
    let line =
        |(at, hash): (usize, &&str)| json!({ "username": format!("u{at}"), "password": hash });
    let lines: Vec<_> = unusable.iter().enumerate().map(|it| line(it).to_string()).collect();
    let lines = lines.join("\n");
    let file = importing.file("users.jsonl", lines);
    let users = importing.users(&["--from", "jsonl", "--source", file.to_str().expect("a path")]);
    assert_eq!((counts(&users), &users["without_password"]), ([7, 0, 0], &json!(7)));
    let file =
        importing.file("users.csv", "email,username,name,created_at\na@x.org,\\N,NULL,NULL\n");
    let users = importing.users(&["--from", "csv", "--source", file.to_str().expect("a path")]);
    assert_eq!((counts(&users), importing.show("a@x.org")["name"].is_null()), ([1, 0, 0], true));
}

const LINES: &str = r#"{"number":1,"email":"a@x.org","username":"jane doe","name":"A"}
{"number":2,"email":"b@x.org","created_at":"0000-00-00 00:00:00","last_login_at":"never"}
{"number":3,"email":"c@x.org","name":"C\nC","roles":["two words","editor"]}
{"number":4,"email":"d@x.org","password":"$argon9$unknown"}
{"number":5,"email":"e@x.org","form":"md5","password":"{bcrypt}"}
{"number":6,"email":"f@x.org","phone":"+44 20 7946 0958"}
{"number":7,"email":"g@x.org","phone":"+44 20 7946 0958"}
{"number":8,"email":"none","username":"o'hara"}
{"number":"x","email":"i@x.org"}
{"email":"j@x.org","phone":"+44 20 7946 0958"}
{"number":11,"email":"k@x.org","name":{"first":"K"},"password":"{bcrypt}"}
"#;

on_each_database! {
    async fn a_value_that_cannot_be_used_costs_itself_and_not_the_user(importing: Importing) {
        let file = importing.file("users.jsonl", LINES.replace("{bcrypt}", BCRYPT));
        let file = file.to_str().expect("a path");
        let import = ["--from", "jsonl", "--source", file, "--on-error", "drop-value"];
        let dry = importing.run(&[&import[..], &["--dry-run"]].concat()).json();
        let told = importing.run(&import).json();
        assert_eq!(problems(&told), problems(&dry));
        assert_eq!(counts(&told["users"]), [8, 0, 3], "{told}");
        let expected = [
            json!([1, "value", "username", "character"]),
            json!([2, "value", "created_at", "bad_time"]),
            json!([2, "value", "last_login_at", "bad_time"]),
            json!([3, "value", "name", "control_character"]),
            json!([3, "value", "roles", "invalid_role"]),
            json!([4, "value", "password", "unknown_hash"]),
            json!([5, "value", "form", "bad_form"]),
            json!([7, "value", "phone", "identifier_taken"]),
            json!([8, "row", "email", "email_shape"]),
            json!([9, "row", "number", "bad_number"]),
            json!([10, "row", "phone", "identifier_taken"]),
            json!([11, "value", "name", "wrong_type"]),
        ];
        assert_eq!(problems(&told), expected, "{told}");
        assert_eq!((&told["users"]["dropped_values"], &told["users"]["without_password"]), (&json!(9), &json!(7)));
        assert_eq!(importing.show("3")["roles"], json!(["editor"]));
        assert_eq!(importing.show("+442079460958")["number"], 6);
        let again = importing.run(&import).json();
        assert_eq!(counts(&again["users"]), [0, 8, 3], "a second run adds nothing: {again}");
        assert_eq!(again["users"]["dropped_values"], 0);
        let server = importing.place.serve().await;
        let body = json!({ "identifier": "k@x.org", "password": BCRYPT_OF });
        assert_eq!(server.post("/v1/login", body).await.0, 200);
    }
}

#[tokio::test]
async fn without_a_word_such_a_value_stops_the_import() {
    let importing = Importing::new();
    let file = importing.file("users.jsonl", LINES);
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
    let told = failed(&importing.run(&import), 1, "--on-error drop-value");
    assert_eq!((told["stopped"].clone(), importing.count()), (json!(true), 0));
}

#[tokio::test]
async fn a_name_in_another_encoding_costs_the_name() {
    let importing = Importing::new();
    let file = importing.file("users.csv", b"email,name\r\na@x.org,Ren\xe9\r\nb@x.org,B\r\n");
    let import = ["--from", "csv", "--source", file.to_str().expect("a path")];
    let told = importing.run(&[&import[..], &["--on-error", "drop-value"]].concat()).json();
    assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
    assert_eq!(problems(&told), [json!([2, "value", "name", "not_utf8"])]);
}
