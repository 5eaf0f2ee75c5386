//! Python and Node with packages of their own, in a folder that goes with them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::packages::{self, can_fetch, install_python};

/// The scripts read an order from standard input and write a verdict on each of its tokens.
const SCRIPTS: [(&str, &str); 5] = [
    ("pyjwt.py", include_str!("pyjwt.py")),
    ("flask_app.py", include_str!("flask_app.py")),
    ("pyjwt_dialect.py", include_str!("pyjwt_dialect.py")),
    ("jose.mjs", include_str!("jose.mjs")),
    ("list.py", include_str!("../../../countersign/tests/flask_jwt_extended/list.py")),
];

const PYTHON_PACKAGES: [&str; 3] =
    ["pyjwt[crypto]>=2,<3", "flask>=3,<4", "flask-jwt-extended>=4.7,<4.8"];
const NODE_PACKAGES: [&str; 1] = ["jose@6"];

/// What Node must have before it can have packages.
pub(crate) const NODE: [&str; 2] = ["npm", "--version"];

/// Installs into `folder`: these, or what a `package.json` there names.
pub(crate) fn install_node(folder: &Path, packages: &[&str]) {
    let install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."];
    packages::run(Command::new("npm").args(install).args(packages).current_dir(folder));
}

/// An interpreter, and the folder with what it needs.
pub(crate) struct Tool {
    program: PathBuf,
    folder: TempDir,
}

impl Tool {
    /// Python; `None` where it is not wanted or not there (it says why).
    pub(crate) async fn python() -> Option<Self> {
        Self::install(&packages::PYTHON, |folder| install_python(folder, &PYTHON_PACKAGES)).await
    }

    /// Node; `None` where it is not wanted or not there (it says why).
    pub(crate) async fn node() -> Option<Self> {
        Self::install(&NODE, |folder| {
            install_node(folder, &NODE_PACKAGES);
            "node".into()
        })
        .await
    }

    async fn install(
        probe: &[&str],
        install: impl FnOnce(&Path) -> PathBuf + Send + 'static,
    ) -> Option<Self> {
        if !can_fetch(probe) {
            return None;
        }
        let installed = tokio::task::spawn_blocking(move || {
            let folder = tempfile::tempdir().expect("there is room for a folder");
            for (name, script) in SCRIPTS {
                std::fs::write(folder.path().join(name), script).expect("there is room for a file");
            }
            let program = install(folder.path());
            Self { program, folder }
        });
        Some(installed.await.expect("the packages can be installed"))
    }

    /// Runs one of the scripts.
    pub(crate) async fn run(&self, script: &str, order: Value) -> Value {
        let mut command = Command::new(&self.program);
        command.arg(self.folder.path().join(script)).current_dir(self.folder.path());
        // The server is on this machine, where no proxy leads.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let verdicts = tokio::task::spawn_blocking(move || {
            let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let mut child = child.expect("the interpreter starts");
            let mut input = child.stdin.take().expect("it has an input");
            input.write_all(order.to_string().as_bytes()).expect("it reads the order");
            drop(input);
            let output = child.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{command:?}: {}", output.status);
            serde_json::from_slice(&output.stdout).expect("it writes verdicts")
        });
        verdicts.await.expect("the script works")
    }
}
