//! A database server of a test's own, which it may kill.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign_server::db::Kind;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::database::run;
use crate::free::free_address;

/// `nobody`, on Debian and elsewhere: `PostgreSQL` refuses to run as root.
const NOBODY: u32 = 65534;
/// `MariaDB`'s own users may come by its socket alone.
const MARIADB_USER: &str = "CREATE USER 'countersign'@'%' IDENTIFIED BY 'countersign';\n\
                            GRANT ALL PRIVILEGES ON *.* TO 'countersign'@'%';\n";

/// A running server with durability at its defaults; killed with this value.
pub(crate) struct DatabaseServer {
    kind: Kind,
    port: u16,
    arguments: &'static [&'static str],
    folder: TempDir,
    process: Child,
}

impl DatabaseServer {
    /// One with an empty database; `None` when the tests run without such servers.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        Self::start_with(kind, &[]).await
    }

    /// As [`DatabaseServer::start`], with these arguments too.
    pub(crate) async fn start_with(kind: Kind, arguments: &'static [&'static str]) -> Option<Self> {
        let variable = match kind {
            Kind::MySql => "COUNTERSIGN_TEST_MYSQL",
            _ => "COUNTERSIGN_TEST_POSTGRES",
        };
        if std::env::var_os(variable).is_none() {
            eprintln!("skipped: {variable} names no server");
            return None;
        }
        let port = free_address().port();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        std::fs::write(folder.path().join("user.sql"), MARIADB_USER).expect("there is room");
        if rustix::process::geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        let prepared = prepare(kind, &folder).status().expect("the program is installed");
        assert!(prepared.success(), "{}", log(&folder));
        let process = serve(kind, &folder, (port, arguments));
        let mut server = Self { kind, port, arguments, folder, process };
        server.wait_until_it_answers().await;
        run(&server.admin_url(), "CREATE DATABASE countersign_test".to_owned()).await;
        Some(server)
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        self.url_of("countersign_test")
    }

    /// Kills it in the middle of whatever it does, and starts it again a while later.
    pub(crate) async fn kill_and_revive(&mut self) {
        self.kill();
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.process = serve(self.kind, &self.folder, (self.port, self.arguments));
        self.wait_until_it_answers().await;
    }

    fn kill(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }

    fn admin_url(&self) -> String {
        self.url_of(if self.kind == Kind::MySql { "mysql" } else { "postgres" })
    }

    fn url_of(&self, database: &str) -> String {
        let (scheme, user) = match self.kind {
            Kind::MySql => ("mysql", "countersign:countersign"),
            _ => ("postgres", "countersign"),
        };
        format!("{scheme}://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// What a killed PostgreSQL leaves behind may keep the next from starting for a moment.
    async fn wait_until_it_answers(&mut self) {
        for _ in 0..600 {
            if self.answers().await {
                return;
            }
            if self.process.try_wait().expect("it is ours").is_some() {
                self.process = serve(self.kind, &self.folder, (self.port, self.arguments));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}", log(&self.folder));
    }

    async fn answers(&self) -> bool {
        let url = self.admin_url();
        if self.kind == Kind::MySql {
            let options: sqlx::mysql::MySqlConnectOptions = url.parse().expect("the URL is one");
            match options.connect().await {
                Ok(connection) => connection.close().await.is_ok(),
                Err(_) => false,
            }
        } else {
            let options: sqlx::postgres::PgConnectOptions = url.parse().expect("the URL is one");
            match options.connect().await {
                Ok(connection) => connection.close().await.is_ok(),
                Err(_) => false,
            }
        }
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes the files that a server starts from.
fn prepare(kind: Kind, folder: &TempDir) -> Command {
    let data = folder.path().join("data");
    if kind == Kind::MySql {
        let mut command = unprivileged("mariadb-install-db", folder);
        command.arg("--no-defaults").arg(option("--datadir", &data)).arg("--skip-test-db");
        command
    } else {
        let mut command = unprivileged("initdb", folder);
        command.args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        command.args(["-U", "countersign", "-D"]).arg(data);
        command
    }
}

fn serve(kind: Kind, folder: &TempDir, (port, arguments): (u16, &[&str])) -> Child {
    let (place, port) = (folder.path(), port.to_string());
    let mut command = if kind == Kind::MySql {
        let mut command = unprivileged("mariadbd", folder);
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
        command.arg(format!("--port={port}")).arg(option("--datadir", &place.join("data")));
        command.arg(option("--socket", &place.join("socket")));
        command.arg(option("--pid-file", &place.join("pid")));
        if !place.join("data/countersign_test").exists() {
            command.arg(option("--init-file", &place.join("user.sql")));
        }
        command
    } else {
        let mut command = unprivileged("postgres", folder);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.args(["-p", &port, "-D"]).arg(place.join("data"));
        command
    };
    command.args(arguments).spawn().expect("the program is installed")
}

fn option(name: &str, path: &std::path::Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(format!("{name}="));
    option.push(path);
    option
}

/// `program` with what it writes in a file of the folder.
fn unprivileged(program: &str, folder: &TempDir) -> Command {
    let mut options = File::options();
    let open = options.create(true).append(true).open(folder.path().join("log"));
    let log = open.expect("there is room for a file");
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("a file has handles")).stdout(log);
    command.current_dir(folder.path());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn log(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}
