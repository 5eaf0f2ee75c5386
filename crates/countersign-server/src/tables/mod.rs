//! One file a table: its row, its SQL, and the functions over them. Nothing here knows of HTTP.

pub mod admin;
pub mod api_key;
pub mod bulk;
pub mod change;
pub mod counter;
pub mod ended_status;
pub mod event;
pub mod event_seal;
pub mod failure;
pub mod identifier;
pub mod import;
pub mod inventory;
pub mod invitation;
pub mod lease;
pub mod node;
pub mod outbox;
pub mod password;
pub mod purge;
pub mod rate_limit;
pub mod revocation;
pub mod session;
pub mod setting;
pub mod signing_key;
pub mod user;

use crate::db::Sql;

/// Every statement the server has, by table and name, so that a test can prepare each of them on
/// every database.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, Sql)> {
    [
        ("admin", admin::STATEMENTS),
        ("api_key", api_key::STATEMENTS),
        ("bulk", bulk::STATEMENTS),
        ("change", change::STATEMENTS),
        ("counter", counter::STATEMENTS),
        ("ended_status", ended_status::STATEMENTS),
        ("event", event::STATEMENTS),
        ("event_seal", event_seal::STATEMENTS),
        ("failure", failure::STATEMENTS),
        ("identifier", identifier::STATEMENTS),
        ("import", import::STATEMENTS),
        ("invitation", invitation::STATEMENTS),
        ("lease", lease::STATEMENTS),
        ("node", node::STATEMENTS),
        ("outbox", outbox::STATEMENTS),
        ("password", password::STATEMENTS),
        ("rate_limit", rate_limit::STATEMENTS),
        ("revocation", revocation::STATEMENTS),
        ("session", session::STATEMENTS),
        ("setting", setting::STATEMENTS),
        ("signing_key", signing_key::STATEMENTS),
        ("user", user::STATEMENTS),
    ]
    .into_iter()
    .flat_map(|(table, statements)| statements.iter().map(move |(name, sql)| (table, *name, *sql)))
    .chain(inventory::TABLES.iter().flat_map(inventory::Table::statements))
    .chain(purge::statements())
}
