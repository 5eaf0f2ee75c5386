//! The examples of RFC 7520, section 4, and of RFC 8037, appendix A.

use serde_json::{Value, json};

use super::{check, key, names, read};
use crate::{HeaderError, Jwk, KeyError, VerifyError};

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
        let token = example["output"]["compact"].as_str().unwrap();
        assert_eq!(check(token, Vec::new()), Err(VerifyError::Algorithm), "{path}");
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
fn what_is_not_compact_is_refused() {
    let mut refused = 0;
    for name in names("jose-cookbook-rfc7520/jws").unwrap_or_default() {
        let example = read(&format!("jose-cookbook-rfc7520/jws/{name}.json")).unwrap();
        for form in ["json", "json_flat"] {
            let Some(written) = example["output"].get(form) else { continue };
            assert!(check(&written.to_string(), Vec::new()).is_err(), "{name}");
            refused += 1;
        }
    }
    // Of the eight examples the last has no flattened form.
    assert!(refused == 15 || names("").is_none(), "{refused}");
}

/// RFC 7797, whose payload is not encoded.
#[test]
fn an_unencoded_payload_is_refused() {
    let Some(example) = read("jose-cookbook-rfc7520/rfc7797/hmac-sha2_b64_false.json") else {
        return;
    };
    let token = example["output"]["compact"].as_str().unwrap();
    let key = key(&published(&example)).unwrap();
    let forbidden = VerifyError::Header(HeaderError::Forbidden { name: "crit" });
    assert_eq!(check(token, vec![key.clone()]), Err(forbidden.clone()));
    let encoded = token.replace("This is the payload string!", "VGhpcw");
    assert_eq!(check(&encoded, vec![key]), Err(forbidden));
}

/// Each example of section 4, but for the three that have no compact form, is in a test above.
#[test]
fn there_is_no_example_besides() {
    let Some(names) = names("jose-cookbook-rfc7520/jws") else { return };
    let sections: Vec<_> = names.iter().map(|name| name.split('.').next().unwrap()).collect();
    assert_eq!(sections, ["4_1", "4_2", "4_3", "4_4", "4_5", "4_6", "4_7", "4_8"]);
}

#[test]
fn private_keys_are_not_public_ones() {
    for path in ["3_2.ec_private_key", "3_4.rsa_private_key", "3_5.symmetric_key_mac_computation"] {
        let Some(jwk) = read(&format!("jose-cookbook-rfc7520/jwk/{path}.json")) else { return };
        assert_eq!(Jwk::try_from(jwk), Err(KeyError::Private), "{path}");
    }
}
