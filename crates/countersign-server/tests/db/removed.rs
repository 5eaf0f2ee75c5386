//! What newer versions of a database no longer have.

use std::fs;
use std::path::{Path, PathBuf};

/// MySQL 9.6 moved the first three into a component that is not installed by default; the others were
/// removed before.
const REMOVED: [&str; 8] =
    ["MD5(", "SHA1(", "SHA(", "ENCODE(", "DECODE(", "ENCRYPT(", "DES_ENCRYPT(", "PASSWORD("];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are there").map(Result::unwrap);
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.map(|entry| entry.path()).partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// The tests have no MySQL, and `MariaDB` has all of them.
#[test]
fn no_statement_calls_a_function_that_mysql_removed() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in
        sources(&package.join("src")).into_iter().chain(sources(&package.join("migrations")))
    {
        let text = fs::read_to_string(&path).expect("text");
        for function in REMOVED {
            let called = text.match_indices(function).any(|(at, _)| {
                !text[..at]
                    .ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_')
            });
            if called {
                found.push((path.clone(), function));
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}
