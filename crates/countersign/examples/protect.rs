//! Protects an API with the tokens of a Countersign server, whose keys lie in a file:
//! `curl -o jwks.json http://localhost:8080/.well-known/jwks.json && cargo run --example protect`
use axum::{Router, routing::get};
use countersign::layer::{Demand, Guard};
use countersign::{KeyRing, Profile, Verifier, axum::Bearer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = KeyRing::from_jwk_set(&std::fs::read_to_string("jwks.json")?)?;
    let verifier = Verifier::new(Profile::ACCESS, keys).remember(10_000);
    let verifier = verifier.issuer("http://localhost:8080").audience("http://localhost:8080");
    let guard = Guard::builder(verifier).public("/healthz").build()?;
    let admin = guard.require(Demand::new().role("admin"))?;
    let app = Router::new()
        .route("/healthz", get(async || "well"))
        .route("/me", get(async |who: Bearer| who.claims.subject().unwrap_or("?").to_owned()))
        .route("/admin", get(async || "hello, admin").layer(admin))
        .layer(guard.layer());
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}
