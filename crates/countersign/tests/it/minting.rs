//! Tokens minted claim by claim.

use std::time::Duration;

use countersign::{
    Algorithm, Issuer, IssuerBuilder, JsonError, Profile, SignError, Subject, TokenBuilder,
    Verifier, VerifyError,
};
use serde_json::{Value, json};

use crate::kit::{AUDIENCE, ISSUER, NOW, decode, key, ring, verifier};

const RESERVED_CLAIMS: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "gen",
    "auth_time",
    "amr",
    "roles",
    "scope",
    "type",
];
const RESERVED_HEADER: [&str; 11] =
    ["alg", "typ", "kid", "crit", "zip", "b64", "jwk", "jku", "x5u", "x5c", "enc"];

fn builder() -> IssuerBuilder {
    Issuer::builder(key(Algorithm::Hs256).clone()).issuer(ISSUER).audience([AUDIENCE])
}

fn issuer() -> Issuer {
    builder().build().unwrap()
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&decode(token.split('.').nth(at).unwrap())).unwrap()
}

fn minted(token: TokenBuilder<'_>) -> Value {
    let token = token.sign(NOW).unwrap();
    let typ = part(&token, 0)["typ"].clone();
    assert_eq!(typ, "at+jwt");
    part(&token, 1)
}

fn refused(token: TokenBuilder<'_>) -> SignError {
    token.sign(NOW).unwrap_err()
}

#[test]
fn an_access_token_says_what_it_was_told_and_is_verified() {
    let token = issuer()
        .access("alice")
        .session("s1", 3)
        .auth_time(NOW - 60)
        .amr(["pwd", "otp"])
        .roles(["admin"])
        .scopes(["orders:read", "orders:write"])
        .token_type("access")
        .jwt_id("t1")
        .sign(NOW)
        .unwrap();
    verifier().verify(&token, NOW + 899).unwrap();
    assert_eq!(verifier().verify(&token, NOW + 900), Err(VerifyError::Expired));
    assert_eq!(part(&token, 0), json!({ "alg": "HS256", "typ": "at+jwt", "kid": "HS256" }));
    let expected = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW, "exp": NOW + 900,
        "sid": "s1", "gen": 3, "auth_time": NOW - 60, "amr": ["pwd", "otp"], "roles": ["admin"],
        "scope": "orders:read orders:write", "type": "access", "jti": "t1",
    });
    assert_eq!(part(&token, 1), expected);
}

#[test]
fn a_scope_is_one_scope() {
    let odd = ["", " ", "a b", "a ", "\t", "a\n", "\"", "\\", "\u{7f}", "é", "a\0"];
    for scope in odd {
        let error = SignError::ClaimType { name: "scope" };
        assert_eq!(
            refused(issuer().access("a").scopes(["orders:read", scope])),
            error,
            "{scope:?}"
        );
    }
    let all: String = ('!'..='~').filter(|sign| !matches!(sign, '"' | '\\')).collect();
    assert_eq!(minted(issuer().access("a").scopes([&*all, "b"]))["scope"], format!("{all} b"));
    let issuer = issuer();
    let none = issuer.access("a").scopes(["a"]).scopes([]);
    assert_eq!(minted(none).get("scope"), None, "no scope is no claim");
}

#[test]
fn what_is_shown_of_builders_and_verifiers_has_no_claim_in_it() {
    let builder = builder().claim("tenant", "acme");
    let issuer = builder.build().unwrap();
    let builder = format!("{:?}", self::builder().claim("tenant", "acme"));
    let token = format!("{:?}", issuer.access("alice").claim("tenant", "acme"));
    for shown in [builder, token] {
        assert!(!shown.contains("acme") && !shown.contains("alice"), "{shown}");
    }
    assert!(format!("{:?}", verifier()).contains(ISSUER));
}

#[test]
fn each_token_has_an_identifier_of_its_own() {
    let issuer = issuer();
    let jti = || minted(issuer.access("alice"))["jti"].as_str().unwrap().to_owned();
    assert_ne!(jti(), jti());
}

#[test]
fn one_audience_is_a_text_and_several_are_a_list() {
    let several = builder().audience([AUDIENCE, "https://files.example.org"]).build().unwrap();
    let token = several.access("alice").session("s1", 0).sign(NOW).unwrap();
    for audience in [AUDIENCE, "https://files.example.org"] {
        let verifier = Verifier::new(Profile::ACCESS, ring()).issuer(ISSUER).audience(audience);
        verifier.verify(&token, NOW).unwrap();
    }
    assert_eq!(minted(several.access("alice").audience(["x"]))["aud"], "x");
    assert_eq!(minted(several.access("alice").issuer("y"))["iss"], "y");
    let nobody: [&str; 0] = [];
    assert_eq!(minted(several.access("alice").audience(nobody)).get("aud"), None);
}

