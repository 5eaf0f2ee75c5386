//! Tokens that are no tokens.

use std::time::Instant;

use countersign::{Algorithm, Issuer, VerifyError};
use serde_json::json;

use crate::kit::{KEYS, NOW, claims, claims_with, decode, encode, header, key, sign_raw, verifier};

fn good() -> String {
    Issuer::new(key(Algorithm::Es256).clone()).sign("at+jwt", &claims()).unwrap()
}

fn verify(token: &str) -> Result<(), VerifyError> {
    verifier().verify(token, NOW).map(drop)
}

#[test]
fn a_token_has_three_segments_and_none_is_empty() {
    let token = good();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let cases = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}..{signature}"),
        format!("{token}.{signature}"),
        format!("{token}.{signature}.{signature}"),
        json!({ "payload": payload, "protected": header, "signature": signature }).to_string(),
    ];
    for case in cases {
        assert_eq!(verify(&case), Err(VerifyError::NotThreeSegments), "{case}");
    }
    verify(&token).unwrap();
}

#[test]
fn a_flood_of_dots_is_refused_at_once() {
    let dots = ".".repeat(1_000_000);
    let few = ".".repeat(8_000);
    let verifier = verifier().remember(100);
    #[expect(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
    let start = Instant::now();
    assert_eq!(verifier.verify(&dots, NOW), Err(VerifyError::TooLong));
    assert_eq!(verifier.verify(&few, NOW), Err(VerifyError::NotThreeSegments));
    assert!(start.elapsed().as_millis() < 5);
}

#[test]
fn a_segment_has_one_spelling() {
    let token = good();
    let segments: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        let spoiled = |text: String| {
            let mut segments = segments.clone();
            segments[at] = &text;
            segments.join(".")
        };
        let segment = segments[at];
        let (start, end) = segment.split_at(segment.len() / 2);
        for inside in
            ["=", "+", "/", " ", "\t", "\n", "\r\n", "?", "#", "%2E", "\0", "\u{feff}", "é"]
        {
            let middle = spoiled(format!("{start}{inside}{end}"));
            assert_eq!(verify(&middle), Err(VerifyError::Encoding), "{inside:?} in {at}");
            let behind = spoiled(format!("{segment}{inside}"));
            assert_eq!(verify(&behind), Err(VerifyError::Encoding), "{inside:?} after {at}");
            let before = spoiled(format!("{inside}{segment}"));
            assert_eq!(verify(&before), Err(VerifyError::Encoding), "{inside:?} before {at}");
        }
        assert_eq!(verify(&spoiled(format!("{segment}=="))), Err(VerifyError::Encoding));
    }
    let percent = token.replace('.', "%2E");
    assert_eq!(verify(&percent), Err(VerifyError::NotThreeSegments));
}

#[test]
fn spare_bits_are_zero() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let token = good();
    // 64 bytes leave a last character with four spare bits.
    let (start, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    assert_eq!(value % 16, 0);
    for spare in 1..16 {
        let other = &ALPHABET[value + spare..=value + spare];
        assert_eq!(verify(&format!("{start}{other}")), Err(VerifyError::Encoding));
    }
}

#[test]
fn every_bit_of_the_decoded_signature_counts() {
    for key in KEYS.iter() {
        let token = Issuer::new(key.clone()).sign("at+jwt", &claims()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = decode(signature);
        for at in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let token = format!("{message}.{}", encode(flipped));
            assert_eq!(verify(&token), Err(VerifyError::Signature));
        }
    }
}

#[test]
fn parts_of_two_tokens_make_none() {
    for key in KEYS.iter() {
        let header = header(key.algorithm()).to_string();
        let one = sign_raw(key, &header, claims().to_string());
        let other = sign_raw(key, &header, claims_with(&json!({ "roles": ["owner"] })));
        let (_, signature) = one.rsplit_once('.').unwrap();
        let (message, _) = other.rsplit_once('.').unwrap();
        assert_eq!(verify(&format!("{message}.{signature}")), Err(VerifyError::Signature));
    }
}

#[test]
fn a_signature_is_neither_cut_nor_grown() {
    for key in KEYS.iter() {
        let token = Issuer::new(key.clone()).sign("at+jwt", &claims()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let bytes = decode(signature);
        let cut = bytes[..bytes.len() - 1].to_vec();
        let behind = [&bytes[..], &[0]].concat();
        let before = [&[0], &bytes[..]].concat();
        for bad in [cut, behind, before, vec![0]] {
            let token = format!("{message}.{}", encode(bad));
            assert_eq!(verify(&token), Err(VerifyError::Signature));
        }
    }
}

#[test]
fn eight_kibibytes_and_no_more() {
    let key = key(Algorithm::Hs256);
    let header = header(Algorithm::Hs256).to_string();
    let token = |length| sign_raw(key, &header, claims_with(&json!({ "x": "y".repeat(length) })));
    let fits = (5_000..6_200).map(token).rfind(|token| token.len() <= 8_192).unwrap();
    assert!(fits.len() >= 8_190);
    verify(&fits).unwrap();
    let over = (5_000..6_200).map(token).find(|token| token.len() > 8_192).unwrap();
    assert_eq!(verify(&over), Err(VerifyError::TooLong));
}
