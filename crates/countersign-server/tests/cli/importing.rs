//! `countersign import`: who comes along and as whom, what is told of the others, and what becomes
//! of an import that is killed.

mod collisions;
mod files;
mod interrupted;
mod live;
mod old;
mod rights;
mod systems;
mod values;

use std::path::PathBuf;
use std::process::Command;

use countersign_server::db::Kind;
use serde_json::Value;

use crate::database::TestDatabase;
use crate::program::{Place, Ran, binary, finish};

/// A hash by bcrypt, and what it is the hash of (a test vector of `crypt_blowfish`).
const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const BCRYPT_OF: &str = "U*U";

const MASTER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// A place whose users come from elsewhere.
struct Importing {
    place: Place,
    /// The database's.
    url: String,
    /// Dropped with the place.
    _target: Option<TestDatabase>,
}

impl Importing {
    async fn on_database(kind: Kind) -> Option<Self> {
        let target = TestDatabase::on_database(kind).await?;
        let url = target.url.clone();
        let place = Place::new().set("COUNTERSIGN_DATABASE__URL", &url);
        let secret = place.folder.path().join("secret");
        std::fs::write(&secret, MASTER_SECRET).expect("there is room");
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, own).expect("it is ours");
        let secret = secret.display().to_string();
        let place = place.set("COUNTERSIGN_MASTER_SECRET_FILE", &secret);
        Some(Self { place, url, _target: Some(target) })
    }

    /// A place with its own SQLite file.
    fn new() -> Self {
        let place = Place::new();
        let url = format!("sqlite:{}", place.data_dir().join("countersign.db").display());
        Self { place, url, _target: None }
    }

    /// Writes a file for the import to read.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.place.folder.path().join(name);
        std::fs::write(&path, text).expect("there is room");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(binary());
        command.arg("--data-dir").arg(self.place.data_dir()).args(["import", "--json"]);
        command.args(arguments);
        command
    }

    /// Imports, or does not.
    fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments), "")
    }

    /// Imports, and gives what is told of the users.
    #[track_caller]
    fn users(&self, arguments: &[&str]) -> Value {
        self.run(arguments).json()["users"].clone()
    }

    #[track_caller]
    fn show(&self, user: &str) -> Value {
        self.place.json(&["user", "show", user])
    }

    /// Whether nobody may log in to the account with this number.
    fn is_disabled(&self, number: i64) -> bool {
        let sql = "SELECT disabled_at IS NOT NULL FROM users WHERE number = ?";
        self.place.database().query_row(sql, [number], |row| row.get(0)).expect("it is there")
    }

    fn count(&self) -> usize {
        let users = self.place.json(&["user", "list", "--limit", "10000"]);
        users["users"].as_array().map_or(0, Vec::len)
    }
}

/// The counts of an import that matter to most tests: imported, there already, refused.
fn counts(users: &Value) -> [u64; 3] {
    ["imported", "already_there", "refused"].map(|name| users[name].as_u64().unwrap_or(u64::MAX))
}

/// What a program wrote that has failed.
#[track_caller]
fn failed(ran: &Ran, code: i32, why: &str) -> Value {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.stderr.contains(why), "{why}: {ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or(Value::Null)
}
