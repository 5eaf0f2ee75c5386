//! Project Wycheproof: JSON Web Signatures and Keys, and the primitives below them.

use serde_json::Value;

use super::{check, hex, items, key, read};
use crate::{Algorithm, JwkSet, VerifyingKey};

fn is_valid(test: &Value) -> bool {
    test["result"] == "valid"
}

/// What the file says, but for the entries that were found to be mislabelled, and for what is
/// valid elsewhere and refused here on purpose.
fn is_expected(test: &Value, jwk: &Value, overrides: &Value) -> bool {
    let id = test["tcId"].to_string();
    if let Some(expect) = overrides["json_web_signature_test.json"][&id]["expect"].as_str() {
        return expect == "valid";
    }
    let known = jwk["alg"].as_str().is_some_and(|name| name.parse::<Algorithm>().is_ok());
    let has_payload = !test["jws"].as_str().unwrap().contains("..");
    is_valid(test) && known && has_payload
}

#[test]
fn json_web_signatures() {
    let Some(file) = read("wycheproof/json_web_signature_test.json") else { return };
    let Some(overrides) = read("wycheproof/OVERRIDES.json") else { return };
    let mut wrong = Vec::new();
    let mut valid = 0;
    for group in items(&file, "testGroups") {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        for test in items(group, "tests") {
            let Some(token) = test["jws"].as_str() else { continue };
            let accepted = key(jwk).is_ok_and(|key| check(token, vec![key]).is_ok());
            let expected = is_expected(test, jwk, &overrides);
            valid += usize::from(expected);
            if accepted != expected {
                wrong.push(format!("{} {} {}", group["comment"], test, accepted));
            }
        }
    }
    assert!(valid > 10, "{valid}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn json_web_keys() {
    let Some(file) = read("wycheproof/json_web_key_test.json") else { return };
    for group in items(&file, "testGroups") {
        let set = group.get("public").unwrap_or(&group["private"]);
        let keys = if items(set, "keys").iter().all(|jwk| jwk.get("k").is_some()) {
            items(set, "keys").iter().map(key).collect::<Result<Vec<_>, _>>().unwrap_or_default()
        } else {
            let set = serde_json::from_value::<JwkSet>(set.clone()).unwrap_or_default();
            set.keys.iter().flat_map(VerifyingKey::from_jwk).collect()
        };
        for test in items(group, "tests") {
            let accepted = check(test["jws"].as_str().unwrap(), keys.clone()).is_ok();
            assert_eq!(accepted, is_valid(test), "{} {test}", group["comment"]);
        }
    }
}

fn signatures(file: &str, algorithm: Algorithm) {
    let Some(file) = read(&format!("wycheproof/{file}")) else { return };
    for group in items(&file, "testGroups") {
        let pem = group["publicKeyPem"].as_str().unwrap();
        let key = VerifyingKey::from_pem(algorithm, None, pem).unwrap();
        for test in items(group, "tests") {
            let accepted = key.accepts(&hex(&test["msg"]), &hex(&test["sig"]));
            // `acceptable` is said of signatures that strict verifiers refuse.
            assert_eq!(accepted, is_valid(test), "{test}");
        }
    }
}

#[test]
fn ecdsa() {
    signatures("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256);
    signatures("ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::Es384);
}

#[test]
fn ed25519() {
    signatures("ed25519_test.json", Algorithm::EdDsa);
}

#[test]
fn rsa() {
    for bits in [2048, 3072, 4096] {
        signatures(&format!("rsa_signature_{bits}_sha256_test.json"), Algorithm::Rs256);
    }
    for bits in [2048, 3072, 4096] {
        signatures(&format!("rsa_pss_{bits}_sha256_mgf1_32_test.json"), Algorithm::Ps256);
    }
}

#[test]
fn hmac() {
    for (bits, algorithm) in
        [(256, Algorithm::Hs256), (384, Algorithm::Hs384), (512, Algorithm::Hs512)]
    {
        let Some(file) = read(&format!("wycheproof/hmac_sha{bits}_test.json")) else { return };
        for group in items(&file, "testGroups") {
            for test in items(group, "tests") {
                let secret = hex(&test["key"]);
                let key = VerifyingKey::from_weak_secret(algorithm, None, &secret).unwrap();
                let accepted = key.accepts(&hex(&test["msg"]), &hex(&test["tag"]));
                // A JWS has the whole tag (RFC 7518, section 3.2).
                let expected = is_valid(test) && group["tagSize"] == bits;
                assert_eq!(accepted, expected, "{test}");
            }
        }
    }
}
