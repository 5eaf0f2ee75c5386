//! Every single bit of two hundred tokens, of all algorithms.

use std::thread;

use countersign::{Algorithm, Issuer, SigningKey};
use serde_json::json;

use crate::kit::{AUDIENCE, ISSUER, KEYS, NOW, verifier};

/// Of what takes long to verify, fewer.
fn count(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Es384 | Algorithm::Rs256 | Algorithm::Ps256 => 10,
        _ => 34,
    }
}

/// As short as good tokens can be, and each another one.
fn tokens(key: &SigningKey) -> Vec<String> {
    let issuer = Issuer::new(key.clone());
    let token = |number| {
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": format!("u{number}"), "jti": "t", "sid": "s",
            "gen": number, "iat": NOW, "exp": NOW + 60,
        });
        issuer.sign("at+jwt", &claims).unwrap()
    };
    (0..count(key.algorithm())).map(token).collect()
}

/// How many flips were refused; all of them. That the token itself is remembered helps none.
fn refused_flips(token: &str) -> usize {
    let verifier = verifier().remember(10);
    verifier.verify(token, NOW).unwrap();
    let mut flipped = token.as_bytes().to_vec();
    for at in 0..token.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            // What is no text is no token: a request's header is refused before.
            if let Ok(text) = std::str::from_utf8(&flipped) {
                assert!(verifier.verify(text, NOW).is_err(), "{text}");
            }
            flipped[at] ^= 1 << bit;
        }
    }
    token.len() * 8
}

#[test]
fn every_bit_of_two_hundred_tokens_counts() {
    let tokens: Vec<_> = KEYS.iter().flat_map(tokens).collect();
    assert_eq!(tokens.len(), 200);
    let bits: usize = tokens.iter().map(|token| token.len() * 8).sum();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let refused: usize = thread::scope(|scope| {
        let work = |worker| tokens.iter().skip(worker).step_by(workers).map(|it| refused_flips(it));
        let threads: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || work(worker).sum::<usize>())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(refused, bits);
}
