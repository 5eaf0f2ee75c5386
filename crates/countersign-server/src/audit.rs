//! The audit trail's copy in a file: one JSON line an event, written after the commit, best effort.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::tables::event::Event;

/// How many events may wait for the disk; more are in the database alone.
const WAITING: usize = 10_000;

/// Where events are copied to, if anywhere. Cheap to clone.
#[derive(Clone, Default)]
pub struct Audit(Option<SyncSender<Message>>);

enum Message {
    Event(Box<Event>),
    Flush(SyncSender<()>),
}

impl Audit {
    /// Appends to the file, which only its owner may read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let (sender, receiver) = sync_channel(WAITING);
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(&receiver, BufWriter::new(file)))?;
        Ok(Self(Some(sender)))
    }

    /// Copies an event that was committed.
    pub fn write(&self, event: Event) {
        if let Some(sender) = &self.0
            && sender.try_send(Message::Event(Box::new(event))).is_err()
        {
            tracing::warn!("the audit file does not keep up; the event is in the database alone");
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

fn write_all(receiver: &Receiver<Message>, mut file: BufWriter<impl Write>) {
    while let Ok(first) = receiver.recv() {
        let mut waiting = Vec::new();
        for message in std::iter::once(first).chain(receiver.try_iter()) {
            match message {
                Message::Event(event) => {
                    if let Err(error) = write_line(&mut file, &event) {
                        tracing::warn!(%error, "the audit file cannot be written");
                    }
                }
                Message::Flush(done) => waiting.push(done),
            }
        }
        if let Err(error) = file.flush() {
            tracing::warn!(%error, "the audit file cannot be written");
        }
        for done in waiting {
            let _nobody_waits = done.send(());
        }
    }
}

fn write_line(file: &mut impl Write, event: &Event) -> io::Result<()> {
    serde_json::to_writer(&mut *file, event)?;
    file.write_all(b"\n")
}
