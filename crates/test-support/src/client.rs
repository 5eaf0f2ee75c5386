//! A client that writes what it is told to and reads what comes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Nothing here takes this long but a hang.
pub const GUARD: Duration = Duration::from_secs(30);

/// One answer, as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The first of `bytes`, and the rest.
    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
        let status = head.get(9..12)?.parse().ok()?;
        let mut answer = Self { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |text| text.parse().expect("size"));
        let rest = &bytes[end..];
        assert!(rest.len() >= length, "an answer is cut: {answer:?}");
        answer.body = rest[..length].to_vec();
        Some((answer, &rest[length..]))
    }
}

/// A connection.
pub struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        Self { stream, unread: Vec::new() }
    }

    /// A connection from this address, which is one of this machine's.
    pub async fn connect_from(from: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("a free port");
        let stream = socket.connect(address).await.expect("the server listens");
        Self { stream, unread: Vec::new() }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        // The server may have answered and closed before it has read everything.
        let _ = timeout(GUARD, self.stream.write_all(bytes)).await.expect("the server reads");
    }

    /// Reads one answer and leaves the connection open.
    pub async fn answer(&mut self) -> Answer {
        loop {
            if let Some((answer, rest)) = Answer::parse(&self.unread) {
                self.unread = rest.to_vec();
                return answer;
            }
            assert!(self.read_some().await, "closed without an answer: {:?}", self.unread);
        }
    }

    /// Reads what is left until the server closes.
    pub async fn answers(mut self) -> Vec<Answer> {
        while self.read_some().await {}
        let mut answers = Vec::new();
        let mut rest = &self.unread[..];
        while let Some((answer, after)) = Answer::parse(rest) {
            answers.push(answer);
            rest = after;
        }
        assert!(rest.is_empty(), "not an answer: {:?}", String::from_utf8_lossy(rest));
        answers
    }

    /// The socket, for those who write in a way of their own.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    async fn read_some(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let read = timeout(GUARD, self.stream.read(&mut buffer)).await.expect("no hang");
        let read = read.unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..read]);
        read > 0
    }
}

/// Writes `bytes` on a connection of their own and reads until the server closes.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<Answer> {
    let mut client = Client::connect(address).await;
    client.write(bytes).await;
    client.answers().await
}

/// The one answer to `bytes`.
pub async fn one(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut answers = exchange(address, bytes).await;
    assert_eq!(answers.len(), 1, "{answers:?} to {:.200}", String::from_utf8_lossy(bytes));
    answers.remove(0)
}

/// A request that asks the server to close after its answer.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// A body with its type and its length.
pub fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn post_json(path: &str, body: &[u8]) -> Vec<u8> {
    post(path, "Content-Type: application/json\r\n", body)
}

/// Checks that the server still does what it is for.
pub async fn assert_alive(address: SocketAddr) {
    let answer = one(address, get("/hello").as_bytes()).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
}

/// A request of which only the body is still to come.
pub struct Held {
    client: Client,
    body: Vec<u8>,
}

impl Held {
    /// Sends a head such as `POST /v1/login` with these header lines, and waits until the server asks
    /// for the body: by then it has checked the head.
    ///
    /// # Errors
    /// The server's answer, if it does not ask for the body.
    pub async fn begin(
        address: SocketAddr,
        line: &str,
        (headers, body): (&str, &str),
    ) -> Result<Self, Answer> {
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        let mut client = Client::connect(address).await;
        client.write(head.as_bytes()).await;
        let answer = client.answer().await;
        if answer.status == 100 { Ok(Self { client, body: body.into() }) } else { Err(answer) }
    }

    /// Sends the body.
    pub async fn finish(mut self) -> Answer {
        self.client.write(&self.body).await;
        self.client.answer().await
    }
}

/// For plain HTTP to servers on this machine. The certificates of the system take long to read.
pub fn plain_http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}
