//! `countersign invitation`

use std::time::Duration;

use clap::{Args, Subcommand};
use humantime_serde::re::humantime;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::output::{escape, or_none, table, time, values};
use super::user::Identifiers;
use super::{Failure, Settings};
use crate::clock::Time;
use crate::http::native::admin::invitations::InvitationAnswer;
use crate::operations::invitations::{Invite, USUAL_LIFE};
use crate::operations::page::Page;
use crate::operations::roles::parse_roles;
use crate::tables::invitation;

#[derive(Subcommand)]
pub(super) enum Invitation {
    /// Make an invitation; its token is shown this once, and stored nowhere.
    Create(Create),
    /// List invitations, the latest first.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = super::user::limit)]
        limit: usize,
    },
    /// Withdraw an invitation.
    Revoke { id: String },
}

#[derive(Args)]
pub(super) struct Create {
    /// Whom it is for; without these anybody who has the token.
    #[command(flatten)]
    identifier: Invitee,
    /// Give whoever comes a role; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// How long it is good, like 12h; 7 days unless it is said, 90 at most.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
}

/// Whom an invitation is for.
#[derive(Args)]
#[group(multiple = false)]
struct Invitee {
    #[arg(long)]
    email: Option<String>,
    #[arg(long)]
    username: Option<String>,
    #[arg(long)]
    phone: Option<String>,
}

impl Invitation {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(settings).await,
            Self::List { limit } => list(settings, limit).await,
            Self::Revoke { id } => revoke(settings, &id).await,
        }
    }
}

impl Create {
    async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let Invitee { email, username, phone } = self.identifier;
        let identifiers = Identifiers { email, username, phone }.parse(settings.shapes()?)?;
        let invite = Invite {
            identifier: identifiers.into_iter().next(),
            roles: parse_roles(self.roles)?,
            life: self.expires_in.unwrap_or(USUAL_LIFE),
        };
        let (invitation, token, now) = settings
            .with_app(async |app, caller| {
                let (invitation, token) = app.invite(caller, invite).await?;
                Ok((invitation, token, caller.now))
            })
            .await?;
        let token = token.expose_secret();
        let answer = InvitationAnswer::of(invitation.clone(), now);
        settings.print(&json!({ "invitation": answer, "token": token }), || {
            values(vec![
                ("id", invitation.id.clone()),
                ("for", invitee(&invitation)),
                ("roles", invitation.roles.join(" ")),
                ("expires", invitation.expires_at.to_rfc3339()),
                ("token", token.to_owned()),
            ])
        })
    }
}

async fn list(settings: &Settings, limit: usize) -> Result<(), Failure> {
    let (invitations, now) = settings
        .with_app(async |app, caller| {
            let part = app.invitations(&Page { after: None, limit }).await?;
            Ok((part.items, caller.now))
        })
        .await?;
    let answers: Vec<_> =
        invitations.iter().map(|it| InvitationAnswer::of(it.clone(), now)).collect();
    settings.print(&json!({ "invitations": answers }), || {
        let header = ["id", "for", "roles", "state", "created by", "expires", "used", "user"];
        table(header, invitations.into_iter().map(|it| row(it, now)).collect())
    })
}

fn row(invitation: invitation::Invitation, now: Time) -> [String; 8] {
    let (used_at, user_id) = invitation.used.clone().unzip();
    [
        invitation.id.clone(),
        invitee(&invitation),
        invitation.roles.join(" "),
        invitation.state(now).as_str().to_owned(),
        or_none(invitation.created_by),
        invitation.expires_at.to_rfc3339(),
        time(used_at),
        or_none(user_id),
    ]
}

fn invitee(invitation: &invitation::Invitation) -> String {
    or_none(invitation.invited.as_ref().map(|invited| invited.value.clone()))
}

async fn revoke(settings: &Settings, id: &str) -> Result<(), Failure> {
    let revoked =
        settings.with_app(async |app, caller| Ok(app.revoke_invitation(caller, id).await?)).await?;
    settings.print(&json!({ "id": id, "changed": revoked }), || {
        format!("{}: {}", escape(id), if revoked { "revoked" } else { "was over already" })
    })
}
