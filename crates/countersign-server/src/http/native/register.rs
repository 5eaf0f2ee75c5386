//! `POST /v1/register`

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{SessionAnswer, UserAnswer};
use crate::app::App;
use crate::error::Error;
use crate::http::code;
use crate::http::json::Json;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::identifier::{DisplayName, Identifier, Kind, Shapes};
use crate::operations::Caller;
use crate::operations::changes::Rename;
use crate::operations::register::Registration;
use crate::password::Password;

/// What a person registers with: at least one identifier, a password, and where that is needed the
/// token of an invitation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// An e-mail address.
    #[schemars(length(max = 254), extend("format" = "idn-email"))]
    email: Option<String>,
    /// 1 to 64 letters, digits and `.`, `_`, `-`.
    #[schemars(length(min = 1, max = 64))]
    username: Option<String>,
    /// A phone number in the international form, with a leading `+`.
    #[schemars(regex(pattern = r"^\+[0-9 ().-]{8,}$"))]
    phone: Option<String>,
    /// 8 characters at least, unless the server is configured otherwise.
    #[schemars(length(min = 1, max = 1024))]
    password: String,
    /// What the person calls themselves.
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// The token of an invitation.
    invitation: Option<String>,
}

/// What a user is found by, one of each kind at most.
pub(super) struct Identifiers {
    pub(super) email: Option<String>,
    pub(super) username: Option<String>,
    pub(super) phone: Option<String>,
}

#[derive(JsonSchema, Serialize)]
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

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Account, "register", "Register")
        .says(
            "At least one of `email`, `username` and `phone`. With `registration.mode = \"invite\"` also \
             an `invitation`.",
        )
        .answers::<Registered>(201, "The account, and its first session.")
        .refuses([
            code::INVALID_FIELD,
            code::REGISTRATION_CLOSED,
            code::INVITATION_REQUIRED,
            code::INVITATION_INVALID,
            code::IDENTIFIER_TAKEN,
            code::CONFLICT,
            code::TOO_MANY_REQUESTS,
        ])
        .refuses(code::OF_LOGIN_PAGES)
}

impl Register {
    fn parse(self, shapes: Shapes) -> Result<Registration, Error> {
        let Self { email, username, phone, password, name, invitation } = self;
        let identifiers = Identifiers { email, username, phone }.parse(shapes)?;
        let password = new_password(password)?;
        let name = name.map(|name| display_name("name", &name)).transpose()?;
        Ok(Registration { name, invitation, ..Registration::of(identifiers, password) })
    }
}

impl Identifiers {
    /// Reads them; there must be one.
    pub(super) fn parse(self, shapes: Shapes) -> Result<Vec<Identifier>, Error> {
        let identifiers = self.parse_any(shapes)?;
        if identifiers.is_empty() {
            return Err(Error::Invalid {
                field: "email",
                reason: "missing",
                message: "Give an email, a username or a phone.".into(),
            });
        }
        Ok(identifiers)
    }

    /// Reads one where there may be none.
    pub(super) fn parse_one(self, shapes: Shapes) -> Result<Option<Identifier>, Error> {
        let mut identifiers = self.parse_any(shapes)?.into_iter();
        match (identifiers.next(), identifiers.next()) {
            (first, None) => Ok(first),
            (_, Some(second)) => Err(Error::Invalid {
                field: second.kind.as_str(),
                reason: "value",
                message: "Give one of email, username and phone.".into(),
            }),
        }
    }

    fn parse_any(self, shapes: Shapes) -> Result<Vec<Identifier>, Error> {
        let given =
            [(Kind::Email, self.email), (Kind::Username, self.username), (Kind::Phone, self.phone)];
        let given = given.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
        given.map(|(kind, value)| parse_as(shapes, kind, &value)).collect()
    }
}

/// Reads what becomes of a user's identifiers: those that are left out stay.
pub(super) fn changed_identifiers(
    shapes: Shapes,
    changes: [(Kind, Rename); 3],
) -> Result<Vec<(Kind, Option<Identifier>)>, Error> {
    let given = changes.into_iter().filter_map(|(kind, change)| match change {
        Rename::No => None,
        Rename::To(value) => Some((kind, value)),
    });
    let parse = |(kind, value): (Kind, Option<String>)| {
        let identifier = value.map(|value| parse_as(shapes, kind, &value)).transpose()?;
        Ok((kind, identifier))
    };
    given.map(parse).collect()
}

fn parse_as(shapes: Shapes, kind: Kind, value: &str) -> Result<Identifier, Error> {
    let parsed = shapes.parse_as(kind, value);
    parsed.map_err(|invalid| Error::identifier(kind.as_str(), invalid))
}

/// Reads the password of an account to be.
pub(super) fn new_password(password: String) -> Result<Password, Error> {
    Password::parse(password).map_err(|invalid| Error::password("password", invalid))
}

/// Reads what a person calls themselves, or a device, in the member `field`.
pub(super) fn display_name(field: &'static str, name: &str) -> Result<String, Error> {
    Ok(DisplayName::parse(name).map_err(|invalid| Error::name(field, invalid))?.into())
}
