//! Passwords through the front door; `p1` and the like are cases of the acceptance list.

use countersign_server::{params, sql};
use reqwest::Method;
use serde_json::json;

use crate::server::{Answer, PASSWORD, TestApp};

sql! {
    SET_HASH = "UPDATE passwords SET hash = ? WHERE user_id = ?";
    COUNT_SESSIONS = "SELECT COUNT(*) FROM sessions";
}

const NEW: &str = "another long pass phrase";

/// A text of so many characters that no rule finds fault with.
fn phrase(characters: usize) -> String {
    PASSWORD.chars().chain(" and ".chars()).cycle().take(characters).collect()
}

async fn refuses_new(server: &TestApp, password: &str, reason: &str) {
    let refused = server.register_with("alice", password).await;
    assert_eq!(refused.code(), (400, "invalid_field".into()), "{reason}: {refused:?}");
    assert_eq!(refused.json()["field"], "password");
    assert_eq!(refused.reason(), reason);
}

/// Registers with one password; the others must not be it.
async fn keeps_apart(server: &TestApp, password: &str, others: &[&str]) {
    assert_eq!(server.register_with("alice", password).await.status, 201, "{password:?}");
    assert_eq!(server.log_in_answer("alice", password).await.status, 200, "{password:?}");
    for other in others {
        let refused = server.log_in_answer("alice", other).await;
        assert_eq!(refused.code(), (401, "invalid_credentials".into()), "{other:?}");
    }
}

