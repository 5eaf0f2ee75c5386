//! Reads Server-Sent Events (HTML, section 9.2) as the feed sends them.

use super::lines::Lines;
use crate::remote::FetchError;
use crate::revocation::Revocation;

/// No line of the feed is so long.
const MAX_LINE: usize = 4 * 1024;

/// What the feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// What was known does not go on from here: the snapshot must be taken.
    Reset,
    Revocation(Revocation),
    /// Both in milliseconds: the server's monotonic clock, and how old its own knowledge is.
    Heartbeat {
        clock: u64,
        age: u64,
    },
    /// An event of a kind that is not known here.
    Other,
}

/// An event, and where to go on after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) id: Option<String>,
}

/// Puts events together from the parts of an answer.
pub(super) struct Events {
    lines: Lines,
    draft: Draft,
}

/// The event that is not whole yet.
#[derive(Default)]
struct Draft {
    kind: String,
    data: String,
    id: Option<String>,
}

impl Default for Events {
    fn default() -> Self {
        Self { lines: Lines::new(MAX_LINE), draft: Draft::default() }
    }
}

impl Events {
    /// The events that are whole with this part.
    pub(super) fn take(&mut self, part: &[u8]) -> Result<Vec<Told>, FetchError> {
        let mut told = Vec::new();
        self.lines.take(part, |line| {
            let line = std::str::from_utf8(line).map_err(|_| FetchError::Malformed)?;
            told.extend(self.draft.line(line.trim_end_matches(['\r', '\n']))?);
            Ok(())
        })?;
        Ok(told)
    }
}

impl Draft {
    fn line(&mut self, line: &str) -> Result<Option<Told>, FetchError> {
        if line.is_empty() {
            return self.end();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.kind),
            "data" => value.clone_into(&mut self.data),
            "id" => self.id = Some(value.to_owned()),
            // A comment, or a field that is not known here.
            _ => {}
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<Option<Told>, FetchError> {
        let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        let id = self.id.take();
        let event = match &*kind {
            "" => return Ok(None),
            "reset" => Event::Reset,
            // One of a kind that is not known cannot be passed over: it ends something.
            "revocation" => Event::Revocation(data.parse().map_err(|_| FetchError::Malformed)?),
            "heartbeat" => {
                let numbers = data.split_once(' ').and_then(|(clock, age)| {
                    Some(Event::Heartbeat { clock: clock.parse().ok()?, age: age.parse().ok()? })
                });
                numbers.ok_or(FetchError::Malformed)?
            }
            _ => Event::Other,
        };
        Ok(Some(Told { event, id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 1000\n\nevent: reset\nid: n.1\ndata:\n\n: hello\n\n\
        event: revocation\nid: n.2\ndata: fGfuSU5EBTm608OQ 1800000000 logout\n\n\
        event: heartbeat\ndata: 12 3\n\nevent: news\ndata: x\n\n";

    fn expected() -> Vec<Told> {
        let revocation = "fGfuSU5EBTm608OQ 1800000000 logout".parse().expect("a revocation");
        let told = |event, id: Option<&str>| Told { event, id: id.map(str::to_owned) };
        vec![
            told(Event::Reset, Some("n.1")),
            told(Event::Revocation(revocation), Some("n.2")),
            told(Event::Heartbeat { clock: 12, age: 3 }, None),
            told(Event::Other, None),
        ]
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        for size in [1, 2, 7, 64, STREAM.len()] {
            let mut events = Events::default();
            let told: Result<Vec<_>, _> =
                STREAM.as_bytes().chunks(size).map(|part| events.take(part)).collect();
            assert_eq!(
                told.expect("well formed").into_iter().flatten().collect::<Vec<_>>(),
                expected()
            );
        }
        let told = Events::default().take(STREAM.replace('\n', "\r\n").as_bytes());
        assert_eq!(told, Ok(expected()));
    }

    #[test]
    fn what_is_not_of_the_feed_is_refused() {
        for stream in [
            "event: revocation\ndata: x\n\n",
            "event: revocation\ndata:\n\n",
            "event: heartbeat\ndata: 1\n\n",
            "event: heartbeat\ndata: -1 2\n\n",
            &"x".repeat(5_000),
        ] {
            assert_eq!(Events::default().take(stream.as_bytes()), Err(FetchError::Malformed));
        }
        assert_eq!(Events::default().take(b"event: \xff\n"), Err(FetchError::Malformed));
    }
}
