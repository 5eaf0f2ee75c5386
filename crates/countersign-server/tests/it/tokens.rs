//! Access tokens that are not good, through the front door: groups T, J and C.

use std::time::Duration;

use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{Algorithm, EndReason, Issuer, SigningKey};
use countersign_server::config::DialectConfig;
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::kit::{Before, Signer, assert_sober, claims_of, decode, encode, raw, with};
use crate::server::{PASSWORD, START, Session, TestApp};

/// What every token that does not verify is answered.
fn fixed_body() -> Value {
    json!({
        "type": "about:blank", "title": "Unauthorized", "status": 401, "code": "invalid_token",
        "detail": "The token is not valid.",
    })
}

fn assert_invalid(case: &str, answer: &Answer) {
    assert_sober(case, answer);
    assert_eq!(answer.status, 401, "{case}: {answer:?}");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{case}");
    assert_eq!(answer.json(), fixed_body(), "{case}");
}

fn assert_missing(case: &str, answer: &Answer) {
    assert_sober(case, answer);
    assert_eq!(answer.status, 401, "{case}: {answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{case}");
    assert_eq!(answer.json()["code"], "token_missing", "{case}");
}

async fn me(server: &TestApp, headers: impl AsRef<[u8]>) -> Answer {
    raw(server, "GET /v1/me", headers).await
}

async fn bearer(server: &TestApp, token: impl AsRef<[u8]>) -> Answer {
    me(server, [b"Authorization: Bearer ", token.as_ref(), b"\r\n"].concat()).await
}

async fn assert_all_invalid(server: &TestApp, cases: &[(&str, String)]) {
    for (case, token) in cases {
        assert_invalid(case, &bearer(server, token).await);
    }
}

/// A user with a session, and the server's own signer.
async fn scene(server: &TestApp) -> (Before, Signer) {
    let session = server.register("alice").await;
    (Before::of(server, session).await, Signer::of(&server.app).await)
}