#[test]
fn a_lifetime_of_zero_is_refused_wherever_it_is_said() {
    let zero = [Duration::ZERO, Duration::from_millis(999)];
    for lifetime in zero {
        assert_eq!(builder().lifetime(lifetime).build().err(), Some(SignError::Lifetime));
        assert_eq!(refused(issuer().access("a").lifetime(lifetime)), SignError::Lifetime);
    }
    for at in [i64::MIN, -1, 0, NOW - 1, NOW] {
        assert_eq!(refused(issuer().access("a").expires_at(at)), SignError::Lifetime, "{at}");
        assert_eq!(refused(issuer().access("a").no_later_than(at)), SignError::Lifetime, "{at}");
    }
    assert_eq!(refused(issuer().access("a").lifetime(Duration::MAX)), SignError::Lifetime);
    let beyond = SignError::ClaimType { name: "exp" };
    assert_eq!(refused(issuer().access("a").expires_at(i64::MAX)), beyond);
}

#[test]
fn the_earliest_end_counts() {
    let issuer = builder().lifetime(Duration::from_mins(5)).build().unwrap();
    assert_eq!(minted(issuer.access("a"))["exp"], NOW + 300);
    assert_eq!(minted(issuer.access("a").lifetime(Duration::from_hours(1)))["exp"], NOW + 3600);
    assert_eq!(minted(issuer.access("a").expires_at(NOW + 1))["exp"], NOW + 1);
    for token in [
        issuer.access("a").no_later_than(NOW + 10).no_later_than(NOW + 20),
        issuer.access("a").no_later_than(NOW + 10).lifetime(Duration::from_hours(1)),
        issuer.access("a").no_later_than(NOW + 10).expires_at(NOW + 11),
    ] {
        assert_eq!(minted(token)["exp"], NOW + 10);
    }
}

#[test]
fn not_before_has_the_leeway_of_those_whose_clocks_are_behind() {
    assert_eq!(minted(issuer().access("a")).get("nbf"), None);
    let early = builder().not_before(Duration::from_secs(30)).build().unwrap();
    assert_eq!(minted(early.access("a"))["nbf"], NOW - 30);
    assert_eq!(minted(early.access("a").not_before(NOW + 60))["nbf"], NOW + 60);
    let later = early.access("a").session("s1", 0).not_before(NOW + 60).sign(NOW).unwrap();
    assert_eq!(verifier().verify(&later, NOW), Err(VerifyError::NotYetValid));
    verifier().verify(&later, NOW + 60).unwrap();
    assert_eq!(refused(early.access("a").not_before(NOW + 900)), SignError::Lifetime);
    assert_eq!(refused(early.access("a").expires_at(NOW)), SignError::Lifetime);
}

#[test]
fn what_is_said_of_the_one_token_counts_then_the_function_then_the_issuer() {
    let issuer = builder()
        .claim("a", 1)
        .claim("b", 1)
        .claim("c", 1)
        .claims_for(|_| json!({ "b": 2, "c": 2 }))
        .header("x", 1)
        .header("y", 1)
        .header("z", 1)
        .header_for(|_| json!({ "y": 2, "z": 2 }))
        .build()
        .unwrap();
    let token = issuer.access("alice").session("s1", 0).claim("c", 3).header("z", 3);
    let token = token.sign(NOW).unwrap();
    verifier().verify(&token, NOW).unwrap();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!((&claims["a"], &claims["b"], &claims["c"]), (&json!(1), &json!(2), &json!(3)));
    assert_eq!((&header["x"], &header["y"], &header["z"]), (&json!(1), &json!(2), &json!(3)));
}

#[test]
fn a_function_sees_the_token_and_cannot_change_it() {
    let issuer = builder()
        .claim("tenant", "acme")
        .claims_for(|claims| {
            let sub = claims.subject().unwrap_or_default();
            let tenant = claims.get("tenant").cloned();
            json!({ "seen": [sub, claims.session_id(), claims.expires_at(), tenant] })
        })
        .header_for(|claims| json!({ "seen": claims.get("seen") }))
        .build()
        .unwrap();
    let token = issuer.access("alice").session("s1", 0).sign(NOW).unwrap();
    let seen = json!(["alice", "s1", NOW + 900, "acme"]);
    assert_eq!((&part(&token, 1)["seen"], &part(&token, 0)["seen"]), (&seen, &seen));
}

