//! E-mails, usernames, phone numbers and names through the front door; `e1` and the like are cases
//! of the acceptance list.

use std::collections::HashSet;

use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::tables::event;
use countersign_server::{params, sql};
use reqwest::Method;
use serde_json::{Value, json};

use crate::published_lists::{element, plain, read};
use crate::server::{Answer, PASSWORD, START, Session, TestApp};

sql! {
    FORGET_PASSWORD = "DELETE FROM passwords WHERE user_id = ?";
}

async fn register(server: &TestApp, field: &str, value: &str) -> Answer {
    server.post("/v1/register", json!({ field: value, "password": PASSWORD })).await
}

async fn log_in(server: &TestApp, identifier: &str) -> Answer {
    let body = json!({ "identifier": identifier, "password": PASSWORD });
    server.post("/v1/login", body).await
}

async fn refuses_email(server: &TestApp, address: &str) {
    let refused = register(server, "email", address).await;
    assert_eq!(refused.code(), (400, "invalid_field".into()), "{address:?} {refused:?}");
    assert_eq!(refused.json()["field"], "email", "{address:?}");
}

async fn rename(server: &TestApp, access: &str, name: &str) -> Answer {
    server.send(Method::PATCH, "/v1/me", access, json!({ "name": name })).await
}

on_each_database! {
    async fn e1_an_address_in_another_case_is_the_same_account(server: TestApp) {
        let registered = register(&server, "email", "a@x.org").await;
        let alice = Session::read(&registered.json()["session"]).user_id;
        for address in ["A@X.org", "a@X.ORG", "A@x.org", " a@x.org "] {
            let taken = register(&server, "email", address).await;
            assert_eq!(taken.code(), (409, "identifier_taken".into()), "{address}");
            assert_eq!(Session::read(&log_in(&server, address).await.json()).user_id, alice);
        }
        assert_eq!(server.users().await, 1);
    }

    async fn e2_a_look_alike_is_another_account_or_refused(server: TestApp) {
        for (field, tail) in [("email", "@example.org"), ("username", "")] {
            assert_eq!(register(&server, field, &format!("mike{tail}")).await.status, 201);
            for like in ["mıke", "míke", "ｍｉｋｅ", "mіke", "mi\u{212A}e", "M\u{130}KE", "mikｅ"]
            {
                let like = format!("{like}{tail}");
                let before = log_in(&server, &like).await;
                assert_eq!(before.code(), (401, "invalid_credentials".into()), "{like}");
                let status = register(&server, field, &like).await.status.as_u16();
                assert!([201, 400].contains(&status), "{like} {status}");
            }
        }
    }

    async fn e4_what_cannot_be_seen_makes_no_twin(server: TestApp) {
        assert_eq!(register(&server, "email", "mike@example.org").await.status, 201);
        assert_eq!(register(&server, "username", "mike").await.status, 201);
        for invisible in ["\u{A0}", "\u{AD}", "\u{200B}", "\u{FEFF}", "\u{2060}", "\u{3000}", "\t"]
        {
            for (before, after) in [("", invisible), (invisible, "")] {
                refuses_email(&server, &format!("{before}mike@example.org{after}")).await;
                refuses_email(&server, &format!("{before}mike{after}@example.org")).await;
                let refused = register(&server, "username", &format!("{before}mike{after}")).await;
                assert_eq!(refused.status, 400, "{invisible:?}");
            }
        }
        for spaced in [" mike", "mike ", " mike "] {
            assert_eq!(register(&server, "username", spaced).await.status, 409, "{spaced:?}");
        }
        assert_eq!(server.users().await, 2);
    }

    async fn e5_a_domain_that_only_looks_like_another_is_refused(server: TestApp) {
        refuses_email(&server, "a@xn--example-.org").await;
        refuses_email(&server, "a@example.org.").await;
        assert_eq!(server.users().await, 0);
    }

    async fn e6_a_line_break_in_an_address_is_refused(server: TestApp) {
        for address in ["a@b\r\nBcc: v@x.org", "a\n@b.org", "a@b.org\n", "a%0a@b.org", "a@b.org%0a"]
        {
            refuses_email(&server, address).await;
        }
    }

    async fn e7_an_address_in_another_than_the_plain_form_is_refused(server: TestApp) {
        for address in ["\"a b\"@x.org", "a@[127.0.0.1]", "a(comment)@x.org", "a@(comment)x.org"] {
            refuses_email(&server, address).await;
        }
    }

    async fn e8_an_address_that_is_too_long_is_refused(server: TestApp) {
        let domain = format!("{}.{}.org", "b".repeat(63), "c".repeat(60));
        let longest = format!("{}@{}.{domain}", "a".repeat(64), "d".repeat(60));
        assert_eq!(longest.len(), 254);
        refuses_email(&server, &longest.replacen('@', "@d", 1)).await;
        refuses_email(&server, &format!("{}@x.org", "a".repeat(65))).await;
        assert_eq!(register(&server, "email", &longest).await.status, 201);
        assert_eq!(log_in(&server, &longest.to_uppercase()).await.status, 200);
    }

    async fn e9_what_is_no_address_finds_nobody_and_changes_nothing(server: TestApp) {
        server.register("alice").await;
        let wild = ["0", "true", "' OR 1=1--", "%", "_", "*", "%@%"];
        for text in wild {
            refuses_email(&server, text).await;
            let refused = log_in(&server, text).await;
            assert_eq!(refused.code(), (401, "invalid_credentials".into()), "{text}");
        }
        assert_eq!(log_in(&server, "_____@example.org").await.status, 401);
        for value in
            [json!(0), json!(true), json!({ "$ne": null }), json!(["a@x.org"]), Value::Null]
        {
            let body = json!({ "identifier": value, "password": PASSWORD });
            assert_eq!(server.post("/v1/login", body).await.status, 400, "{value}");
            let body = json!({ "email": value, "password": PASSWORD });
            assert_eq!(server.post("/v1/register", body).await.status, 400, "{value}");
        }
        assert_eq!(server.users().await, 1);
    }

    async fn e10_a_nul_is_refused_with_the_same_code_in_every_text(server: TestApp) {
        let alice = server.register("alice").await;
        refuses_email(&server, "a\0@x.org").await;
        for (field, value) in
            [("username", "a\0b"), ("phone", "+44\0 2079460958"), ("name", "A\0B")]
        {
            let body = json!({ "email": "b@x.org", "password": PASSWORD, field: value });
            let refused = server.post("/v1/register", body).await;
            assert_eq!(refused.code(), (400, "invalid_field".into()), "{field}");
            assert_eq!(refused.json()["field"], field);
        }
        assert_eq!(
            rename(&server, &alice.access, "A\0B").await.code(),
            (400, "invalid_field".into())
        );
        let body =
            json!({ "identifier": "alice@example.org", "password": PASSWORD, "device": "A\0B" });
        let device = server.post("/v1/login", body).await;
        assert_eq!(device.code(), (400, "invalid_field".into()), "{device:?}");
        assert_eq!(log_in(&server, "alice\0@example.org").await.status, 401);
        assert_eq!(server.users().await, 1);
    }

    async fn e11_an_emoji_in_a_name_is_kept(server: TestApp) {
        let body = json!({ "email": "a@x.org", "password": PASSWORD, "name": "Zoë 🦀👩‍👩‍👧‍👦" });
        let registered = server.post("/v1/register", body).await.json();
        assert_eq!(registered["user"]["name"], "Zoë 🦀👩‍👩‍👧‍👦");
        let session = Session::read(&registered["session"]);
        let me = server.get("/v1/me", &session.access).await.json();
        assert_eq!(me["name"], "Zoë 🦀👩‍👩‍👧‍👦");
    }

    async fn e12_a_naughty_name_is_refused_or_read_back_as_it_was(server: TestApp) {
        let Some(list) = read("naughty-strings/blns.json") else { return };
        let names: Vec<String> = serde_json::from_str(&list).expect("a list of strings");
        let alice = server.register("alice").await;
        let mut kept = 0;
        for name in &names {
            let answer = rename(&server, &alice.access, name).await;
            if answer.status == 400 {
                assert_eq!(answer.json()["field"], "name", "{name:?}");
                continue;
            }
            assert_eq!((answer.status.as_u16(), &answer.json()["name"]), (200, &json!(name)));
            let me = server.get("/v1/me", &alice.access).await.json();
            assert_eq!(me["name"], json!(name));
            kept += 1;
        }
        assert_eq!(names.len(), 515);
        assert!(kept > 450, "{kept} of 515 are harmless as names");
    }

    async fn e13_what_a_client_calls_itself_is_kept_short_and_on_one_line(server: TestApp) {
        server.register("alice").await;
        let long = "agent \u{1b}]0;x ".chars().filter(|c| !c.is_control()).cycle().take(5000);
        let mut agent = long.collect::<String>().into_bytes();
        agent.extend_from_slice(b"\xFF\xC0");
        let agent = reqwest::header::HeaderValue::from_bytes(&agent).expect("a header");
        let body = json!({ "identifier": "alice@example.org", "password": PASSWORD });
        let request = server.request(Method::POST, "/v1/login").header("user-agent", agent.clone());
        assert_eq!(Answer::of(request.json(&body)).await.status, 200);
        let wrong = json!({ "identifier": "alice@example.org", "password": "a wrong pass phrase" });
        let request = server.request(Method::POST, "/v1/login").header("user-agent", agent);
        assert_eq!(Answer::of(request.json(&wrong)).await.status, 401);
        let events = event::latest(&server.app.db, 10).await.expect("the database answers");
        let agents: Vec<_> = events.into_iter().filter_map(|event| event.agent).collect();
        assert_eq!(agents.len(), 2);
        for agent in agents {
            assert!(agent.starts_with("agent ") && agent.chars().count() <= 400, "{agent}");
        }
    }

    async fn e14_of_32_registrations_of_one_address_at_once_one_succeeds(server: TestApp) {
        let addresses = ["alice@example.org", "ALICE@example.org", "Alice@Example.Org"];
        let attempts = (0..32).map(|index| register(&server, "email", addresses[index % 3]));
        let mut codes: Vec<_> =
            futures::future::join_all(attempts).await.iter().map(Answer::code).collect();
        codes.sort();
        assert_eq!(codes[0], (201, String::new()));
        assert!(
            codes[1..].iter().all(|code| *code == (409, "identifier_taken".into())),
            "{codes:?}"
        );
        assert_eq!((codes.len(), server.users().await), (32, 1));
        server.log_in("alice").await;
    }

    async fn numbers_are_unique_however_many_register_at_once(server: TestApp) {
        let registering = (0..32).map(|index| {
            let server = &server;
            async move { register(server, "email", &format!("a{index}@example.org")).await }
        });
        let answers = futures::future::join_all(registering).await;
        let numbers: HashSet<i64> =
            answers.iter().filter_map(|answer| answer.json()["user"]["number"].as_i64()).collect();
        assert_eq!(numbers.len(), 32, "{answers:?}");
        assert!(numbers.iter().all(|number| (1..=200).contains(number)), "{numbers:?}");
    }

    async fn a_user_is_found_by_each_identifier_however_it_is_written(server: TestApp) {
        let body = json!({
            "email": "Alice@Example.org",
            "username": "Alice.B",
            "phone": "+44 20 7946-0958",
            "password": PASSWORD,
        });
        let user = server.post("/v1/register", body).await.json()["user"].clone();
        let values: Vec<_> = user["identifiers"].as_array().expect("a list").iter().collect();
        assert_eq!(values.len(), 3);
        assert!(
            values.contains(
                &&json!({ "kind": "phone", "value": "+442079460958", "verified": false })
            )
        );
        for identifier in [
            "alice@example.org",
            "ALICE@EXAMPLE.ORG",
            "alice.b",
            "ALICE.B",
            "+442079460958",
            "+44 (20) 7946.0958",
            " alice.b ",
        ] {
            let session = Session::read(&log_in(&server, identifier).await.json());
            assert_eq!(user["id"], session.user_id.as_str(), "{identifier}");
        }
        for (field, value) in [("username", "aLICE.b"), ("phone", "+44-20-79460958")] {
            let taken = register(&server, field, value).await;
            assert_eq!(taken.code(), (409, "identifier_taken".into()));
            assert_eq!(taken.json()["field"], field);
        }
    }

    async fn nobody_learns_from_a_login_who_has_an_account(server: TestApp) {
        let (disabled, bare) = (server.register("disabled").await, server.register("bare").await);
        server.register("alice").await;
        let caller = Caller::command(START);
        server.app.disable(&caller, &disabled.user_id).await.expect("the user is there");
        server.execute(FORGET_PASSWORD, params![&bare.user_id].to_vec()).await;

        let mut answers = Vec::new();
        for (identifier, password) in [
            ("nobody@example.org", PASSWORD),
            ("no identifier at all", PASSWORD),
            ("\0", PASSWORD),
            ("", PASSWORD),
            ("alice@example.org", "a wrong pass phrase"),
            ("disabled@example.org", PASSWORD),
            ("disabled@example.org", "a wrong pass phrase"),
            ("bare@example.org", PASSWORD),
        ] {
            let before = server.app.lane.hashes();
            let body = json!({ "identifier": identifier, "password": password });
            let answer = server.post("/v1/login", body).await;
            let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            let hashes = server.app.lane.hashes() - before;
            answers.push((identifier, (answer.status.as_u16(), answer.text, names, hashes)));
        }
        let (_, first) = answers[0].clone();
        assert_eq!((first.0, first.3), (401, 1));
        for (identifier, answer) in answers {
            assert_eq!(answer, first, "{identifier:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e7_no_address_that_the_isemail_list_calls_an_error_registers() {
    let Some(xml) = read("isemail/test/tests.xml") else { return };
    let server = TestApp::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    let errors = errors(&xml);
    assert_eq!(errors.len(), 66);
    for address in errors {
        refuses_email(&server, &address).await;
    }
    assert_eq!(server.users().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_a_person_may_register_with_a_naughty_name() {
    let Some(list) = read("naughty-strings/blns.json") else { return };
    let server = TestApp::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    let names: Vec<String> = serde_json::from_str(&list).expect("a list of strings");
    for (index, name) in names.iter().enumerate() {
        let email = format!("a{index}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        let answer = server.post("/v1/register", body).await;
        match answer.status.as_u16() {
            201 => assert_eq!(answer.json()["user"]["name"], json!(name)),
            400 => assert_eq!(answer.json()["field"], "name", "{name:?}"),
            status => panic!("{name:?} is answered {status}"),
        }
    }
}

/// The addresses of the category `ISEMAIL_ERR`.
fn errors(xml: &str) -> Vec<String> {
    let tests = xml.split("<test id=").skip(1);
    let errors = tests
        .filter(|test| element(test, "category").is_some_and(|category| category == "ISEMAIL_ERR"));
    errors.map(|test| plain(element(test, "address").unwrap_or_default())).collect()
}
