//! Hashes that other systems made, through the front door. `foreign_hashes/hashes.py` made the
//! list, with those systems' own libraries; `p16` is a case of the acceptance list.

use countersign_server::{params, sql};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use crate::server::TestApp;

const HASHES: &str = include_str!("foreign_hashes/hashes.json");

sql! {
    SET_HASH = "UPDATE passwords SET hash = ? WHERE user_id = ?";
    COUNT_SESSIONS = "SELECT COUNT(*) FROM sessions";
}

/// What a library wrote for a password.
#[derive(Deserialize)]
pub(crate) struct Foreign {
    pub(crate) made_by: String,
    pub(crate) password: String,
    pub(crate) hash: String,
    /// Whether a right password is hashed anew.
    pub(crate) upgraded: bool,
}

pub(crate) fn all() -> Vec<Foreign> {
    serde_json::from_str(HASHES).expect("the list is JSON")
}

fn of(made_by: &str) -> Foreign {
    all().into_iter().find(|foreign| foreign.made_by == made_by).expect("it is on the list")
}

/// Puts a hash in the place of the user's own, as an import would.
async fn bring(server: &TestApp, user_id: &str, hash: &str) {
    server.execute(SET_HASH, params![hash, user_id].to_vec()).await;
}

async fn status(server: &TestApp, password: &str) -> u16 {
    server.log_in_answer("alice", password).await.status.as_u16()
}

/// The password but for its first character.
fn other(password: &str) -> String {
    let rest = password.chars().skip(1);
    ['X'].into_iter().chain(rest).collect()
}

fn is_todays(hash: &str) -> bool {
    hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$")
}

on_each_database! {
    async fn a_hash_of_another_system_serves_until_the_first_login_replaces_it(server: TestApp) {
        let alice = server.register("alice").await;
        for Foreign { made_by, password, hash, upgraded } in all() {
            bring(&server, &alice.user_id, &hash).await;
            assert_eq!(status(&server, &other(&password)).await, 401, "{made_by} {hash}");
            assert_eq!(server.hash_of(&alice.user_id).await, hash, "{made_by}");
            assert_eq!(status(&server, &password).await, 200, "{made_by} {hash}");
            let after = server.hash_of(&alice.user_id).await;
            assert_eq!(after != hash, upgraded, "{made_by} {hash}");
            assert!(!upgraded || is_todays(&after), "{made_by} {after}");
            assert_eq!(status(&server, &password).await, 200, "{made_by} again");
            assert_eq!(status(&server, &other(&password)).await, 401, "{made_by} again");
            assert_eq!(server.hash_of(&alice.user_id).await, after, "{made_by}: replaced once");
        }
    }

    async fn a_password_is_tried_as_it_was_received_and_then_in_nfc(server: TestApp) {
        let alice = server.register("alice").await;
        let accented = all().into_iter().filter(|foreign| !foreign.password.is_ascii());
        for Foreign { made_by, password, hash, .. } in accented {
            bring(&server, &alice.user_id, &hash).await;
            let (composed, decomposed): (String, String) =
                (password.nfc().collect(), password.nfd().collect());
            let of_composed = password == composed;
            let expected = if of_composed { 200 } else { 401 };
            if !of_composed {
                assert_eq!(status(&server, &composed).await, expected, "{made_by} {hash}");
            }
            assert_eq!(status(&server, &decomposed).await, 200, "{made_by} {hash}");
            assert!(is_todays(&server.hash_of(&alice.user_id).await), "{made_by} {hash}");
            assert_eq!(status(&server, &composed).await, 200, "{made_by}: hashed anew in NFC");
            assert_eq!(status(&server, &decomposed).await, 200, "{made_by}: hashed anew in NFC");
        }
    }

    async fn p4_bcrypt_compares_72_octets_as_the_original_did(server: TestApp) {
        let alice = server.register("alice").await;
        let long = all().into_iter().find(|foreign| foreign.password.len() > 72);
        let Foreign { password, hash, .. } = long.expect("it is on the list");
        bring(&server, &alice.user_id, &hash).await;
        for right in [&password, &password[..72], &format!("{}else", &password[..72])] {
            assert_eq!(status(&server, right).await, 200, "{right}");
            assert_eq!(server.hash_of(&alice.user_id).await, hash, "nobody knows what followed");
        }
        assert_eq!(status(&server, &password[..71]).await, 401);
    }

    async fn p5_a_nul_does_not_make_another_password_of_a_bcrypt_hash(server: TestApp) {
        let alice = server.register("alice").await;
        let Foreign { password, hash, .. } = of("bcrypt");
        bring(&server, &alice.user_id, &hash).await;
        for repeated in [format!("{password}\0"), format!("{password}\0{password}")] {
            assert_eq!(status(&server, &repeated).await, 401, "{repeated:?}");
        }
        assert_eq!(status(&server, &password).await, 200);
    }

    async fn p16_a_long_password_is_not_hashed_half_a_million_times(server: TestApp) {
        let alice = server.register("alice").await;
        let password = "correct horse battery staple ".repeat(32);
        for (hash, expected) in [
            ("$P$B12345678DIBMx3xgZdwbkgWAjCMFt/", 200),
            ("$P$H12345678V9qBpJJqeRBYh68BO2Kdn/", 401),
        ] {
            bring(&server, &alice.user_id, hash).await;
            let before = server.app.lane.hashes();
            assert_eq!(status(&server, &password).await, expected, "{hash}");
            let anew = u64::from(expected == 200);
            assert_eq!(server.app.lane.hashes() - before, 1 + anew, "{hash}");
        }
    }

    async fn p16_a_hostile_hash_is_a_wrong_password_at_the_usual_price(server: TestApp) {
        let alice = server.register("alice").await;
        let before = server.app.lane.hashes();
        let unknown = server.log_in_answer("nobody", "my password").await;
        assert_eq!((unknown.status.as_u16(), server.app.lane.hashes() - before), (401, 1));
        for hostile in hostile() {
            bring(&server, &alice.user_id, &hostile).await;
            let before = server.app.lane.hashes();
            let refused = server.log_in_answer("alice", "my password").await;
            let (status, text) = (refused.status, &refused.text);
            assert_eq!((status, text), (unknown.status, &unknown.text), "{hostile}");
            assert_eq!(server.app.lane.hashes() - before, 1, "{hostile}");
            assert_eq!(server.hash_of(&alice.user_id).await, hostile);
        }
        assert_eq!(server.count(COUNT_SESSIONS).await, 1);
        assert!(server.app.lane.memory_kib() <= 2 * 64, "the lanes keep no more than their own");
    }
}

