//! Tests of identifiers and names; `e1` and the like are the cases of the acceptance list.

use proptest::prelude::*;

use super::text::fold;
use super::*;

fn key(value: &str) -> Result<String, &'static str> {
    Identifier::parse(value).map(|identifier| identifier.key).map_err(InvalidIdentifier::reason)
}

fn assert_refused(kind: Kind, values: &[&str]) {
    for value in values {
        assert!(Identifier::parse_as(kind, value).is_err(), "{value:?} must not be a {kind}");
    }
}

#[test]
fn the_shape_decides_the_kind_and_no_other_kind_takes_it() {
    for (value, kind) in [
        ("mike@example.org", Kind::Email),
        ("+44 20 7946 0958", Kind::Phone),
        ("mike", Kind::Username),
        ("13812345678", Kind::Username),
        ("李小龙", Kind::Username),
    ] {
        assert_eq!(Identifier::parse(value).map(|found| found.kind), Ok(kind), "{value}");
        for other in [Kind::Email, Kind::Phone, Kind::Username].iter().filter(|&&k| k != kind) {
            assert_refused(*other, &[value]);
        }
    }
}

#[test]
fn a_kind_is_the_same_word_everywhere() {
    for kind in [Kind::Email, Kind::Username, Kind::Phone] {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert_eq!(serde_json::to_value(kind).expect("a word"), kind.as_str());
    }
    assert_eq!("E-mail".parse::<Kind>(), Err(UnknownKind));
}

