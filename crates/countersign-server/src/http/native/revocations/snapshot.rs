//! The snapshot: a line for each revocation, and a last one that signs them. It is written part by
//! part, so that nobody holds all of it.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign::Revocation;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::room;
use crate::app::App;
use crate::error::Result;
use crate::http::problem::Problem;

/// What a snapshot is served as.
pub(super) const MEDIA_TYPE: &str = "application/vnd.countersign.revocations";
/// The `typ` of what signs it: no access token has it.
const SIGNED_TYPE: &str = "revocations+jwt";
/// For how long the signature is good.
const LIFE: Duration = Duration::from_mins(5);
/// Revocations that are written at a time.
const BATCH: usize = 2_000;

/// What signs a snapshot.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    count: u64,
    sha256: String,
}

/// All that was committed anywhere before it was asked for; or that nothing has changed.
pub(super) async fn answer(app: App, headers: &HeaderMap) -> Result<Response, Problem> {
    let seat = room(Arc::clone(&app.followers.snapshots).try_acquire_owned())?;
    // Whoever follows another node takes the snapshot here.
    app.catch_up().await?;
    // Before the first line: what comes meanwhile may or may not be among the lines.
    let tag = format!("W/\"{:032x}\"", app.node.revocations().fingerprint());
    let known = [
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (VARY, HeaderValue::from_static("Accept, Authorization")),
        (ETAG, HeaderValue::try_from(&tag).map_err(|_| Problem::internal())?),
    ];
    if is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, known).into_response());
    }
    let body = Body::from_stream(stream::try_unfold(Writer::new(app, seat), Writer::next));
    Ok((known, [(CONTENT_TYPE, MEDIA_TYPE)], body).into_response())
}

/// Weak comparison (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(','));
    let opaque = tag.trim_start_matches("W/");
    tags.any(|own| own.trim() == "*" || own.trim().trim_start_matches("W/") == opaque)
}

struct Writer {
    app: App,
    _seat: OwnedSemaphorePermit,
    part: usize,
    lines: vec::IntoIter<Revocation>,
    digest: Context,
    count: u64,
    is_signed: bool,
}

impl Writer {
    fn new(app: App, seat: OwnedSemaphorePermit) -> Self {
        Self {
            app,
            _seat: seat,
            part: 0,
            lines: Vec::new().into_iter(),
            digest: Context::new(&SHA256),
            count: 0,
            is_signed: false,
        }
    }

    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let revocations = self.app.node.revocations();
        while self.lines.len() == 0 && self.part < revocations.parts_len() {
            self.lines = revocations.part(self.part).into_iter();
            self.part += 1;
        }
        if self.is_signed {
            return Ok(None);
        }
        if self.lines.len() == 0 {
            self.is_signed = true;
            let signature = self.sign().map_err(|error| {
                tracing::error!(%error, "a snapshot of the revocations could not be signed");
                io::Error::other(error)
            })?;
            return Ok(Some((format!("{signature}\n").into(), self)));
        }
        let mut lines = String::new();
        for revocation in self.lines.by_ref().take(BATCH) {
            let _ = writeln!(lines, "{revocation}");
            self.count += 1;
        }
        self.digest.update(lines.as_bytes());
        // A large set is not written without a pause for others.
        tokio::task::yield_now().await;
        Ok(Some((lines.into(), self)))
    }

    fn sign(&self) -> Result<String> {
        let now = self.app.clock.now();
        let claims = Claims {
            iss: self.app.config.issuer(),
            iat: now.seconds(),
            exp: now.plus(LIFE).seconds(),
            count: self.count,
            sha256: URL_SAFE_NO_PAD.encode(self.digest.clone().finish()),
        };
        self.app.keys.sign_as(SIGNED_TYPE, &claims, now)
    }
}