#[test]
fn reserved_claims_are_refused_from_everybody() {
    for name in RESERVED_CLAIMS {
        let error = SignError::ReservedClaim { name: name.to_owned() };
        assert_eq!(builder().claim(name, "x").build().err(), Some(error.clone()));
        assert_eq!(refused(issuer().access("a").claim(name, "x")), error);
        assert_eq!(refused(issuer().access("a").claims(json!({ name: "x" }))), error);
        let function = builder().claims_for(move |_| json!({ name: "x" })).build().unwrap();
        assert_eq!(refused(function.access("a")), error);
    }
    for name in RESERVED_HEADER {
        let error = SignError::ReservedHeader { name: name.to_owned() };
        assert_eq!(builder().header(name, "x").build().err(), Some(error.clone()));
        assert_eq!(refused(issuer().access("a").header(name, "x")), error);
        let function = builder().header_for(move |_| json!({ name: "x" })).build().unwrap();
        assert_eq!(refused(function.access("a")), error);
    }
}

#[test]
fn what_is_no_object_adds_nothing_and_signs_nothing() {
    for odd in [Value::Null, json!(1), json!("x"), json!([{ "a": 1 }])] {
        assert_eq!(refused(issuer().access("a").claims(&odd)), SignError::Claims);
        let claims = odd.clone();
        let function = builder().claims_for(move |_| claims.clone()).build().unwrap();
        assert_eq!(refused(function.access("a")), SignError::Claims);
        let function = builder().header_for(move |_| odd.clone()).build().unwrap();
        assert_eq!(refused(function.access("a")), SignError::Header);
    }
    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    assert_eq!(refused(issuer().access("a").claim("x", &unwritable)), SignError::Claims);
    assert_eq!(refused(issuer().access("a").header("x", &unwritable)), SignError::Header);
}

#[test]
fn nothing_is_signed_that_no_verifier_reads() {
    let issuer = issuer();
    let deep = (0..32).fold(json!(1), |value, _| json!([value]));
    for (bad, error) in [(json!("a\0b"), JsonError::Nul), (deep, JsonError::TooDeep)] {
        let claim = issuer.access("a").claim("x", &bad);
        assert_eq!(refused(claim), SignError::Unreadable(error));
        let header = issuer.access("a").header("x", &bad);
        assert_eq!(refused(header), SignError::Unreadable(error));
    }
    for (name, token) in [
        ("sub", issuer.access("")),
        ("sid", issuer.access("a").session("", 0)),
        ("jti", issuer.access("a").jwt_id("")),
        ("aud", issuer.access("a").audience([""])),
        ("auth_time", issuer.access("a").auth_time(-1)),
    ] {
        assert_eq!(refused(token), SignError::ClaimType { name });
    }
    assert_eq!(builder().issuer("").build().err(), Some(SignError::ClaimType { name: "iss" }));
    assert_eq!(builder().audience([""]).build().err(), Some(SignError::ClaimType { name: "aud" }));
    assert_eq!(refused(issuer.access("a").claim("x", "y".repeat(8192))), SignError::TooLong);
}

#[test]
fn a_token_of_another_type_is_no_access_token() {
    const PROOF: Profile = Profile { typ: "proof+jwt", required: &[], subject: Subject::Text };
    let issuer = issuer();
    let token = issuer.token("proof+jwt").subject("alice").session("s1", 0).sign(NOW).unwrap();
    assert_eq!(verifier().verify(&token, NOW), Err(VerifyError::Type));
    Verifier::new(PROOF, ring()).verify(&token, NOW).unwrap();
}

#[test]
fn sign_adds_nothing_to_what_it_is_given() {
    let issuer = builder().claim("tenant", "acme").header("x", 1).build().unwrap();
    let token = issuer.sign("JWT", &json!({ "exp": NOW })).unwrap();
    assert_eq!(part(&token, 1), json!({ "exp": NOW }));
    assert_eq!(part(&token, 0), json!({ "alg": "HS256", "typ": "JWT", "kid": "HS256" }));
}

#[test]
fn debug_shows_names_and_no_values() {
    let issuer = builder().claim("tenant", "hush").header("x", "hush").build().unwrap();
    let shown = format!("{issuer:?}");
    assert!(shown.contains("tenant") && !shown.contains("hush"), "{shown}");
}
