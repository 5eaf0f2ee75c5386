//! One address, and the one way in which it is asked.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, Url};

use super::{FetchError, SetupError};
use crate::loopback::is_loopback;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An address that may be asked, and its client.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    client: Client,
    url: Url,
}

impl Endpoint {
    /// The address of the text, with what every request carries.
    pub(super) fn new(text: &str, headers: HeaderMap) -> Result<Self, SetupError> {
        let url = parse(text)?;
        let mut builder = ClientBuilder::new()
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            // Whatever features others switch on: an answer has the size that it has.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate();
        builder =
            if url.scheme() == "https" { builder.https_only(true) } else { builder.no_proxy() };
        let client = builder.build().map_err(|error| SetupError::Client(error.to_string()))?;
        Ok(Self { client, url })
    }

    /// The head of a successful answer of this type, or `None` for one that says that nothing
    /// changed.
    pub(super) async fn open(
        &self,
        wanted: &'static str,
        headers: HeaderMap,
    ) -> Result<Option<Response>, FetchError> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, wanted).headers(headers);
        let response = request.send().await.map_err(|error| FetchError::of(&error))?;
        match response.status().as_u16() {
            200 => Ok(Some(response)),
            304 => Ok(None),
            status => Err(FetchError::Status(status)),
        }
    }
}

/// The next part of an answer; `None` at its end.
pub(super) async fn next(response: &mut Response) -> Result<Option<Bytes>, FetchError> {
    response.chunk().await.map_err(|error| FetchError::of(&error))
}

/// The whole answer, if it has no more than `limit` bytes.
pub(super) async fn whole(mut response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let too_large = FetchError::TooLarge { limit };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(part) = next(&mut response).await? {
        if part.len() > limit - body.len() {
            return Err(too_large);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// The media type of the answer, without its parameters.
pub(super) fn media_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(essence).trim().to_ascii_lowercase()
}

fn parse(text: &str) -> Result<Url, SetupError> {
    let wrong = || SetupError::Url(without_user(text));
    let url = Url::parse(text).map_err(|_| wrong())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" | "http" if !bare => Err(wrong()),
        "https" => Ok(url),
        "http" if is_loopback(url.host_str().unwrap_or_default()) => Ok(url),
        "http" => Err(SetupError::Insecure(text.to_owned())),
        _ => Err(wrong()),
    }
}

/// The address as it may be shown, be it one or not: a password in it is nobody's business.
pub(super) fn without_user(text: &str) -> String {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in [
            "https://accounts.example.org/jwks.json",
            "http://127.0.0.1:8080/jwks.json",
            "http://127.8.9.1/",
            "http://[::1]:8080/",
            "http://localhost/",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for insecure in [
            "http://accounts.example.org/",
            "http://127.0.0.1.example.org/",
            "http://localhost.example.org/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://[::2]/",
        ] {
            assert_eq!(parse(insecure), Err(SetupError::Insecure(insecure.to_owned())));
        }
        for wrong in
            ["", "accounts.example.org", "ftp://127.0.0.1/", "file:///etc/passwd", "https://a/#b"]
        {
            assert!(matches!(parse(wrong), Err(SetupError::Url(_))), "{wrong}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        let error = parse("https://alice:secret@accounts.example.org/").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
