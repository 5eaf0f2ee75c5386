//! Packages of others, fetched from `PyPI` and npm when `COUNTERSIGN_TEST_INTEROP` is set.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What Python must have before it can have packages.
pub const PYTHON: [&str; 3] = ["python3", "-c", "import ensurepip, venv"];

/// Whether packages are wanted and `probe` works; says why not.
pub fn can_fetch(probe: &[&str]) -> bool {
    if std::env::var_os("COUNTERSIGN_TEST_INTEROP").is_none() {
        eprintln!("skipped: COUNTERSIGN_TEST_INTEROP is not set");
        return false;
    }
    let probed = Command::new(probe[0]).args(&probe[1..]).output();
    if !probed.is_ok_and(|output| output.status.success()) {
        let missing = format!("`{}` does not work", probe.join(" "));
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        eprintln!("skipped: {missing}");
        return false;
    }
    true
}

/// Installs into an environment of its own in `folder`; gives its interpreter.
pub fn install_python(folder: &Path, packages: &[impl AsRef<OsStr>]) -> PathBuf {
    run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder));
    let program = folder.join("venv/bin/python");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&program).args(install).args(packages).current_dir(folder));
    program
}

/// Runs `command`, which succeeds.
pub fn run(command: &mut Command) {
    let output = command.output().expect("the program starts");
    let (out, err) = (output.stdout.escape_ascii(), output.stderr.escape_ascii());
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
}
