//! What a collector of traces is told, by a server that sends them and with one that fails.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::collector::{Collector, Manner, hex, texts};
use crate::database::TestDatabase;
use crate::program::{PASSWORD, Place, Server, answer, until};

const WRONG: &str = "a pass phrase that is not theirs";
const MASTER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const COLLECTORS_TOKEN: &str = "of-the-collector-alone";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Every attribute that a span may have.
const ATTRIBUTES: [&str; 10] = [
    "countersign.outcome",
    "countersign.request_id",
    "countersign.retries",
    "db.operation.name",
    "db.query.text",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
];

fn place(collector: &Collector) -> Place {
    Place::new().set("COUNTERSIGN_TRACES__OTLP", &collector.url)
}

async fn stop(server: Server) -> Duration {
    server.terminate();
    let began = now();
    assert_eq!(server.end().await, Some(0));
    now().duration_since(began)
}

#[expect(clippy::disallowed_methods, reason = "how long a real process takes is measured")]
fn now() -> Instant {
    Instant::now()
}

/// The one request of this name.
#[track_caller]
fn only(collector: &Collector, name: &str) -> Span {
    let mut spans = collector.named(name);
    assert_eq!(spans.len(), 1, "{name}: {:?}", collector.spans());
    spans.remove(0)
}

on_each_database! {
    async fn a_login_is_told_with_its_parts(database: TestDatabase) {
        let collector = Collector::start(Manner::Takes).await;
        let header = format!("{{ authorization = \"Bearer {COLLECTORS_TOKEN}\" }}");
        let place = place(&collector)
            .set("COUNTERSIGN_TRACES__HEADERS", &header)
            .set("COUNTERSIGN_DATABASE__URL", &database.url)
            .set("COUNTERSIGN_MASTER_SECRET", MASTER_SECRET);
        let server = place.serve().await;
        server.register("alice").await;
        server.log_in("alice").await;
        let logs = server.stderr.clone();
        stop(server).await;

        let login = only(&collector, "POST /v1/login");
        assert_eq!((login.kind(), login.parent_span_id.len()), (SpanKind::Server, 0));
        let about = texts(&login.attributes);
        let request_id = &about["countersign.request_id"];
        assert!(uuid::Uuid::parse_str(request_id).is_ok(), "{request_id}");
        for (name, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/v1/login"),
            ("http.response.status_code", "200"),
            ("countersign.outcome", "ok"),
        ] {
            assert_eq!(about[name], value, "{name}");
        }
        assert_eq!(about.len(), 5, "{about:?}");
        has_the_parts_of_a_login(&collector, &login, database.url.split(':').next());
        says_whose_it_is(&collector);

        let logs = logs.get();
        assert!(!logs.contains(COLLECTORS_TOKEN));
        let line = logs.lines().find(|line| line.contains("\"/v1/login\"")).expect("it is logged");
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(line["spans"][0]["trace_id"], hex(&login.trace_id));
        assert_eq!(line["spans"][0]["id"], *request_id);
    }
}

#[track_caller]
fn has_the_parts_of_a_login(collector: &Collector, login: &Span, scheme: Option<&str>) {
    let parts = collector.within(login);
    for name in ["password wait", "password hash", "db log_in", "sign"] {
        assert_eq!(parts[name].len(), 1, "{name}");
    }
    let (wait, hash) = (&parts["password wait"][0], &parts["password hash"][0]);
    let (write, sign) = (&parts["db log_in"][0], &parts["sign"][0]);
    let order = [login, wait, hash, write, sign].map(|span| span.start_time_unix_nano);
    assert!(order.is_sorted(), "{order:?}");
    assert!(hash.start_time_unix_nano >= wait.end_time_unix_nano);
    assert!(hash.end_time_unix_nano - hash.start_time_unix_nano > 1_000_000, "it is work");
    assert!(sign.end_time_unix_nano <= login.end_time_unix_nano);
    let about = texts(&write.attributes);
    let system = if scheme == Some("postgres") { "postgresql" } else { scheme.unwrap_or_default() };
    assert_eq!((&*about["db.system.name"], &*about["db.operation.name"]), (system, "log_in"));
    assert!(texts(&parts["db read"][0].attributes)["db.query.text"].starts_with("SELECT "));
}

