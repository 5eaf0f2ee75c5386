//! Identifiers and names against published lists; `e7` and `e12` are cases of the acceptance list.

use std::fs;

use countersign_server::identifier::{DisplayName, Identifier, Kind};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/");

pub(crate) fn read(file: &str) -> Option<String> {
    let text = fs::read_to_string(format!("{VECTORS}{file}")).ok();
    if text.is_none() {
        eprintln!("skipped: {VECTORS}{file} is not there");
    }
    text
}

/// The text of the first element `name`.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let after = xml.split_once(&format!("<{name}>"))?.1;
    after.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// The list writes control characters as their pictures, U+2400 and following.
pub(crate) fn plain(text: &str) -> String {
    let picture = |c: char| match u32::from(c) {
        code @ 0x2400..=0x2420 => char::from_u32(code - 0x2400).unwrap_or(c),
        _ => c,
    };
    unescape(text).chars().map(picture).collect()
}

fn unescape(text: &str) -> String {
    let Some((before, rest)) = text.split_once('&') else { return text.to_owned() };
    let (entity, after) = rest.split_once(';').expect("an entity ends with a semicolon");
    let c = match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        _ => entity
            .strip_prefix("#x")
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32)
            .expect("a character reference"),
    };
    format!("{before}{c}{}", unescape(after))
}

/// `(address, category, diagnosis)` of each of the 164 tests.
fn addresses(xml: &str) -> Vec<(String, &str, &str)> {
    let of_test = |test| {
        let address = plain(element(test, "address").unwrap_or(""));
        let category = element(test, "category").expect("a category");
        (address, category, element(test, "diagnosis").expect("a diagnosis"))
    };
    xml.split("<test id=").skip(1).map(of_test).collect()
}

#[test]
fn e7_an_address_of_the_isemail_list_is_accepted_only_in_its_plain_form() {
    let Some(xml) = read("isemail/test/tests.xml") else { return };
    let addresses = addresses(&xml);
    let errors = addresses.iter().filter(|(_, category, _)| *category == "ISEMAIL_ERR");
    assert_eq!((addresses.len(), errors.count()), (164, 66));

    for (address, category, diagnosis) in addresses {
        let found = Identifier::parse_as(Kind::Email, &address);
        let expected = match category {
            "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN" => true,
            "ISEMAIL_RFC5321" => diagnosis == "ISEMAIL_RFC5321_TLD",
            // Spaces around an address are no part of it.
            "ISEMAIL_CFWS" => address.trim_matches(' ') == "test@iana.org",
            _ => false,
        };
        assert_eq!(found.is_ok(), expected, "{address:?} {category} {diagnosis} {found:?}");
    }
}

#[test]
fn e12_a_naughty_string_is_refused_or_read_back_as_it_was() {
    let Some(json) = read("naughty-strings/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_str(&json).expect("a list of strings");
    assert_eq!(strings.len(), 515);
    let mut accepted = 0;
    for string in &strings {
        if let Ok(name) = DisplayName::parse(string) {
            assert_eq!(name.as_str(), string);
            accepted += 1;
        }
        if let Ok(identifier) = Identifier::parse(string) {
            assert_eq!(
                Identifier::parse(&identifier.key).map(|again| again.key),
                Ok(identifier.key)
            );
        }
    }
    assert!(accepted > 450, "{accepted} of 515 are harmless as names");
}
