//! What is known to go wrong with flask-jwt-extended, and does not here.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign::axum::{Bearer, Fresh, Lenient, Outcome, Whole};
use countersign::layer::{
    Access, Answers, Cookie, Cookies, CsrfFault, Demand, Denial, FlaskVersion, Guard, GuardBuilder,
};
use countersign::sessions::{Login, MemoryStore, SessionError, Sessions};
use countersign::{
    Clock, EndReason, Issuer, KeyRing, Profile, RefreshTokens, RevocationSet, Revocations,
    SignError, Subject, Verifier, VerifyError,
};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::guard::kit::{
    APP, Answer, CSRF_KEY, KEY, NOW, app, ask, bear, builder, csrf_token, decoded, request, send,
    token, token_with, with_cookies,
};

/// A token of this header and these claims, whatever they are, with a good signature.
fn signed(header: &Value, claims: &Value) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (header, claims) = (header.to_string(), claims.to_string());
    let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    format!("{message}.{}", encode(hmac::sign(&key, message.as_bytes()).as_ref()))
}

/// The header of the kit's tokens, with these members in the place of its own.
fn header_with(changes: &Value) -> Value {
    let mut header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "k1" });
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

/// A verifier that demands as little as one can.
fn lax() -> GuardBuilder {
    let profile = Profile { typ: "at+jwt", required: &[], subject: Subject::None };
    let verifier = Verifier::new(profile, KeyRing::new(vec![KEY.verifying_key()]));
    Guard::builder(verifier).clock(Clock::manual(NOW))
}

#[tokio::test]
async fn a_lifetime_of_zero_never_means_for_ever() {
    let lifetime = Issuer::builder(KEY.clone()).lifetime(Duration::ZERO).build();
    assert_eq!(lifetime.err(), Some(SignError::Lifetime));
    let issuer = Issuer::new(KEY.clone());
    let minted = issuer.access("alice").lifetime(Duration::ZERO).sign(NOW);
    assert_eq!(minted, Err(SignError::Lifetime));
    for claims in [
        json!({ "sub": "a", "iat": NOW, "exp": NOW }),
        json!({ "sub": "a", "iat": NOW, "exp": NOW - 1 }),
        json!({ "sub": "a", "iat": NOW }),
        json!({ "sub": "a", "iat": NOW, "exp": null }),
        json!({ "sub": "a", "iat": NOW, "exp": false }),
    ] {
        assert_eq!(issuer.sign("at+jwt", &claims), Err(SignError::Lifetime), "{claims}");
    }
    let mut claims = decoded(&token(), 1);
    for exp in [json!(NOW), json!(0), json!(-1), json!(false), Value::Null, json!("never")] {
        claims["exp"] = exp;
        let token = signed(&header_with(&json!({})), &claims);
        for builder in [builder(), lax()] {
            let answer = bear(&app(&builder.build().unwrap()), "GET /me", &token).await;
            assert_eq!(answer.status, 401, "{claims}");
        }
    }
}

#[tokio::test]
async fn a_token_without_exp_or_of_another_kind_is_never_an_access_token() {
    let mut without_exp = decoded(&token(), 1);
    without_exp.as_object_mut().unwrap().remove("exp");
    let header = header_with(&json!({}));
    assert!(
        bear(&app(&builder().build().unwrap()), "GET /me", &signed(&header, &decoded(&token(), 1)))
            .await
            .is_alice()
    );
    let missing = VerifyError::MissingClaim { name: "exp" };
    let mut cases = vec![(signed(&header, &without_exp), Denial::Invalid(missing))];
    for typ in
        [json!("JWT"), json!("refresh+jwt"), json!("reset+jwt"), json!(["at+jwt"]), json!("")]
    {
        let token = signed(&header_with(&json!({ "typ": typ })), &decoded(&token(), 1));
        cases.push((token, Denial::Invalid(VerifyError::Type)));
    }
    let mut bare = header_with(&json!({}));
    bare.as_object_mut().unwrap().remove("typ");
    cases.push((signed(&bare, &decoded(&token(), 1)), Denial::Invalid(VerifyError::Type)));
    for own in ["refresh", "reset", "Access", ""] {
        let wanted = countersign::layer::TokenType::Access;
        cases.push((token_with(&json!({ "type": own })), Denial::WrongType { wanted }));
    }
    let audience = token_with(&json!({ "aud": "https://other.example.org" }));
    cases.push((audience, Denial::Invalid(VerifyError::Audience)));
    for (token, denial) in cases {
        let answer = bear(&app(&builder().build().unwrap()), "GET /me", &token).await;
        assert_eq!((answer.status.as_u16(), answer.denial), (401, Some(denial)));
    }
}

