//! Where an import's rows come from: files of JSON Lines and CSV, and tables of other databases.
//! Readers hand texts over, by field; what these mean is the operation's to know.

mod csv;
mod jsonl;
mod lines;
mod logins;
mod mapping;
pub mod system;
mod table;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

pub use self::csv::CsvSource;
pub use self::jsonl::JsonlSource;
pub use self::logins::Logins;
pub use self::mapping::Mapping;
pub use self::table::{RevokedTable, UserTable};
use crate::operations::import::row::{Page, Pages, Unreadable};

/// How many pages are read ahead.
const AHEAD: usize = 2;

/// What rows are read from, page by page.
pub trait Source: Send + 'static {
    /// What a row is read as.
    type Row: Send + 'static;

    /// The next rows; none at the end.
    fn page(&mut self) -> impl Future<Output = Result<Option<Page<Self::Row>>, Unreadable>> + Send;
}

/// Reads a source to its end, or until nobody wants more, on a thread of its own: files and SQLite
/// are not waited for.
pub fn read<S: Source>(mut source: S) -> std::io::Result<Pages<S::Row>> {
    let (sender, pages) = mpsc::channel(AHEAD);
    let runtime = Handle::current();
    let work = move || {
        while let Some(page) = runtime.block_on(source.page()).transpose() {
            let ended = page.is_err();
            if sender.blocking_send(page).is_err() || ended {
                break;
            }
        }
    };
    std::thread::Builder::new().name("import".to_owned()).spawn(work)?;
    Ok(pages)
}
