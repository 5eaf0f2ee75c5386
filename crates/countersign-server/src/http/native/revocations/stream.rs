//! The stream: Server-Sent Events, one for each revocation, and a heartbeat every second.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::room;
use crate::app::App;
use crate::error::Refusal;
use crate::http::problem::Problem;
use crate::http::server::Stopping;

/// What the stream is served as.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A stream ends after so long, and goes on in the next: so the caller's key is looked at again.
const LIFE: Duration = Duration::from_mins(10);
/// Revocations that are written at a time.
const BATCH: usize = 500;

/// Every revocation from the one that `Last-Event-ID` names on; or from now on, after word that the
/// snapshot must be taken.
pub(super) fn answer(
    app: App,
    stopping: Stopping,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let seat = room(Arc::clone(&app.followers.streams).try_acquire_owned())?;
    if !app.node.is_fresh() {
        return Err(Refusal::OutOfTouch.into());
    }
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let position = last.and_then(|id| {
        let (node, position) = id.rsplit_once('.')?;
        (node == app.node.id()).then(|| position.parse().ok())?
    });
    let now = Instant::now();
    let writer = Writer {
        _seat: seat,
        stopping,
        changes: app.node.news().changes(),
        position,
        due: None,
        next_heartbeat: now,
        ends: now + LIFE,
        app,
    };
    let events = stream::unfold(writer, async |mut writer| {
        let events = writer.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(events)), writer))
    });
    // A proxy that collects what it passes on would hold back what it is all about.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([(CONTENT_TYPE, MEDIA_TYPE), unbuffered], Body::from_stream(events)).into_response())
}

struct Writer {
    app: App,
    _seat: OwnedSemaphorePermit,
    stopping: Stopping,
    changes: watch::Receiver<u64>,
    /// What was written last; `None` where that is nothing that the client could go on from.
    position: Option<u64>,
    due: Option<Heartbeat>,
    next_heartbeat: Instant,
    ends: Instant,
}

/// How fresh this node was, and up to where what it knew then must be written first.
#[derive(Clone, Copy)]
struct Heartbeat {
    clock: Duration,
    age: Duration,
    last: u64,
}

impl Writer {
    /// The next events; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            let now = Instant::now();
            if self.stopping.is_stopping() || now >= self.ends {
                return None;
            }
            self.changes.mark_unchanged();
            if self.due.is_none() && now >= self.next_heartbeat {
                self.due = Some(self.measure()?);
                self.next_heartbeat = now + HEARTBEAT;
            }
            let events = self.events();
            if !events.is_empty() {
                return Some(events);
            }
            tokio::select! {
                () = self.stopping.stopping() => return None,
                () = sleep_until(self.next_heartbeat) => {}
                _ = self.changes.changed() => {}
            }
        }
    }

    /// A node that is out of touch says nothing: the client may find another that is not.
    fn measure(&self) -> Option<Heartbeat> {
        let node = &self.app.node;
        // In this order: whatever was known when the age was taken is among what is written first.
        let age = node.age().filter(|_| node.is_fresh())?;
        let clock = self.app.clock.monotonic();
        Some(Heartbeat { clock, age, last: node.news().last() })
    }

    fn events(&mut self) -> String {
        let news = self.app.node.news();
        let id = self.app.node.id();
        let mut events = String::new();
        let known =
            self.position.and_then(|position| Some((position, news.since(position, BATCH)?)));
        let (mut position, news) = known.unwrap_or_else(|| {
            let last = news.last();
            let _ = write!(events, "event: reset\nid: {id}.{last}\ndata: snapshot\n\n");
            (last, Vec::new())
        });
        for revocation in news {
            position += 1;
            let _ =
                write!(events, "event: revocation\nid: {id}.{position}\ndata: {revocation}\n\n");
        }
        self.position = Some(position);
        if let Some(Heartbeat { clock, age, .. }) = self.due.take_if(|due| due.last <= position) {
            let (clock, age) = (clock.as_millis(), age.as_millis());
            let _ = write!(events, "event: heartbeat\ndata: {clock} {age}\n\n");
        }
        events
    }
}
