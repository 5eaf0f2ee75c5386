//! `GET` and `POST /v1/admin/invitations`

use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::Time;
use crate::http::admin::Admin;
use crate::http::code;
use crate::http::json::OptionalJson;
use crate::http::native::register::Identifiers;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::query::{NoQuery, Query, cursor};
use crate::operations::invitations::{Invite, USUAL_LIFE};
use crate::operations::roles::parse_roles;
use crate::tables::invitation::{Invitation, State as Life};

/// A part of the invitations.
#[derive(JsonSchema, Serialize)]
pub struct Invitations {
    invitations: Vec<InvitationAnswer>,
    next_cursor: Option<String>,
}

/// An invitation, without its token.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Invitation")]
pub struct InvitationAnswer {
    id: String,
    state: Life,
    identifier: Option<InvitedAnswer>,
    roles: Vec<String>,
    created_at: Time,
    created_by: Option<String>,
    expires_at: Time,
    used_at: Option<Time>,
    user_id: Option<String>,
    revoked_at: Option<Time>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Invited")]
struct InvitedAnswer {
    kind: String,
    value: String,
}

impl InvitationAnswer {
    /// The invitation as it is at `now`.
    pub fn of(invitation: Invitation, now: Time) -> Self {
        let (used_at, user_id) = invitation.used.clone().unzip();
        Self {
            state: invitation.state(now),
            identifier: invitation
                .invited
                .map(|invited| InvitedAnswer { kind: invited.kind, value: invited.value }),
            id: invitation.id,
            roles: invitation.roles,
            created_at: invitation.created_at,
            created_by: invitation.created_by,
            expires_at: invitation.expires_at,
            used_at,
            user_id,
            revoked_at: invitation.revoked_at,
        }
    }
}

/// Lists invitations, the latest first.
pub async fn get(
    State(app): State<App>,
    admin: Admin,
    mut query: Query,
) -> Result<Answer<Invitations>, Problem> {
    let page = query.page()?;
    query.end()?;
    let now = admin.caller().now;
    let part = app.invitations(&page).await?.map(|it| InvitationAnswer::of(it, now));
    Ok(Answer(Invitations { invitations: part.items, next_cursor: part.next.map(cursor) }))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "list_invitations", "List invitations")
        .in_parts()
        .answers::<Invitations>(200, "A part of them, the latest first.")
}

/// An invitation to be made: for one identifier, or for anybody who has the token.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CreateInvitation")]
pub struct Create {
    /// Whom it is for.
    #[schemars(length(max = 254), extend("format" = "idn-email"))]
    email: Option<String>,
    /// Whom it is for.
    #[schemars(length(min = 1, max = 64))]
    username: Option<String>,
    /// Whom it is for.
    #[schemars(regex(pattern = r"^\+[0-9 ().-]{8,}$"))]
    phone: Option<String>,
    /// What whoever registers with it will have.
    #[schemars(inner(regex(pattern = "^[A-Za-z0-9._:/-]{1,64}$")))]
    roles: Vec<String>,
    /// In seconds.
    #[schemars(range(min = 60, max = 7_776_000))]
    expires_in: Option<u32>,
}

/// A new invitation, with its token, which nobody can ask for again.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "CreatedInvitation")]
pub struct Created {
    invitation: InvitationAnswer,
    /// What whoever registers sends as `invitation`, this once.
    token: String,
}

/// Makes an invitation.
pub async fn post(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    OptionalJson(create): OptionalJson<Create>,
) -> Result<(StatusCode, Answer<Created>), Problem> {
    let Create { email, username, phone, roles, expires_in } = create;
    let invite = Invite {
        identifier: Identifiers { email, username, phone }.parse_one(app.shapes)?,
        roles: parse_roles(roles)?,
        life: expires_in.map_or(USUAL_LIFE, |life| Duration::from_secs(life.into())),
    };
    let caller = admin.caller();
    let (invitation, token) = app.invite(caller, invite).await?;
    let created = Created {
        invitation: InvitationAnswer::of(invitation, caller.now),
        token: token.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, Answer(created)))
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Administration, "invite", "Invite somebody")
        .says("For one identifier, or for whoever has the token. The token is shown this once.")
        .answers::<Created>(201, "The invitation, and its token.")
        .refuses([code::INVALID_FIELD, code::IDENTIFIER_TAKEN])
}