#[track_caller]
fn says_whose_it_is(collector: &Collector) {
    for request in collector.requests() {
        for spans in request.resource_spans {
            let resource = spans.resource.expect("whose spans they are");
            let about = texts(&resource.attributes);
            assert_eq!(about["service.name"], "countersign");
            assert_eq!(about["service.version"], env!("CARGO_PKG_VERSION"));
            assert!(uuid::Uuid::parse_str(&about["service.instance.id"]).is_ok(), "{about:?}");
        }
    }
    for (headers, _) in collector.got() {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["authorization"], format!("Bearer {COLLECTORS_TOKEN}"));
    }
}

#[tokio::test]
async fn nothing_of_a_person_and_no_secret_is_told() {
    let collector = Collector::start(Manner::Takes).await;
    let place = place(&collector).set("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1");
    let server = place.serve().await;
    let session = server.register("alice").await;
    assert_eq!(server.log_in_answer("alice", WRONG).await.0, 401);
    let body = json!({ "identifier": "alice@example.org", "password": PASSWORD,
                       "device": "a telephone of her own" });
    let login = server.request(Method::POST, "/v1/login?hint=a-hint-in-the-query").json(&body);
    let login = login.header("user-agent", "an-agent/1.0").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(answer(login).await.expect("an answer").0, 200);
    let refreshed = server.refresh(&session).await;
    server.me(&refreshed).await;
    let path = format!("/v1/sessions/{}", session.id);
    let end = server.request(Method::DELETE, &path).bearer_auth(&refreshed.access);
    assert_eq!(answer(end).await.expect("an answer").0, 204);
    let nowhere = server.request(Method::GET, "/of/somebody/called/alice");
    assert_eq!(answer(nowhere).await.expect("an answer").0, 404);
    let invented = Method::from_bytes(b"ALICE").expect("a method");
    answer(server.request(invented, "/v1/me")).await.expect("an answer");
    server.me(&refreshed).await;
    stop(server).await;

    let outcome = |name| texts(&only(&collector, name).attributes)["countersign.outcome"].clone();
    assert_eq!(outcome("DELETE /v1/sessions/{id}"), "ok");
    assert_eq!(outcome("GET"), "not_found");
    let of = |name: &str| {
        let spans = collector.named(name);
        let outcome = |span: &Span| texts(&span.attributes)["countersign.outcome"].clone();
        spans.iter().map(outcome).collect::<Vec<_>>()
    };
    assert_eq!(of("POST /v1/login"), ["invalid_credentials", "ok"]);
    assert_eq!(of("GET /v1/me"), ["ok", "logout"]);

    holds_named_attributes_alone(&collector);
    let secrets = [
        PASSWORD,
        WRONG,
        &session.access,
        &session.refresh,
        &refreshed.access,
        &refreshed.refresh,
        &session.id,
        &session.user_id,
        "alice",
        "ALICE",
        "example.org",
        "203.0.113.7",
        "127.0.0.1",
        "telephone",
        "an-agent",
        "a-hint",
        "somebody",
    ];
    for (_, bytes) in collector.got() {
        for secret in secrets {
            let is_there = bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
            assert!(!is_there, "{secret}");
        }
    }
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_told_of_all_the_same() {
    let collector = Collector::start(Manner::Takes).await;
    let place = place(&collector).set("COUNTERSIGN_PASSWORDS__ITERATIONS", "50");
    let server = place.serve().await;
    let body = json!({ "identifier": "alice", "password": PASSWORD }).to_string();
    let mut client = TcpStream::connect(&server.address).await.expect("it listens");
    let head = "POST /v1/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    client.write_all(request.as_bytes()).await.expect("it is read");
    tokio::time::sleep(Duration::from_millis(50)).await;
    // A client that only ends its half of the connection still waits for the answer.
    client.set_zero_linger().expect("it is TCP");
    drop(client);
    until(async || (!collector.named("POST /v1/login").is_empty()).then_some(())).await;
    stop(server).await;
    let span = only(&collector, "POST /v1/login");
    assert_eq!(texts(&span.attributes)["countersign.outcome"], "abandoned");
}

#[track_caller]
fn holds_named_attributes_alone(collector: &Collector) {
    for span in collector.spans() {
        for name in texts(&span.attributes).keys() {
            assert!(ATTRIBUTES.contains(name), "{name} of {}", span.name);
        }
        assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
        assert_ne!(span.status.map(|it| it.code()), Some(StatusCode::Error), "{}", span.name);
    }
}

/// A request that says that it is a part of a trace.
async fn ask(server: &Server, path: &str, traceparents: &[String]) {
    let mut request = server.request(Method::GET, path).header("tracestate", "whoever=says");
    for traceparent in traceparents {
        request = request.header("traceparent", traceparent);
    }
    answer(request).await.expect("an answer");
}

#[tokio::test]
async fn a_trace_is_continued_for_a_trusted_proxy() {
    let collector = Collector::start(Manner::Takes).await;
    let place = place(&collector)
        .set("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1")
        .set("COUNTERSIGN_TRACES__SAMPLE_RATIO", "0");
    let server = place.serve().await;
    ask(&server, "/healthz", &[format!("00-{TRACE}-{PARENT}-01")]).await;
    // The proxy decided that it is not traced; nobody decided; nobody can say which it is.
    ask(&server, "/readyz", &[format!("00-{TRACE}-{PARENT}-00")]).await;
    ask(&server, "/readyz", &[]).await;
    let other = "00-11111111111111111111111111111111-2222222222222222-01".to_owned();
    ask(&server, "/readyz", &[format!("00-{TRACE}-{PARENT}-01"), other]).await;
    stop(server).await;
    let span = only(&collector, "GET /healthz");
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!(span.trace_state, "", "it is text of anybody's");
    assert_eq!(collector.spans().len(), 1, "{:?}", collector.spans());
}

#[tokio::test]
async fn a_stranger_steers_no_trace() {
    let collector = Collector::start(Manner::Takes).await;
    let place = place(&collector).set("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8");
    let server = place.serve().await;
    for flags in ["00", "01"] {
        ask(&server, "/healthz", &[format!("00-{TRACE}-{PARENT}-{flags}")]).await;
    }
    stop(server).await;
    let spans = collector.named("GET /healthz");
    assert_eq!(spans.len(), 2, "both are traced");
    for span in &spans {
        assert!(span.parent_span_id.is_empty() && span.trace_state.is_empty(), "{span:?}");
        assert_ne!(hex(&span.trace_id), TRACE);
    }
    assert_ne!(spans[0].trace_id, spans[1].trace_id);
}

/// That requests are answered as ever, that one line tells of the trouble, and that the stop waits
/// for a while only.
async fn bears(place: &Place, trouble: &str) {
    let server = place.serve().await;
    let began = now();
    server.register("alice").await;
    for _ in 0..20 {
        server.log_in("alice").await;
    }
    // Many times as long as they take, and less than one answer of the collector is waited for.
    assert!(now().duration_since(began) < Duration::from_secs(5), "{trouble}");
    let logs = server.stderr.clone();
    until(async || logs.get().contains(trouble).then_some(())).await;
    server.me(&server.log_in("alice").await).await;
    let took = stop(server).await;
    assert!(took < Duration::from_secs(8), "{trouble}: {took:?}");
    let logs = logs.get();
    let lines: Vec<&str> =
        logs.lines().filter(|it| it.contains("the collector takes no traces")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_collector_that_hangs_holds_nobody_up() {
    let collector = Collector::start(Manner::Hangs).await;
    bears(&place(&collector), "operation timed out").await;
    assert!(!collector.got().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_or_refuses_is_told_of_once() {
    let collector = Collector::start(Manner::Refuses).await;
    bears(&place(&collector), "500 Internal Server Error").await;
    assert!(collector.got().len() > 1, "it is asked again");
    // Nobody listens there, since it is taken and not listened on.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has an address");
    drop(taken);
    let place = Place::new().set("COUNTERSIGN_TRACES__OTLP", &format!("http://{address}"));
    bears(&place, "Connection refused").await;
}

#[tokio::test]
async fn without_a_collector_nothing_is_traced() {
    let place = Place::new();
    let server = place.serve().await;
    ask(&server, "/healthz", &[format!("00-{TRACE}-{PARENT}-01")]).await;
    let logs = server.stderr.clone();
    until(async || logs.get().contains("/healthz").then_some(())).await;
    stop(server).await;
    assert!(!logs.get().contains("trace"), "{}", logs.get());
}
