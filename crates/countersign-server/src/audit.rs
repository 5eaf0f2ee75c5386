//! The audit trail's copy in a file: one JSON line an event or a seal, written after the commit, best
//! effort.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tables::event::Event;

/// What a line of an audit file tells of.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A seal.
    Seal(SealLine),
    /// An event, in the line of this number.
    Event(u64, Box<Event>),
}

/// A line that tells of a seal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SealLine {
    /// Where it stands, counted from 1.
    #[serde(skip)]
    pub line: u64,
    /// The seal's number.
    pub seal: i64,
    /// Its hash.
    pub hash: String,
}

/// The lines of an audit file that tell of seals and events. A line that cannot be read tells of
/// neither: the file may end in the midst of one.
pub fn lines(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Line>> + use<>> {
    let lines = BufReader::new(File::open(path)?).split(b'\n').zip(1..);
    Ok(lines.filter_map(|(text, line)| match text {
        Ok(text) => line_of(&text, line).map(Ok),
        Err(error) => Some(Err(error)),
    }))
}

fn line_of(text: &[u8], line: u64) -> Option<Line> {
    if let Ok(seal) = serde_json::from_slice::<SealLine>(text) {
        return Some(Line::Seal(SealLine { line, ..seal }));
    }
    serde_json::from_slice(text).ok().map(|event| Line::Event(line, event))
}

/// How many events may wait for the disk, each of at most 3 KiB; more are in the database alone.
const WAITING: usize = 4_096;
/// How many lines are written in one piece.
const GROUP: usize = 256;

/// Where events are copied to, if anywhere. Cheap to clone.
#[derive(Clone, Default)]
pub struct Audit(Option<SyncSender<Message>>);

enum Message {
    Event(Box<Event>),
    Line(Value),
    Flush(SyncSender<()>),
    Reopen,
}

impl Audit {
    /// Appends to the file, which only its owner may read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = append(path)?;
        let (sender, receiver) = sync_channel(WAITING);
        thread::Builder::new().name("audit".to_owned()).spawn({
            let path = path.to_owned();
            move || write_all(&receiver, file, || append(&path))
        })?;
        Ok(Self(Some(sender)))
    }

    /// Copies an event that was committed.
    pub fn write(&self, event: Event) {
        if self.send(Message::Event(Box::new(event))).is_err() {
            tracing::warn!("the audit file does not keep up; the event is in the database alone");
        }
    }

    /// Appends a line that is no event's.
    pub fn write_line(&self, line: Value) {
        if self.send(Message::Line(line)).is_err() {
            tracing::warn!("the audit file does not keep up; a line that is no event is missing");
        }
    }

    fn send(&self, message: Message) -> Result<(), TrySendError<Message>> {
        self.0.as_ref().map_or(Ok(()), |sender| sender.try_send(message))
    }

    /// Opens the file at its path anew before the next line: the one that is open may have been
    /// rotated away.
    pub fn reopen(&self) {
        if let Some(sender) = &self.0 {
            // A writer that is gone writes to no file.
            let _gone = sender.send(Message::Reopen);
        }
    }

    /// Waits until all that was copied so far has reached the file.
    pub fn flush(&self) {
        let (done, waiting) = sync_channel(1);
        if let Some(sender) = &self.0
            && sender.send(Message::Flush(done)).is_ok()
        {
            // A writer that is gone has nothing left to flush.
            let _gone = waiting.recv();
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Appends whole lines in one piece, since other processes append to the same file.
fn write_all<F: Write>(
    receiver: &Receiver<Message>,
    mut file: F,
    reopen: impl Fn() -> io::Result<F>,
) {
    let mut lines = Vec::new();
    while let Ok(first) = receiver.recv() {
        let mut waiting = Vec::new();
        let mut must_reopen = false;
        for message in std::iter::once(first).chain(receiver.try_iter()).take(GROUP) {
            match message {
                Message::Event(event) => add_line(&mut lines, &event),
                Message::Line(line) => add_line(&mut lines, &line),
                Message::Flush(done) => waiting.push(done),
                Message::Reopen => must_reopen = true,
            }
        }
        if must_reopen {
            match reopen() {
                Ok(opened) => file = opened,
                Err(error) => tracing::warn!(%error, "the audit file cannot be opened anew"),
            }
        }
        if let Err(error) = file.write_all(&lines) {
            tracing::warn!(%error, "the audit file cannot be written");
        }
        lines.clear();
        for done in waiting {
            let _nobody_waits = done.send(());
        }
    }
}

fn add_line(lines: &mut Vec<u8>, line: &impl Serialize) {
    let start = lines.len();
    if let Err(error) = serde_json::to_writer(&mut *lines, line) {
        tracing::warn!(%error, "a line of the audit file cannot be written as JSON");
        return lines.truncate(start);
    }
    lines.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    struct Pieces(Vec<Vec<u8>>);

    impl Write for &mut Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.push(piece.to_owned());
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_piece_that_is_written_is_whole_lines() {
        let (sender, receiver) = sync_channel(WAITING);
        for number in 0..1000 {
            let event = Event {
                id: format!("{number:0400}"),
                at: Time(0),
                kind: "login".to_owned(),
                outcome: "ok".to_owned(),
                reason: None,
                user_id: None,
                session_id: None,
                subject: None,
                actor: None,
                address: None,
                agent: None,
                occurrences: 1,
            };
            sender.send(Message::Event(Box::new(event))).expect("there is room");
        }
        drop(sender);
        let mut pieces = Pieces(Vec::new());
        write_all(&receiver, &mut pieces, || Err(io::ErrorKind::Unsupported.into()));
        assert!(
            pieces.0.iter().filter(|piece| !piece.is_empty()).all(|piece| piece.ends_with(b"\n"))
        );
        assert_eq!(pieces.0.concat().split(|byte| *byte == b'\n').count(), 1001);
    }
}
