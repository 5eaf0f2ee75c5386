//! Connections: W1, W2, W19 to W21, room, and the end of the server.

use std::time::Duration;

use countersign_server::http::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::client::{Client, GUARD, assert_alive, exchange, get, one, post_json};
use crate::server::{HUGE, Server};

const SHORT: Duration = Duration::from_millis(300);
const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Writes a byte of `bytes` at a time until the server closes; what it said before it did.
async fn drip(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut client = Client::connect(server.address).await;
    let drops = bytes.iter().copied().chain(std::iter::repeat(b'a'));
    let stream = client.socket();
    let write = async {
        for byte in drops {
            sleep(Duration::from_millis(20)).await;
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    };
    timeout(GUARD, write).await.expect("the server closes a connection that only drips");
    client.answers().await.iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn w1_a_head_that_does_not_end_is_cut_off() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let server = Server::with(limits).await;
    assert!(exchange(server.address, b"").await.is_empty(), "silence is answered by silence");
    let answer = one(server.address, b"GET /hello HTTP/1.1\r\nHost: loc").await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));

    // The second head on a connection has its own deadline, from its first byte.
    let mut client = Client::connect(server.address).await;
    client.write(HELLO).await;
    assert_eq!(client.answer().await.status, 200);
    sleep(SHORT * 2).await;
    client.write(HELLO).await;
    assert_eq!(client.answer().await.status, 200);
    client.write(b"GET").await;
    assert_eq!(client.answers().await.len(), 1);
    assert_alive(server.address).await;
}

#[tokio::test]
async fn w2_a_head_that_drips_is_cut_off() {
    let limits = Limits { head_timeout: SHORT, linger: SHORT, ..Limits::default() };
    let server = Server::with(limits).await;
    let status = drip(&server, b"GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ").await;
    assert!(status.iter().all(|status| *status == 408), "{status:?}");
    assert_alive(server.address).await;
}

#[tokio::test]
async fn w2_a_body_that_drips_is_cut_off() {
    let limits = Limits { body_timeout: SHORT, ..Limits::default() };
    let server = Server::with(limits).await;
    for length in ["Content-Length: 60000", "Transfer-Encoding: chunked"] {
        let mut client = Client::connect(server.address).await;
        let head = format!(
            "POST /object HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
        );
        client.write(head.as_bytes()).await;
        client.write(b"1").await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{length}");
        assert!(client.answers().await.is_empty(), "closed");
    }
    assert_alive(server.address).await;
}

#[tokio::test]
async fn an_idle_client_is_sent_away() {
    let server = Server::with(Limits { idle: SHORT, ..Limits::default() }).await;
    let answers = exchange(server.address, HELLO).await;
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_sent_away() {
    let limits = Limits { write_timeout: SHORT, max_connections: 1, ..Limits::default() };
    let server = Server::with(limits).await;
    let mut client = Client::connect(server.address).await;
    let large = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    client.write(&large).await;
    // Its seat becomes free although it never closes.
    let free = async {
        loop {
            let answer = one(server.address, get("/hello").as_bytes()).await;
            if answer.status == 200 {
                break;
            }
            assert_eq!(answer.status, 503);
        }
    };
    timeout(GUARD, free).await.expect("the seat becomes free");
    drop(client);
}

#[tokio::test]
async fn w19_a_client_that_leaves_in_mid_request_does_no_harm() {
    let server = Server::start().await;
    for round in 0..300_usize {
        let mut client = Client::connect(server.address).await;
        let request = b"POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":";
        client.write(&request[..=round % request.len()]).await;
    }
    assert_alive(server.address).await;
}

#[tokio::test]
async fn w20_the_address_is_the_sockets_when_no_proxy_is_trusted() {
    let server = Server::start().await;
    let long = "1.2.3.4, ".repeat(1_100);
    for forwarded in ["1.2.3.4", "fe80::1%eth0", "[::1]:80", "1.2.3.4:99999", ",", &long] {
        let bytes =
            get("/who").replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {forwarded}\r\n\r\n"));
        assert_eq!(one(server.address, bytes.as_bytes()).await.text(), "127.0.0.1");
    }
}

#[tokio::test]
async fn w21_a_thousand_idle_clients_leave_room_for_the_next() {
    let server = Server::start().await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        let mut client = Client::connect(server.address).await;
        client.write(HELLO).await;
        idle.push(client);
    }
    for client in &mut idle {
        assert_eq!(client.answer().await.status, 200);
    }
    assert_alive(server.address).await;
    idle[0].write(HELLO).await;
    assert_eq!(idle[0].answer().await.status, 200);
}

#[tokio::test]
async fn a_client_too_many_is_told_to_come_back() {
    let server = Server::with(Limits { max_connections: 2, ..Limits::default() }).await;
    let mut first = Client::connect(server.address).await;
    let mut second = Client::connect(server.address).await;
    for client in [&mut first, &mut second] {
        client.write(HELLO).await;
        assert_eq!(client.answer().await.status, 200);
    }
    for _ in 0..50 {
        let answer = one(server.address, HELLO).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(answer.json()["code"], "overloaded");
    }
    drop(first);
    let room = async { while one(server.address, get("/hello").as_bytes()).await.status != 200 {} };
    timeout(GUARD, room).await.expect("there is room again");
}

