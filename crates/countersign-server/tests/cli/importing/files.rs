//! JSON Lines and CSV.

use serde_json::json;

use super::{BCRYPT, BCRYPT_OF, Importing, counts, failed};

#[tokio::test]
async fn a_csv_file_says_by_its_header_and_the_mapping_what_is_what() {
    let importing = Importing::new();
    let text = format!(
        "\u{feff}nr,mail,nick,pw,groups,enabled,since\r\n\
         1,a@x.org,\"Al, the \"\"first\"\"\",{BCRYPT},\"admin, editor\",yes,2017-01-23 21:50:14\r\n\
         2,b@x.org,,,,no,\r\n"
    );
    let file = importing.file("users.csv", text);
    let file = file.to_str().expect("a path");
    let import = ["--from", "csv", "--source", file, "--allow-admins"];
    failed(&importing.run(&import), 2, "there are: nr, mail, nick");
    let mapping = ["number=nr", "email=mail", "name=nick", "password=pw", "roles=groups"];
    let mapping = mapping.iter().chain(&["active=enabled", "created_at=since"]);
    let mapping: Vec<&str> = mapping.flat_map(|pair| ["--map", pair]).collect();
    let users = importing.users(&[&import[..], &mapping, &["--for", "auth-token"]].concat());
    assert_eq!(counts(&users), [2, 0, 0]);
    assert_eq!(users["without_password"], 1);
    let (al, b) = (importing.show("1"), importing.show("b@x.org"));
    assert_eq!(al["name"], "Al, the \"first\"");
    assert_eq!(al["roles"], json!(["admin", "editor"]));
    assert_eq!(al["created_at"], "2017-01-23T21:50:14.000Z");
    assert!(b["name"].is_null() && importing.is_disabled(2) && !importing.is_disabled(1));
    let sql = "SELECT DISTINCT source FROM imports";
    let database = importing.place.database();
    let source: String = database.query_row(sql, [], |row| row.get(0)).expect("one");
    assert_eq!(source, "auth-token");
    let sql = "SELECT u.number FROM admins a JOIN users u ON u.id = a.user_id";
    let admin: i64 = database.query_row(sql, [], |row| row.get(0)).expect("one may administer");
    assert_eq!(admin, 1);
    let server = importing.place.serve().await;
    let log_in = async |identifier: &str, password: &str| {
        let body = json!({ "identifier": identifier, "password": password });
        server.post("/v1/login", body).await.0
    };
    assert_eq!(log_in("a@x.org", BCRYPT_OF).await, 200);
    assert_eq!(log_in("a@x.org", BCRYPT).await, 401, "a hash opens nothing");
}

#[tokio::test]
async fn a_csv_row_that_is_no_row_is_told_by_its_line() {
    let importing = Importing::new();
    let text = b"email,name\na@x.org,A\nb@x.org\nc@x.org,\xff\n\"d@x.org\",\"D\n2\"\ne@x.org,E\n";
    let file = importing.file("users.csv", text);
    let file = file.to_str().expect("a path");
    let ran = importing.run(&["--from", "csv", "--source", file, "--on-error", "skip"]);
    let told = ran.json();
    assert_eq!(counts(&told["users"]), [2, 0, 3], "{told}");
    let problems = told["problems"].as_array().expect("a list");
    let problems: Vec<_> = problems.iter().map(|it| (&it["line"], &it["reason"])).collect();
    let expected = [(3, "malformed"), (4, "not_utf8"), (5, "control_character")];
    let expected = expected.map(|(line, reason)| (json!(line), json!(reason)));
    assert!(
        problems.into_iter().eq(expected.iter().map(|(line, reason)| (line, reason))),
        "{told}"
    );
}

#[tokio::test]
async fn a_row_has_the_number_of_its_line_whatever_ends_the_lines() {
    for end in ["\n", "\r\n"] {
        let importing = Importing::new();
        let lines = ["email,name", "a@x.org,A", "bad,B", "c@x.org,C", "bad again,D"];
        let file = importing.file("users.csv", lines.join(end));
        let file = file.to_str().expect("a path");
        let told = importing.run(&["--from", "csv", "--source", file, "--on-error", "skip"]).json();
        let problems = told["problems"].as_array().expect("a list");
        let lines: Vec<_> = problems.iter().map(|it| it["line"].clone()).collect();
        assert_eq!(lines, [3, 5], "{end:?}: {told}");
    }
}

