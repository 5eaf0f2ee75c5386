//! Tokens signed with secrets that everybody knows (bad-inputs J29).

use countersign::{Algorithm, KeyRing, Profile, SigningKey, Verifier, VerifyError};

use crate::kit::{NOW, claims, header, key, sign_raw, vector};

#[test]
fn no_known_secret_signs_for_us() {
    let Some(list) = vector("weak-jwt-secrets/jwt.secrets.list") else { return };
    let ring = KeyRing::new(vec![key(Algorithm::Hs256).verifying_key()]);
    let verifier = Verifier::new(Profile::ACCESS, ring);
    let (header, claims) = (header(Algorithm::Hs256).to_string(), claims().to_string());
    let mut tried = 0;
    for secret in list.lines().filter(|secret| !secret.is_empty()) {
        let kid = Some("HS256");
        let known = SigningKey::from_weak_secret(Algorithm::Hs256, kid, secret.as_bytes()).unwrap();
        let token = sign_raw(&known, &header, &claims);
        assert_eq!(verifier.verify(&token, NOW), Err(VerifyError::Signature), "{secret}");
        if secret.len() < 32 {
            SigningKey::from_secret(Algorithm::Hs256, kid, secret.as_bytes()).unwrap_err();
        }
        tried += 1;
    }
    assert!(tried > 100_000, "{tried}");
}