#[tokio::test]
async fn an_address_has_a_quarter_of_all_connections() {
    let server = Server::with(Limits { max_connections: 40, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut client = Client::connect_from("127.0.0.2", server.address).await;
        client.write(HELLO).await;
        assert_eq!(client.answer().await.status, 200);
        open.push(client);
    }
    // As many as linger over their refusal, and more: none of them keeps others from a seat.
    let mut refused = Vec::new();
    for _ in 0..50 {
        refused.push(Client::connect_from("127.0.0.2", server.address).await);
    }
    let answer = refused[0].answer().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.json()["code"], "overloaded");
    let mut others = Vec::new();
    for _ in 0..10 {
        let mut client = Client::connect_from("127.0.0.3", server.address).await;
        client.write(HELLO).await;
        assert_eq!(client.answer().await.status, 200);
        others.push(client);
    }

    // Whoever closes a connection may open another.
    drop(open.pop());
    let room = async {
        loop {
            let mut client = Client::connect_from("127.0.0.2", server.address).await;
            client.write(get("/hello").as_bytes()).await;
            if client.answers().await.iter().any(|answer| answer.status == 200) {
                break;
            }
        }
    };
    timeout(GUARD, room).await.expect("there is room again");
}

#[tokio::test]
async fn a_trusted_proxy_has_any_number_of_connections() {
    let trusted_proxies = vec!["127.0.0.2/32".parse().expect("a network")];
    let trusting = Limits { trusted_proxies, ..Limits::default() };
    let not_enforcing = Limits { enforces_shares: false, ..Limits::default() };
    for limits in [trusting, not_enforcing] {
        let server = Server::with(Limits { max_connections: 40, ..limits }).await;
        let mut open = Vec::new();
        for _ in 0..40 {
            let mut client = Client::connect_from("127.0.0.2", server.address).await;
            client.write(HELLO).await;
            assert_eq!(client.answer().await.status, 200);
            open.push(client);
        }
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_half_is_answered() {
    let server = Server::start().await;
    let login = post_json("/login", br#"{"email":"a@b.c","password":"pw"}"#);
    let chunked = b"POST /object HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let pipelined = HELLO.repeat(3);
    for (request, answers) in [(HELLO, 1), (&login[..], 1), (&chunked[..], 1), (&pipelined[..], 3)]
    {
        for _ in 0..20 {
            let mut client = Client::connect(server.address).await;
            client.write(request).await;
            client.socket().shutdown().await.expect("it is open");
            let status: Vec<_> = client.answers().await.iter().map(|it| it.status).collect();
            assert_eq!(status, vec![200; answers], "{}", String::from_utf8_lossy(request));
        }
    }
    // Also where the answer takes its time.
    let mut client = Client::connect(server.address).await;
    client.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    server.seen.entered.notified().await;
    client.socket().shutdown().await.expect("it is open");
    sleep(SHORT).await;
    server.seen.leave.notify_one();
    assert_eq!(client.answers().await[0].text(), "done");

    // A request that is cut off by it is refused, or nothing at all.
    for request in [&login[..login.len() - 1], b"GET /hello HTTP/1.1\r\nHost: loc", b"", b"\r\n"] {
        let mut client = Client::connect(server.address).await;
        client.write(request).await;
        client.socket().shutdown().await.expect("it is open");
        let answers = client.answers().await;
        assert!(answers.iter().all(|answer| answer.status == 400), "{answers:?}");
    }
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_sent_away() {
    let limits = Limits { write_timeout: SHORT, write_rate: u64::MAX, ..Limits::default() };
    let server = Server::with(limits).await;
    let mut client = Client::connect(server.address).await;
    client.write(get("/huge").as_bytes()).await;
    // It reads all the time, and each read makes room for more.
    let reading = async {
        let (mut buffer, mut all) = (vec![0; 256 * 1024], 0);
        loop {
            match client.socket().read(&mut buffer).await {
                Ok(read) if read > 0 => all += read,
                _ => break all,
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let read = timeout(GUARD, reading).await.expect("it is cut off");
    assert!(read < HUGE, "it was served to the end");
}

#[tokio::test]
async fn at_the_end_requests_are_finished_and_idle_clients_let_go() {
    let mut server = Server::start().await;
    let mut idle = Client::connect(server.address).await;
    idle.write(HELLO).await;
    assert_eq!(idle.answer().await.status, 200);
    let silent = Client::connect(server.address).await;
    let mut busy = Client::connect(server.address).await;
    busy.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    server.seen.entered.notified().await;

    server.stop.notify_one();
    assert!(idle.answers().await.is_empty(), "closed at once");
    assert!(silent.answers().await.is_empty(), "closed at once");
    assert!(TcpStream::connect(server.address).await.is_err(), "no longer accepted");
    assert!(!server.task.is_finished());

    server.seen.leave.notify_one();
    let answers = busy.answers().await;
    assert_eq!((answers[0].status, answers[0].text().as_str()), (200, "done"));
    assert_eq!(answers[0].header("connection"), Some("close"));
    timeout(GUARD, &mut server.task).await.expect("ends").expect("without a panic");
}

#[tokio::test]
async fn at_the_end_a_request_that_does_not_end_is_given_up() {
    let mut server = Server::with(Limits { drain: SHORT, ..Limits::default() }).await;
    let mut busy = Client::connect(server.address).await;
    busy.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    server.seen.entered.notified().await;
    server.stop.notify_one();
    assert!(busy.answers().await.is_empty());
    timeout(GUARD, &mut server.task).await.expect("ends").expect("without a panic");
}
