//! An application that issues its own tokens and keeps its sessions in SQLite:
//! `cargo run --example issue`, and then
//!
//! ```sh
//! curl 127.0.0.1:3000/login --json '{"user":"alice","password":"sesame"}'
//! curl 127.0.0.1:3000/me -H "Authorization: Bearer $ACCESS_TOKEN"
//! curl 127.0.0.1:3000/refresh --json "{\"refresh_token\":\"$REFRESH_TOKEN\"}"
//! curl -X POST 127.0.0.1:3000/logout -H "Authorization: Bearer $ACCESS_TOKEN"
//! ```
mod app;
mod sqlite;

use countersign::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = sqlite::SqliteStore::open("sessions.db")?;
    // In earnest these bytes are random, secret, and the same after a restart.
    let app = app::build(store, (&[7; 32], &[8; 32]), Clock::system()).await?;
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}