on_each_database! {
    async fn p1_seven_characters_are_too_few_and_eight_are_enough(server: TestApp) {
        refuses_new(&server, "Tr0ub4d", "too_short").await;
        refuses_new(&server, "é\u{301}é\u{301}é\u{301}é", "too_short").await;
        assert_eq!(server.users().await, 0);
        assert_eq!(server.register_with("alice", "Tr0ub4do").await.status, 201);
    }

    async fn p2_a_long_password_is_taken_whole_or_refused_with_the_limit_named(server: TestApp) {
        for length in [64, 128, 1024] {
            let (name, password) = (format!("alice{length}"), phrase(length));
            assert_eq!(server.register_with(&name, &password).await.status, 201, "{length}");
            assert_eq!(server.log_in_answer(&name, &password).await.status, 200, "{length}");
            let shorter = phrase(length - 1);
            assert_eq!(server.log_in_answer(&name, &shorter).await.status, 401, "{length}");
        }
        let refused = server.register_with("bob", &phrase(1025)).await;
        assert_eq!((refused.status.as_u16(), refused.reason()), (400, "too_long".into()));
        assert!(refused.text.contains("1024"), "{refused:?}");
    }

    async fn p3_a_megabyte_is_refused_and_nothing_is_hashed(server: TestApp) {
        let hashes = server.app.lane.hashes();
        let body = json!({ "email": "a@example.org", "password": "a".repeat(1 << 20) });
        assert_eq!(server.post("/v1/register", body).await.status, 413);
        let body = json!({ "identifier": "a@example.org", "password": "a".repeat(1 << 20) });
        assert_eq!(server.post("/v1/login", body).await.status, 413);
        assert_eq!(server.app.lane.hashes(), hashes);
    }

    async fn p4_what_follows_the_first_72_bytes_counts(server: TestApp) {
        let head = phrase(72);
        let other = format!("{head} one tale");
        keeps_apart(&server, &format!("{head} one tail"), &[&other, &head]).await;
    }

    async fn p5_what_follows_a_nul_counts(server: TestApp) {
        let others = ["long enough", "long enough\0zz", "long enough\0"];
        keeps_apart(&server, "long enough\0cd", &others).await;
    }

    async fn p6_spaces_around_a_password_are_part_of_it(server: TestApp) {
        let trimmed = "a pass phrase";
        let others = [trimmed, " a pass phrase", "a pass phrase ", "  a pass phrase "];
        keeps_apart(&server, " a pass phrase ", &others).await;
    }

    async fn p7_case_counts(server: TestApp) {
        keeps_apart(&server, "A Pass Phrase", &["a pass phrase", "A PASS PHRASE"]).await;
    }

    async fn p8_composed_and_decomposed_are_one_password(server: TestApp) {
        let (composed, decomposed) = ("caf\u{E9} au lait", "cafe\u{301} au lait");
        keeps_apart(&server, composed, &["cafe au lait"]).await;
        assert_eq!(server.log_in_answer("alice", decomposed).await.status, 200);
        assert_eq!(server.register_with("bob", decomposed).await.status, 201);
        assert_eq!(server.log_in_answer("bob", composed).await.status, 200);
    }

    async fn p9_characters_of_every_kind_are_taken(server: TestApp) {
        let all = [
            "👩‍👩‍👧‍👦🎉🦀🔑🚪🪟🧱🧶",
            "كلمة السر الطويلة",
            "zero\u{200D}width\u{200B}joiner",
            "unassigned \u{378}\u{E0080}\u{10FFFF}",
        ];
        for (index, password) in all.iter().enumerate() {
            let name = format!("alice{index}");
            let registered = server.register_with(&name, password).await;
            assert_eq!(registered.status, 201, "{password:?} {registered:?}");
            assert_eq!(server.log_in_answer(&name, password).await.status, 200, "{password:?}");
        }
    }

    async fn p10_a_password_that_is_guessed_first_is_refused_with_its_reason(server: TestApp) {
        for (password, reason) in [
            ("aaaaaaaaaaaaaaa", "repetition"),
            ("123456789012345", "sequence"),
            ("Countersign", "service_name"),
            ("countersign2026!", "service_name"),
            ("Alice@Example.org", "own_identifier"),
            ("PassWord1", "common"),
            ("iloveyou", "common"),
        ] {
            refuses_new(&server, password, reason).await;
        }
        assert_eq!((server.users().await, server.app.lane.hashes()), (0, 0));

        let name = json!({ "name": "Alice Liddell" });
        let mut body = json!({ "email": "alice@example.org", "password": "alice liddell" });
        body["name"] = name["name"].clone();
        assert_eq!(server.post("/v1/register", body).await.reason(), "own_identifier");

        let session = server.register("alice").await;
        let renamed = server.send(Method::PATCH, "/v1/me", &session.access, name).await;
        assert_eq!(renamed.status, 200);
        for own in ["alice@example.org", "Alice Liddell 1865"] {
            let refused = server.change_password(&session.access, PASSWORD, own).await;
            assert_eq!((refused.status.as_u16(), refused.reason()), (400, "own_identifier".into()));
        }
    }

    async fn p11_no_kind_of_character_is_asked_for(server: TestApp) {
        for (name, password) in [("alice", "739150284617"), ("bob", "correcthorsebattery")] {
            assert_eq!(server.register_with(name, password).await.status, 201, "{password}");
        }
    }

    async fn p12_what_is_not_unicode_is_refused(server: TestApp) {
        let bodies: [&[u8]; 3] = [
            br#"{"email":"a@example.org","password":"long enough \ud800"}"#,
            b"{\"email\":\"a@example.org\",\"password\":\"long enough \xC0\x80\"}",
            b"{\"email\":\"a@example.org\",\"password\":\"long enough \xFF\"}",
        ];
        for body in bodies {
            let request = server.request(Method::POST, "/v1/register");
            let request = request.header("content-type", "application/json").body(body);
            assert_eq!(Answer::of(request).await.code(), (400, "invalid_body".into()));
        }
        assert_eq!(server.users().await, 0);
    }

    async fn p13_an_empty_password_is_refused(server: TestApp) {
        refuses_new(&server, "", "empty").await;
        refuses_new(&server, "         ", "empty").await;
        refuses_new(&server, "\u{3000}\u{A0}\t\n        ", "empty").await;
        let null = json!({ "email": "alice@example.org", "password": null });
        assert_eq!(server.post("/v1/register", null).await.code(), (400, "invalid_body".into()));
        server.register("alice").await;
        assert_eq!(server.log_in_answer("alice", "").await.status, 401);
    }

    async fn p14_a_password_is_changed_with_the_old_one_and_other_sessions_end(server: TestApp) {
        let (other, own) = (server.register("alice").await, server.log_in("alice").await);
        for (current, new, code) in [
            ("not the old one", NEW, (401, "invalid_credentials")),
            ("", NEW, (401, "invalid_credentials")),
            (PASSWORD, PASSWORD, (400, "invalid_field")),
            (PASSWORD, "short", (400, "invalid_field")),
        ] {
            let refused = server.change_password(&own.access, current, new).await;
            assert_eq!(refused.code(), (code.0, code.1.into()), "{current:?} {new:?}");
        }
        let missing = json!({ "new": NEW });
        let refused = server.send(Method::POST, "/v1/me/password", &own.access, missing).await;
        assert_eq!(refused.status, 400);
        assert_eq!(server.check(&other.access).await, 200, "nothing has changed yet");
        assert_eq!(server.log_in_answer("alice", PASSWORD).await.status, 200);

        assert_eq!(server.change_password(&own.access, PASSWORD, NEW).await.status, 204);
        assert_eq!(server.get("/v1/me", &other.access).await.reason(), "password_changed");
        assert_eq!(server.refresh_answer(&other.refresh).await.reason(), "password_changed");
        server.refresh(&own).await;
        assert_eq!(server.log_in_answer("alice", PASSWORD).await.status, 401);
        assert_eq!(server.log_in_answer("alice", NEW).await.status, 200);
    }

    async fn p15_a_hash_of_lower_cost_is_replaced_once(server: TestApp) {
        let alice = server.register("alice").await;
        let todays = server.hash_of(&alice.user_id).await;
        let old = hash_of_cost(8).await;
        server.execute(SET_HASH, params![&old, &alice.user_id].to_vec()).await;

        assert_eq!(server.log_in_answer("alice", "wrong pass phrase").await.status, 401);
        assert_eq!(server.hash_of(&alice.user_id).await, old, "a wrong password upgrades nothing");
        server.log_in("alice").await;
        let upgraded = server.hash_of(&alice.user_id).await;
        assert_eq!(parameters(&upgraded), parameters(&todays));
        assert_ne!(upgraded, todays);
        server.log_in("alice").await;
        assert_eq!(server.hash_of(&alice.user_id).await, upgraded);
    }

    async fn p16_a_row_that_cannot_be_read_is_a_wrong_password_at_the_usual_price(server: TestApp) {
        let alice = server.register("alice").await;
        let good = server.hash_of(&alice.user_id).await;
        let before = server.app.lane.hashes();
        let unknown = server.log_in_answer("nobody", PASSWORD).await;
        let price = server.app.lane.hashes() - before;
        assert_eq!((unknown.status.as_u16(), price), (401, 1));
        for corrupt in [
            String::new(),
            " ".into(),
            "ünïcode 🎉".into(),
            "$2b$12$ünïcode".into(),
            good.replace("m=64", "m=4294967295"),
            good.replace("t=1", "t=4294967295"),
            good.replace("p=1", "p=16777215"),
            good.replace("$argon2id$", "$argon2i$"),
            good.replace("$argon2id$", "$argon2d$"),
            good.replace("$v=19", "$v=99"),
            good[..good.len() - 20].to_owned(),
            good.replace('$', ""),
            "$argon2id$v=19$m=64,t=1,p=1$$".into(),
            "$$$$$$$$".into(),
        ] {
            assert_ne!(corrupt, good);
            server.execute(SET_HASH, params![&corrupt, &alice.user_id].to_vec()).await;
            let before = server.app.lane.hashes();
            let refused = server.log_in_answer("alice", PASSWORD).await;
            assert_eq!(
                (refused.status, &refused.text),
                (unknown.status, &unknown.text),
                "{corrupt}"
            );
            assert_eq!(server.app.lane.hashes() - before, price, "{corrupt}");
        }
        assert_eq!(server.count(COUNT_SESSIONS).await, 1);
        server.execute(SET_HASH, params![&good, &alice.user_id].to_vec()).await;
        server.log_in("alice").await;
    }
}

/// What stands in a PHC string before the salt.
fn parameters(hash: &str) -> Vec<&str> {
    hash.split('$').take(4).collect()
}

/// A hash of [`PASSWORD`] that takes so much memory.
async fn hash_of_cost(memory_kib: u32) -> String {
    use countersign_server::entropy::Entropy;
    use countersign_server::password::{HashLane, LaneOptions, Password};
    let options = LaneOptions { lanes: 1, memory_kib, iterations: 1, ..LaneOptions::default() };
    let lane = HashLane::new(options, Entropy::System).expect("a lane");
    let password = Password::parse(PASSWORD.into()).expect("a password");
    lane.hash(password, [127, 0, 0, 1].into()).await.expect("there is room")
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_fifteen_characters_can_be_asked_for() {
    use countersign_server::db::Kind;
    let server = TestApp::with(Kind::Sqlite, |config| config.passwords.min_length = 15).await;
    let server = server.expect("SQLite is always there");
    refuses_new(&server, "fourteen chars", "too_short").await;
    assert_eq!(server.register_with("alice", "fifteen letters").await.status, 201);
}
