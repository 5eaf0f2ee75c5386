//! `GET` and `POST /v1/admin/invitations`

use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::Time;
use crate::http::admin::Admin;
use crate::http::json::OptionalJson;
use crate::http::native::register::Identifiers;
use crate::http::problem::Problem;
use crate::http::query::{NoQuery, Query, cursor};
use crate::operations::invitations::{Invite, USUAL_LIFE};
use crate::operations::roles::parse_roles;
use crate::tables::invitation::{Invitation, State as Life};

/// A part of the invitations.
#[derive(Serialize)]
pub struct Invitations {
    invitations: Vec<InvitationAnswer>,
    next_cursor: Option<String>,
}

/// An invitation, without its token.
#[derive(Serialize)]
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

#[derive(Serialize)]
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

/// An invitation to be made: for one identifier, or for anybody who has the token.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Create {
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    roles: Vec<String>,
    /// In seconds.
    expires_in: Option<u32>,
}

/// A new invitation, with its token, which nobody can ask for again.
#[derive(Serialize)]
pub struct Created {
    invitation: InvitationAnswer,
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
