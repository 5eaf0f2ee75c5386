//! Headers that must not be believed, well signed wherever a key of ours can sign them.

use countersign::{
    Algorithm, HeaderError, JsonError, KeyRing, Profile, SigningKey, Verifier, VerifyError,
    VerifyingKey,
};
use serde_json::{Value, json};

use crate::kit::{
    AUDIENCE, ISSUER, KEYS, NOW, claims, encode, header, key, new_key, sign_raw, verifier,
};

fn verify_header(header: impl AsRef<[u8]>) -> Result<(), VerifyError> {
    let token = sign_raw(key(Algorithm::Es256), header, claims().to_string());
    verifier().verify(&token, NOW).map(drop)
}

fn verify_with(name: &str, value: Value) -> Result<(), VerifyError> {
    let mut header = header(Algorithm::Es256);
    header[name] = value;
    verify_header(header.to_string())
}

#[test]
fn an_algorithm_that_is_not_the_keys_is_refused() {
    let names = ["none", "None", "NONE", "nOnE", "none ", "", "es256", "ES256 ", "ES512", "HS256"];
    let others =
        [json!(null), json!(1), json!(["ES256"]), json!({}), json!("RS256"), json!("PS256")];
    for value in names.map(Value::from).into_iter().chain(others) {
        assert_eq!(verify_with("alg", value.clone()), Err(VerifyError::Algorithm), "{value}");
    }
    let missing = json!({ "typ": "at+jwt", "kid": "ES256" });
    assert_eq!(verify_header(missing.to_string()), Err(VerifyError::Algorithm));
}

#[test]
fn no_key_verifies_another_algorithms_token() {
    for by in KEYS.iter() {
        for named in KEYS.iter().filter(|named| named.algorithm() != by.algorithm()) {
            let mut header = header(by.algorithm());
            header["kid"] = json!(named.key_id());
            let token = sign_raw(by, header.to_string(), claims().to_string());
            assert_eq!(verifier().verify(&token, NOW), Err(VerifyError::Algorithm));
            header["alg"] = json!(named.algorithm());
            let token = sign_raw(by, header.to_string(), claims().to_string());
            assert_eq!(verifier().verify(&token, NOW), Err(VerifyError::Signature));
        }
    }
}

#[test]
fn the_text_of_a_public_key_is_no_secret() {
    for key in KEYS.iter().filter(|key| !key.algorithm().is_symmetric()) {
        let jwk = serde_json::to_string(&key.public_jwk().unwrap()).unwrap();
        let pem = pem::encode(&pem::Pem::new("PUBLIC KEY", jwk.as_bytes()));
        for text in [jwk, pem] {
            let attacker =
                SigningKey::from_weak_secret(Algorithm::Hs256, key.key_id(), text.as_bytes());
            let mut header = header(Algorithm::Hs256);
            header["kid"] = json!(key.key_id());
            let token = sign_raw(&attacker.unwrap(), header.to_string(), claims().to_string());
            assert_eq!(verifier().verify(&token, NOW), Err(VerifyError::Algorithm));
        }
    }
}

#[test]
fn a_token_brings_no_key_and_says_nothing_of_how_it_is_read() {
    let attacker = new_key(Algorithm::Es256);
    let cases = [
        ("jwk", json!(attacker.public_jwk())),
        ("jku", json!("https://evil.example/jwks.json")),
        ("jku", json!("http://169.254.169.254/latest")),
        ("jku", json!("http://127.0.0.1:1/")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!("b64")),
        ("crit", json!([null])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ];
    for (name, value) in cases {
        let refused = Err(VerifyError::Header(HeaderError::Forbidden { name }));
        assert_eq!(verify_with(name, value.clone()), refused);
        let mut header = header(Algorithm::Es256);
        header[name] = value;
        let token = sign_raw(&attacker, header.to_string(), claims().to_string());
        assert_eq!(verifier().verify(&token, NOW).map(drop), refused);
    }
}

#[test]
fn members_that_mean_nothing_here_are_ignored() {
    assert_eq!(verify_with("x5t", json!("abc")), Ok(()));
}

#[test]
fn the_key_is_found_by_its_exact_kid_only() {
    let long = "k".repeat(3_000);
    let kids = [
        "../../../../dev/null",
        "x' UNION SELECT '1';--",
        "|sleep 10",
        "line\nbreak",
        "${jndi:ldap://x}",
        "es256",
        "ES256 ",
        "",
        &long,
    ];
    for kid in kids {
        let refused = Err(VerifyError::UnknownKey { kid: Some(kid.to_owned()) });
        assert_eq!(verify_with("kid", json!(kid)), refused);
    }
    assert_eq!(verify_with("kid", json!("k".repeat(65_536))), Err(VerifyError::TooLong));
    let nul = Err(VerifyError::Header(HeaderError::Json(JsonError::Nul)));
    assert_eq!(verify_with("kid", json!("ES256\0")), nul);
    for kid in [json!(1), json!(["ES256"]), json!({}), json!(null), json!(true)] {
        assert_eq!(verify_with("kid", kid), Err(VerifyError::Header(HeaderError::KeyId)));
    }
}

#[test]
fn a_token_without_kid_is_for_a_ring_of_one() {
    let header = json!({ "alg": "ES256", "typ": "at+jwt" }).to_string();
    assert_eq!(verify_header(&header), Err(VerifyError::UnknownKey { kid: None }));

    let key = key(Algorithm::Es256);
    let token = sign_raw(key, header, claims().to_string());
    let one = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]));
    one.verify(&token, NOW).unwrap();
    let none = Verifier::new(Profile::ACCESS, KeyRing::default());
    assert_eq!(none.verify(&token, NOW), Err(VerifyError::UnknownKey { kid: None }));
}

