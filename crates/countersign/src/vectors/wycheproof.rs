//! Project Wycheproof: JSON Web Signatures and Keys, and the primitives below them. Each test counts
//! what it ran, and the number is that which the file gives.

use serde_json::Value;

use super::{check, hex, items, key, names, read};
use crate::{Algorithm, JwkSet, KeyError, SigningKey, VerifyingKey};

fn is_valid(test: &Value) -> bool {
    test["result"] == "valid"
}

/// Every test of a file, with its group.
fn tests(file: &Value) -> Vec<(&Value, &Value)> {
    let groups = items(file, "testGroups").iter();
    let tests: Vec<_> =
        groups.flat_map(|group| items(group, "tests").iter().map(move |it| (group, it))).collect();
    assert_eq!(file["numberOfTests"], tests.len());
    tests
}

/// The group's key or keys, as their owner would configure them; none, if one of them is refused.
fn keys(group: &Value) -> Vec<VerifyingKey> {
    let jwk = group.get("public").unwrap_or(&group["private"]);
    if jwk.get("keys").is_none() {
        return key(jwk).into_iter().collect();
    }
    if items(jwk, "keys").iter().all(|jwk| jwk.get("k").is_some()) {
        let keys = items(jwk, "keys").iter().map(key);
        return keys.collect::<Result<_, _>>().unwrap_or_default();
    }
    let set: JwkSet = serde_json::from_value(jwk.clone()).unwrap_or_default();
    set.keys.iter().flat_map(VerifyingKey::from_jwk).collect()
}

/// What the file says, but for the entries that were found to be mislabelled, and for what is
/// valid elsewhere and refused here on purpose.
fn is_expected(test: &Value, group: &Value, overrides: &Value) -> bool {
    let id = test["tcId"].to_string();
    if let Some(expect) = overrides["json_web_signature_test.json"][&id]["expect"].as_str() {
        return expect == "valid";
    }
    let jwk = group.get("public").unwrap_or(&group["private"]);
    let known = jwk["alg"].as_str().is_some_and(|name| name.parse::<Algorithm>().is_ok());
    let has_payload = !test["jws"].as_str().unwrap().contains("..");
    is_valid(test) && known && has_payload
}

#[test]
fn json_web_signatures() {
    let Some(file) = read("wycheproof/json_web_signature_test.json") else { return };
    let overrides = read("wycheproof/OVERRIDES.json").unwrap();
    let (mut valid, mut overridden) = (0, 0);
    for (group, test) in tests(&file) {
        let accepted = check(test["jws"].as_str().unwrap(), keys(group)).is_ok();
        let expected = is_expected(test, group, &overrides);
        assert_eq!(accepted, expected, "{} {test}", group["comment"]);
        valid += usize::from(expected);
        overridden += usize::from(expected != is_valid(test));
    }
    assert_eq!((valid, overridden), (24, 26));
}

#[test]
fn json_web_keys() {
    let Some(file) = read("wycheproof/json_web_key_test.json") else { return };
    for (group, test) in tests(&file) {
        let accepted = check(test["jws"].as_str().unwrap(), keys(group)).is_ok();
        assert_eq!(accepted, is_valid(test), "{} {test}", group["comment"]);
    }
}

#[test]
fn json_web_crypto_of_which_what_is_encrypted_is_no_token() {
    let Some(file) = read("wycheproof/json_web_crypto_test.json") else { return };
    let mut signed = 0;
    for (group, test) in tests(&file) {
        let token = test.get("jws").unwrap_or(&test["jwe"]);
        // Some are objects: JSON serialisations.
        let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
        let expected = is_valid(test) && test.get("jws").is_some();
        let accepted = check(&token, keys(group)).is_ok();
        assert_eq!(accepted, expected, "{} {test}", group["comment"]);
        signed += usize::from(expected);
    }
    assert_eq!(signed, 4);
}

#[test]
fn json_web_encryption_is_no_token() {
    let Some(file) = read("wycheproof/json_web_encryption_test.json") else { return };
    for (group, test) in tests(&file) {
        check(test["jwe"].as_str().unwrap(), keys(group)).unwrap_err();
    }
}

