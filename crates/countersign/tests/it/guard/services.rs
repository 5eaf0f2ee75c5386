//! Services without axum, and checks of the application's own.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use countersign::layer::{Access, Check, Checked, Checking, Denial, Guard};
use countersign::{Clock, VerifyError};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::guard::kit::{NOW, app, bear, builder, token, verifier};

/// A plain service, as hyper has them, whose bodies are none of axum's.
async fn hello<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let name = match Access::of(request.extensions()) {
        Ok(access) => access.claims().subject().unwrap_or_default().to_owned(),
        Err(denial) => denial.to_string(),
    };
    Ok(Response::new(Full::from(name)))
}

fn get(path: &str, token: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    request.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_guard_stands_before_any_service() {
    let guard = builder().public("/public").build().unwrap();
    let service = guard.layer().layer(service_fn(hello));
    for (path, token, status, text) in [
        ("/", token(), 200, "alice"),
        ("/public", token(), 200, "the request carries no token"),
        ("/", "x".to_owned(), 401, "invalid_token"),
    ] {
        let response = service.clone().oneshot(get(path, &token)).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.extensions().get::<Denial>().is_some(), status == 401);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(std::str::from_utf8(&body).unwrap().contains(text), "{body:?}");
    }
    let open = guard.public_layer().layer(service_fn(async |request: Request<Empty<Bytes>>| {
        let (parts, _) = request.into_parts();
        let access = Guard::of(&parts.extensions).unwrap().check(&parts).await;
        let name = access.map(|access| access.claims().subject().unwrap_or_default().to_owned());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(name.unwrap_or("nobody".into()))))
    }));
    for (token, name) in [(token(), "alice"), ("x".to_owned(), "nobody")] {
        let response = open.clone().oneshot(get("/", &token)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), name);
    }
    let bare = hello(get("/", &token())).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(bare.to_bytes(), "no guard stands before this route");
}

/// Serves `hello` behind a guard, as hyper does it, over real connections.
async fn serve_by_hyper() -> SocketAddr {
    let service = builder().build().unwrap().layer().layer(service_fn(hello::<Incoming>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            connection.await.unwrap();
        }
    });
    address
}

/// The whole answer, as it comes over the wire.
async fn ask_by_wire(address: SocketAddr, authorization: String) -> String {
    let ask = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let end = "Connection: close\r\n\r\n";
        write!(stream, "GET / HTTP/1.1\r\nHost: x\r\n{authorization}{end}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test]
async fn hyper_serves_what_stands_behind_a_guard() {
    let address = serve_by_hyper().await;
    let good = format!("Authorization: bearer {}\r\n", token());
    let answer = ask_by_wire(address, good).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nalice"), "{answer}");
    let answer = ask_by_wire(address, String::new()).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\r\nwww-authenticate: Bearer\r\n"), "{answer}");
}

/// As tonic has them: bodies in boxes, whose errors are its own, and which end in trailers.
type GrpcBody = UnsyncBoxBody<Bytes, GrpcStatus>;

#[derive(Debug)]
struct GrpcStatus;

async fn greet(request: Request<GrpcBody>) -> Result<Response<GrpcBody>, Infallible> {
    let name = Access::of(request.extensions()).unwrap().claims().subject().unwrap().to_owned();
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        http::HeaderValue::from_static("0"),
    )]);
    let message = Full::from(name).map_err(|never: Infallible| match never {});
    Ok(Response::new(message.with_trailers(async { Some(Ok(trailers)) }).boxed_unsync()))
}

#[tokio::test]
async fn bodies_in_boxes_come_through_with_their_trailers() {
    let service = builder().build().unwrap().layer().layer(service_fn(greet));
    let call = async |token: &str| {
        let request = Request::post("/greeter.Greeter/Greet")
            .header("content-type", "application/grpc")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from("hello").map_err(|never| match never {}).boxed_unsync())
            .unwrap();
        let (parts, body) = service.clone().oneshot(request).await.unwrap().into_parts();
        (parts.status, body.collect().await.unwrap())
    };
    let (status, body) = call(&token()).await;
    assert_eq!(
        (status, body.trailers().map(|all| all["grpc-status"].as_bytes())),
        (StatusCode::OK, Some(&b"0"[..]))
    );
    assert_eq!(body.to_bytes(), "alice");
    // What gRPC takes for UNAUTHENTICATED.
    let (status, body) = call("x").await;
    assert_eq!((status, body.trailers()), (StatusCode::UNAUTHORIZED, None));
}

/// Knows users by a table that must be asked, and notes who asked.
struct Table;

struct User(&'static str);

impl Check for Table {
    fn check(&self, token: &str, now: i64) -> Checking {
        let verified = match verifier().verify(token, now) {
            Ok(verified) => verified,
            Err(error) => return Checking::Done(Err(error.into())),
        };
        Checking::Pending(Box::pin(async move {
            tokio::task::yield_now().await;
            match verified.claims.subject() {
                Some("alice") => Ok(Checked::new(verified).attach(User("Alice Liddell"))),
                other => Err(Denial::NoUser { subject: other.unwrap_or_default().to_owned() }),
            }
        }))
    }
}

#[tokio::test]
async fn a_check_may_wait_and_gives_along_what_it_found() {
    let guard = Guard::with_check(Table).clock(Clock::manual(NOW)).build().unwrap();
    let service = guard.layer().layer(service_fn(async |request: Request<Empty<Bytes>>| {
        let access = Access::of(request.extensions()).unwrap();
        assert!(access.attachment::<String>().is_none());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(
            access.attachment::<User>().unwrap().0,
        )))
    }));
    let response = service.clone().oneshot(get("/", &token())).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "Alice Liddell");
    let other = crate::guard::kit::token_with(&serde_json::json!({ "sub": "bob" }));
    let response = service.oneshot(get("/", &other)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let denial = Some(&Denial::NoUser { subject: "bob".into() });
    assert_eq!(response.extensions().get(), denial);
    assert!(bear(&app(&guard), "GET /me", &token()).await.is_alice());
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    struct Ready(bool);

    /// As tower has it: a clone is not ready because the original is.
    impl Clone for Ready {
        fn clone(&self) -> Self {
            Self(false)
        }
    }

    impl Service<Request<Empty<Bytes>>> for Ready {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Infallible>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called without being ready");
            std::future::ready(Ok(Response::new(Full::default())))
        }
    }
    for guard in [
        builder().build().unwrap(),
        Guard::with_check(Table).clock(Clock::manual(NOW)).build().unwrap(),
    ] {
        let mut service = guard.layer().layer(Ready(false));
        for _ in 0..2 {
            let response = service.ready().await.unwrap().call(get("/", &token())).await.unwrap();
            assert_eq!(response.status(), 200);
        }
    }
}

#[tokio::test]
async fn a_guard_decides_where_no_layer_can_stand() {
    let guard = builder().build().unwrap();
    let (parts, _) = get("/", &token()).into_parts();
    assert_eq!(guard.check(&parts).await.unwrap().claims().subject(), Some("alice"));
    let (parts, _) = get("/", "x").into_parts();
    let denial = guard.check(&parts).await.unwrap_err();
    assert_eq!(denial, Denial::Invalid(VerifyError::NotThreeSegments));
    assert_eq!(guard.answer(&denial).status(), 401);
}
