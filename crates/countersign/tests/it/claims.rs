//! Claims that must not be believed, signed with a key of ours.

use std::time::Duration;

use countersign::{
    Algorithm, ClaimType, JsonError, KeyRing, Profile, Subject, Verified, Verifier, VerifyError,
};
use serde_json::{Value, json};

use crate::kit::{
    AUDIENCE, ISSUER, NOW, claims, claims_with, header, key, ring, sign_raw, verifier,
};

fn token(payload: impl AsRef<[u8]>) -> String {
    sign_raw(key(Algorithm::Hs256), header(Algorithm::Hs256).to_string(), payload)
}

fn verify(payload: impl AsRef<[u8]>) -> Result<(), VerifyError> {
    verifier().verify(&token(payload), NOW).map(drop)
}

fn verify_with(name: &str, value: &Value) -> Result<(), VerifyError> {
    verify(claims_with(&json!({ name: value })))
}

/// As [`verify_with`], with a value that `json!` cannot write or would take out.
fn verify_text(name: &str, value: &str) -> Result<(), VerifyError> {
    let text = claims_with(&json!({ name: "@" }));
    verify(text.replace(&format!(r#""{name}":"@""#), &format!(r#""{name}":{value}"#)))
}

#[test]
fn expiry_has_no_leeway() {
    let token = token(claims().to_string());
    verifier().verify(&token, NOW + 899).unwrap();
    assert_eq!(verifier().verify(&token, NOW + 900), Err(VerifyError::Expired));
    assert_eq!(verifier().verify(&token, NOW + 901), Err(VerifyError::Expired));
    assert_eq!(verifier().verify(&token, i64::MAX), Err(VerifyError::Expired));
    verifier().verify_even_if_expired(&token, i64::MAX).unwrap();
    let generous = verifier().expiry_leeway(Duration::from_secs(5));
    generous.verify(&token, NOW + 904).unwrap();
    assert_eq!(generous.verify(&token, NOW + 905), Err(VerifyError::Expired));
}

#[test]
fn other_times_have_the_leeway() {
    let verifier = verifier().leeway(Duration::from_secs(10));
    for (name, error) in [("iat", VerifyError::IssuedInFuture), ("nbf", VerifyError::NotYetValid)] {
        let at = |time| token(claims_with(&json!({ name: time })));
        verifier.verify(&at(NOW + 10), NOW).unwrap();
        assert_eq!(verifier.verify(&at(NOW + 11), NOW), Err(error.clone()));
        assert_eq!(verifier.verify_even_if_expired(&at(NOW + 11), NOW), Err(error.clone()));
        assert_eq!(verifier.verify(&at(NOW), i64::MIN), Err(error));
    }
}

#[test]
fn times_and_numbers_are_whole_and_in_range() {
    let bad = [
        "\"1800000900\"",
        "1e300",
        "-1",
        "18446744073709551616",
        "true",
        "null",
        "[]",
        "{}",
        "1800000900.0",
        "18e8",
        "9007199254740993",
        "-0.0",
    ];
    for name in ["exp", "iat", "nbf", "gen"] {
        for value in bad {
            assert_eq!(
                verify_text(name, value),
                Err(VerifyError::WrongClaimType { name }),
                "{value}"
            );
        }
    }
    assert_eq!(verify_text("exp", "9007199254740992"), Ok(()));
    assert_eq!(verify_text("exp", "1e999999"), Err(VerifyError::Payload(JsonError::Syntax)));
}

#[test]
fn what_the_profile_requires_is_there() {
    for name in ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "gen"] {
        assert_eq!(verify_with(name, &Value::Null), Err(VerifyError::MissingClaim { name }));
        assert_eq!(verify_text(name, "null"), Err(VerifyError::WrongClaimType { name }));
    }
    for name in ["auth_time", "amr", "roles", "nbf"] {
        assert_eq!(verify_with(name, &Value::Null), Ok(()));
    }
}

#[test]
fn texts_are_texts_and_not_empty() {
    for name in ["iss", "sub", "jti", "sid"] {
        for value in [json!(1), json!(""), json!(true), json!([ISSUER]), json!({})] {
            let refused = Err(VerifyError::WrongClaimType { name });
            assert_eq!(verify_with(name, &value), refused, "{value}");
        }
        let nul = Err(VerifyError::Payload(JsonError::Nul));
        assert_eq!(verify_with(name, &json!("a\0b")), nul);
        let surrogate = Err(VerifyError::Payload(JsonError::Syntax));
        assert_eq!(verify_text(name, r#""\ud800""#), surrogate);
    }
}

#[test]
fn the_issuer_is_exact() {
    let upper = ISSUER.to_uppercase();
    let slash = format!("{ISSUER}/");
    for issuer in [&upper, &slash, &ISSUER[..ISSUER.len() - 1], "x"] {
        assert_eq!(verify_with("iss", &json!(issuer)), Err(VerifyError::Issuer));
    }
}

#[test]
fn the_audience_contains_ours_and_nothing_but_texts() {
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["x", AUDIENCE])] {
        assert_eq!(verify_with("aud", &audience), Ok(()));
    }
    for audience in [json!("x"), json!(["x"]), json!([format!("{AUDIENCE}/")])] {
        assert_eq!(verify_with("aud", &audience), Err(VerifyError::Audience));
    }
    for audience in [
        json!(1),
        json!({ AUDIENCE: 1 }),
        json!([]),
        json!([AUDIENCE, 5]),
        json!(""),
        json!([[AUDIENCE]]),
    ] {
        let refused = Err(VerifyError::WrongClaimType { name: "aud" });
        assert_eq!(verify_with("aud", &audience), refused, "{audience}");
    }
}

#[test]
fn a_payload_has_one_reading() {
    let good = claims().to_string();
    let with = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    let array = json!([ISSUER, "u1", AUDIENCE, NOW + 900, NOW]).to_string();
    let nested =
        |depth: usize| with(&format!(r#""x":{}1{}"#, "[".repeat(depth), "]".repeat(depth)));
    let cases = [
        (with(r#""role":"user","role":"admin""#), JsonError::DuplicateMember),
        (with(r#""s\u0075b":"u2""#), JsonError::DuplicateMember),
        (with(r#""x":{"a":1,"a":2}"#), JsonError::DuplicateMember),
        (with(r#""x":[{"a":1,"\u0061":2}]"#), JsonError::DuplicateMember),
        (with(r#""x":["\u0000"]"#), JsonError::Nul),
        (with(r#""x\u0000":1"#), JsonError::Nul),
        (array, JsonError::NotAnObject),
        ("[]".into(), JsonError::NotAnObject),
        ("\"x\"".into(), JsonError::NotAnObject),
        ("null".into(), JsonError::NotAnObject),
        ("no".into(), JsonError::Syntax),
        (format!("{good} x"), JsonError::Syntax),
        (format!("{good}{{}}"), JsonError::Syntax),
        (format!("\u{feff}{good}"), JsonError::Syntax),
        (with(r#""x":NaN"#), JsonError::Syntax),
        (nested(32), JsonError::TooDeep),
        (nested(200), JsonError::TooDeep),
    ];
    for (payload, error) in cases {
        assert_eq!(verify(&payload), Err(VerifyError::Payload(error)), "{payload}");
    }
    assert_eq!(verify(nested(31)), Ok(()));
    assert_eq!(verify(b"{\"x\":\"\xc0\x80\"}"), Err(VerifyError::Payload(JsonError::Syntax)));
}

#[test]
fn the_payload_is_not_looked_at_before_the_signature() {
    let token = token("no");
    let spoiled = format!("{}A", &token[..token.len() - 1]);
    let spoiled =
        if spoiled == token { format!("{}E", &token[..token.len() - 1]) } else { spoiled };
    assert_eq!(verifier().verify(&spoiled, NOW), Err(VerifyError::Signature));
}

#[test]
fn each_kind_of_token_is_good_for_itself_only() {
    const KINDS: [&str; 5] = ["at+jwt", "rt+jwt", "reset+jwt", "verify+jwt", "JWT"];
    for made in KINDS {
        let header = json!({ "alg": "HS256", "typ": made, "kid": "HS256" }).to_string();
        let token = sign_raw(key(Algorithm::Hs256), header, claims().to_string());
        for wanted in KINDS {
            let profile = Profile { typ: wanted, ..Profile::ACCESS };
            let accepted = Verifier::new(profile, ring()).verify(&token, NOW).is_ok();
            assert_eq!(accepted, made == wanted, "{made} as {wanted}");
        }
    }
}

#[test]
fn a_profile_of_an_old_system_has_an_integer_subject() {
    const OLD: Profile = Profile {
        typ: "JWT",
        required: &[
            ("iat", ClaimType::Integer),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
            ("data", ClaimType::Object),
            ("fresh", ClaimType::Boolean),
        ],
        subject: Subject::Integer,
    };
    let key = key(Algorithm::Hs256);
    let verify = |claims: &Value| {
        let header = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
        let token = sign_raw(key, header, claims.to_string());
        Verifier::new(OLD, KeyRing::new(vec![key.verifying_key()]))
            .verify(&token, NOW)
            .map(|verified| Verified::clone(&verified))
    };
    let good = json!({
        "exp": NOW + 1, "iat": NOW, "sub": 7, "jti": "t", "sid": "s", "data": {"id": 7},
        "fresh": false,
    });
    let claims = verify(&good).unwrap().claims;
    assert_eq!((claims.subject(), claims.subject_number()), (None, Some(7)));
    for (name, bad) in
        [("sub", json!("7")), ("data", json!([7])), ("fresh", json!(0)), ("sub", json!(7.0))]
    {
        let mut claims = good.clone();
        claims[name] = bad;
        assert_eq!(verify(&claims), Err(VerifyError::WrongClaimType { name }));
    }
}

#[test]
fn what_a_token_says_of_its_user_has_one_type_or_is_not_there() {
    for (name, good, bad) in [
        ("roles", json!(["admin"]), json!("admin")),
        ("roles", json!([]), json!(["admin", 5])),
        ("amr", json!(["pwd"]), json!("pwd")),
        ("auth_time", json!(NOW), json!(NOW.to_string())),
        ("sid", json!("s1"), json!(["s1"])),
    ] {
        verify_with(name, &good).unwrap();
        assert_eq!(verify_with(name, &bad), Err(VerifyError::WrongClaimType { name }));
    }
}