/// What no library writes. The octets after 13 of the first are an empty hash; the second has
/// 4,294,967,295 rounds, the third a salt of that length.
const CRAFTED: [&str; 18] = [
    "AQAAAAEAACcQAAAAEEFBQUFBQUFBQUFBQUFBQUE=",
    "AQAAAAH/////AAAAEEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    "AQAAAAEAACcQ/////0FBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    "AQAAAAMAACcQAAAAEEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    "pbkdf2:sha256:1000$salt$",
    "pbkdf2:sha256:1000$salt$zz",
    "pbkdf2_sha256$1000$salt$",
    "$pbkdf2-sha256$1000$$",
    "scrypt:2:1:1$salt$",
    "$scrypt$ln=1,r=1,p=1$$",
    "$2b$",
    "$P$",
    "AQAA",
    "sha256$salt$0011",
    "plain$$my password",
    "my password",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    // The bare SHA-256 of the password, which is never taken as it is.
    "bb14292d91c6d0920a5536bb41f3a50f66351b7b9d94c804dfce8a96ca1051f2",
];

/// Each form cut short, with costs beyond the bound, and with things that are not of it.
fn hostile() -> Vec<String> {
    let replaced = |made_by: &str, from: &str, to: &str| {
        let hash = of(made_by).hash;
        assert!(hash.contains(from), "{hash} {from}");
        hash.replacen(from, to, 1)
    };
    let short = all().into_iter().flat_map(|Foreign { hash, .. }| {
        [hash[..hash.len() - 3].to_owned(), hash[..hash.len() / 2].to_owned(), format!("{hash}\0")]
    });
    let costly = [
        replaced("bcrypt", "$05$", "$16$"),
        replaced("bcrypt", "$05$", "$31$"),
        replaced("bcrypt", "$05$", "$99$"),
        replaced("bcrypt", "$05$", "$03$"),
        replaced("bcrypt", "$05$", "$+5$"),
        replaced("bcrypt", "$2b$", "$2x$"),
        replaced("passlib pbkdf2_sha256", "$29000$", "$4294967295$"),
        replaced("passlib pbkdf2_sha256", "$29000$", "$99999999999999999999999$"),
        replaced("passlib pbkdf2_sha256", "$29000$", "$0$"),
        replaced("passlib pbkdf2_sha256", "$29000$", "$-1$"),
        replaced("passlib scrypt", "ln=10", "ln=30"),
        replaced("passlib scrypt", "ln=10", "ln=64"),
        replaced("passlib scrypt", "ln=10", "ln=0"),
        replaced("passlib scrypt", "r=8", "r=4294967295"),
        replaced("passlib scrypt", "r=8", "r=0"),
        replaced("passlib scrypt", "p=1", "p=4294967295"),
        replaced("passlib scrypt", "p=1", "p=0"),
        replaced("passlib phpass", "$P$6", "$P$z"),
        replaced("passlib phpass", "$P$6", "$P$."),
        replaced("Werkzeug 3 scrypt", "32768", "1073741824"),
        replaced("Werkzeug 3 scrypt", "32768", "32767"),
        replaced("Werkzeug 3 scrypt", "32768", "0"),
        replaced("Werkzeug 3 pbkdf2", "1000000", "2000001"),
        replaced("Werkzeug 3 pbkdf2", "sha256", "md5"),
        replaced("Django", "10000", "4294967296"),
        replaced("argon2-cffi", "m=64", "m=4294967295"),
        replaced("argon2-cffi Argon2i", "m=64", "m=262145"),
        replaced("argon2-cffi Argon2i", "argon2i", "argon2d"),
    ];
    let crafted = CRAFTED.into_iter().map(str::to_owned);
    let all: Vec<String> = short.chain(costly).chain(crafted).collect();
    // PostgreSQL stores no NUL.
    all.into_iter().map(|hash| hash.replace('\0', "\u{1}")).collect()
}
