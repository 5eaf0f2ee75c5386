//! Keys and algorithms.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use countersign::layer::{Denial, Guard};
use countersign::{
    Algorithm, Clock, Issuer, KeyRing, Profile, SigningKey, Verifier, VerifyError, VerifyingKey,
};
use serde_json::json;

use crate::guard::kit::{Answer, NOW, app, bear};

fn router(keys: Vec<VerifyingKey>) -> Router {
    let guard = Guard::builder(Verifier::new(Profile::ACCESS, KeyRing::new(keys)));
    app(&guard.clock(Clock::manual(NOW)).build().unwrap())
}

/// What becomes of a token that `key` signed.
async fn present(router: &Router, key: &SigningKey, subject: &str) -> Answer {
    let claims = json!({
        "iss": "i", "aud": "a", "sub": subject, "jti": "t", "sid": "s", "gen": 0,
        "iat": NOW, "exp": NOW + 60,
    });
    let token = Issuer::new(key.clone()).sign("at+jwt", &claims).unwrap();
    bear(router, "GET /me", &token).await
}

fn pem(tag: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(tag, der))
}

/// A fresh pair for ES256 in PEM, as `openssl` writes it: private, public.
fn pair() -> (String, String) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let private = pair.to_pkcs8v1().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

/// `JWT_PRIVATE_KEY`, `JWT_PUBLIC_KEY`
#[tokio::test]
async fn a_pair_of_keys_in_pem_signs_and_verifies() {
    let (private, public) = pair();
    let signing = SigningKey::from_pem(Algorithm::Es256, Some("k"), &private).unwrap();
    let verifying = VerifyingKey::from_pem(Algorithm::Es256, Some("k"), &public).unwrap();
    let router = router(vec![verifying]);
    assert!(present(&router, &signing, "alice").await.is_alice());

    let other = SigningKey::from_pem(Algorithm::Es256, Some("k"), &pair().0).unwrap();
    let answer = present(&router, &other, "alice").await;
    assert_eq!(answer.denial, Some(Denial::Invalid(VerifyError::Signature)));
    // Who knows the public key cannot use it as a secret.
    let forged = SigningKey::from_weak_secret(Algorithm::Hs256, Some("k"), public.as_bytes());
    let answer = present(&router, &forged.unwrap(), "alice").await;
    assert_eq!(answer.denial, Some(Denial::Invalid(VerifyError::Algorithm)));
}

/// `JWT_PUBLIC_KEY`
#[tokio::test]
async fn a_jwk_set_has_all_keys_of_an_issuer() {
    let keys = [Algorithm::Es256, Algorithm::EdDsa]
        .map(|algorithm| SigningKey::generate(algorithm, Some(algorithm.as_str())).unwrap());
    let public: Vec<_> = keys.iter().filter_map(SigningKey::public_jwk).collect();
    let ring = KeyRing::from_jwk_set(&json!({ "keys": public }).to_string()).unwrap();
    let router = router(ring.keys());
    for key in &keys {
        assert!(present(&router, key, "alice").await.is_alice(), "{key:?}");
    }
    let other = SigningKey::generate(Algorithm::Es256, Some("ES256")).unwrap();
    assert_eq!(present(&router, &other, "alice").await.status, 401);
}

/// `JWT_ALGORITHM`, `JWT_SECRET_KEY`
#[tokio::test]
async fn a_secret_must_be_as_long_as_its_algorithm_wants() {
    for (algorithm, length) in
        [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)]
    {
        let secret = vec![7; length];
        let signing = SigningKey::from_secret(algorithm, None, &secret).unwrap();
        let router = router(vec![signing.verifying_key()]);
        assert!(present(&router, &signing, "alice").await.is_alice(), "{algorithm:?}");
        SigningKey::from_secret(algorithm, None, &secret[1..]).unwrap_err();
        let weak = SigningKey::from_weak_secret(algorithm, None, &secret[1..]).unwrap();
        assert_eq!(present(&router, &weak, "alice").await.status, 401, "{algorithm:?}");
    }
}

/// `JWT_ALGORITHM`, `JWT_DECODE_ALGORITHMS`
#[tokio::test]
async fn several_algorithms_are_several_keys_each_with_its_own() {
    let keys: Vec<_> = [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa]
        .into_iter()
        .map(|algorithm| SigningKey::generate(algorithm, Some(algorithm.as_str())).unwrap())
        .collect();
    let router = router(keys.iter().map(SigningKey::verifying_key).collect());
    for key in &keys {
        assert!(present(&router, key, "alice").await.is_alice(), "{key:?}");
    }
    let other = SigningKey::from_secret(Algorithm::Hs256, Some("ES256"), &[7; 32]).unwrap();
    let answer = present(&router, &other, "alice").await;
    assert_eq!(answer.denial, Some(Denial::Invalid(VerifyError::Algorithm)));
}

/// `decode_key_loader`, `encode_key_loader`
#[tokio::test]
async fn the_key_is_the_one_that_kid_names_and_no_other() {
    let key =
        |kid, byte| SigningKey::from_secret(Algorithm::Hs256, Some(kid), &[byte; 32]).unwrap();
    let (ours, theirs) = (key("ours", 1), key("theirs", 2));
    let router = router(vec![ours.verifying_key(), theirs.verifying_key()]);
    for key in [&ours, &theirs] {
        assert!(present(&router, key, "alice").await.is_alice(), "{key:?}");
    }
    let answer = present(&router, &key("ours", 2), "alice").await;
    assert_eq!(answer.denial, Some(Denial::Invalid(VerifyError::Signature)));
    let answer = present(&router, &key("nobody's", 1), "alice").await;
    let unknown = VerifyError::UnknownKey { kid: Some("nobody's".into()) };
    assert_eq!(answer.denial, Some(Denial::Invalid(unknown)));
}
