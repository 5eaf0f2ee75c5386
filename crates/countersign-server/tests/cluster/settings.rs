//! Settings of a database server with which nothing can work.

use countersign_server::db::Kind;

use crate::database_server::DatabaseServer;
use crate::nodes::MASTER_SECRET;
use crate::program::{Place, binary, finish};

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_log_of_statements_is_told_at_start_and_by_doctor() {
    let by_statement = &["--log-bin=binary", "--server-id=1", "--binlog-format=STATEMENT"];
    let Some(server) = DatabaseServer::start_with(Kind::MySql, by_statement).await else { return };
    let place = Place::new()
        .set("COUNTERSIGN_DATABASE__URL", &server.url())
        .set("COUNTERSIGN_MASTER_SECRET", MASTER_SECRET);
    for (arguments, code) in [(&["serve", "--listen", "127.0.0.1:0"][..], 2), (&["doctor"], 1)] {
        // A server that starts would run for ever.
        let mut command = place.command("timeout");
        command.arg("30").arg(binary()).arg("--data-dir").arg(place.data_dir()).args(arguments);
        let ran = finish(command, "");
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("binlog_format is STATEMENT"), "{ran:?}");
    }
}
