//! The move from one of the systems to ours, as an operator makes it.

use std::path::PathBuf;

use countersign_server::db::Kind;
use serde_json::{Value, json};

use crate::database::TestDatabase;
use crate::flask::system::{Sources, System};
use crate::flask::transcript::{Difference, assert_equal, step};
use crate::program::{Place, Server, binary, finish};

const MASTER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// How one of the systems is moved.
pub(crate) struct Plan {
    /// The dialect that its clients speak.
    pub(crate) dialect: &'static str,
    /// Which kind of database it has; ours gets one of the same.
    pub(crate) kind: Kind,
    /// What stands in our configuration.
    pub(crate) config: &'static str,
    /// How many users there are when it is moved.
    pub(crate) users: usize,
}

/// A system before its move.
pub(crate) struct Before {
    pub(crate) system: System,
    plan: Plan,
    old: TestDatabase,
    new: TestDatabase,
}

/// What both answered afterwards.
pub(crate) struct After {
    old: Vec<Value>,
    new: Vec<Value>,
}

impl Before {
    /// `None` where something is missing (it says what).
    pub(crate) async fn new(sources: Sources, plan: Plan) -> Option<Self> {
        let (old, new) = (
            TestDatabase::on_database(plan.kind).await?,
            TestDatabase::on_database(plan.kind).await?,
        );
        let system = System::install(sources).await?.set("DATABASE_URL", &for_sqlalchemy(&old.url));
        Some(Self { system, plan, old, new })
    }

    /// Lets the old system run for a while, moves it, and has the same client speak to both.
    pub(crate) async fn make(self, import: &[&str]) -> After {
        let running = self.system.serve(Some(1));
        self.system.client("expire", &running.base, "old.json").await;
        drop(running);
        let running = self.system.serve(None);
        self.system.client("prepare", &running.base, "old.json").await;
        drop(running);
        self.system.copy("old.json", "new.json");

        let ours = Ours::new(self.plan.config, &self.old, &self.new);
        let import = [&["--from", self.plan.dialect], import].concat();
        let would = ours.import(&[&import[..], &["--dry-run"]].concat());
        assert_eq!(would["users"]["imported"], self.plan.users, "{would}");
        let did = ours.import(&import);
        assert_eq!(did["users"], would["users"], "{did}");

        let (theirs, server) = (self.system.serve(None), ours.serve().await);
        let address = format!("http://{}", server.address);
        let (old, new) = tokio::join!(
            self.system.client("speak", &theirs.base, "old.json"),
            self.system.client("speak", &address, "new.json"),
        );
        After { old, new }
    }
}

impl After {
    /// Asserts that the same was answered, but for the differences, each of which there is.
    #[track_caller]
    pub(crate) fn assert_equal(&self, differences: &[Difference]) {
        assert_equal(&self.old, &self.new, differences);
    }

    /// Asserts what both answered: the step, where to look, and what is there.
    #[track_caller]
    pub(crate) fn assert_answers(&self, answers: &[(&str, &str, Value)]) {
        for (name, pointer, wanted) in answers {
            for transcript in [&self.old, &self.new] {
                let line = step(transcript, name);
                assert_eq!(line.pointer(pointer), Some(wanted), "{line}");
            }
        }
    }
}

/// Our server in the place of the old one.
struct Ours {
    place: Place,
    config: PathBuf,
}

impl Ours {
    fn new(config: &str, old: &TestDatabase, new: &TestDatabase) -> Self {
        let place = Place::new()
            .set("COUNTERSIGN_IMPORT_SOURCE", &old.url)
            .set("COUNTERSIGN_DATABASE__URL", &new.url)
            .set("COUNTERSIGN_MASTER_SECRET", MASTER_SECRET);
        let path = place.folder.path().join("countersign.toml");
        std::fs::write(&path, config).expect("there is room for a file");
        Self { place, config: path }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.place.command(binary());
        command.arg("--config").arg(&self.config).arg("--data-dir").arg(self.place.data_dir());
        command.args(arguments);
        command
    }

    /// Imports, and gives the report.
    #[track_caller]
    fn import(&self, arguments: &[&str]) -> Value {
        finish(self.command(&[&["import", "--json"], arguments].concat()), "").json()
    }

    async fn serve(&self) -> Server {
        Server::start(self.command(&["serve", "--listen", "127.0.0.1:0"])).await
    }
}

/// The URL as `SQLAlchemy` writes it.
fn for_sqlalchemy(url: &str) -> String {
    let (scheme, rest) = url.split_once(':').expect("a URL");
    match scheme {
        "sqlite" => format!("sqlite:///{rest}"),
        "mysql" => format!("mysql+pymysql:{rest}"),
        _ => format!("postgresql:{rest}"),
    }
}

/// An answer with this status and body.
pub(crate) fn answer(status: u16, body: impl Into<Value>) -> Value {
    let body = body.into();
    json!({ "status": status, "body": body })
}
