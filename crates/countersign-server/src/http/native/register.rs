//! `POST /v1/register`

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer::{SessionAnswer, UserAnswer};
use crate::app::App;
use crate::error::Error;
use crate::http::json::Json;
use crate::http::problem::Problem;
use crate::identifier::{DisplayName, Kind, Shapes};
use crate::operations::Caller;
use crate::operations::register::Registration;
use crate::password::Password;

/// What a person registers with: at least one identifier, and a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    password: String,
    name: Option<String>,
}

#[derive(Serialize)]
struct Registered {
    user: UserAnswer,
    session: SessionAnswer,
}

/// Makes an account and logs its user in.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Json(register): Json<Register>,
) -> Result<impl IntoResponse, Problem> {
    app.check_login_origin(&headers)?;
    let replaced = app.session_to_replace(&headers)?;
    let registration = register.parse(app.shapes)?;
    let policy = app.policy();
    let terms = app.native_terms();
    let (user, session) = app.register(&caller, &terms, Some(&policy), registration).await?;
    if let Some(session_id) = replaced {
        app.log_out(&caller, &session_id).await?;
    }
    let (cookies, Answer(session)) = SessionAnswer::of(&app, &caller, (user, session)).await?;
    let user = session.user.clone();
    Ok((StatusCode::CREATED, cookies, Answer(Registered { user, session })))
}

impl Register {
    fn parse(self, shapes: Shapes) -> Result<Registration, Error> {
        let given = [
            ("email", Kind::Email, self.email),
            ("username", Kind::Username, self.username),
            ("phone", Kind::Phone, self.phone),
        ];
        let mut identifiers = Vec::new();
        for (field, kind, value) in given {
            if let Some(value) = value {
                let identifier = shapes.parse_as(kind, &value);
                identifiers.push(identifier.map_err(|invalid| Error::identifier(field, invalid))?);
            }
        }
        if identifiers.is_empty() {
            return Err(Error::Invalid {
                field: "email",
                reason: "missing",
                message: "Give an email, a username or a phone.".into(),
            });
        }
        let password = Password::parse(self.password)
            .map_err(|invalid| Error::password("password", invalid))?;
        let name = self.name.map(|name| display_name("name", &name)).transpose()?;
        Ok(Registration { identifiers, password, name, roles: Vec::new() })
    }
}

/// Reads what a person calls themselves, or a device, in the member `field`.
pub(super) fn display_name(field: &'static str, name: &str) -> Result<String, Error> {
    Ok(DisplayName::parse(name).map_err(|invalid| Error::name(field, invalid))?.into())
}
