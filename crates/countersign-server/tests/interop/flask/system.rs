//! A system as its document has it, on the libraries that it was written for, and a client of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::packages::{self, can_fetch, install_python};

/// What is shared by the five.
const SHARED: [(&str, &str); 2] =
    [("kit.py", include_str!("python/kit.py")), ("serve.py", include_str!("python/serve.py"))];

/// The sources of a system: its application, its client and what they run on.
pub(crate) struct Sources {
    pub(crate) app: &'static str,
    pub(crate) client: &'static str,
    pub(crate) requirements: &'static str,
}

/// The sources in the folder of this name.
macro_rules! sources {
    ($folder:literal) => {
        $crate::flask::system::Sources {
            app: include_str!(concat!($folder, "/app.py")),
            client: include_str!(concat!($folder, "/client.py")),
            requirements: include_str!(concat!($folder, "/requirements.txt")),
        }
    };
}
pub(crate) use sources;

/// A system that is installed, with an environment of its own.
pub(crate) struct System {
    python: PathBuf,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl System {
    /// `None` where it is not wanted or cannot be had (it says why).
    pub(crate) async fn install(sources: Sources) -> Option<Self> {
        if !can_fetch(&packages::PYTHON) {
            return None;
        }
        let installed = tokio::task::spawn_blocking(move || {
            let folder = tempfile::tempdir().expect("there is room for a folder");
            let own = [
                ("app.py", sources.app),
                ("client.py", sources.client),
                ("requirements.txt", sources.requirements),
            ];
            for (name, text) in SHARED.into_iter().chain(own) {
                std::fs::write(folder.path().join(name), text).expect("there is room for a file");
            }
            // The list is whole. What is not on it would be of a later time.
            let packages = ["--no-deps", "--prefer-binary", "--requirement", "requirements.txt"];
            let python = install_python(folder.path(), &packages);
            Self { python, folder, environment: Vec::new() }
        });
        Some(installed.await.expect("the packages can be installed"))
    }

    /// Sets a variable for all that runs here.
    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-W", "ignore", script]).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // What is served is on this machine, where no proxy leads.
        command.env("TZ", "UTC").env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command
    }

    /// Runs the application's own script, which fills its database.
    pub(crate) fn initialize(&self) {
        packages::run(&mut self.command("app.py"));
    }

    /// Starts the application; its tokens live for `seconds`, or as long as it pleases.
    pub(crate) fn serve(&self, seconds: Option<u32>) -> Running {
        let log = self.path("log");
        let mut command = self.command("serve.py");
        command.envs(seconds.map(|seconds| ("TOKEN_LIFE", seconds.to_string())));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&log).expect("there is room for a file"));
        let mut child = command.spawn().expect("the interpreter starts");
        let input = child.stdin.take().expect("a pipe");
        let mut base = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        output.read_line(&mut base).expect("it writes text");
        assert!(base.ends_with('\n'), "{}", read(&log));
        Running { child, _input: input, base: base.trim().to_owned() }
    }

    /// Has the client speak to whoever serves at `base`; gives what was answered.
    ///
    /// What it must remember is in the file `state`.
    pub(crate) async fn client(&self, phase: &str, base: &str, state: &str) -> Vec<Value> {
        let mut command = self.command("client.py");
        command.args([phase, base, state]);
        let log = self.path("log");
        let spoken = tokio::task::spawn_blocking(move || {
            let output = command.output().expect("the interpreter starts");
            let error = output.stderr.escape_ascii();
            assert!(output.status.success(), "{command:?}: {error}\n{}", read(&log));
            let text = String::from_utf8(output.stdout).expect("it writes text");
            text.lines().map(|line| serde_json::from_str(line).expect("it writes JSON")).collect()
        });
        spoken.await.expect("the client gets its answers")
    }

    /// Lets two clients remember the same.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        std::fs::copy(self.path(from), self.path(to)).expect("there is room for a file");
    }
}

/// A running application. It ends with this value, and with the process that holds its input.
pub(crate) struct Running {
    child: Child,
    _input: ChildStdin,
    pub(crate) base: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
