//! What is wrong with a configuration is told when it is built.

use std::time::Duration;

use countersign::remote::{RemoteKeys, RemoteKeysBuilder, RevocationFeed, SetupError};
use countersign::{Algorithm, KeyRing};

const URL: &str = "https://accounts.example.org/.well-known/jwks.json";

fn fault(change: impl FnOnce(RemoteKeysBuilder) -> RemoteKeysBuilder) -> SetupError {
    change(RemoteKeys::builder(URL)).build().unwrap_err()
}

#[tokio::test]
async fn keys_are_configured_rightly_or_not_at_all() {
    RemoteKeys::builder(URL).build().unwrap();
    for url in ["http://accounts.example.org/jwks.json", "http://10.1.2.3/"] {
        let error = RemoteKeys::builder(url).build().unwrap_err();
        assert_eq!(error, SetupError::Insecure(url.to_owned()));
    }
    for url in ["", "jwks.json", "file:///jwks.json", "https://a:b@accounts.example.org/"] {
        let error = RemoteKeys::builder(url).build().unwrap_err();
        assert!(matches!(error, SetupError::Url(_)), "{url}: {error}");
    }
    for url in [
        "https://alice:secret@accounts.example.org/",
        "https://alice:secret@accounts.example.org:99999/",
        "https://alice:se/secret@accounts.example.org:x/",
        "ftp://alice:secret@accounts.example.org/",
        "alice:secret@accounts.example.org",
    ] {
        let keys = RemoteKeys::builder(url);
        let feed = RevocationFeed::builder(url, "csk_x", KeyRing::default());
        let builders = format!("{keys:?} {feed:?}");
        for shown in [builders, format!("{:?}", keys.build().unwrap_err())] {
            assert!(!shown.contains("secret") && shown.contains("accounts.example.org"), "{shown}");
        }
    }
    let (zero, day) = (Duration::ZERO, Duration::from_hours(24));
    for (error, name) in [
        (fault(|keys| keys.floor(zero)), "floor"),
        (fault(|keys| keys.refresh(zero)), "refresh"),
        (fault(|keys| keys.refresh(2 * day)), "refresh"),
        (fault(|keys| keys.unknown_for(zero)), "unknown_for"),
        (fault(|keys| keys.timeout(zero)), "timeout"),
        (fault(|keys| keys.timeout(day)), "timeout"),
    ] {
        assert!(error.to_string().starts_with(name), "{error}");
    }
    assert_eq!(
        fault(|keys| keys.max_bytes(10)),
        SetupError::Size { name: "max_bytes", least: 1024 }
    );
    assert_eq!(fault(|keys| keys.rsa_algorithm(Algorithm::Hs256)), SetupError::RsaAlgorithm);
}

#[tokio::test]
async fn a_feed_is_configured_rightly_or_not_at_all() {
    let feed = |server, key| RevocationFeed::builder(server, key, KeyRing::default());
    feed("https://accounts.example.org", "csk_x").build().unwrap();
    let error = feed("http://accounts.example.org", "csk_x").build().unwrap_err();
    assert!(matches!(error, SetupError::Insecure(_)), "{error}");
    let error = feed("https://accounts.example.org", "two\nlines").build().unwrap_err();
    assert_eq!(error, SetupError::ApiKey);
    let short = feed("https://accounts.example.org", "csk_x").max_staleness(Duration::from_secs(1));
    assert!(short.build().unwrap_err().to_string().starts_with("max_staleness"));
    let small = feed("https://accounts.example.org", "csk_x").max_bytes(10).build().unwrap_err();
    assert!(matches!(small, SetupError::Size { .. }), "{small}");
}

#[test]
fn without_a_runtime_nothing_is_fetched() {
    let error = RemoteKeys::builder(URL).build().unwrap_err();
    assert_eq!(error, SetupError::NoRuntime);
    let feed = RevocationFeed::builder("https://accounts.example.org", "x", KeyRing::default());
    assert_eq!(feed.build().unwrap_err(), SetupError::NoRuntime);
}

#[tokio::test]
async fn nothing_shows_the_api_key() {
    let builder =
        RevocationFeed::builder("https://accounts.example.org", "csk_secret", KeyRing::default());
    let shown = format!("{builder:?}");
    let feed = builder.build().unwrap();
    assert!(!(shown + &format!("{feed:?}")).contains("csk_secret"));
}