on_each_database! {
    async fn a_request_without_a_token_is_asked_for_one(server: TestApp) {
        let (before, _) = scene(&server).await;
        let token = &before.session.access;
        let basic = STANDARD.encode(format!("alice:{token}"));
        for (case, headers) in [
            ("none", String::new()),
            ("t5_basic", format!("Authorization: Basic {basic}\r\n")),
            ("another scheme", format!("Authorization: Token {token}\r\n")),
            ("a name alone", format!("Authorization: {token}\r\n")),
            ("empty", "Authorization:\r\n".to_owned()),
            ("cookie mode is off", format!("Cookie: countersign_access={token}\r\n")),
            ("a dialect's header", format!("X-Access-Token: {token}\r\n")),
        ] {
            assert_missing(case, &me(&server, headers).await);
        }
        for line in ["GET /v1/me?access_token=", "GET /v1/me?token="] {
            assert_missing("t8_query", &raw(&server, &format!("{line}{token}"), "").await);
        }
        before.is_now(&server).await;
    }

    async fn t3_the_scheme_is_written_in_any_case(server: TestApp) {
        let (before, _) = scene(&server).await;
        let token = &before.session.access;
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let answer = me(&server, format!("Authorization: {scheme} {token}\r\n")).await;
            assert_eq!(answer.status, 200, "{scheme}: {answer:?}");
            assert_sober(scheme, &answer);
        }
    }

    async fn t6_two_authorization_headers_are_refused(server: TestApp) {
        let (before, _) = scene(&server).await;
        let good = format!("Authorization: Bearer {}\r\n", before.session.access);
        let bad = "Authorization: Bearer x\r\n".to_owned();
        let basic = "Authorization: Basic eDp5\r\n".to_owned();
        for two in [[&good, &good], [&good, &bad], [&bad, &good], [&basic, &good]] {
            let answer = me(&server, two.map(String::as_str).concat()).await;
            assert_sober("t6", &answer);
            assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_request")));
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Bearer error=\"invalid_request\""));
        }
        before.is_now(&server).await;
    }

    async fn t1_to_t25_a_token_of_another_shape_is_invalid(server: TestApp) {
        let (before, _) = scene(&server).await;
        let token = before.session.access.as_str();
        let [header, payload, signature] = segments(token);
        let long = format!("{header}.{}.{signature}", "A".repeat(8193));
        assert_all_invalid(&server, &[
            ("t1_empty", String::new()),
            ("t4_two_spaces", format!(" {token}")),
            ("t4_tab", format!("\t{token}")),
            ("t9_one_dot", format!("{header}.{payload}")),
            ("t9_no_dot", header.to_owned()),
            ("t10_four", format!("{token}.x")),
            ("t10_jwe", format!("{token}.{payload}.{signature}")),
            ("t11_dot_behind", format!("{token}.")),
            ("t12_dot_before", format!(".{token}")),
            ("t13_payload", format!("{header}..{signature}")),
            ("t13_signature", format!("{header}.{payload}.")),
            ("t13_both", "..".to_owned()),
            ("t14_dots", ".".repeat(12_000)),
            ("t15_padding", format!("{token}=")),
            ("t15_padding_of_all", format!("{header}=.{payload}=.{signature}==")),
            ("t16_plus", format!("{header}.{payload}.+{}", &signature[1..])),
            ("t16_slash", format!("{header}.{payload}./{}", &signature[1..])),
            ("t17_space", format!("{header}. {payload}.{signature}")),
            ("t17_space_behind", format!("{token} x")),
            ("t17_tab", format!("{header}.{payload}.\t{signature}")),
            ("t17_query", format!("{token}?a=b")),
            ("t17_fragment", format!("{token}#a")),
            ("t18_spare_bits", spare_bits(token)),
            ("t19_percent", token.replace('.', "%2e")),
            ("t19_a_letter", format!("%65{}", &token[1..])),
            ("t20_mark", format!("\u{feff}{token}")),
            ("t20_mark_behind", format!("{token}\u{feff}")),
            ("t21_json", json!({ "payload": payload, "protected": header, "signature": signature })
                .to_string()),
            ("t24_short", format!("{header}.{payload}.{}", encode(&decode(signature)[..63]))),
            ("t24_long", format!("{header}.{payload}.{}", encode([&decode(signature)[..], b"x"].concat()))),
            ("t25_8_kib_and_1", long),
            ("two tokens", format!("{token},{token}")),
            ("quoted", format!("\"{token}\"")),
        ]).await;
        assert_invalid("t1", &me(&server, "Authorization: Bearer \r\n").await);
        assert_invalid("t2", &me(&server, "Authorization: Bearer\r\n").await);
        assert_invalid("t20_utf8", &bearer(&server, b"\xff\xfe").await);
        before.is_now(&server).await;
    }

    async fn t14_t20_t25_what_is_no_head_or_too_large_a_one_is_refused_before(server: TestApp) {
        let (before, _) = scene(&server).await;
        let token = &before.session.access;
        for (case, headers, statuses) in [
            ("t14_a_megabyte_of_dots", ".".repeat(1_000_000), [431, 431]),
            ("t25_a_megabyte", format!("{token}{}", "A".repeat(1_000_000)), [431, 431]),
            ("t17_line_break", format!("{token}\n x"), [400, 401]),
            ("t20_nul", format!("{token}\0"), [400, 401]),
        ] {
            let answer = bearer(&server, headers).await;
            assert_sober(case, &answer);
            assert!(statuses.contains(&answer.status), "{case}: {answer:?}");
        }
        before.is_now(&server).await;
    }
}

fn segments(token: &str) -> [&str; 3] {
    let segments: Vec<&str> = token.split('.').collect();
    segments.try_into().expect("a token has three segments")
}

/// The token with a bit set, in the last character of its signature, that no byte is made of.
fn spare_bits(token: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let at = ALPHABET.iter().position(|letter| [*letter] == last.as_bytes()).expect("base64url");
    format!("{rest}{}", char::from(ALPHABET[at | 1]))
}

/// One database: which one it is plays no part in what is only about signatures.
async fn sqlite() -> TestApp {
    TestApp::on_database(Kind::Sqlite).await.expect("SQLite is always there")
}

