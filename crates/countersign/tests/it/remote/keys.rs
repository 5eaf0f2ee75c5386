//! Each rule of a remote JWK set, through a router.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use countersign::JwkSetError;
use countersign::layer::Denial;
use countersign::remote::{FetchError, RemoteKeys};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use crate::remote::issuer::{FLOOR, Issuer, Parts, jwk_set, token, with_header};

#[tokio::test]
async fn a_token_is_good_with_the_keys_that_the_issuer_publishes() {
    let issuer = Issuer::publishing(&["k1", "k2"]).await;
    let guarded = issuer.guarded().await;
    assert_eq!((guarded.status("k1").await, guarded.status("k2").await), (200, 200));
    assert_eq!((issuer.asked(), guarded.keys.fault()), (1, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tokens_with_an_unknown_key_cause_one_fetch_and_are_all_judged_by_it() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded().await;
    sleep(FLOOR).await;
    issuer.publish(&["k1", "k2"]);
    issuer.delay(Duration::from_millis(100));
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let guarded = guarded.clone();
            tokio::spawn(async move { guarded.status("k2").await })
        })
        .collect();
    for status in asking {
        assert_eq!(status.await.unwrap(), 200);
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_that_name_a_thousand_keys_cause_one_fetch_a_pause() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded_by(|keys| keys.floor(Duration::from_secs(1))).await;
    let began = Instant::now();
    for number in 0..1_000 {
        let forged = with_header(&json!({ "kid": format!("forged-{number}") }));
        let (status, denial) = guarded.answer(&forged).await;
        assert!([401, 503].contains(&status.as_u16()), "{denial:?}");
        assert_eq!(guarded.status("k1").await, 200, "others do not notice");
    }
    let pauses = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!(issuer.asked() <= 2 + pauses, "asked {} times in {pauses} s", issuer.asked());
    assert_eq!(guarded.status("k1").await, 200);
}

#[tokio::test]
async fn a_new_key_is_not_looked_for_within_the_pause_and_found_after_it() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded_by(|keys| keys.floor(Duration::from_millis(400))).await;
    issuer.publish(&["k2"]);
    assert_eq!((guarded.status("k2").await, issuer.asked()), (503, 1), "nobody has looked");
    sleep(Duration::from_millis(450)).await;
    assert_eq!((guarded.status("k2").await, issuer.asked()), (200, 2));
    sleep(Duration::from_millis(450)).await;
    assert_eq!((guarded.status("k1").await, issuer.asked()), (401, 3), "it was withdrawn");
    assert_eq!((guarded.status("k1").await, issuer.asked()), (401, 3), "which is remembered");
}

#[tokio::test]
async fn a_key_that_the_issuer_does_not_have_is_not_looked_for_again_for_some_time() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded_by(|keys| keys.unknown_for(Duration::from_secs(2))).await;
    sleep(FLOOR).await;
    for _ in 0..3 {
        let (status, denial) = guarded.answer(&token("k2")).await;
        assert_eq!(status, 401);
        assert!(matches!(denial, Some(Denial::Invalid(_))), "{denial:?}");
        sleep(FLOOR).await;
    }
    assert_eq!(issuer.asked(), 2, "once at first, once for k2");
    issuer.publish(&["k1", "k2", "k3"]);
    assert_eq!((guarded.status("k3").await, issuer.asked()), (200, 3), "another is looked for");
    assert_eq!(guarded.status("k2").await, 200, "and what came with it is there");

    issuer.publish(&["k1"]);
    sleep(FLOOR).await;
    assert_eq!(guarded.status("k4").await, 401);
    sleep(Duration::from_secs(2)).await;
    issuer.publish(&["k4"]);
    assert_eq!(guarded.status("k4").await, 200, "after its time it is looked for again");
}

type Answering = Box<dyn Fn() -> Response + Send + Sync>;

