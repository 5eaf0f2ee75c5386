//! The open files of the database, compared with those at their paths. SQLite goes on with files
//! that were deleted or replaced, and what is committed then is gone with them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::db::DbError;

/// Device and inode.
type Identity = (u64, u64);

/// A file and what it was when it was opened; nothing yet where SQLite creates it later.
struct OpenFile {
    path: PathBuf,
    opened: OnceLock<Identity>,
}

/// The database, its write-ahead log and the index of that.
pub(super) struct OpenFiles([OpenFile; 3]);

impl OpenFiles {
    /// Notes the files of the database that was just opened at `path`.
    pub(super) fn of(path: &Path) -> Result<Self, DbError> {
        let files = Self(["", "-wal", "-shm"].map(|suffix| {
            let mut path = path.as_os_str().to_owned();
            path.push(suffix);
            OpenFile { path: path.into(), opened: OnceLock::new() }
        }));
        files.check()?;
        Ok(files)
    }

    /// Refuses if one of the files is another than the one that was opened.
    pub(super) fn check(&self) -> Result<(), DbError> {
        self.0.iter().try_for_each(OpenFile::check)
    }
}

impl OpenFile {
    fn check(&self) -> Result<(), DbError> {
        let found = match fs::metadata(&self.path) {
            Ok(metadata) => Some((metadata.dev(), metadata.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.refuse(&error.to_string())),
        };
        let opened = match (self.opened.get(), found) {
            (None, None) => return Ok(()),
            (None, Some(found)) => self.opened.get_or_init(|| found),
            (Some(opened), _) => opened,
        };
        if found.as_ref() == Some(opened) {
            return Ok(());
        }
        let what = if found.is_some() { "replaced" } else { "deleted or moved away" };
        Err(self.refuse(&format!("{what} while the database was open")))
    }

    fn refuse(&self, problem: &str) -> DbError {
        let name = self.path.file_name().unwrap_or_default().display();
        DbError::Unwritable(format!("{name}: {problem}"))
    }
}
