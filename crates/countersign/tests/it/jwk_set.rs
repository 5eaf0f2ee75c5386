//! JWK sets as files hold them: each key is good, or the error says which is not.

use countersign::{Algorithm, JsonError, JwkSetError, KeyError, KeyRing, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::kit::KEYS;

fn public() -> Vec<Value> {
    let keys = KEYS.iter().filter_map(SigningKey::public_jwk);
    keys.map(|jwk| serde_json::to_value(jwk).unwrap()).collect()
}

fn read(keys: &[Value]) -> Result<KeyRing, JwkSetError> {
    KeyRing::from_jwk_set(&json!({ "keys": keys }).to_string())
}

fn changed(key: &Value, changes: &Value) -> Value {
    let mut key = key.clone();
    for (name, value) in changes.as_object().unwrap() {
        key.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    key.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    key
}

#[test]
fn every_key_of_the_set_verifies() {
    let keys = read(&public()).unwrap().keys();
    let kids: Vec<_> = keys.iter().map(|key| key.key_id().unwrap()).collect();
    assert_eq!(kids, ["ES256", "ES384", "EdDSA", "RS256", "PS256"]);
}

#[test]
fn keys_of_other_kinds_are_passed_over() {
    let es256 = &public()[0];
    let others = [
        json!({ "kty": "OKP", "crv": "X25519", "x": "AAAA" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA" }),
        json!("no key at all"),
        changed(es256, &json!({ "use": "enc" })),
        changed(es256, &json!({ "alg": "ES512" })),
        changed(es256, &json!({ "key_ops": ["deriveKey"] })),
    ];
    let keys: Vec<_> = others.iter().cloned().chain([es256.clone()]).collect();
    assert_eq!(read(&keys).unwrap().keys().len(), 1);
    assert_eq!(read(&others).unwrap_err(), JwkSetError::Empty);
}

#[test]
fn a_wrong_key_is_named() {
    let keys = public();
    let (es256, rsa) = (&keys[0], &keys[3]);
    let small = format!("z{}B", "A".repeat(170));
    for (wrong, expected) in [
        (json!({ "x": "AAAA" }), KeyError::Member { member: "x" }),
        (json!({ "y": null }), KeyError::Member { member: "y" }),
        (json!({ "y": es256["x"] }), KeyError::Unreadable { algorithm: Algorithm::Es256 }),
        (json!({ "d": "AAAA" }), KeyError::Private),
    ] {
        let set = [rsa.clone(), changed(es256, &wrong)];
        let (index, kid, error) = (1, Some("ES256".to_owned()), expected);
        assert_eq!(read(&set).unwrap_err(), JwkSetError::Key { index, kid, error });
    }
    for (wrong, expected) in [
        (json!({ "alg": null }), KeyError::NoAlgorithm),
        (json!({ "n": small }), KeyError::Size { algorithm: Algorithm::Rs256, bits: 1032 }),
        (json!({ "e": "=" }), KeyError::Member { member: "e" }),
    ] {
        let set = [changed(rsa, &wrong)];
        let (index, kid, error) = (0, Some("RS256".to_owned()), expected);
        assert_eq!(read(&set).unwrap_err(), JwkSetError::Key { index, kid, error });
    }
    let secret = json!({ "kty": "oct", "k": "AAAA" });
    let expected = JwkSetError::Key { index: 0, kid: None, error: KeyError::Private };
    assert_eq!(read(&[secret]).unwrap_err(), expected);
}

#[test]
fn each_key_of_several_is_named_and_no_two_alike() {
    let keys = public();
    let kid = "ES256".to_owned();
    let twice = [keys[0].clone(), changed(&keys[1], &json!({ "kid": "ES256" }))];
    assert_eq!(read(&twice).unwrap_err(), JwkSetError::KeyIdTwice { index: 1, kid });
    let nameless = changed(&keys[0], &json!({ "kid": null }));
    assert_eq!(
        read(&[keys[1].clone(), nameless.clone()]).unwrap_err(),
        JwkSetError::NoKeyId { index: 1 }
    );
    assert_eq!(read(&[nameless]).unwrap().keys().len(), 1, "a single key needs no name");
}

#[test]
fn rsa_keys_without_an_algorithm_are_for_the_one_that_is_given() {
    let keys = public();
    let nameless = changed(&keys[3], &json!({ "alg": null }));
    let set = json!({ "keys": [keys[0], nameless, keys[4]] }).to_string();
    let ring = KeyRing::from_jwk_set_with_rsa_for(Algorithm::Rs256, &set).unwrap();
    let algorithms: Vec<_> = ring.keys().iter().map(VerifyingKey::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256]);
    assert!(KeyRing::from_jwk_set_with_rsa_for(Algorithm::Es256, &set).is_err());
}

#[test]
fn what_is_no_set_is_refused() {
    for (text, expected) in [
        ("", JwkSetError::Json(JsonError::Syntax)),
        ("[]", JwkSetError::Json(JsonError::NotAnObject)),
        (r#"{"keys":[],"keys":[]}"#, JwkSetError::Json(JsonError::DuplicateMember)),
        ("{}", JwkSetError::NoKeys),
        (r#"{"keys":{}}"#, JwkSetError::NoKeys),
        (r#"{"keys":[]}"#, JwkSetError::Empty),
    ] {
        assert_eq!(KeyRing::from_jwk_set(text).unwrap_err(), expected, "{text}");
    }
}
