//! The databases of the older systems, as their own models make them.

use countersign_server::db::Kind;

use super::{BCRYPT, Importing};
use crate::database::{TestDatabase, run};
use crate::program::{finish, give_url};

/// A database of an older system.
pub(super) struct Old {
    pub(super) database: TestDatabase,
    kind: Kind,
}

impl Old {
    pub(super) async fn on_database(kind: Kind) -> Option<Self> {
        Some(Self { database: TestDatabase::on_database(kind).await?, kind })
    }

    pub(super) async fn sqlite() -> Self {
        Self::on_database(Kind::Sqlite).await.expect("SQLite is always there")
    }

    /// Runs statements, in which a word in braces is each database's own.
    pub(super) async fn execute(&self, statements: &[&str]) {
        for statement in statements {
            let statement = self.own(statement);
            match self.database.url.strip_prefix("sqlite:") {
                Some(path) => {
                    let database = rusqlite::Connection::open(path).expect("there is room");
                    database.execute_batch(&statement).expect("SQLite obeys");
                }
                None => run(&self.database.url, statement).await,
            }
        }
    }

    fn own(&self, statement: &str) -> String {
        let (user, boolean, yes, no, time) = match self.kind {
            Kind::Sqlite => ("\"user\"", "BOOLEAN", "1", "0", "DATETIME"),
            Kind::Postgres => ("\"user\"", "BOOLEAN", "true", "false", "TIMESTAMP"),
            Kind::MySql => ("`user`", "TINYINT(1)", "1", "0", "DATETIME(6)"),
        };
        let words = [
            ("{user}", user),
            ("{boolean}", boolean),
            ("{yes}", yes),
            ("{no}", no),
            ("{time}", time),
            ("{bcrypt}", BCRYPT),
        ];
        words.iter().fold(statement.to_owned(), |text, (word, own)| text.replace(word, own))
    }

    /// Imports everything of this database.
    pub(super) fn import_into(
        &self,
        importing: &Importing,
        from: &str,
        more: &[&str],
    ) -> crate::program::Ran {
        let mut command = importing.command(&[&["--from", from], more].concat());
        give_url(&mut command, ("--source", "COUNTERSIGN_IMPORT_SOURCE"), &self.database.url);
        finish(command, "")
    }
}

/// The tables of a system that speaks `auth-token`, with these many users.
pub(super) const AUTH_TOKEN: [&str; 4] = [
    "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, \
     password VARCHAR(255) NOT NULL, registered_on {time} NOT NULL, admin {boolean} NOT NULL)",
    "CREATE TABLE blacklist_tokens (id INTEGER NOT NULL PRIMARY KEY, \
     token VARCHAR(500) NOT NULL UNIQUE, blacklisted_on {time} NOT NULL)",
    "INSERT INTO users VALUES \
     (7, 'Joe@gmail.com', '{bcrypt}', '2017-01-23 21:50:14.123456', {no}), \
     (3, 'ann@gmail.com', '{bcrypt}', '2016-07-01 00:00:00', {yes})",
    // The first says {\"jti\":\"one-jti\",\"exp\":4102444800}, the second {\"sub\":7}, the third
    // {\"exp\":1}, which is over.
    "INSERT INTO blacklist_tokens VALUES \
     (1, 'e30.eyJqdGkiOiJvbmUtanRpIiwiZXhwIjo0MTAyNDQ0ODAwfQ.AA', '2017-01-24 00:00:00'), \
     (2, 'e30.eyJzdWIiOjd9.AA', '2017-01-24 00:00:00'), \
     (3, 'e30.eyJleHAiOjF9.AA', '2017-01-24 00:00:00')",
];
