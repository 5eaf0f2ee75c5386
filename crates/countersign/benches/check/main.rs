//! What a check costs, beside `jsonwebtoken` alone: `cargo bench -p countersign --bench check`.
//!
//! Processor time of this thread is measured, so that what else the machine does counts for less.
//! `bare` is the service without a guard, so that `guarded` less `bare` is all that the guard does,
//! its verification included. Ten million sessions are revoked.

mod cpu_time;

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use countersign::layer::Guard;
use countersign::{
    Algorithm, Clock, EndReason, Issuer, KeyRing, Profile, RevocationSet, Revocations, SigningKey,
    Verifier,
};
use criterion::{BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{Empty, Full};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use tower::{Layer as _, Service, service_fn};

use self::cpu_time::CpuTime;

const NOW: i64 = 1_700_000_000;
const SECRET: [u8; 32] = [7; 32];

fn claims() -> Value {
    json!({
        "iss": "https://accounts.example.org", "aud": "https://api.example.org",
        "sub": "0198c5b2-0000-7000-8000-000000000001", "jti": "0198c5b2-0000-7000-8000-000000000002",
        "sid": "0198c5b2-0000-7000-8000-000000000003", "gen": 3, "iat": NOW, "exp": NOW + 900_000_000,
        "auth_time": NOW, "amr": ["pwd"], "roles": ["clerk"],
    })
}

fn revocations() -> Arc<RevocationSet> {
    let set = RevocationSet::new();
    for number in 0..10_000_000_u32 {
        let session = format!("0198c5b2-0000-7000-9000-{number:012}");
        set.revoke_session(&session, EndReason::Logout, NOW + 900);
    }
    Arc::new(set)
}

/// The same check by `jsonwebtoken`: signature, `exp`, `iss`, `aud`, and claims read into a map.
fn jsonwebtoken(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    token: &str,
    key: &DecodingKey,
    algorithm: jsonwebtoken::Algorithm,
) {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&["https://accounts.example.org"]);
    validation.set_audience(&["https://api.example.org"]);
    group.bench_function("jsonwebtoken", |bencher| {
        bencher.iter(|| {
            let checked = jsonwebtoken::decode::<serde_json::Map<String, Value>>(
                black_box(token),
                key,
                &validation,
            );
            checked.expect("a good token").claims.len()
        });
    });
}

fn verifier(group: &mut BenchmarkGroup<'_, CpuTime>, name: &str, token: &str, verifier: &Verifier) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| verifier.verify(black_box(token), NOW).expect("a good token"));
    });
}

/// A call of the service, request made before the clock runs.
fn call<S, E: std::fmt::Debug>(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    name: &str,
    token: &str,
    mut service: S,
) where
    S: Service<Request<Empty<Bytes>>, Error = E>,
{
    let value = format!("Bearer {token}");
    let request = || {
        let request = Request::get("/me").header("authorization", &value);
        request.body(Empty::new()).expect("a request")
    };
    let mut context = Context::from_waker(Waker::noop());
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            request,
            |request| {
                let future = pin!(service.call(request));
                assert!(future.poll(&mut context).is_ready());
            },
            BatchSize::SmallInput,
        );
    });
}

async fn answer(_: Request<Empty<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

fn check(criterion: &mut Criterion<CpuTime>) {
    let revocations = Revocations::set(revocations());
    let secret = SigningKey::from_secret(Algorithm::Hs256, Some("k"), &SECRET).expect("a key");
    let pair = SigningKey::generate(Algorithm::Es256, Some("k")).expect("a key");
    let public = pair.public_jwk().expect("a public key");
    let public = serde_json::to_value(public).expect("a JWK");
    let public = serde_json::from_value(public).expect("the same JWK");
    let decoding = [
        (DecodingKey::from_secret(&SECRET), jsonwebtoken::Algorithm::HS256),
        (DecodingKey::from_jwk(&public).expect("a key"), jsonwebtoken::Algorithm::ES256),
    ];
    for (key, (decoding_key, algorithm)) in [secret, pair].into_iter().zip(&decoding) {
        let token = Issuer::new(key.clone()).sign("at+jwt", &claims()).expect("a token");
        let own = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]))
            .issuer("https://accounts.example.org")
            .audience("https://api.example.org");
        let guarded = |verifier: &Verifier| {
            let guard = Guard::builder(verifier.clone())
                .clock(Clock::system())
                .revocations(revocations.clone())
                .public("/healthz")
                .build()
                .expect("a guard");
            guard.layer().layer(service_fn(answer))
        };
        let mut group = criterion.benchmark_group(key.algorithm().as_str());
        jsonwebtoken(&mut group, &token, decoding_key, *algorithm);
        verifier(&mut group, "verifier", &token, &own);
        call(&mut group, "bare", &token, service_fn(answer));
        call(&mut group, "guarded", &token, guarded(&own));
        let remembering = own.remember(1_000);
        verifier(&mut group, "verifier, remembered", &token, &remembering);
        call(&mut group, "guarded, remembered", &token, guarded(&remembering));
        group.finish();
    }
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = check
);
criterion_main!(benches);
