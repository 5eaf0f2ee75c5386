//! The way to the collector: one HTTP client in the server's own runtime, and a word in the log now
//! and then when spans do not arrive.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use parking_lot::Mutex;
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::config::CollectorUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From the connection to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An answer says which spans were refused, if any.
const MAX_ANSWER: usize = 64 * 1024;
/// Between two lines in the log.
const SILENCE: Duration = Duration::from_mins(1);

/// What takes the spans. Its requests are made in the runtime in which it was made, whoever waits.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    runtime: Handle,
    complained_at: Mutex<Option<Duration>>,
}

impl Collector {
    pub(super) fn new(url: &CollectorUrl, headers: HeaderMap) -> reqwest::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // The headers are for this collector and nobody else.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT);
        let client = if url.is_https() { client.https_only(true) } else { client.no_proxy() };
        let (client, runtime) = (client.build()?, Handle::current());
        Ok(Self { client, runtime, complained_at: Mutex::new(None) })
    }

    fn complain(&self, problem: &str) {
        let now = Clock::System.monotonic();
        let mut last = self.complained_at.lock();
        if last.is_some_and(|last| now.saturating_sub(last) < SILENCE) {
            return;
        }
        *last = Some(now);
        tracing::warn!(problem, "traces.otlp: the collector takes no traces; some may be lost");
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(send(self.client.clone(), request)).await;
        let answer = sent.unwrap_or_else(|_| Err("the server is stopping".to_owned()));
        match &answer {
            Err(problem) => self.complain(problem),
            Ok(response) if !response.status().is_success() => {
                self.complain(&format!("it answers {}", response.status()));
            }
            Ok(_) => {}
        }
        Ok(answer?)
    }
}

async fn send(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let request = request.try_into().map_err(|error| told(&error))?;
    let mut response = client.execute(request).await.map_err(|error| told(&error))?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| told(&error))? {
        if part.len() > MAX_ANSWER - body.len() {
            return Err("its answer is too large".to_owned());
        }
        body.extend_from_slice(&part);
    }
    let mut answer = Response::new(body.into());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}

/// The error with its causes: which of them it was is said by the last.
fn told(error: &reqwest::Error) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
