//! `[[dialects]]`: names, prefixes and secrets.

use super::*;

/// Whether this is the one warning, and none of the secrets is in it.
#[track_caller]
fn warned(config: &Config, start: &str) {
    let warnings = config.warnings();
    assert!(matches!(&warnings[..], [one] if one.starts_with(start)), "{warnings:?}");
    assert!(!warnings[0].contains("jwt-key"), "{warnings:?}");
}

#[test]
fn d9_a_weak_secret_of_a_dialect_is_refused_by_name_and_never_shown() {
    let listed = "This secret is stored base-64 encoded on the proxy hos";
    let short = &STRONG[..31];
    for bad in [
        "",
        "changeme",
        "my_precious",
        "jwt-key",
        listed,
        short,
        "base64:c2hvcnQ=",
        "base64:c2hvcnQ!",
    ] {
        let shown = refused(&dialect(&format!("secret = \"{bad}\"")), "dialects.0.secret");
        assert!(bad.is_empty() || !shown.contains(bad), "{shown}");
    }
    let strong = load(&dialect(&format!("secret = \"{STRONG}\""))).expect("strong");
    assert_eq!(
        strong.dialects[0].secret.as_ref().map(SigningSecret::expose),
        Some(STRONG.as_bytes())
    );
    let weak = load(&dialect("secret = \"jwt-key\"\nallow_weak_secret = true")).expect("allowed");
    warned(&weak, "dialects.passport.allow_weak_secret: ");
    let encoded =
        load(&dialect("secret = \"base64:nvDgqqCW9U9mw73uu5ajCGIV5rlFo5NnnrJKxotIb0I=\""));
    let encoded = encoded.expect("strong");
    let secret = encoded.dialects[0].secret.as_ref().map(SigningSecret::expose).expect("a secret");
    assert_eq!((secret.len(), &secret[..4]), (32, &[0x9e, 0xf0, 0xe0, 0xaa][..]));
    assert!(encoded.warnings().is_empty());
    refused(&dialect("secret = \"\"\nallow_weak_secret = true"), "dialects.0.secret");
}

#[test]
fn a_legacy_secret_may_be_weak_but_has_an_end() {
    let config =
        load(&dialect("legacy_secret = \"jwt-key\"\nlegacy_tokens_until = \"2027-01-31\""));
    warned(&config.expect("good"), "dialects.passport.legacy_secret: ");
    refused(&dialect("legacy_secret = \"jwt-key\""), "dialects.0.legacy_tokens_until");
    refused(&dialect("legacy_tokens_until = \"2027-01-31\""), "dialects.0.legacy_secret");
    refused(
        &dialect("legacy_secret = \"\"\nlegacy_tokens_until = \"2027-01-31\""),
        "dialects.0.legacy_secret",
    );
}

#[test]
fn two_dialects_share_neither_name_nor_secret() {
    let second = |settings: &str| {
        format!(
            "{}[[dialects]]\nname = \"auth-token\"\n{settings}",
            dialect(&format!("secret = \"{STRONG}\""))
        )
    };
    refused(&second(&format!("secret = \"{STRONG}\"")), "dialects.1.secret");
    refused(
        &second(&format!("legacy_secret = \"{STRONG}\"\nlegacy_tokens_until = \"2027-01-31\"")),
        "dialects.1.legacy_secret",
    );
    refused(&format!("{0}{0}", dialect("")), "dialects.1.name");
    refused("[[dialects]]\nname = \"esperanto\"", "dialects.0.name");
    refused("[[dialects]]\nprefix = \"/a\"", "dialects.0.name");
}

#[test]
fn a_prefix_is_a_plain_path() {
    for bad in ["old", "/", "/old/", "//old", "/../old", "/{old}", "/a?b", "/a b"] {
        refused(&dialect(&format!("prefix = \"{bad}\"")), "dialects.0.prefix");
    }
    load(&dialect("prefix = \"/v0/old_api\"")).expect("good");
}

#[test]
fn an_issuer_is_neither_empty_nor_long() {
    let long = "x".repeat(256);
    for key in ["issuer", "legacy_issuer"] {
        for bad in ["", "a\\nb", &long] {
            refused(&dialect(&format!("{key} = \"{bad}\"")), &format!("dialects.0.{key}"));
        }
        load(&dialect(&format!("{key} = \"Barry & Söhne\""))).expect("good");
    }
}

#[test]
fn a_flag_switches_a_dialect_on_or_moves_it() {
    let flags = Overrides::default().dialect("passport=/new").dialect("auth-token");
    let config =
        load_with(&dialect("prefix = \"/old\"\naccess_ttl = \"1d\""), &[], &flags).expect("good");
    assert_eq!(config.dialects.len(), 2);
    assert_eq!(config.dialects[0].prefix, "/new");
    assert_eq!(config.dialects[0].access_ttl, Some(Duration::from_hours(24)));
    let error =
        load_with("", &[], &Overrides::default().dialect("esperanto")).expect_err("unknown");
    assert!(error.to_string().ends_with("(set by --dialect)"), "{error}");
}

#[test]
fn every_long_secret_of_the_public_list_is_known() {
    let list = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/weak-jwt-secrets/jwt.secrets.list"
    );
    let Ok(list) = std::fs::read_to_string(list) else {
        eprintln!("skipped: {list} is not there");
        return;
    };
    let long = || list.lines().filter(|line| line.len() >= 32);
    assert!(long().count() > 1800);
    for secret in long() {
        assert!(
            weak::weakness(secret.as_bytes()).is_some_and(|why| why.contains("known")),
            "{secret}"
        );
    }
    assert_eq!(weak::weakness(STRONG.as_bytes()), None);
}
