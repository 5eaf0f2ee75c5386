//! One connection that is kept.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A client's connection to the server.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("it is TCP");
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> (u16, Bytes) {
        self.0.ready().await.expect("the connection is kept");
        let answer = self.0.send_request(request).await.expect("the server answers");
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.expect("the answer is whole").to_bytes())
    }
}