#[tokio::test(flavor = "multi_thread")]
async fn t22_a_token_with_any_bit_flipped_is_invalid() {
    let server = sqlite().await;
    let (before, _) = scene(&server).await;
    let token = before.session.access.as_bytes();
    let flipped = |bit: usize| {
        let mut bytes = token.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    for bit in 0..token.len() * 8 {
        let now = server.app.clock.now();
        assert!(server.app.check_access_token(&flipped(bit), now).await.is_err(), "bit {bit}");
    }
    // Through the door every bit that a header may carry, one in each byte.
    for at in 0..token.len() {
        let flipped = flipped(at * 8);
        assert_invalid("t22", &bearer(&server, &flipped).await);
    }
    before.is_now(&server).await;
}

on_each_database! {
    async fn t23_c17_parts_of_two_tokens_are_none(server: TestApp) {
        let (before, _) = scene(&server).await;
        let other = server.log_in("alice").await.access;
        let before = Before::of(&server, before.session).await;
        let [header, payload, signature] = segments(&before.session.access);
        let [_, other_payload, other_signature] = segments(&other);
        let raised = encode(with(&claims_of(&other), json!({ "roles": ["admin"] })));
        assert_all_invalid(&server, &[
            ("t23_payload", format!("{header}.{other_payload}.{signature}")),
            ("t23_signature", format!("{header}.{payload}.{other_signature}")),
            ("c17_role", format!("{header}.{raised}.{other_signature}")),
        ]).await;
        before.is_now(&server).await;
    }
}

const J10_HOSTS: [&str; 3] = ["https://evil.example", "http://169.254.169.254", "http://127.0.0.1"];

/// Headers that ask for another way to verify, each rightly signed with the server's own key.
fn rightly_signed_headers(signer: &Signer) -> Vec<(&'static str, String)> {
    let kid = &signer.kid;
    let plain = signer.header();
    let changed = |changes: Value| with(&plain, changes);
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let text = plain.to_string();
    let mut headers = vec![
        ("j3_missing", changed(json!({ "alg": null }))),
        ("j4_null", format!(r#"{{"alg":null,"typ":"at+jwt","kid":"{kid}"}}"#)),
        ("j4_number", changed(json!({ "alg": 256 }))),
        ("j4_array", changed(json!({ "alg": ["ES256"] }))),
        ("j4_empty", changed(json!({ "alg": "" }))),
        ("j5_lower_case", changed(json!({ "alg": "es256" }))),
        ("j7_another_family", changed(json!({ "alg": "RS256" }))),
        ("j8_the_same_family", changed(json!({ "alg": "ES384" }))),
        ("j9_jwk", changed(json!({ "jwk": { "kty": "EC", "crv": "P-256", "x": "", "y": "" } }))),
        ("j12_x5c", changed(json!({ "x5c": ["MIIB"] }))),
        ("j13_no_kid", changed(json!({ "kid": null }))),
        ("j14_unknown_kid", changed(json!({ "kid": "nobody" }))),
        ("j15_path", changed(json!({ "kid": "../../../../dev/null" }))),
        ("j16_sql", changed(json!({ "kid": "x' UNION SELECT '1';--" }))),
        ("j17_shell", changed(json!({ "kid": "|sleep 10" }))),
        ("j18_long", changed(json!({ "kid": "k".repeat(5000) }))),
        ("j19_nul", changed(json!({ "kid": format!("{kid}\0") }))),
        ("j19_line", changed(json!({ "kid": format!("{kid}\n") }))),
        ("j19_jndi", changed(json!({ "kid": "${jndi:ldap://127.0.0.1/a}" }))),
        ("j20_number", changed(json!({ "kid": 1 }))),
        ("j20_array", changed(json!({ "kid": [kid] }))),
        ("j20_object", changed(json!({ "kid": { "kid": kid } }))),
        ("j21_crit", changed(json!({ "crit": ["x"], "x": "1" }))),
        ("j22_empty", changed(json!({ "crit": [] }))),
        ("j22_exp", changed(json!({ "crit": ["exp"] }))),
        ("j22_text", changed(json!({ "crit": "b64" }))),
        ("j22_null", changed(json!({ "crit": [null] }))),
        ("j23_b64", changed(json!({ "crit": ["b64"], "b64": false }))),
        ("j24_zip", changed(json!({ "zip": "DEF" }))),
        ("j25_alg", text.replacen('{', r#"{"alg":"none","#, 1)),
        ("j25_kid", text.replacen('{', r#"{"kid":"nobody","#, 1)),
        ("j26_absent", changed(json!({ "typ": null }))),
        ("j26_jwt", changed(json!({ "typ": "JWT" }))),
        ("j26_refresh", changed(json!({ "typ": "rt+jwt" }))),
        ("j26_space", changed(json!({ "typ": "at+JWT " }))),
        ("j27_array", format!("[{text}]")),
        ("j27_text", r#""ES256""#.to_owned()),
        ("j27_deep", text.replacen('{', &format!(r#"{{"x":{deep},"#), 1)),
        ("j27_mark", format!("\u{feff}{text}")),
        ("j28_enc", changed(json!({ "enc": "A128GCM" }))),
    ];
    for name in ["jku", "x5u"] {
        headers.extend(J10_HOSTS.map(|host| ("j10_j11_url", changed(json!({ name: host })))));
    }
    headers
}

on_each_database! {
    async fn j3_to_j28_a_header_that_is_not_ours_is_invalid_though_rightly_signed(server: TestApp) {
        let (before, signer) = scene(&server).await;
        publish_a_second_key(&server).await;
        let payload = claims_of(&before.session.access).to_string();
        for (case, header) in rightly_signed_headers(&signer) {
            assert_invalid(case, &bearer(&server, signer.sign(header, &payload)).await);
        }
        let utf16: Vec<u8> =
            signer.header().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (case, header) in [("j27_utf8", b"{\"alg\":\"\xff\"}".to_vec()), ("j27_utf16", utf16)] {
            assert_invalid(case, &bearer(&server, signer.sign(header, &payload)).await);
        }
        let kid = signer.sign(with(&signer.header(), json!({ "kid": "k".repeat(65536) })), payload);
        assert_eq!(bearer(&server, kid).await.status, 431, "j18_64_kb");
        before.is_now(&server).await;
    }

    async fn j26_the_type_is_taken_in_its_long_form_and_in_any_case(server: TestApp) {
        let (before, signer) = scene(&server).await;
        let payload = claims_of(&before.session.access).to_string();
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            let header = with(&signer.header(), json!({ "typ": typ }));
            assert_eq!(bearer(&server, signer.sign(header, &payload)).await.status, 200, "{typ}");
        }
    }

    async fn j1_j2_j6_j9_j15_j29_j30_a_signature_that_is_not_the_keys_is_invalid(server: TestApp) {
        let (before, signer) = scene(&server).await;
        publish_a_second_key(&server).await;
        let claims = claims_of(&before.session.access);
        let mut cases = unsigned(&signer, &claims);
        cases.extend(public_key_as_secret(&server, &signer, &claims).await);
        cases.extend(bad_ecdsa(&before.session.access));
        let stranger = SigningKey::generate(Algorithm::Es256, Some(&signer.kid)).expect("a key");
        let foreign = Issuer::new(stranger).sign("at+jwt", &claims).expect("a token");
        cases.push(("another key under our kid", foreign));
        assert_all_invalid(&server, &cases).await;
        before.is_now(&server).await;
    }
}

async fn publish_a_second_key(server: &TestApp) {
    let caller = Caller::command(server.app.clock.now());
    server.app.rotate_key(&caller, false).await.expect("the database answers");
    server.app.catch_up().await.expect("the database answers");
    assert_eq!(server.app.keys.ring().keys().len(), 2);
}

fn unsigned(signer: &Signer, claims: &Value) -> Vec<(&'static str, String)> {
    let signature = signer.signature("x");
    let names = ["none", "None", "NONE", "nOnE", "none "];
    let token = |name: &str, signature: &str| {
        let header = with(&signer.header(), json!({ "alg": name }));
        format!("{}.{}.{signature}", encode(header), encode(claims.to_string()))
    };
    names
        .iter()
        .flat_map(|name| [("j1_j2", token(name, "")), ("j1_j2", token(name, &signature))])
        .collect()
}

fn hs256(signer: &Signer, claims: &Value, secret: &[u8]) -> String {
    let header = with(&signer.header(), json!({ "alg": "HS256" }));
    let message = format!("{}.{}", encode(header), encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encode(tag))
}

/// J6, J15 and J29: what an attacker knows, taken for a secret.
async fn public_key_as_secret(
    server: &TestApp,
    signer: &Signer,
    claims: &Value,
) -> Vec<(&'static str, String)> {
    let point = signer.pair.public_key().as_ref();
    let set = raw(server, "GET /.well-known/jwks.json", "").await;
    let jwks = set.json()["keys"].as_array().expect("keys").clone();
    let jwk = jwks.iter().find(|jwk| jwk["kid"] == signer.kid.as_str()).expect("our key");
    let der = [&P256_DER[..], point].concat();
    let base64 = STANDARD.encode(&der);
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n",
        &base64[..64],
        &base64[64..]
    );
    let ssh = [&b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0\x41"[..], point].concat();
    let ssh = format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(ssh));
    let known = include_str!("../../data/known-secrets.txt").lines().step_by(4001).take(25);
    let mut cases = vec![
        ("j6_pem", hs256(signer, claims, pem.as_bytes())),
        ("j6_pem_trimmed", hs256(signer, claims, pem.trim_end().as_bytes())),
        ("j6_der", hs256(signer, claims, &der)),
        ("j6_point", hs256(signer, claims, point)),
        ("j6_jwk", hs256(signer, claims, jwk.to_string().as_bytes())),
        ("j6_jwks", hs256(signer, claims, &set.body)),
        ("j6_ssh", hs256(signer, claims, ssh.as_bytes())),
        ("j15_j29_empty", hs256(signer, claims, b"")),
        ("j29_kid", hs256(signer, claims, signer.kid.as_bytes())),
    ];
    cases.extend(known.map(|secret| ("j29", hs256(signer, claims, secret.as_bytes()))));
    cases
}

/// What a P-256 public key begins with (RFC 5480).
const P256_DER: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The order of P-256.
const P256_N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// J30: signatures that a careless verifier takes for any message, and ours in another form.
fn bad_ecdsa(token: &str) -> Vec<(&'static str, String)> {
    let [header, payload, signature] = segments(token);
    let (r, s) = (decode(signature)[..32].to_vec(), decode(signature)[32..].to_vec());
    let zero = [0; 32];
    let one = {
        let mut one = zero;
        one[31] = 1;
        one
    };
    let integer = |bytes: &[u8]| [&[0x02, 33, 0][..], bytes].concat();
    let der = [integer(&r), integer(&s)].concat();
    let der = [&[0x30, 70][..], &der].concat();
    let hash = digest::digest(&digest::SHA256, format!("{header}.{payload}").as_bytes());
    [
        ("j30_zero", [zero, zero].concat()),
        ("j30_r_zero", [zero.to_vec(), s.clone()].concat()),
        ("j30_s_zero", [r.clone(), zero.to_vec()].concat()),
        ("j30_n", [P256_N, P256_N].concat()),
        ("j30_one", [one, one].concat()),
        ("j30_hash", [hash.as_ref().to_vec(), one.to_vec()].concat()),
        ("j30_der", der),
    ]
    .map(|(case, bytes)| (case, format!("{header}.{payload}.{}", encode(bytes))))
    .into()
}

/// C1 to C13 and C18: payloads that are rightly signed and wrong.
fn wrong_payloads(claims: &Value) -> Vec<(&'static str, String)> {
    let now = START.seconds();
    let with = |changes: Value| with(claims, changes);
    let text = claims.to_string();
    // `with` takes a null for an absence.
    let null = |name: &str| with(json!({ name: "\u{1}" })).replace("\"\\u0001\"", "null");
    let issuer = claims["iss"].as_str().expect("a text");
    let add = |members: &str| text.replacen('{', &format!("{{{members},"), 1);
    let five: Vec<&Value> = ["iss", "sub", "aud", "exp", "iat"].map(|name| &claims[name]).into();
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let mut payloads = vec![
        ("c1_past", with(json!({ "iat": now - 900, "exp": now - 1 }))),
        ("c1_now", with(json!({ "iat": now - 900, "exp": now }))),
        ("c3_huge", text.replace(&format!("\"exp\":{}", claims["exp"]), "\"exp\":1e300")),
        ("c4_nbf", with(json!({ "nbf": now + 31 }))),
        ("c4_nbf_text", with(json!({ "nbf": "0" }))),
        ("c5_iat", with(json!({ "iat": now + 31 }))),
        ("c6_case", with(json!({ "iss": issuer.to_uppercase() }))),
        ("c6_slash", with(json!({ "iss": format!("{issuer}/") }))),
        ("c6_prefix", with(json!({ "iss": &issuer[..issuer.len() - 1] }))),
        ("c6_longer", with(json!({ "iss": format!("{issuer}.evil.example") }))),
        ("c6_array", with(json!({ "iss": [issuer] }))),
        ("c7_empty", with(json!({ "aud": [] }))),
        ("c7_mixed", with(json!({ "aud": [issuer, 5] }))),
        ("c7_other", with(json!({ "aud": "https://other.example" }))),
        ("c7_others", with(json!({ "aud": ["https://other.example"] }))),
        ("c8_nul", with(json!({ "sub": "a\0b" }))),
        ("c10_role", add(r#""role":"user","role":"admin""#)),
        ("c10_roles", add(r#""roles":["admin"]"#)),
        ("c11_escaped", add(r#""s\u0075b":"somebody""#)),
        ("c12_array", json!(five).to_string()),
        ("c13_no_json", "claims".to_owned()),
        ("c13_empty_array", "[]".to_owned()),
        ("c13_text", r#""x""#.to_owned()),
        ("c13_empty", "{}".to_owned()),
        ("c13_behind", format!("{text}x")),
        ("c13_two", format!("{text}{text}")),
        ("c13_deep", add(&format!("\"x\":{deep}"))),
        ("c18_surrogate", add(r#""x":"\ud800""#)),
        ("gen is no number", with(json!({ "gen": "0" }))),
        ("gen is negative", with(json!({ "gen": -1 }))),
    ];
    for name in ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "gen"] {
        payloads.push(("c2_c6_c7_c8_c9_missing", with(json!({ name: null }))));
        payloads.push(("c2_c6_c7_c8_c9_null", null(name)));
        payloads.push(("c3_c6_c7_c8_true", with(json!({ name: true }))));
        payloads.push(("c7_object", with(json!({ name: { "a": issuer } }))));
    }
    for name in ["iss", "aud", "sub", "jti", "sid"] {
        payloads.push(("c6_c7_c8_number", with(json!({ name: 5 }))));
        payloads.push(("c8_empty", with(json!({ name: "" }))));
    }
    for exp in [json!("1900000000"), json!(1.9e9), json!(-1), json!(u64::MAX), json!(1e300)] {
        payloads.push(("c3_exp", with(json!({ "exp": exp }))));
    }
    payloads
}

on_each_database! {
    async fn c1_to_c13_c18_wrong_claims_are_invalid_though_rightly_signed(server: TestApp) {
        let (before, signer) = scene(&server).await;
        let claims = claims_of(&before.session.access);
        for (case, payload) in wrong_payloads(&claims) {
            assert_ne!(payload, claims.to_string(), "{case}");
            let answer = bearer(&server, signer.sign_claims(&payload)).await;
            assert_invalid(&format!("{case}: {payload:.200}"), &answer);
        }
        let bytes = [b"{\"x\":\"\xff\"," as &[u8], &claims.to_string().as_bytes()[1..]].concat();
        assert_invalid("c13_utf8", &bearer(&server, signer.sign_claims(bytes)).await);
        before.is_now(&server).await;
    }

    async fn c5_c4_times_within_the_leeway_and_a_list_of_audiences_are_fine(server: TestApp) {
        let (before, signer) = scene(&server).await;
        let claims = claims_of(&before.session.access);
        let now = START.seconds();
        for changes in [
            json!({}),
            json!({ "iat": now + 30 }),
            json!({ "nbf": now + 30 }),
            json!({ "exp": now + 1 }),
            json!({ "aud": ["https://other.example", claims["aud"]] }),
        ] {
            let answer = bearer(&server, signer.sign_claims(with(&claims, changes))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }

    async fn c1_a_token_is_over_in_the_second_that_it_names(server: TestApp) {
        let session = server.register("alice").await;
        server.advance(Duration::from_secs(899)).await;
        assert_eq!(server.check(&session.access).await, 200);
        server.advance(Duration::from_secs(1)).await;
        assert_invalid("c1", &bearer(&server, &session.access).await);
        let session = server.refresh(&session).await;
        assert_eq!(server.check(&session.access).await, 200);
    }

    async fn c8_the_token_of_a_user_nobody_knows_is_refused_wherever_the_user_is_read(
        server: TestApp
    ) {
        let (before, signer) = scene(&server).await;
        let claims = claims_of(&before.session.access);
        for subject in ["0197a2b1-0000-7000-8000-000000000000", "' OR 1=1--", "\u{1f600}"] {
            let token = signer.sign_claims(with(&claims, json!({ "sub": subject })));
            let change = json!({ "current": PASSWORD, "new": "another long pass phrase" });
            for (method, path, body) in [
                (Method::GET, "/v1/me", Value::Null),
                (Method::PATCH, "/v1/me", json!({})),
                (Method::PATCH, "/v1/me", json!({ "name": "x" })),
                (Method::DELETE, "/v1/me", json!({ "password": PASSWORD })),
                (Method::POST, "/v1/me/password", change),
                (Method::POST, "/v1/logout", json!({ "scope": "all" })),
            ] {
                let answer = server.send(method.clone(), path, &token, body).await;
                assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
            }
        }
        before.is_now(&server).await;
    }

    async fn c8_c15_the_tokens_of_a_disabled_and_of_a_deleted_user_are_over(server: TestApp) {
        let (before, signer) = scene(&server).await;
        let same = signer.sign_claims(with(&claims_of(&before.session.access), json!({ "jti": "x" })));
        let caller = Caller::command(server.app.clock.now());
        server.app.disable(&caller, &before.session.user_id).await.expect("done");
        for token in [&before.session.access, &same] {
            assert_eq!(server.get("/v1/me", token).await.reason(), "disabled");
        }
        let other = server.register("bob").await;
        server.app.delete_user(&caller, &other.user_id).await.expect("done");
        assert_eq!(server.get("/v1/me", &other.access).await.reason(), "deleted");
    }

    async fn c9_a_revoked_token_is_over_and_its_session_is_not(server: TestApp) {
        let (before, signer) = scene(&server).await;
        let claims = claims_of(&before.session.access);
        let other = signer.sign_claims(with(&claims, json!({ "jti": "another" })));
        let until = START.seconds() + 1000;
        server.app.node.revocations().revoke_token("another", EndReason::Revoked, until);
        let answer = server.get("/v1/me", &other).await;
        assert_eq!(answer.code(), (401, "invalid_token".into()));
        assert_eq!(answer.reason(), "revoked");
        before.is_now(&server).await;
    }

    async fn c15_a_session_that_ends_in_the_second_it_began_is_over_and_the_next_is_not(
        server: TestApp
    ) {
        server.register("alice").await;
        let change = json!({ "current": PASSWORD, "new": "another long pass phrase" });
        let (ended, by) = (server.log_in("alice").await, server.log_in("alice").await);
        let answer = server.send(Method::POST, "/v1/me/password", &by.access, change).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(server.get("/v1/me", &ended.access).await.reason(), "password_changed");
        assert_eq!(server.refresh_answer(&ended.refresh).await.reason(), "password_changed");

        let all = json!({ "scope": "all" });
        let answer = server.send(Method::POST, "/v1/logout", &by.access, all).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(server.get("/v1/me", &by.access).await.reason(), "logout_all");
        assert_eq!(server.refresh_answer(&by.refresh).await.reason(), "logout_all");

        let again = server.log_in_answer("alice", "another long pass phrase").await;
        let again = Session::read(&again.json());
        assert_eq!(server.check(&again.access).await, 200);
        assert_eq!(server.check(&ended.access).await, 401);
    }

    async fn c16_a_key_that_is_retired_or_withdrawn_signs_for_nobody(server: TestApp) {
        let (before, signer) = scene(&server).await;
        let claims = claims_of(&before.session.access);
        let far = json!({ "exp": START.seconds() + 90_000 });
        let eternal = signer.sign_claims(with(&claims, far));
        publish_a_second_key(&server).await;
        assert_eq!(server.check(&eternal).await, 200);
        server.advance(Duration::from_hours(24)).await;
        assert_invalid("c16_retired", &bearer(&server, &eternal).await);

        let next = server.refresh(&before.session).await;
        assert_eq!(server.check(&next.access).await, 200);
        let header = next.access.split('.').next().expect("a header");
        let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
        let kid = header["kid"].as_str().expect("a kid");
        assert_ne!(kid, signer.kid);
        let caller = Caller::command(server.app.clock.now());
        server.app.revoke_key(&caller, kid).await.expect("done");
        server.app.catch_up().await.expect("the database answers");
        assert_eq!(server.get("/v1/me", &next.access).await.reason(), "key_retired");
        let after = server.refresh(&next).await;
        assert_eq!(server.check(&after.access).await, 200);
    }
}

/// The kinds of token that exist, and where each is offered.
const KINDS: [&str; 4] = ["access", "refresh", "csrf", "dialect"];

async fn offer(server: &TestApp, kind: &str, token: &str, cookie: &str) -> u16 {
    let answer = match kind {
        "access" => bearer(server, token).await,
        "dialect" => {
            raw(server, "GET /auth/status", format!("Authorization: Bearer {token}\r\n")).await
        }
        "refresh" => {
            let body = json!({ "refresh_token": token });
            return server.post("/v1/refresh", body).await.status.as_u16();
        }
        _ => {
            let headers = format!(
                "Cookie: countersign_access={cookie}\r\nOrigin: {}\r\nX-CSRF-Token: {token}\r\n",
                server.app.config.public_url.origin()
            );
            raw(server, "PATCH /v1/me", headers).await
        }
    };
    assert_sober(kind, &answer);
    answer.status
}

on_each_database! {
    async fn c14_a_token_of_one_kind_is_none_of_another(kind: KindOnly) {
        let Some(server) = TestApp::with(kind.0, |config| {
            config.cookies.enabled = true;
            config.dialects =
                vec![DialectConfig { name: "auth-token".into(), ..DialectConfig::default() }];
        }).await else { return };
        let credentials = json!({ "email": "alice@example.org", "password": PASSWORD });
        let dialect = server.post("/auth/register", credentials).await;
        let dialect = dialect.json()["auth_token"].as_str().expect("a token").to_owned();
        let native = server.log_in_answer("alice", PASSWORD).await;
        let cookie = |name: &str| {
            let start = format!("countersign_{name}=");
            let cookies = native.headers.get_all("set-cookie").iter();
            let mut values = cookies.filter_map(|value| value.to_str().ok()?.strip_prefix(&start));
            values.next().and_then(|value| value.split(';').next()).expect("a cookie").to_owned()
        };
        let access = cookie("access");
        let tokens = [access.clone(), cookie("refresh"), cookie("csrf"), dialect];
        for (place, refused) in KINDS.iter().zip([401, 401, 403, 401]) {
            for (kind, token) in KINDS.iter().zip(&tokens) {
                let status = offer(&server, place, token, &access).await;
                let right = if kind == place { 200 } else { refused };
                assert_eq!(status, right, "{kind} offered as {place}");
            }
        }
    }
}

/// A database of which the test makes a server with a configuration of its own.
struct KindOnly(Kind);

impl KindOnly {
    #[expect(clippy::unused_async, reason = "as the macro calls it")]
    async fn on_database(kind: Kind) -> Option<Self> {
        Some(Self(kind))
    }
}