#[tokio::test]
async fn the_last_good_set_is_kept_whatever_the_issuer_answers() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded_by(|keys| keys.max_bytes(2_000)).await;
    let html = || ([(CONTENT_TYPE, "text/html")], "<h1>log in</h1>").into_response();
    let jwks_as_text = || ([(CONTENT_TYPE, "text/plain")], jwk_set(&["k2"])).into_response();
    let plain =
        |body: String| move || ([(CONTENT_TYPE, "application/json")], body.clone()).into_response();
    let private = json!({ "keys": [{ "kty": "oct", "k": "AAAA", "kid": "k2" }] }).to_string();
    let mut with_private: Value = serde_json::from_str(&jwk_set(&["k2"])).unwrap();
    with_private["keys"][0]["d"] = json!("AAAA");
    let big = format!("{{\"pad\":\"{}\",{}", "x".repeat(2_000), &jwk_set(&["k2"])[1..]);
    let twice = format!("{{\"keys\":[],{}", &jwk_set(&["k2"])[1..]);
    let cases: Vec<(&str, Answering)> = vec![
        ("an error", Box::new(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())),
        ("nothing there", Box::new(|| StatusCode::NOT_FOUND.into_response())),
        ("no content", Box::new(|| StatusCode::NO_CONTENT.into_response())),
        ("HTML", Box::new(html)),
        ("another type", Box::new(jwks_as_text)),
        ("garbage", Box::new(plain("\u{0}\u{1}garbage".into()))),
        ("half a set", Box::new(plain(jwk_set(&["k2"])[..40].into()))),
        ("a list", Box::new(plain("[]".into()))),
        ("no keys", Box::new(plain("{}".into()))),
        ("an empty set", Box::new(plain(r#"{"keys":[]}"#.into()))),
        ("a member twice", Box::new(plain(twice))),
        ("a symmetric key", Box::new(plain(private))),
        ("a private key", Box::new(plain(with_private.to_string()))),
        ("too large", Box::new(plain(big.clone()))),
        (
            "too large, in parts",
            Box::new(move || {
                let body = Body::new(Parts::of(big.as_bytes().chunks(500)));
                ([(CONTENT_TYPE, "application/json")], body).into_response()
            }),
        ),
    ];
    for (name, answer) in cases {
        issuer.answer_by(answer);
        sleep(FLOOR * 2).await;
        let before = issuer.asked();
        assert_eq!(guarded.status("k2").await, 503, "{name}: it may be a key");
        assert_eq!(issuer.asked(), before + 1, "{name}");
        assert!(guarded.keys.fault().is_some(), "{name}");
        assert_eq!(guarded.status("k1").await, 200, "{name}");
        // The pause grows with each failure, so one success between.
        issuer.publish(&["k1"]);
        recovered(&guarded.keys).await;
    }
    assert_eq!(guarded.keys.fault(), None);
}

/// Waits until a fetch succeeded.
async fn recovered(keys: &RemoteKeys) {
    while keys.fault().is_some() {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nobody_is_turned_away_for_good_before_there_are_keys() {
    let issuer = Issuer::publishing(&["k1"]).await;
    issuer.answer_by(|| StatusCode::BAD_GATEWAY.into_response());
    let guarded = issuer.guarded().await;
    assert_eq!(guarded.keys.ready().await, Err(FetchError::Status(502)));
    let (status, denial) = guarded.answer(&token("k1")).await;
    assert_eq!((status.as_u16(), denial), (503, Some(Denial::OutOfTouch)));
    issuer.publish(&["k1"]);
    guarded.has(&["k1"]).await;
    assert_eq!(guarded.status("k1").await, 200);
}

#[tokio::test]
async fn an_issuer_that_is_gone_is_waited_for() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let keys = RemoteKeys::builder(&format!("http://{free}/")).build().unwrap();
    assert!(matches!(keys.ready().await, Err(FetchError::Unreachable(_))), "{keys:?}");
    drop(issuer);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_not_waited_for() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded_by(|keys| keys.timeout(Duration::from_millis(300))).await;
    let slow_head = Duration::from_secs(20);
    issuer.delay(slow_head);
    sleep(FLOOR).await;
    let began = Instant::now();
    assert_eq!(guarded.status("k2").await, 503);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(guarded.keys.fault(), Some(FetchError::TimedOut));

    issuer.delay(Duration::ZERO);
    // A body that always has one more byte.
    issuer.answer_by(|| {
        let (parts, more) = Parts::open();
        tokio::spawn(async move {
            while more.send(b" ".to_vec().into()).is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        });
        ([(CONTENT_TYPE, "application/json")], Body::new(parts)).into_response()
    });
    sleep(FLOOR * 2).await;
    assert_eq!(guarded.status("k3").await, 503);
    assert_eq!(guarded.keys.fault(), Some(FetchError::TimedOut));
    assert_eq!(guarded.status("k1").await, 200);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (issuer, elsewhere) =
        (Issuer::publishing(&["k1"]).await, Issuer::publishing(&["k1", "k2"]).await);
    let guarded = issuer.guarded().await;
    for (status, location) in [
        (StatusCode::FOUND, elsewhere.url()),
        (StatusCode::TEMPORARY_REDIRECT, elsewhere.url()),
        (StatusCode::PERMANENT_REDIRECT, "/elsewhere".to_owned()),
    ] {
        issuer.answer_by(move || (status, [(LOCATION, location.clone())]).into_response());
        sleep(FLOOR * 4).await;
        assert_eq!(guarded.status("k2").await, 503);
        assert_eq!(guarded.keys.fault(), Some(FetchError::Status(status.as_u16())));
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn a_set_is_fetched_again_when_its_life_is_over() {
    let issuer = Issuer::publishing(&["k1"]).await;
    issuer.answer_by(|| {
        let headers = [(CACHE_CONTROL, "public, max-age=1"), (CONTENT_TYPE, "application/json")];
        (headers, jwk_set(&["k1"])).into_response()
    });
    let guarded = issuer.guarded().await;
    issuer.publish(&["k2"]);
    sleep(Duration::from_millis(700)).await;
    assert_eq!(issuer.asked(), 1, "it may be kept for a second");
    guarded.has(&["k2"]).await;
    assert_eq!((guarded.status("k2").await, issuer.asked()), (200, 2));
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(issuer.asked(), 2, "where nothing is said it is kept for minutes");
}

#[tokio::test]
async fn an_issuer_cannot_have_its_keys_kept_for_longer_than_the_application_says() {
    let issuer = Issuer::publishing(&["k1"]).await;
    issuer.answer_by(|| {
        let headers = [(CACHE_CONTROL, "max-age=3600"), (CONTENT_TYPE, "application/json")];
        (headers, jwk_set(&["k1"])).into_response()
    });
    let guarded = issuer.guarded_by(|keys| keys.refresh(2 * FLOOR)).await;
    issuer.publish(&["k2"]);
    guarded.has(&["k2"]).await;
}

#[tokio::test]
async fn what_a_token_names_is_never_fetched() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded().await;
    let elsewhere = Issuer::publishing(&["k2"]).await;
    sleep(FLOOR).await;
    for member in ["jku", "x5u"] {
        let token = with_header(&json!({ "kid": "k2", member: elsewhere.url() }));
        assert_eq!(guarded.answer(&token).await.0, 401);
    }
    let as_kid = with_header(&json!({ "kid": elsewhere.url() }));
    assert_eq!(guarded.answer(&as_kid).await.0, 401);
    assert_eq!((elsewhere.asked(), issuer.asked()), (0, 2), "of a kid nothing is made");
}

#[tokio::test]
async fn no_fetch_helps_a_token_that_names_no_key_or_is_no_token() {
    let issuer = Issuer::publishing(&["k1", "k2"]).await;
    let guarded = issuer.guarded().await;
    sleep(FLOOR).await;
    for bad in [
        with_header(&json!({ "kid": null })),
        with_header(&json!({ "kid": "k9", "typ": "JWT" })),
        with_header(&json!({ "kid": "k9", "alg": "none" })),
        "a.b.c".to_owned(),
    ] {
        assert_eq!(guarded.answer(&bad).await.0, 401);
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn wrong_keys_are_passed_over_and_the_others_are_good() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let mut set: Value = serde_json::from_str(&jwk_set(&["k1", "k2"])).unwrap();
    set["keys"][0]["x"] = json!("AAAA");
    issuer.answer_with(set.to_string());
    let guarded = issuer.guarded().await;
    assert_eq!(guarded.status("k2").await, 200);
    sleep(FLOOR).await;
    assert_eq!(guarded.status("k1").await, 401);
    set["keys"].as_array_mut().unwrap().truncate(1);
    issuer.answer_with(set.to_string());
    sleep(FLOOR).await;
    assert_eq!(guarded.status("k3").await, 503);
    assert_eq!(guarded.keys.fault(), Some(FetchError::JwkSet(JwkSetError::Empty)));
}

#[tokio::test]
async fn nothing_is_fetched_for_nobody() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let guarded = issuer.guarded_by(|keys| keys.refresh(FLOOR)).await;
    let (ring, keys) = (guarded.keys.ring(), guarded.keys.clone());
    drop((guarded, keys));
    issuer.publish(&["k2"]);
    let kid = || ring.keys().first().and_then(|key| key.key_id().map(str::to_owned));
    let renewed = async {
        while kid().as_deref() != Some("k2") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), renewed).await.expect("a ring alone keeps it alive");
    drop(ring);
    sleep(FLOOR).await;
    let before = issuer.asked();
    sleep(FLOOR * 4).await;
    assert_eq!(issuer.asked(), before);
}

#[tokio::test]
async fn over_https_the_server_must_be_one_that_this_machine_trusts() {
    let issuer = Issuer::publishing(&["k1"]).await;
    let url = issuer.url().replace("http://", "https://");
    let keys = RemoteKeys::builder(&url).build().unwrap();
    assert!(matches!(keys.ready().await, Err(FetchError::Unreachable(_))), "{keys:?}");
    assert_eq!(issuer.asked(), 0, "nothing was said in the clear");
}
