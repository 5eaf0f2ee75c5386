//! Token Status Lists against the draft's own vectors.

use countersign::{StatusList, StatusListError};
use proptest::prelude::*;
use serde_json::Value;

use crate::kit::vector;

const VECTORS: &str = "token-status-list/status_list_vectors.json";
const MEBIBYTE: usize = 1 << 20;

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

fn bits(value: &Value) -> u8 {
    number(&value["bits"]).try_into().expect("at most eight")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Whether both lists say the same of every index.
fn same(one: &StatusList, other: &StatusList, entries: usize) -> bool {
    (0..entries).all(|index| one.find(index) == other.find(index))
}

#[test]
fn the_small_lists_of_the_draft_are_read_bit_by_bit() {
    let Some(vectors) = vector(VECTORS) else { return };
    let vectors: Value = serde_json::from_str(&vectors).expect("JSON");
    let lists = vectors["small"].as_array().expect("a list");
    assert_eq!(lists.len(), 2);
    for small in lists {
        let bits = bits(small);
        let list = StatusList::decode(bits, text(&small["lst"]), MEBIBYTE).expect("a list");
        let hex = text(&small["byte_array_hex"]);
        for (at, pair) in hex.as_bytes().chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            let byte = u8::from_str_radix(pair, 16).expect("hexadecimal");
            for within in 0..8 / bits {
                let expected = byte >> (within * bits) & (u8::MAX >> (8 - bits));
                let index = at * usize::from(8 / bits) + usize::from(within);
                assert_eq!(list.find(index), Some(expected), "{hex} {index}");
            }
        }
        assert_eq!(list.find(hex.len() / 2 * usize::from(8 / bits)), None);
    }
}

#[test]
fn the_large_lists_of_the_draft_are_read_and_written() {
    let Some(vectors) = vector(VECTORS) else { return };
    let vectors: Value = serde_json::from_str(&vectors).expect("JSON");
    let lists = vectors["vectors"].as_array().expect("a list");
    assert_eq!(lists.len(), 4);
    for large in lists {
        let (bits, entries) = (bits(large), number(&large["entries"]));
        let mut list = StatusList::new(bits, entries).expect("a number of bits");
        for (index, status) in large["statuses"].as_object().expect("an object") {
            let index = index.parse().expect("an index");
            assert!(list.set(index, number(status).try_into().expect("at most eight bits")));
        }
        let read = StatusList::decode(bits, text(&large["lst"]), MEBIBYTE).expect("a list");
        assert!(same(&list, &read, entries), "{bits}");
        let written = StatusList::decode(bits, &list.encode(), MEBIBYTE).expect("our own");
        assert_eq!(written, list);
    }
}

#[test]
fn what_is_no_list_or_too_large_is_refused() {
    let list = StatusList::new(8, 1000).expect("eight bits");
    let good = list.encode();
    assert_eq!(StatusList::decode(8, &good, 1000), Ok(list));
    assert_eq!(StatusList::decode(8, &good, 999), Err(StatusListError::Compression));
    for bits in [0, 3, 5, 7, 9, 16] {
        assert_eq!(StatusList::decode(bits, &good, 1000), Err(StatusListError::Bits));
        assert_eq!(StatusList::new(bits, 1), None);
    }
    assert_eq!(StatusList::decode(1, "a b", 1000), Err(StatusListError::Base64));
    assert_eq!(StatusList::decode(1, "eNrb=", 1000), Err(StatusListError::Base64));
    // Cut between groups of base64, so that only the compression is broken.
    for broken in ["", "AAAA", &good[..good.len() / 4 * 4 - 4]] {
        let read = StatusList::decode(1, broken, 1000);
        assert_eq!(read, Err(StatusListError::Compression), "{broken}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        power in 0_u32..4,
        statuses in proptest::collection::vec(any::<u8>(), 1..500),
    ) {
        let bits = 1_u8 << power;
        let mask = u8::MAX >> (8 - bits);
        let mut list = StatusList::new(bits, statuses.len()).expect("a number of bits");
        for (index, status) in statuses.iter().enumerate() {
            prop_assert!(list.set(index, u8::MAX));
            prop_assert!(list.set(index, *status));
        }
        let read = StatusList::decode(bits, &list.encode(), 500).expect("our own");
        for (index, status) in statuses.iter().enumerate() {
            prop_assert_eq!(read.find(index), Some(status & mask));
        }
        let beyond = statuses.len().next_multiple_of(usize::from(8 / bits));
        prop_assert_eq!(list.find(beyond), None);
        prop_assert!(!list.set(beyond, 1));
    }
}
