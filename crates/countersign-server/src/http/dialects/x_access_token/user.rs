//! `GET /user`: all users.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Fail;
use super::token::public_id;
use crate::config::ListUsers;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::listing::Listing;
use crate::tables::user::Listed;

const USERS: Listing = Listing { before: r#"{"users":["#, element, after: "]}" };

/// Lists all users, for whoever may.
pub async fn get(State(dialect): State<Dialect>, bearer: Bearer) -> Result<Response, Fail> {
    let app = dialect.app();
    let id = public_id(bearer.claims()).ok_or_else(Fail::invalid_token)?;
    let user = app.user(id).await?;
    if !user.is_active() {
        return Err(Fail::invalid_token());
    }
    if dialect.config().list_users == ListUsers::Admin && !user.is_admin() {
        return Err(Fail::Token(StatusCode::FORBIDDEN, "Admins only !!"));
    }
    Ok(USERS.answer(app).await?)
}

fn element(user: &Listed) -> Value {
    json!({ "public_id": user.id, "name": user.name, "email": user.email() })
}
