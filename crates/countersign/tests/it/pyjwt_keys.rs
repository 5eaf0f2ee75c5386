//! The JWKs of `PyJWT`'s tests: which of them are public keys of ours.

use countersign::{Algorithm, Jwk, JwkSet, KeyError, VerifyingKey};

use crate::kit::vector;

fn read(name: &str) -> Option<Result<Jwk, String>> {
    let text = vector(&format!("pyjwt-keys/{name}.json"))?;
    Some(serde_json::from_str(&text).map_err(|error| error.to_string()))
}

#[test]
fn public_keys_are_read() {
    for (name, algorithm) in [
        ("jwk_ec_pub_P-256", Algorithm::Es256),
        ("jwk_ec_pub_P-384", Algorithm::Es384),
        ("jwk_okp_pub_Ed25519", Algorithm::EdDsa),
    ] {
        let Some(jwk) = read(name) else { return };
        assert_eq!(VerifyingKey::from_jwk(&jwk.unwrap()).unwrap().algorithm(), algorithm, "{name}");
    }
}

#[test]
fn an_rsa_key_is_used_for_what_its_owner_says() {
    let Some(jwk) = read("jwk_rsa_pub") else { return };
    let jwk = jwk.unwrap();
    assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err(), KeyError::NoAlgorithm);
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let named = jwk.clone().for_algorithm(algorithm).unwrap();
        assert_eq!(VerifyingKey::from_jwk(&named).unwrap().algorithm(), algorithm);
        named.for_algorithm(Algorithm::Hs256).unwrap_err();
    }
    jwk.for_algorithm(Algorithm::Es256).unwrap_err();
}

#[test]
fn private_and_symmetric_keys_are_refused() {
    let names =
        ["ec_key_P-256", "ec_key_P-384", "ec_key_P-521", "okp_key_Ed25519", "rsa_key", "hmac"];
    for name in names {
        let Some(jwk) = read(&format!("jwk_{name}")) else { return };
        assert_eq!(jwk.unwrap_err(), KeyError::Private.to_string(), "{name}");
        let text = vector(&format!("pyjwt-keys/jwk_{name}.json")).unwrap();
        serde_json::from_str::<JwkSet>(&format!(r#"{{"keys":[{text}]}}"#)).unwrap_err();
    }
}

#[test]
fn other_curves_are_refused_alone_and_skipped_in_a_set() {
    for name in ["jwk_ec_pub_P-521", "jwk_ec_pub_secp256k1", "jwk_okp_pub_Ed448"] {
        let Some(jwk) = read(name) else { return };
        assert_eq!(jwk.unwrap_err(), KeyError::Unsupported.to_string(), "{name}");
        let text = vector(&format!("pyjwt-keys/{name}.json")).unwrap();
        let set: JwkSet = serde_json::from_str(&format!(r#"{{"keys":[{text}]}}"#)).unwrap();
        assert!(set.keys.is_empty(), "{name}");
    }
}

#[test]
fn keys_for_other_uses_are_skipped() {
    for (name, keys) in [("with_unknown_alg", 1), ("only_unknown_alg", 0)] {
        let Some(text) = vector(&format!("pyjwt-keys/jwk_keyset_{name}.json")) else { return };
        let set: JwkSet = serde_json::from_str(&text).unwrap();
        assert_eq!(set.keys.len(), keys, "{name}");
        for jwk in &set.keys {
            assert_eq!(VerifyingKey::from_jwk(jwk).unwrap().algorithm(), Algorithm::Rs256);
        }
    }
}