#[test]
fn the_type_is_exact_but_for_case_and_prefix() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(verify_with("typ", json!(typ)), Ok(()), "{typ}");
    }
    let wrong = ["JWT", "rt+jwt", "at+JWT ", " at+jwt", "application/", "", "x/at+jwt", "at+jwté"];
    for typ in wrong.map(Value::from).into_iter().chain([json!(null), json!(1), json!(["at+jwt"])])
    {
        assert_eq!(verify_with("typ", typ.clone()), Err(VerifyError::Type), "{typ}");
    }
    let without = json!({ "alg": "ES256", "kid": "ES256" });
    assert_eq!(verify_header(without.to_string()), Err(VerifyError::Type));
}

#[test]
fn a_header_has_one_reading() {
    let deep = format!(
        r#"{{"alg":"ES256","typ":"at+jwt","kid":"ES256","x":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let utf16: Vec<u8> =
        header(Algorithm::Es256).to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bom = format!("\u{feff}{}", header(Algorithm::Es256));
    let cases: [(&[u8], JsonError); 13] = [
        (
            br#"{"alg":"ES256","alg":"ES256","typ":"at+jwt","kid":"ES256"}"#,
            JsonError::DuplicateMember,
        ),
        (br#"{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"ES256"}"#, JsonError::DuplicateMember),
        (
            br#"{"alg":"none","\u0061lg":"ES256","typ":"at+jwt","kid":"ES256"}"#,
            JsonError::DuplicateMember,
        ),
        (br#"["ES256","at+jwt","ES256"]"#, JsonError::NotAnObject),
        (br#""ES256""#, JsonError::NotAnObject),
        (b"null", JsonError::NotAnObject),
        (b"{}{}", JsonError::Syntax),
        (b"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\xff\"}", JsonError::Syntax),
        (br#"{"alg":"ES256","typ":"at+jwt","kid":"\ud800"}"#, JsonError::Syntax),
        (br#"{"alg":"ES256","typ":"at+jwt","kid":"ES256",}"#, JsonError::Syntax),
        (deep.as_bytes(), JsonError::TooDeep),
        (&utf16, JsonError::Syntax),
        (bom.as_bytes(), JsonError::Syntax),
    ];
    for (header, error) in cases {
        let refused = Err(VerifyError::Header(HeaderError::Json(error)));
        assert_eq!(verify_header(header), refused, "{}", String::from_utf8_lossy(header));
    }
}

#[test]
fn ecdsa_signatures_are_two_numbers_of_fixed_length() {
    // The order of P-256 (SEC 2, section 2.4.2).
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
    let (zero, one) = (vec![0; 32], [vec![0; 31], vec![1]].concat());
    let header = encode(header(Algorithm::Es256).to_string());
    let message = format!("{header}.{}", encode(claims().to_string()));
    let der = [&[0x30, 6, 2, 1, 1, 2, 1, 1][..], &[0; 56]].concat();
    let signatures = [
        [&zero[..], &zero].concat(),
        [&order[..], &order].concat(),
        [&one[..], &zero].concat(),
        [&zero[..], &one].concat(),
        [&one[..], &order].concat(),
        vec![0x30, 6, 2, 1, 1, 2, 1, 1],
        der,
    ];
    for signature in signatures {
        let token = format!("{message}.{}", encode(signature));
        assert_eq!(verifier().verify(&token, NOW), Err(VerifyError::Signature));
    }
}

#[test]
fn a_right_ecdsa_signature_in_der_is_refused() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

    let private = key(Algorithm::Es256).to_pkcs8_der();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &private).unwrap();
    let header = encode(header(Algorithm::Es256).to_string());
    let message = format!("{header}.{}", encode(claims().to_string()));
    let der = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let token = format!("{message}.{}", encode(der.as_ref()));
    assert_eq!(verifier().verify(&token, NOW), Err(VerifyError::Signature));
}

#[test]
fn one_secret_has_one_algorithm() {
    let secret = [9; 64];
    let signer = SigningKey::from_secret(Algorithm::Hs512, Some("k"), &secret).unwrap();
    let key = VerifyingKey::from_secret(Algorithm::Hs256, Some("k"), &secret).unwrap();
    let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key]));
    let verifier = verifier.issuer(ISSUER).audience(AUDIENCE);
    let header = json!({ "alg": "HS512", "typ": "at+jwt", "kid": "k" }).to_string();
    let token = sign_raw(&signer, header, claims().to_string());
    assert_eq!(verifier.verify(&token, NOW), Err(VerifyError::Algorithm));
}

#[test]
fn two_keys_of_one_name_are_none() {
    let (ours, other) = (key(Algorithm::Es256), new_key(Algorithm::Es256));
    let token = sign_raw(ours, header(Algorithm::Es256).to_string(), claims().to_string());
    let ring = KeyRing::new(vec![ours.verifying_key(), other.verifying_key()]);
    let refused = VerifyError::UnknownKey { kid: Some("ES256".to_owned()) };
    assert_eq!(Verifier::new(Profile::ACCESS, ring).verify(&token, NOW), Err(refused));
}
