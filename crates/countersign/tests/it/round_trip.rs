//! What is issued here is verified here, and by others.

use crate::kit::{KEYS, NOW, claims, decode, header, key, ring, sign_raw, verifier};
use countersign::{
    Algorithm, Issuer, Jwk, JwkSet, KeyError, KeyRing, Profile, SigningKey, Verifier, VerifyError,
    VerifyingKey,
};
use serde_json::{Value, json};

#[test]
fn every_algorithm_signs_what_it_verifies() {
    for key in KEYS.iter() {
        let token = Issuer::new(key.clone()).sign("at+jwt", &claims()).unwrap();
        let verified = verifier().verify(&token, NOW).unwrap();
        assert_eq!(verified.key_id.as_deref(), key.key_id());
        let claims = &verified.claims;
        assert_eq!((claims.subject(), claims.session_id()), (Some("u1"), Some("s1")));
        assert_eq!((claims.generation(), claims.expires_at()), (Some(3), NOW + 900));
        assert_eq!((claims.roles(), claims.amr()), (vec!["admin"], vec!["pwd"]));
    }
}

#[test]
fn another_implementation_signs_what_we_verify() {
    for key in KEYS.iter() {
        let token = sign_raw(key, header(key.algorithm()).to_string(), claims().to_string());
        verifier().verify(&token, NOW).unwrap();
    }
}

#[test]
fn the_header_is_exactly_alg_typ_and_kid() {
    let secret = [7; 32];
    let with = SigningKey::from_secret(Algorithm::Hs256, Some("k"), &secret).unwrap();
    let without = SigningKey::from_secret(Algorithm::Hs256, None, &secret).unwrap();
    for (key, expected) in [
        (with, r#"{"alg":"HS256","typ":"JWT","kid":"k"}"#),
        (without, r#"{"alg":"HS256","typ":"JWT"}"#),
    ] {
        let token = Issuer::new(key).sign("JWT", &claims()).unwrap();
        assert_eq!(decode(token.split('.').next().unwrap()), expected.as_bytes());
    }
}

#[test]
fn keys_survive_being_written_and_read() {
    for key in KEYS.iter().filter(|key| !key.algorithm().is_symmetric()) {
        let (algorithm, kid) = (key.algorithm(), key.key_id());
        let again = SigningKey::from_pkcs8_der(algorithm, kid, &key.to_pkcs8_der()).unwrap();
        let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", key.to_pkcs8_der().to_vec()));
        let by_pem = SigningKey::from_pem(algorithm, kid, &pem).unwrap();
        let jwk = serde_json::to_string(&key.public_jwk().unwrap()).unwrap();
        let jwk: Jwk = serde_json::from_str(&jwk).unwrap();
        assert_eq!(
            (Some(&jwk), &again.public_jwk()),
            (by_pem.public_jwk().as_ref(), &Some(jwk.clone()))
        );

        let token = Issuer::new(again).sign("at+jwt", &claims()).unwrap();
        let ring = KeyRing::new(vec![VerifyingKey::from_jwk(&jwk).unwrap()]);
        Verifier::new(Profile::ACCESS, ring).verify(&token, NOW).unwrap();
    }
}

#[test]
fn the_jwk_set_says_what_each_key_is_for() {
    let keys = KEYS.iter().filter_map(SigningKey::public_jwk).collect();
    let set = serde_json::to_value(JwkSet { keys }).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 5);
    for key in keys {
        assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &key["kid"]));
        assert_eq!(key.get("d").or(key.get("k")), None);
    }
    let read: JwkSet = serde_json::from_value(set.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), set);
}

#[test]
fn debug_shows_no_secret() {
    let key = SigningKey::from_secret(Algorithm::Hs256, Some("k"), &[b'z'; 32]).unwrap();
    let shown = format!("{key:?} {:?}", key.verifying_key());
    let one = r#"{ key_id: Some("k"), algorithm: Hs256, .. }"#;
    assert_eq!(shown, format!("SigningKey {one} VerifyingKey {one}"));
}

#[test]
fn short_secrets_and_secrets_that_everybody_knows_are_refused() {
    for (algorithm, least) in
        [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)]
    {
        let short = vec![1; least - 1];
        let error = SigningKey::from_secret(algorithm, None, &short).unwrap_err();
        assert_eq!(error, KeyError::Size { algorithm, bits: short.len() * 8 });
        SigningKey::from_weak_secret(algorithm, None, &short).unwrap();
        SigningKey::from_weak_secret(algorithm, None, &[]).unwrap_err();
        SigningKey::from_secret(algorithm, None, &vec![1; least]).unwrap();
    }
    let public = format!("-----BEGIN PUBLIC KEY-----\n{}", "A".repeat(80));
    let error = VerifyingKey::from_secret(Algorithm::Hs256, None, public.as_bytes()).unwrap_err();
    assert_eq!(error, KeyError::PublicSecret);
}

#[test]
fn a_claim_set_without_a_life_is_not_signed() {
    let issuer = Issuer::new(key(Algorithm::Hs256).clone());
    for bad in [
        json!({ "iat": NOW }),
        json!({ "iat": NOW, "exp": NOW }),
        json!({ "exp": "soon" }),
        json!({ "exp": 1.5 }),
        json!([NOW + 1, NOW]),
        json!("x"),
        Value::Null,
    ] {
        issuer.sign("at+jwt", &bad).unwrap_err();
    }
    issuer.sign("JWT", &json!({ "exp": NOW })).unwrap();
}

#[test]
fn a_remembered_token_ends_with_its_time_and_with_its_key() {
    let ring = ring();
    let verifier = Verifier::new(Profile::ACCESS, ring.clone()).remember(1_000);
    let token = Issuer::new(key(Algorithm::Es256).clone()).sign("at+jwt", &claims()).unwrap();
    for _ in 0..3 {
        verifier.verify(&token, NOW).unwrap();
    }
    assert_eq!(verifier.verify(&token, NOW + 900), Err(VerifyError::Expired));
    assert_eq!(verifier.verify(&token, NOW - 31), Err(VerifyError::IssuedInFuture));
    verifier.verify_even_if_expired(&token, NOW + 900).unwrap();
    let elsewhere = verifier.clone().audience("https://other.example.org");
    assert_eq!(elsewhere.verify(&token, NOW), Err(VerifyError::Audience));

    let other = SigningKey::generate(Algorithm::Es256, Some("ES256")).unwrap();
    ring.replace(vec![other.verifying_key()]);
    assert_eq!(verifier.verify(&token, NOW), Err(VerifyError::Signature));
    ring.replace(Vec::new());
    let kid = Some("ES256".to_owned());
    assert_eq!(verifier.verify(&token, NOW), Err(VerifyError::UnknownKey { kid }));
}
