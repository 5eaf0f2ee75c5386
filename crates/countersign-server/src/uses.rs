//! Which generation's access tokens this node has seen used, on their way to the database.

pub use countersign::refresh::Uses;
use futures::FutureExt as _;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::tables::session;

/// How many are written in one change.
const BATCH: usize = 100;

impl App {
    /// Writes which generations were used, in small changes.
    pub(crate) async fn flush_uses(&self) -> Result<()> {
        loop {
            let taken = self.uses.take_unwritten(BATCH);
            if taken.is_empty() {
                return Ok(());
            }
            let written = self.write("note_uses", taken.clone(), |tx, _app, job| {
                async move {
                    for (session_id, generation, at) in &*job {
                        let (id, at) = (session_id.to_string(), Time(*at));
                        session::note_use(tx, &id, *generation, at).await?;
                    }
                    Ok(())
                }
                .boxed()
            });
            if let Err(error) = written.await {
                self.uses.take_back(&taken);
                return Err(error);
            }
        }
    }
}
