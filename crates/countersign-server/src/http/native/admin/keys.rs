//! `GET` and `POST /v1/admin/keys`

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::Time;
use crate::http::admin::Admin;
use crate::http::json::OptionalJson;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::query::NoQuery;
use crate::tables::signing_key::SigningKeyRow;

/// Every signing key there ever was.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SigningKeys")]
pub struct Keys {
    keys: Vec<KeyAnswer>,
}

/// A signing key, without what it signs with.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SigningKey")]
pub struct KeyAnswer {
    /// What tokens name it by.
    kid: String,
    algorithm: String,
    /// Where it is in its life.
    state: String,
    /// Since when it is in the JWK set.
    published_at: Time,
    /// From when on it signs.
    activates_at: Time,
    /// From when on another signs.
    retires_at: Option<Time>,
    /// When it was withdrawn.
    revoked_at: Option<Time>,
}

impl KeyAnswer {
    /// The key of `keys` as it is at `now`.
    pub fn of(keys: &[SigningKeyRow], key: &SigningKeyRow, now: Time) -> Self {
        Self {
            kid: key.kid.clone(),
            algorithm: key.algorithm.clone(),
            state: key.state(keys, now).to_string(),
            published_at: key.published_at,
            activates_at: key.activates_at,
            retires_at: key.retires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// Lists the keys.
pub async fn get(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
) -> Result<Answer<Keys>, Problem> {
    let (keys, now) = (app.signing_keys().await?, admin.caller().now);
    let answers = keys.iter().map(|key| KeyAnswer::of(&keys, key, now)).collect();
    Ok(Answer(Keys { keys: answers }))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "list_keys", "List the signing keys")
        .answers::<Keys>(200, "All there ever were.")
}

/// Whether the new key is to sign at once, though verifiers may not know it yet.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "RotateKey")]
pub struct Rotate {
    /// Whether it signs at once, though verifiers may not know it yet.
    now: bool,
}

/// Publishes a new key, which signs once every verifier had time to fetch it.
pub async fn post(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    OptionalJson(Rotate { now: at_once }): OptionalJson<Rotate>,
) -> Result<(StatusCode, Answer<KeyAnswer>), Problem> {
    let key = app.rotate_key(admin.caller(), at_once).await?;
    let keys = app.signing_keys().await?;
    Ok((StatusCode::CREATED, Answer(KeyAnswer::of(&keys, &key, admin.caller().now))))
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Administration, "rotate_key", "Rotate the signing key")
        .says("The new key signs once every verifier had time to fetch it, or at once with `now`.")
        .answers::<KeyAnswer>(201, "The new key.")
}
