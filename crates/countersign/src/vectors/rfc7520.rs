//! The examples of RFC 7520, section 4, and of RFC 8037, appendix A.

use serde_json::{Value, json};

use super::{check, key, read};
use crate::{Jwk, KeyError, VerifyError};

/// The key of an example, as it would be published, for the example's algorithm.
fn published(example: &Value) -> Value {
    let mut jwk = example["input"]["key"].clone();
    let members = jwk.as_object_mut().unwrap();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        members.remove(private);
    }
    jwk["alg"] = example["input"]["alg"].clone();
    jwk
}

fn verify(path: &str) -> Option<Result<(), VerifyError>> {
    let example = read(path)?;
    let token = example["output"]["compact"].as_str().unwrap();
    let mut jwk = published(&example);
    if example["signing"]["protected"].get("kid").is_none() {
        jwk["kid"] = json!(null);
    }
    let accepted = check(token, vec![key(&jwk).unwrap()]);
    let (start, end) = token.split_at(token.len() - 10);
    let spoiled = format!("{start}{}", if end.starts_with('A') { "B" } else { "A" }) + &end[1..];
    assert_eq!(check(&spoiled, vec![key(&jwk).unwrap()]), Err(VerifyError::Signature));
    Some(accepted)
}

#[test]
fn examples_of_our_algorithms_are_accepted() {
    for path in [
        "jose-cookbook-rfc7520/jws/4_1.rsa_v15_signature.json",
        "jose-cookbook-rfc7520/jws/4_4.hmac-sha2_integrity_protection.json",
        "jose-cookbook-rfc7520/curve25519/jws.json",
    ] {
        assert!(matches!(verify(path), None | Some(Ok(()))), "{path}");
    }
}

#[test]
fn other_algorithms_are_not_known() {
    for path in [
        "jose-cookbook-rfc7520/jws/4_2.rsa-pss_signature.json",
        "jose-cookbook-rfc7520/jws/4_3.ecdsa_signature.json",
    ] {
        let Some(example) = read(path) else { return };
        assert_eq!(key(&published(&example)).unwrap_err(), KeyError::Unsupported, "{path}");
    }
}

#[test]
fn a_detached_payload_is_refused() {
    let Some(example) = read("jose-cookbook-rfc7520/jws/4_5.signature_with_detached_content.json")
    else {
        return;
    };
    let token = example["output"]["compact"].as_str().unwrap();
    let key = key(&published(&example)).unwrap();
    assert_eq!(check(token, vec![key]), Err(VerifyError::NotThreeSegments));
}

#[test]
fn private_keys_are_not_public_ones() {
    for path in ["3_2.ec_private_key", "3_4.rsa_private_key", "3_5.symmetric_key_mac_computation"] {
        let Some(jwk) = read(&format!("jose-cookbook-rfc7520/jwk/{path}.json")) else { return };
        assert_eq!(Jwk::try_from(jwk), Err(KeyError::Private), "{path}");
    }
}
