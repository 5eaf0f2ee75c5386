//! A database of its own for each test, on each of the three, dropped with it.

use countersign_server::db::Kind;
use countersign_server::entropy::Entropy;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;

/// Makes of each function one test per database: `async fn name(argument: Type) { … }`, where
/// `Type::on_database(Kind) -> Option<Type>` is async and `None` skips (it says why).
#[macro_export]
macro_rules! on_each_database {
    ($($(#[$attribute:meta])* async fn $name:ident($argument:ident: $type:ty) $body:block)+) => {$(
        mod $name {
            use super::*;
            use countersign_server::db::Kind;

            async fn on(kind: Kind) {
                async fn body($argument: $type) $body
                if let Some(argument) = <$type>::on_database(kind).await {
                    body(argument).await;
                }
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                on(Kind::Sqlite).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                on(Kind::Postgres).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() {
                on(Kind::MySql).await;
            }
        }
    )+};
}

/// An empty database. It is dropped with this value, also by a test that panics.
pub struct TestDatabase {
    /// What `Db::connect` takes.
    pub url: String,
    place: Place,
}

enum Place {
    Folder { _folder: TempDir },
    Server { admin: String, name: String },
}

impl TestDatabase {
    /// A new database of this kind; `None` when no server of it was named.
    pub async fn on_database(kind: Kind) -> Option<Self> {
        let variable = match kind {
            Kind::Sqlite => return Some(Self::in_folder()),
            Kind::Postgres => "COUNTERSIGN_TEST_POSTGRES",
            Kind::MySql => "COUNTERSIGN_TEST_MYSQL",
        };
        let Ok(admin) = std::env::var(variable) else {
            eprintln!("skipped: {variable} names no server");
            return None;
        };
        let name = format!("countersign_test_{:016x}", Entropy::System.below(u64::MAX));
        // Sorted as people sort, so that a column without a collation of its own is noticed.
        let collation = match kind {
            Kind::Postgres => {
                "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' \
                 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
            }
            _ => "COLLATE utf8mb4_general_ci",
        };
        run(&admin, format!("CREATE DATABASE {name} {collation}")).await;
        let mut url = url::Url::parse(&admin).expect("the server's URL is one");
        url.set_path(&name);
        Some(Self { url: url.into(), place: Place::Server { admin, name } })
    }

    fn in_folder() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let url = format!("sqlite:{}", folder.path().join("countersign.db").display());
        Self { url, place: Place::Folder { _folder: folder } }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Server { admin, name } = &self.place else { return };
        let force = if admin.starts_with("postgres") { " WITH (FORCE)" } else { "" };
        let (admin, statement) = (admin.clone(), format!("DROP DATABASE {name}{force}"));
        // A thread of its own, since the test's runtime may be going down.
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made")
                .block_on(run(&admin, statement));
        });
        if dropping.join().is_err() {
            eprintln!("the database {name} is left behind");
        }
    }
}

/// Runs a statement on the server, in the database that the URL names.
pub async fn run(admin: &str, statement: String) {
    let statement = AssertSqlSafe(statement);
    if admin.starts_with("postgres") {
        let options: sqlx::postgres::PgConnectOptions = admin.parse().expect("the URL is one");
        let mut connection = options.connect().await.expect("the server answers");
        connection.execute(statement).await.expect("the server obeys");
        connection.close().await.expect("the server answers");
    } else {
        let options: sqlx::mysql::MySqlConnectOptions = admin.parse().expect("the URL is one");
        let mut connection = options.connect().await.expect("the server answers");
        connection.execute(statement).await.expect("the server obeys");
        connection.close().await.expect("the server answers");
    }
}
