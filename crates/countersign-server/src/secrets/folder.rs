//! The data folder.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::SecretError;

/// Makes the data folder for its owner alone, if it is not there. One that is there and that
/// everyone may write is refused; one that others may read is used, and the answer is a warning.
pub fn prepare_data_dir(path: &Path) -> Result<Option<String>, SecretError> {
    let refuse = |problem: String| SecretError::DataDir(format!("{}: {problem}", path.display()));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| refuse(error.to_string()))?;
    let metadata = fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o002 != 0 {
        return Err(refuse(format!("everyone may write it (mode {mode:04o}); chmod 0700 it")));
    }
    Ok((mode & 0o077 != 0).then(|| {
        format!("data_dir: {}: others may read it (mode {mode:04o}); chmod 0700 it", path.display())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_for_its_owner_alone_and_checked_when_it_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/data");
        assert_eq!(prepare_data_dir(&path).expect("made"), None);
        assert_eq!(prepare_data_dir(&path).expect("there"), None);
        let set = |mode| fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("ours");
        set(0o755);
        assert!(prepare_data_dir(&path).expect("used").is_some());
        set(0o777);
        let refused = prepare_data_dir(&path).expect_err("everyone may write it").to_string();
        assert!(refused.starts_with("data_dir: ") && refused.contains("0777"), "{refused}");
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(prepare_data_dir(file.path()).is_err());
    }
}
