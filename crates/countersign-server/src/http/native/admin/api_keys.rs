//! `GET` and `POST /v1/admin/apikeys`

use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::Time;
use crate::http::admin::Admin;
use crate::http::code;
use crate::http::json::Json;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::query::NoQuery;
use crate::tables::api_key::{ApiKeyRow, Right};

/// Every API key there ever was.
#[derive(JsonSchema, Serialize)]
pub struct ApiKeys {
    api_keys: Vec<ApiKeyAnswer>,
}

/// An API key, without the key itself.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ApiKey")]
pub struct ApiKeyAnswer {
    id: String,
    name: String,
    rights: Vec<Right>,
    created_at: Time,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

impl From<ApiKeyRow> for ApiKeyAnswer {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            rights: row.rights,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// Lists the keys, the oldest first.
pub async fn get(State(app): State<App>, _: Admin, _: NoQuery) -> Result<Answer<ApiKeys>, Problem> {
    let api_keys = app.api_keys().await?.into_iter().map(ApiKeyAnswer::from).collect();
    Ok(Answer(ApiKeys { api_keys }))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "list_api_keys", "List the API keys")
        .answers::<ApiKeys>(200, "All there ever were.")
}

/// A key to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CreateApiKey")]
pub struct Create {
    /// What the key is for.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What its holder may do.
    #[schemars(length(min = 1))]
    rights: Vec<Right>,
    /// In seconds; left out, it is good until it is revoked.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    expires_in: Option<u32>,
}

/// A new key, which nobody can ask for again.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "CreatedApiKey")]
pub struct Created {
    #[serde(flatten)]
    api_key: ApiKeyAnswer,
    /// The key, this once.
    key: String,
}

impl Created {
    /// The answer with the key, this once.
    pub fn of(row: ApiKeyRow, key: &SecretString) -> Self {
        Self { api_key: row.into(), key: key.expose_secret().to_owned() }
    }
}

/// Makes a key.
pub async fn post(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    Json(Create { name, rights, expires_in }): Json<Create>,
) -> Result<(StatusCode, Answer<Created>), Problem> {
    let caller = admin.caller();
    let expires_at = expires_in.map(|seconds| caller.now.plus(Duration::from_secs(seconds.into())));
    let (row, key) = app.create_api_key(caller, &name, &rights, expires_at).await?;
    Ok((StatusCode::CREATED, Answer(Created::of(row, &key))))
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Administration, "create_api_key", "Make an API key")
        .says("The key is shown this once.")
        .answers::<Created>(201, "The key.")
        .refuses([code::INVALID_FIELD])
}