fn signatures(name: &str, algorithm: Algorithm) {
    let Some(file) = read(&format!("wycheproof/{name}")) else { return };
    let mut group_key: Option<(&Value, VerifyingKey)> = None;
    for (group, test) in tests(&file) {
        let pem = &group["publicKeyPem"];
        let parsed = group_key.take().filter(|(of, _)| *of == pem);
        let (_, key) = parsed.unwrap_or_else(|| {
            (pem, VerifyingKey::from_pem(algorithm, None, pem.as_str().unwrap()).unwrap())
        });
        let accepted = key.accepts(&hex(&test["msg"]), &hex(&test["sig"]));
        // `acceptable` is said of signatures that strict verifiers refuse.
        assert_eq!(accepted, is_valid(test), "{test}");
        group_key = Some((pem, key));
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
        signatures(&format!("rsa_pss_{bits}_sha256_mgf1_32_test.json"), Algorithm::Ps256);
    }
}

/// PKCS#1 v1.5 is deterministic: what we sign is what the file has. Keys that are too small for us
/// to sign with verify all the same.
#[test]
fn rsa_makes_the_signatures_that_it_should() {
    let algorithm = Algorithm::Rs256;
    for (bits, count) in [(2048, 10), (3072, 9), (4096, 8)] {
        let Some(file) = read(&format!("wycheproof/rsa_pkcs1_{bits}_sig_gen_test.json")) else {
            return;
        };
        let ours = tests(&file).into_iter().filter(|(group, _)| group["sha"] == "SHA-256");
        let ours: Vec<_> = ours.collect();
        assert_eq!(ours.len(), count);
        for (group, test) in ours {
            let (message, signature) = (hex(&test["msg"]), hex(&test["sig"]));
            let public = group["keyPem"].as_str().unwrap();
            let verifying = VerifyingKey::from_pem(algorithm, None, public).unwrap();
            assert!(verifying.accepts(&message, &signature), "{test}");

            let private = hex(&group["privateKeyPkcs8"]);
            match SigningKey::from_pkcs8_der(algorithm, None, &private) {
                Ok(signing) => assert_eq!(signing.sign(&message).unwrap(), signature, "{test}"),
                Err(error) => assert_eq!((error, bits), (KeyError::Size { algorithm, bits }, 2048)),
            }
        }
    }
}

#[test]
fn hmac() {
    for (bits, algorithm) in
        [(256, Algorithm::Hs256), (384, Algorithm::Hs384), (512, Algorithm::Hs512)]
    {
        let Some(file) = read(&format!("wycheproof/hmac_sha{bits}_test.json")) else { return };
        for (group, test) in tests(&file) {
            let key = VerifyingKey::from_weak_secret(algorithm, None, &hex(&test["key"])).unwrap();
            let accepted = key.accepts(&hex(&test["msg"]), &hex(&test["tag"]));
            // A JWS has the whole tag (RFC 7518, section 3.2).
            let expected = is_valid(test) && group["tagSize"] == bits;
            assert_eq!(accepted, expected, "{test}");
        }
    }
}

/// Whatever lies in the folder is run above, or is of no algorithm that tokens are signed with here.
#[test]
fn no_file_is_passed_over() {
    const RUN: [&str; 17] = [
        "OVERRIDES",
        "ecdsa_secp256r1_sha256_p1363_test",
        "ecdsa_secp384r1_sha384_p1363_test",
        "ed25519_test",
        "hmac_sha256_test",
        "hmac_sha384_test",
        "hmac_sha512_test",
        "json_web_crypto_test",
        "json_web_encryption_test",
        "json_web_key_test",
        "json_web_signature_test",
        "rsa_pkcs1_2048_sig_gen_test",
        "rsa_pkcs1_3072_sig_gen_test",
        "rsa_pkcs1_4096_sig_gen_test",
        "rsa_signature_2048_sha256_test",
        "rsa_signature_3072_sha256_test",
        "rsa_signature_4096_sha256_test",
    ];
    /// RSA with other digests than SHA-256, ES512, and what is no signature.
    const NOT_OFFERED: [&str; 8] =
        ["_sha384_", "_sha512_", "secp521r1", "aes_gcm", "chacha20", "hkdf", "pbkdf2", "rsa_pss"];
    for name in names("wycheproof").unwrap_or_default() {
        let run = RUN.contains(&&*name) || name.ends_with("256_mgf1_32_test");
        assert_ne!(run, NOT_OFFERED.iter().any(|part| !run && name.contains(part)), "{name}");
    }
}
