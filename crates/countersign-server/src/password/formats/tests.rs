//! Published hashes of bcrypt, and the bounds of each form. What each library writes is tested
//! through the front door.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::import::{Importable, importable};
use super::*;

const BCRYPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/bcrypt/bcrypt_vectors.json");

fn bcrypt(hash: &str) -> Bcrypt {
    match Stored::parse(hash) {
        Ok(Stored::Bcrypt(hash)) => hash,
        Ok(_) => panic!("{hash} is of another form"),
        Err(error) => panic!("{hash}: {error}"),
    }
}

#[test]
fn the_published_hashes_of_bcrypt_are_those_of_their_passwords() {
    let Ok(text) = std::fs::read_to_string(BCRYPT) else {
        return eprintln!("skipped: {BCRYPT} is not there");
    };
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let lists = ["test_vectors", "2y_test_vectors"].map(|name| &list["vectors"][name]);
    let vectors: Vec<&Value> = lists.iter().filter_map(|list| list.as_array()).flatten().collect();
    assert_eq!(vectors.len(), 28);
    for vector in vectors {
        let password = vector["password_b64"].as_str().expect("a text");
        let mut password = STANDARD.decode(password).expect("Base64");
        let hash = vector["hash"].as_str().expect("a text");
        assert!(bcrypt(hash).matches(&password), "{vector}");
        password[0] ^= 1;
        assert!(!bcrypt(hash).matches(&password), "{vector}");
    }
}

#[test]
fn a_bcrypt_hash_with_stray_bits_after_its_salt_is_read() {
    let hash = "$2a$04$tecY.9ylRInW/rAAzXCXPOOlyYeCNzmNTzPDNSIFztFMKbvs/s5XG";
    // The last character of a salt has two bits of it: `O` is 010000.
    let stray = hash.replacen("XPO", "XPP", 1);
    assert_eq!((bcrypt(hash).salt(), stray == hash), (bcrypt(&stray).salt(), false));
}

/// With the costs that the text names, of forms that are good but for them.
fn refused(text: &str) -> Option<UnusableHash> {
    Stored::parse(text).err()
}

const DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const HEX: &str = "00112233445566778899aabbccddeeff";

#[test]
fn p16_costs_have_bounds_that_are_named() {
    let bcrypt = |cost| format!("$2b${cost}$......................{}", ".".repeat(31));
    let werkzeug = |cost| format!("scrypt:{cost}$salt${HEX}");
    let scrypt = |costs| format!("$scrypt${costs}$c2FsdA${DIGEST}");
    for within in [
        bcrypt("04"),
        bcrypt("15"),
        format!("$pbkdf2-sha256$2000000$c2FsdA${DIGEST}"),
        format!("pbkdf2:sha1:2000000$salt${HEX}"),
        format!("pbkdf2_sha256$2000000$salt${DIGEST}="),
        werkzeug("65536:8:1"),
        werkzeug("32768:8:8"),
        werkzeug("16384:8:16"),
        werkzeug("524288:1:1"),
        scrypt("ln=16,r=8,p=1"),
        scrypt("ln=1,r=32768,p=16"),
        format!("pbkdf2:sha1:500000$salt${}", HEX.repeat(4)),
        format!("pbkdf2:sha256:1000000$salt${}", HEX.repeat(4)),
        format!("pbkdf2:sha512:2000000$salt${}", HEX.repeat(4)),
        "$P$H12345678......................".into(),
        "$argon2i$v=19$m=262144,t=4,p=16$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu".into(),
    ] {
        assert_eq!(refused(&within), None, "{within}");
    }
    for (beyond, bound) in [
        (bcrypt("16"), "at most 15"),
        (bcrypt("31"), "at most 15"),
        (format!("$pbkdf2-sha256$2000001$c2FsdA${DIGEST}"), "2,000,000"),
        (format!("pbkdf2:sha256:99999999999999999999$salt${HEX}"), "2,000,000"),
        (format!("pbkdf2_sha256$4294967297$salt${DIGEST}="), "2,000,000"),
        (werkzeug("131072:8:1"), "64 MiB"),
        (werkzeug("65536:9:1"), "64 MiB"),
        (werkzeug("2:8:17"), "at most 16"),
        (werkzeug("32768:8:9"), "256 MiB"),
        (werkzeug("65536:8:5"), "256 MiB"),
        (scrypt("ln=14,r=16,p=9"), "256 MiB"),
        (format!("pbkdf2:sha1:500001$salt${}", HEX.repeat(4)), "2,000,000"),
        (format!("pbkdf2:sha256:1000001$salt${}", HEX.repeat(4)), "2,000,000"),
        (werkzeug("2:4294967295:1"), "64 MiB"),
        (werkzeug("9223372036854775808:18446744073709551615:1"), "64 MiB"),
        (scrypt("ln=17,r=8,p=1"), "64 MiB"),
        (scrypt("ln=64,r=1,p=1"), "64 MiB"),
        (scrypt("ln=4294967297,r=1,p=1"), "64 MiB"),
        (scrypt("ln=1,r=65536,p=16"), "64 MiB"),
        ("$P$I12345678......................".into(), "2^19"),
        (
            "$argon2i$v=19$m=262145,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu".into(),
            "256 MiB",
        ),
    ] {
        let error = refused(&beyond);
        assert!(matches!(error, Some(UnusableHash::TooCostly(_))), "{beyond} {error:?}");
        let told = error.expect("it is refused").to_string();
        assert!(told.contains(bound) && !told.contains("salt"), "{beyond}: {told}");
    }
}

#[test]
fn what_is_incomplete_weak_or_unknown_is_told_apart() {
    for corrupt in [
        "$2b$12$",
        "$2b$12$tooshort",
        "$pbkdf2-sha256$1000$c2FsdA$",
        "$pbkdf2-sha256$1000$c2FsdA",
        "pbkdf2:sha256:1000$salt$0011",
        "pbkdf2:sha256:1000$salt$0",
        "pbkdf2:sha256$salt$00112233445566778899aabbccddeeff",
        "scrypt:3:8:1$salt$00112233445566778899aabbccddeeff",
        "$scrypt$r=8,ln=4,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AQAAAAEAACcQ",
        "$P$B",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
    ] {
        assert_eq!(importable(corrupt), Err(UnusableHash::Corrupt), "{corrupt}");
    }
    for weak in ["sha256$salt$00", "md5$salt$00", "plain$$secret"] {
        assert_eq!(importable(weak), Err(UnusableHash::TooWeak), "{weak}");
    }
    let long = "a".repeat(65);
    for unknown in
        ["", "secret", "$2x$12$x", "$1$x$y", "$argon2d$v=19$x", "$5$x", &long, "pässword"]
    {
        let error = importable(unknown).expect_err("it is of no form");
        assert!(
            matches!(error, UnusableHash::UnknownForm | UnusableHash::Corrupt),
            "{unknown} {error}"
        );
        assert!(unknown.is_empty() || !error.to_string().contains(unknown));
    }
    let kept = importable("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0");
    assert_eq!(kept, Ok(Importable::Keep));
}
