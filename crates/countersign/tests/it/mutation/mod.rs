//! Whatever is done to a token, it is refused, and nothing panics.

mod bits;
mod dice;
mod million;
mod mutant;

use std::sync::LazyLock;

use countersign::{Algorithm, Issuer};
use proptest::prelude::*;

use crate::kit::{NOW, claims, encode, header, key, sign_raw, verifier};

static TOKEN: LazyLock<String> =
    LazyLock::new(|| Issuer::new(key(Algorithm::Es256).clone()).sign("at+jwt", &claims()).unwrap());

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn a_changed_token_is_refused(at in 0..1_000_usize, cut in 0..8_usize, put in "[A-Za-z0-9_.=-]{0,8}") {
        let start = at % TOKEN.len();
        let end = TOKEN.len().min(start + cut);
        let changed = format!("{}{put}{}", &TOKEN[..start], &TOKEN[end..]);
        prop_assume!(changed != *TOKEN);
        prop_assert!(verifier().verify(&changed, NOW).is_err());
    }

    #[test]
    fn a_signed_payload_of_any_bytes_is_refused(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        let token = sign_raw(key(Algorithm::Hs256), header(Algorithm::Hs256).to_string(), bytes);
        prop_assert!(verifier().verify(&token, NOW).is_err());
    }

    #[test]
    fn a_header_of_any_bytes_is_refused(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        let token = format!("{}.{}.AAAA", encode(bytes), encode("{}"));
        prop_assert!(verifier().verify(&token, NOW).is_err());
    }

    #[test]
    fn any_text_is_refused(text in ".{0,100}") {
        prop_assert!(verifier().verify(&text, NOW).is_err());
    }
}
