//! Protects an API with the tokens of a running Countersign server. A logout there is heard of here
//! within a second, and no request asks anybody:
//! `COUNTERSIGN_API_KEY=csk_… cargo run --example remote --features axum,remote`
//!
//! The key comes from `countersign apikey create orders --right revocations`.
use axum::{Router, routing::get};
use countersign::layer::Guard;
use countersign::remote::{RemoteKeys, RevocationFeed};
use countersign::{Profile, Verifier, axum::Bearer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = std::env::var("COUNTERSIGN_URL").unwrap_or("http://localhost:8080".into());
    let keys = RemoteKeys::builder(&format!("{server}/.well-known/jwks.json")).build()?;
    let api_key = std::env::var("COUNTERSIGN_API_KEY")?;
    let feed = RevocationFeed::builder(&server, &api_key, keys.ring()).build()?;
    feed.ready().await?;
    let verifier = Verifier::new(Profile::ACCESS, keys.ring()).remember(10_000);
    let verifier = verifier.issuer(&*server).audience(&*server);
    let guard = Guard::builder(verifier).revocations(feed.revocations()).build()?;
    let app = Router::new()
        .route("/me", get(async |who: Bearer| who.claims.subject().unwrap_or("?").to_owned()))
        .layer(guard.layer());
    let listen = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    Ok(axum::serve(tokio::net::TcpListener::bind(listen).await?, app).await?)
}