#[test]
fn e1_case_and_composition_make_no_second_account() {
    for (one, other) in [
        ("A@X.org", "a@x.org"),
        ("A@X.org", "a@x.ORG"),
        ("JOSE\u{301}@x.org", "jos\u{E9}@x.org"),
        ("m@B\u{DC}CHER.example", "m@b\u{FC}cher.example"),
        ("m@b\u{FC}cher.example", "m@XN--BCHER-KVA.example"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("\u{3B1}\u{345}\u{301}", "\u{1FB4}"),
        ("Mike_Smith", "mike_smith"),
        ("GRO\u{1E9E}", "gro\u{DF}"),
    ] {
        assert!(key(one).is_ok(), "{one} is accepted");
        assert_eq!(key(one), key(other), "{one} and {other}");
    }
    let identifier = Identifier::parse("A@X.org").expect("an address");
    assert_eq!((identifier.value.as_str(), identifier.key.as_str()), ("A@X.org", "a@x.org"));
}

#[test]
fn e2_a_look_alike_is_refused_or_another_account() {
    for (like, original) in [
        ("m\u{131}ke", "mike"),
        ("m\u{ED}ke", "mike"),
        ("m\u{456}ke", "mike"),
        ("\u{FF4D}\u{FF49}\u{FF4B}\u{FF45}", "mike"),
        ("mi\u{212A}e", "mike"),
        ("\u{1D426}ike", "mike"),
        ("mi\u{138}e", "mike"),
        ("M\u{130}KE", "mike"),
        ("\u{17F}am", "sam"),
        ("\u{FB01}n", "fin"),
        ("stra\u{DF}e", "strasse"),
        ("sam\u{B2}", "sam2"),
        ("sam\u{662}", "sam2"),
    ] {
        for domain in ["", "@example.org"] {
            let (like, original) = (format!("{like}{domain}"), format!("{original}{domain}"));
            assert_ne!(key(&like), key(&original), "{like} is not {original}");
            assert!(key(&original).is_ok(), "{original} is accepted");
        }
    }
    for like in ["mike\u{FF20}example.org", "mike@ex\u{430}mple.org", "m\u{131}ke@example.org"] {
        assert_ne!(key(like), key("mike@example.org"), "{like}");
    }
}

#[test]
fn e4_space_around_is_trimmed_and_what_cannot_be_seen_is_refused() {
    for value in [" mike ", "  a@x.org", "+8613812345678 "] {
        assert_eq!(key(value), key(value.trim()), "{value:?}");
    }
    for hidden in [
        '\u{A0}',
        '\u{AD}',
        '\u{200B}',
        '\u{200C}',
        '\u{200D}',
        '\u{200E}',
        '\u{202E}',
        '\u{2060}',
        '\u{2066}',
        '\u{3000}',
        '\u{3164}',
        '\u{FE0F}',
        '\u{FEFF}',
        '\u{1160}',
        '\u{E0061}',
        '\u{34F}',
        '\u{2800}',
    ] {
        for value in [
            format!("mike{hidden}"),
            format!("{hidden}mike"),
            format!("mi{hidden}ke@example.org"),
            format!("mike@exam{hidden}ple.org"),
            format!("mike@example.org{hidden}"),
            format!("+86138{hidden}12345678"),
        ] {
            assert_eq!(key(&value), Err("invisible_character"), "{value:?}");
        }
    }
}

#[test]
fn e5_a_domain_is_strict() {
    assert_refused(
        Kind::Email,
        &[
            "a@xn--example-.org",
            "a@example.org.",
            "a@example.org\u{3002}",
            "a@example..org",
            "a@.org",
            "a@-x.org",
            "a@x-.org",
            "a@x_y.org",
            "a@127.0.0.1",
            "a@1",
            "a@xn--a.org",
            "a@x.org:25",
            "a@ex ample.org",
        ],
    );
    for value in ["a@localhost", "a@r3---sn-x.example.org", "a@xn--bcher-kva.example", "a@4.org"] {
        assert_eq!(key(value).as_deref(), Ok(value));
    }
}

#[test]
fn e6_nothing_gets_a_line_into_a_mail() {
    for value in ["a@b\r\nBcc: v@x", "a@b\n", "\na@b", "a\r@b", "a@b\u{2028}", "a@b\u{85}"] {
        assert_eq!(key(value), Err("control_character"), "{value:?}");
    }
    assert_refused(Kind::Email, &["a@b%0aBcc:v@x", "a%0a@b", "a%0D%0Ab@x.org", "a@b%0a", "a%00@b"]);
    assert_eq!(key("100%@example.org").as_deref(), Ok("100%@example.org"));
}

#[test]
fn e7_only_the_plain_form_of_an_address_is_one() {
    assert_refused(
        Kind::Email,
        &[
            "\"a b\"@x.org",
            "\"a\"@x.org",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a(comment)@x.org",
            "a@x.org(comment)",
            "(c)a@x.org",
            "a @x.org",
            "a@ x.org",
            "a@b@x.org",
            "@x.org",
            "a@",
            "@",
            ".a@x.org",
            "a.@x.org",
            "a..b@x.org",
            "Mike <a@x.org>",
            "a@x.org,b@x.org",
            "a;b@x.org",
            "a\\b@x.org",
            "\u{301}a@x.org",
        ],
    );
    for value in ["o'brien+tag@x.org", "!#$%&`*+/=?^`{|}~@iana.org", "用户@例子.广告"] {
        assert!(key(value).is_ok(), "{value}");
    }
}

#[test]
fn e8_lengths_are_those_of_rfc_5321_in_octets() {
    let domain = format!("{}.{}.{}.org", "d".repeat(63), "d".repeat(63), "d".repeat(57));
    let address = |local: usize| format!("{}@{domain}", "a".repeat(local));
    assert_eq!(address(64).len(), 254);
    assert!(key(&address(64)).is_ok());
    assert_eq!(key(&address(65)), Err("too_long"), "65 octets before the @, 255 in all");
    assert_eq!(key(&format!("{}@x.org", "a".repeat(65))), Err("too_long"));
    assert_eq!(key(&format!("{}@x.org", "é".repeat(33))), Err("too_long"), "66 octets");
    assert!(key(&format!("{}@x.org", "é".repeat(32))).is_ok());
    assert!(key(&format!("a@{}.org", "d".repeat(64))).is_err());
}

#[test]
fn e9_words_of_other_languages_are_no_address() {
    let words = ["0", "true", "null", "{\"$ne\":null}", "' OR 1=1--", "%", "_", "*", "", " "];
    assert_refused(Kind::Email, &words);
    for word in ["{\"$ne\":null}", "' OR 1=1--", "%", "_", "*", "", "."] {
        assert!(key(word).is_err(), "{word:?} is no identifier at all");
    }
}

#[test]
fn e10_nul_is_refused_everywhere_with_the_same_reason() {
    for value in ["mike\0", "mi\0ke@example.org", "a@exa\0mple.org", "+861381234\x005678", "\0"] {
        assert_eq!(key(value), Err("control_character"), "{value:?}");
    }
    assert_eq!(DisplayName::parse("Mi\0ke").map_err(InvalidName::reason), Err("control_character"));
}

#[test]
fn a_username_has_1_to_64_letters_digits_and_three_signs() {
    for value in
        ["a", "_", "0", "__init__", "mike.smith-2", "Ελένη", "हिन्दी", "x".repeat(64).as_str()]
    {
        let accepted = value != "_";
        assert_eq!(key(value).is_ok(), accepted, "{value}");
    }
    assert_eq!(key(&"x".repeat(65)), Err("too_long"));
    assert_eq!(key(&"\u{958}".repeat(33)), Err("too_long"), "66 code points once normalised");
    for value in ["-rf", ".", "..", ".hidden", "\u{301}mike", "___", "_-."] {
        assert_eq!(key(value), Err("username_shape"), "{value:?}");
    }
    for value in ["a b", "a/b", "a:b", "a\\b", "a+b", "a#b", "\u{1F511}", "a\u{20AC}", "a\u{E000}"]
    {
        assert_eq!(key(value), Err("character"), "{value:?}");
    }
    assert_eq!(
        Identifier::parse("a b").expect_err("a space").to_string(),
        "the character ' ' is not allowed; use letters, digits, and `.`, `_` or `-`"
    );
}

#[test]
fn a_phone_number_is_kept_in_its_e164_form() {
    for value in ["+44 20 7946 0958", "+44-20-7946-0958", "+44 (20) 7946.0958", "+442079460958"] {
        let number = Identifier::parse(value).expect("a number");
        assert_eq!(
            (number.value.as_str(), number.key.as_str()),
            ("+442079460958", "+442079460958")
        );
    }
    for value in [
        "+",
        "+1234567",
        "+1234567890123456",
        "+0123456789",
        "+44 (0)20 7946 0958",
        "+44 20 7946 0958x2",
        "+44+2079460958",
        "++442079460958",
        "+\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}\u{668}\u{669}",
    ] {
        assert_eq!(key(value), Err("phone_shape"), "{value:?}");
    }
    assert_refused(Kind::Phone, &["442079460958", "00442079460958", "tel:+442079460958"]);
}

#[test]
fn a_chinese_mobile_number_is_the_same_phone_number_with_its_country_code() {
    let number = Identifier::mobile_cn("13812345678").expect("a mobile number");
    assert_eq!(Ok(number), Identifier::parse("+86 138 1234 5678"));
    for value in [
        "12812345678",
        "1381234567",
        "138123456789",
        "23812345678",
        "+8613812345678",
        "1381234567a",
        "138\u{664}2345678",
        "",
    ] {
        assert_eq!(Identifier::mobile_cn(value), Err(InvalidIdentifier::MobileShape), "{value:?}");
    }
}

#[test]
fn e12_e13_a_name_is_one_line_that_reads_as_it_is_written() {
    for name in ["Zoë", " spaced ", "\u{1F468}\u{200D}\u{1F469}", "محمد\u{200F}", "<script>", "0"]
    {
        assert_eq!(DisplayName::parse(name).expect("a name").as_str(), name);
    }
    for (name, reason) in [
        ("", "empty"),
        (" \u{3000}", "empty"),
        ("a\r\nb", "control_character"),
        ("\u{1B}]0;owned\u{7}", "control_character"),
        ("a\u{9B}31m", "control_character"),
        ("a\u{2029}b", "control_character"),
        ("gpj.\u{202E}exe", "invisible_character"),
        ("a\u{2066}b", "invisible_character"),
    ] {
        assert_eq!(DisplayName::parse(name).map_err(InvalidName::reason), Err(reason), "{name:?}");
    }
    assert!(DisplayName::parse(&"\u{1F511}".repeat(200)).is_ok());
    assert_eq!(DisplayName::parse(&"x".repeat(201)), Err(InvalidName::TooLong));
}

proptest! {
    #[test]
    fn a_key_is_an_identifier_of_its_own_and_its_own_key(value in "\\PC{1,12}(@[a-zß-ɏ]{1,9})?") {
        if let Ok(identifier) = Identifier::parse(&value) {
            let again = Identifier::parse_as(identifier.kind, &identifier.key);
            prop_assert_eq!(again.map(|again| again.key), Ok(identifier.key.clone()));
            prop_assert!(identifier.key.len() <= 254);
            prop_assert!(!identifier.key.contains([' ', '\0']));
        }
    }

    #[test]
    fn no_input_panics_and_an_accepted_name_is_kept(value in any::<String>()) {
        let _ = (Identifier::parse(&value), Identifier::mobile_cn(&value), fold(&value));
        if let Ok(name) = DisplayName::parse(&value) {
            prop_assert_eq!(name.as_str(), value);
        }
    }
}

#[test]
fn every_letter_of_an_identifier_folds_to_letters_of_identifiers() {
    for c in
        (0x80..=0x0010_FFFF).filter_map(char::from_u32).filter(|&c| text::is_identifier_letter(c))
    {
        let folded = fold(&c.to_string());
        assert_eq!(fold(&folded), folded, "{c:?} folds once");
        assert!(!folded.is_ascii(), "{c:?} is not taken for {folded}");
        assert!(
            folded.chars().all(|c| c.is_ascii_alphanumeric() || text::is_identifier_letter(c)),
            "{c:?} folds to {folded:?}"
        );
    }
}