/// What is odd about a claim, for each kind of value there is.
fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("soon"),
        json!("é\u{1F980}"),
        json!([]),
        json!(["https://accounts.example.org"]),
        json!([[1], { "a": null }]),
        json!({}),
        json!({ "alice": true }),
    ]
}

fn every_answer() -> [Answers; 3] {
    [
        Answers::rfc6750(),
        Answers::flask_jwt_extended(FlaskVersion::V3).into(),
        Answers::flask_jwt_extended(FlaskVersion::V4).into(),
    ]
}

#[tokio::test]
async fn a_claim_of_an_odd_type_is_refused_or_passed_over_and_no_500() {
    const NAMES: [&str; 14] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "sid",
        "gen",
        "auth_time",
        "amr",
        "roles",
        "type",
        "fresh",
    ];
    let fresh = Demand::new().fresh_within(Duration::from_mins(5)).role("clerk");
    for answers in every_answer() {
        for builder in [builder(), lax(), lax().demand(fresh.clone())] {
            let guard = builder.answers(answers.clone()).build().unwrap();
            let name_it = async |bearer: Bearer| format!("{:?}", bearer.claims.subject());
            let router = Router::new().route("/me", get(name_it)).layer(guard.layer());
            for name in NAMES {
                for odd in odd_values() {
                    let mut claims = decoded(&token(), 1);
                    claims[name] = odd;
                    let token = signed(&header_with(&json!({})), &claims);
                    let answer = bear(&router, "GET /me", &token).await;
                    let is_refused = matches!(answer.status.as_u16(), 401 | 403 | 422);
                    assert!(is_refused || answer.status == 200, "{}: {claims}", answer.status);
                    assert_eq!(answer.denial.is_some(), is_refused, "{claims}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_a_list_is_refused_even_if_it_has_the_right_one() {
    for answers in every_answer() {
        for builder in [builder(), lax()] {
            let router = app(&builder.answers(answers.clone()).build().unwrap());
            let mut claims = decoded(&token(), 1);
            claims["iss"] = json!(["https://accounts.example.org"]);
            let answer = bear(&router, "GET /me", &signed(&header_with(&json!({})), &claims)).await;
            let wrong = VerifyError::WrongClaimType { name: "iss" };
            assert_eq!(answer.denial, Some(Denial::Invalid(wrong)));
        }
    }
}

#[tokio::test]
async fn a_token_is_fresh_by_the_time_of_the_login_and_by_nothing_else() {
    let me = async |Fresh(bearer): Fresh<300>| bearer.claims.subject().unwrap().to_owned();
    let demand = Demand::new().fresh_within(Duration::from_mins(5));
    let extractor = Router::new().route("/me", get(me)).layer(builder().build().unwrap().layer());
    let demanded = app(&builder().demand(demand).build().unwrap());
    for router in [extractor, demanded] {
        for odd in odd_values() {
            for (auth_time, status) in [(NOW - 300, 200), (NOW - 301, 401)] {
                let token = token_with(&json!({ "fresh": odd, "auth_time": auth_time }));
                assert_eq!(bear(&router, "GET /me", &token).await.status, status, "{odd}");
            }
            let mut claims = decoded(&token(), 1);
            claims["auth_time"] = odd;
            let answer = bear(&router, "GET /me", &signed(&header_with(&json!({})), &claims)).await;
            assert_eq!(answer.status, 401, "{claims}");
        }
    }
}

#[tokio::test]
async fn a_csrf_header_of_any_bytes_is_refused() {
    for answers in every_answer() {
        let router = app(&with_cookies().answers(answers).build().unwrap());
        let cookie = format!("__Host-countersign_access={}", token());
        let good = csrf_token("s1");
        for odd in ["é".as_bytes(), b"\xff\xfe", "ﬁ\u{200B}".as_bytes(), b"\x80", b"\t", b""] {
            for value in
                [odd.to_vec(), [good.as_bytes(), odd].concat(), [odd, good.as_bytes()].concat()]
            {
                let headers = [
                    ("cookie", cookie.as_bytes()),
                    ("origin", APP.as_bytes()),
                    ("x-csrf-token", &*value),
                ];
                let answer = send(&router, request("POST /me", &headers)).await;
                if value == good.as_bytes() {
                    assert!(answer.is_alice());
                } else {
                    assert_eq!(answer.denial, Some(Denial::Csrf(CsrfFault::Mismatch)), "{value:?}");
                    assert!(answer.status.is_client_error());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_json_body_that_is_no_object_carries_no_token() {
    for answers in every_answer() {
        let layer =
            builder().answers(answers).build().unwrap().layer().reading_json("access_token");
        let router = Router::new().route("/me", post(async || "in")).layer(layer);
        let list = json!([{ "access_token": token() }]).to_string();
        let text = json!(token()).to_string();
        let nested = json!({ "access_token": [token()] }).to_string();
        let deep = "[".repeat(100_000);
        for body in
            ["[]", "[1]", "5", "1e999", "\"x\"", "null", "true", &list, &text, &nested, &deep]
        {
            let post = http::Request::post("/me").header("content-type", "application/json");
            let answer = send(&router, post.body(body.to_owned().into()).unwrap()).await;
            let status = if body.len() > 65_536 { 413 } else { 401 };
            assert_eq!(answer.status, status, "{}", &body[..body.len().min(80)]);
        }
    }
}

fn subject(bearer: Option<&Bearer>) -> String {
    bearer.map_or("nobody", |bearer| bearer.claims.subject().unwrap()).to_owned()
}

#[tokio::test]
async fn bearer_in_any_case_is_heard_where_a_token_is_optional() {
    let router = Router::new()
        .route("/strict", get(async |bearer: Option<Bearer>| subject(bearer.as_ref())))
        .route("/lenient", get(async |Lenient(bearer): Lenient| subject(bearer.as_ref())))
        .route(
            "/outcome",
            get(async |outcome: Outcome| match outcome {
                Outcome::Authenticated(bearer) => subject(Some(&bearer)),
                Outcome::Anonymous => "nobody".to_owned(),
                Outcome::Refused(_) => "refused".to_owned(),
            }),
        )
        .layer(builder().build().unwrap().public_layer());
    for scheme in ["bearer", "BEARER", "Bearer", "bEARER"] {
        let told = async |path: &str, token: &str| -> Answer {
            let value = format!("{scheme} {token}");
            ask(&router, &format!("GET {path}"), &[("authorization", &value)]).await
        };
        for path in ["/strict", "/lenient", "/outcome"] {
            assert!(told(path, &token()).await.is_alice(), "{scheme} {path}");
        }
        let other = token_with(&json!({ "aud": "https://other.example.org" }));
        for bad in [&*other, "rubbish", "a b", "", " x"] {
            assert_eq!(told("/strict", bad).await.status, 401, "{scheme} {bad}");
            assert_eq!(told("/lenient", bad).await.text, "nobody", "{scheme} {bad}");
            assert_eq!(told("/outcome", bad).await.text, "refused", "{scheme} {bad}");
        }
    }
}

/// What flask-jwt-extended's documentation recommends: every answer brings a new token.
async fn refresh_implicitly(cookies: Cookies, request: Request, next: Next) -> Response {
    let claims = Access::of(request.extensions()).map(|access| access.claims().clone());
    let response = next.run(request).await;
    let Ok(claims) = claims else { return response };
    let changes = json!({ "jti": "renewed", "sid": claims.session_id(), "iat": NOW });
    let renewed = token_with(&changes);
    (cookies.set(Cookie::Access, &renewed, Duration::from_mins(15)).unwrap(), response)
        .into_response()
}

#[tokio::test]
async fn implicit_refresh_never_undoes_a_logout() {
    let set = Arc::new(RevocationSet::new());
    let cookies = Cookies::builder(APP, &CSRF_KEY).build().unwrap();
    let revocations = Revocations::set(Arc::clone(&set));
    let guard = builder().cookies(cookies.clone()).revocations(revocations).build().unwrap();
    let log_out = {
        let cookies = cookies.clone();
        async move |bearer: Bearer| {
            let session = bearer.claims.session_id().unwrap();
            set.revoke_session(session, EndReason::Logout, NOW + 900);
            (cookies.clear(), "bye")
        }
    };
    let router = Router::new()
        .route("/me", any(async |bearer: Bearer| subject(Some(&bearer))))
        .route("/logout", post(log_out))
        .layer(from_fn(move |request, next| refresh_implicitly(cookies.clone(), request, next)))
        .layer(guard.layer());
    let renewed = async |line: &str, token: &str| {
        let cookie = format!("__Host-countersign_access={token}");
        let csrf = csrf_token("s1");
        let headers = [("cookie", &*cookie), ("origin", APP), ("x-csrf-token", &csrf)];
        let answer = ask(&router, line, &headers).await;
        assert_eq!(answer.status, 200, "{line}");
        let last = answer.headers.get_all("set-cookie").iter().next_back().unwrap();
        let (_, value) = last.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
        value.to_owned()
    };
    let earlier = renewed("GET /me", &token()).await;
    assert!(bear(&router, "GET /me", &earlier).await.is_alice());
    let with_the_logout = renewed("POST /logout", &token()).await;
    for token in [token(), earlier, with_the_logout] {
        let answer = bear(&router, "GET /me", &token).await;
        assert_eq!(answer.denial, Some(Denial::Ended(EndReason::Logout)));
        assert!(!answer.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn neither_a_refresh_nor_a_pair_made_meanwhile_undoes_a_logout() {
    let clock = Clock::manual(NOW);
    let issuer = Issuer::builder(KEY.clone()).issuer("https://accounts.example.org");
    let issuer = issuer.audience(["https://api.example.org"]).build().unwrap();
    let refresh_tokens = RefreshTokens::new(&[7; 32], None).unwrap();
    let sessions = Sessions::builder(MemoryStore::new(), issuer, refresh_tokens);
    let sessions = sessions.clock(clock.clone()).build().unwrap();
    sessions.catch_up().await.unwrap();
    let guard = builder().clock(clock.clone()).revocations(sessions.revocations());
    let router = app(&guard.build().unwrap());

    let session = sessions.log_in(Login::of("alice")).await.unwrap();
    let first = sessions.pair(&session).unwrap();
    assert!(bear(&router, "GET /me", &first.access_token).await.is_alice());
    let refreshed = sessions.refresh(&first.refresh_token).await.unwrap();
    sessions.log_out_by_refresh_token(&first.refresh_token).await.unwrap();
    // A request that was under way when the logout came still answers with new tokens.
    for session in [&session, &refreshed] {
        let late = sessions.pair(session).unwrap();
        let answer = bear(&router, "GET /me", &late.access_token).await;
        assert_eq!(answer.denial, Some(Denial::Ended(EndReason::Logout)));
        for _ in 0..2 {
            let refused = sessions.refresh(&late.refresh_token).await;
            assert!(matches!(refused, Err(SessionError::Ended(EndReason::Logout))), "{refused:?}");
            clock.advance(Duration::from_mins(30));
        }
    }
}

/// A body that does something when it is read: by then the guard has let the head through.
fn body_after(happens: impl Fn() + Send + 'static) -> Body {
    Body::new(Full::from(Bytes::from("Alice")).map_frame(move |frame| {
        happens();
        frame
    }))
}

/// `/` takes a body from anybody who asks, `/fresh` from those who have just logged in, and so does
/// `/demanding`, by a layer; `/open` is public.
fn takes_bodies(guard: &Guard) -> Router {
    let fresh = Demand::new().fresh_within(Duration::from_secs(90));
    let fresh = guard.require(fresh).unwrap();
    let closed = Router::new()
        .route("/", post(async |Whole(bearer, name): Whole<Bearer, String>| named(&bearer, &name)))
        .route(
            "/fresh",
            post(async |Whole(fresh, name): Whole<Fresh<90>, String>| named(&fresh.0, &name)),
        )
        .route(
            "/demanding",
            post(async |Whole(bearer, name): Whole<Bearer, String>| named(&bearer, &name))
                .layer(fresh),
        )
        .layer(guard.layer());
    let open = post(async |Whole(Lenient(bearer), name): Whole<Lenient, String>| match bearer {
        Some(bearer) => named(&bearer, &name),
        None => format!("somebody: {name}"),
    });
    closed.merge(Router::new().route("/open", open).layer(guard.public_layer()))
}

fn named(bearer: &Bearer, name: &str) -> String {
    format!("{}: {name}", bearer.claims.subject().unwrap())
}

/// What comes of a request whose body is held back until something has happened.
async fn held(router: &Router, path: &str, happens: impl Fn() + Send + 'static) -> Answer {
    let mut request = request(&format!("POST {path}"), &[]);
    let bearer = format!("Bearer {}", token()).parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    send(router, request.map(|_| body_after(happens))).await
}

#[tokio::test]
async fn a_body_that_is_held_back_does_not_outlive_its_token() {
    const MINUTE: Duration = Duration::from_mins(1);
    for path in ["/", "/fresh", "/demanding", "/open"] {
        let clock = Clock::manual(NOW);
        let set = Arc::new(RevocationSet::new());
        let guard = builder().clock(clock.clone()).revocations(Revocations::set(set.clone()));
        let router = takes_bodies(&guard.build().unwrap());
        let later = |by: Duration| {
            let clock = clock.clone();
            move || clock.advance(by)
        };
        let answer = held(&router, path, later(Duration::ZERO)).await;
        assert_eq!(&*answer.text, "alice: Alice", "{path}");
        let answer = held(&router, path, later(MINUTE)).await;
        let is_too_late = ["/fresh", "/demanding"].contains(&path);
        assert_eq!(answer.status, if is_too_late { 401 } else { 200 }, "{path}");

        let is_refused = |answer: &Answer, denial: Denial| match path {
            "/open" => assert_eq!(&*answer.text, "somebody: Alice"),
            _ => assert_eq!(answer.denial, Some(denial), "{path}"),
        };
        clock.turn_back(MINUTE);
        let answer = held(&router, path, later(15 * MINUTE)).await;
        is_refused(&answer, Denial::Invalid(VerifyError::Expired));
        clock.turn_back(15 * MINUTE);
        let revoke = move || set.revoke_session("s1", EndReason::Logout, NOW + 900);
        let answer = held(&router, path, revoke).await;
        is_refused(&answer, Denial::Ended(EndReason::Logout));
    }
}

#[tokio::test]
async fn no_body_is_read_for_a_bad_token() {
    let router = takes_bodies(&builder().build().unwrap());
    for path in ["/", "/fresh", "/demanding"] {
        let request = request(&format!("POST {path}"), &[("authorization", b"Bearer a.b.c")]);
        let answer = send(&router, request.map(|_| body_after(|| panic!("it is read")))).await;
        assert_eq!(answer.status, 401);
    }
}