#[tokio::test]
async fn a_quotation_mark_that_is_missing_does_not_take_the_memory() {
    let importing = Importing::new();
    let text = format!("email\n\"a@x.org\n{}", "b@x.org\n".repeat(200_000));
    let file = importing.file("users.csv", text);
    let ran = importing.run(&["--from", "csv", "--source", file.to_str().expect("a path")]);
    failed(&ran, 1, "longer than 1 MiB");
    let long = format!("{{\"name\":\"{}\"}}\n{{\"username\":\"b\"}}\n", "x".repeat(2 << 20));
    let file = importing.file("users.jsonl", long);
    let file = file.to_str().expect("a path");
    let users = importing.users(&["--from", "jsonl", "--source", file, "--on-error", "skip"]);
    assert_eq!(counts(&users), [1, 0, 1]);
}

#[tokio::test]
async fn json_lines_come_from_standard_input_as_well() {
    let importing = Importing::new();
    let lines = "{\"email\":\"a@x.org\",\"username\":\"al\",\"roles\":[\"editor\"],\"active\":true,\
                 \"created_at\":1485208214,\"unknown\":{\"a\":[1]}}\n{\"phone\":\"+442079460958\"}";
    let command = importing.command(&["--from", "jsonl", "--source", "-"]);
    let told = crate::program::finish(command, lines).json();
    assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
    let al = importing.show("al");
    assert_eq!(al["id"], importing.show("a@x.org")["id"]);
    assert_eq!(al["identifiers"][0]["value"], "a@x.org", "the first is the oldest");
    assert_eq!((&al["roles"], &al["number"]), (&json!(["editor"]), &json!(1)));
    assert_eq!(al["created_at"], "2017-01-23T21:50:14.000Z");
    assert_eq!(importing.show("+442079460958")["number"], 2, "in the order of the file");
}

#[tokio::test]
async fn a_bare_hash_is_hashed_whatever_it_came_from() {
    let importing = Importing::new();
    // Of 123456.
    let hash = "8D969EEF6ECAD3C29A3A629280E686CF0C3F5D5A86AFF3CA12020C923ADC6C92";
    let file = importing.file("u.jsonl", format!("{{\"username\":\"a\",\"password\":\"{hash}\"}}"));
    let users = importing.users(&["--from", "jsonl", "--source", file.to_str().expect("a path")]);
    assert_eq!((counts(&users), &users["hashed"]), ([1, 0, 0], &json!(1)));
    let server = importing.place.serve().await;
    let body = json!({ "identifier": "a", "password": "123456" });
    assert_eq!(server.post("/v1/login", body).await.0, 200);
}

#[tokio::test]
async fn arguments_that_say_nothing_together_are_refused() {
    let importing = Importing::new();
    let file = importing.file("users.jsonl", "{\"username\":\"alice\"}");
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
    let report = file.to_str().expect("a path");
    for (more, why) in [
        (&["--table", "users"][..], "a file has no tables"),
        (&["--map", "email=a", "--map", "email=b"], "email stands there twice"),
        (&["--map", "mail=email"], "`mail` is no field"),
        (&["--timezone", "Mars/Olympus"], "time zone"),
        (&["--report", report], "--report"),
        (&["--phone-prefix", "49"], "--phone-prefix"),
        (&["--phone-prefix", "+0"], "--phone-prefix"),
    ] {
        failed(&importing.run(&[&import[..], more].concat()), 2, why);
    }
    failed(&importing.run(&["--from", "jsonl", "--source", "nowhere"]), 2, "nowhere");
    failed(&importing.run(&["--from", "jsonl"]), 2, "which file");
    failed(&importing.run(&["--from", "ldap", "--source", "x"]), 2, "possible values");
}
