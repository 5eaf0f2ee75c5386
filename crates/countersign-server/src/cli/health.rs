//! `countersign health`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::output::{escape, write};
use super::{Failure, Settings};
use crate::config::Overrides;

/// Longer than `/readyz` waits for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// Far more than either answer has.
const LONGEST_ANSWER: usize = 16 * 1024;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Asks the server at `listen` whether it lives, for those who watch over it without a client of
/// HTTP, such as a container's health check.
#[derive(Args)]
pub(super) struct Health {
    /// Ask whether it can do its work too (`/readyz` rather than `/healthz`).
    #[arg(long)]
    ready: bool,
}

impl Health {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let address = reachable(settings.load(Overrides::default())?.listen);
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let failed = |problem: &str| Failure::Failed(format!("http://{address}{path}: {problem}"));
        let answer = match timeout(PATIENCE, ask(address, path)).await {
            Ok(answer) => answer.map_err(|error| failed(&error.to_string()))?,
            Err(_) => return Err(failed(&format!("no answer in {} s", PATIENCE.as_secs()))),
        };
        match answer {
            (StatusCode::OK, text) => write(&escape(&text)),
            (status, text) => Err(failed(&format!("{status}: {text}"))),
        }
    }
}

/// Who listens everywhere is reached on this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr, path: &str) -> Result<(StatusCode, String), Failed> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
        Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    };
    let (answer, _ended) = tokio::join!(answer, connection);
    answer
}
