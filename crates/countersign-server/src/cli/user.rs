//! `countersign user`

use clap::{Args, Subcommand};
use countersign::EndReason;
use serde::Serialize;
use serde_json::json;

use super::output::{escape, or_none, table, time, values};
use super::{Failure, Settings, prompt};
use crate::app::App;
use crate::error::Error;
use crate::http::native::answer::UserAnswer;
use crate::identifier::{DisplayName, Identifier, Kind, Shapes};
use crate::operations::accounts::Profile;
use crate::operations::changes::Changes;
use crate::operations::credentials::Presented;
use crate::operations::page::Page;
use crate::operations::register::Registration;
use crate::operations::roles::parse_roles;
use crate::tables::identifier::StoredIdentifier;
use crate::tables::user;

/// USER is an identifier, an id or a number.
#[derive(Subcommand)]
pub(super) enum User {
    /// Make a user; the password comes from a prompt or from standard input.
    Create(Create),
    /// List users in the order in which they were made.
    List(List),
    /// Show a user.
    Show { user: String },
    /// Keep a user out, and end their sessions.
    Disable { user: String },
    /// Let a disabled user in again.
    Enable { user: String },
    /// Forget the failed attempts that slow down a user's logins.
    Unlock { user: String },
    /// Delete a user, with all that they are found by, and end their sessions.
    Delete {
        user: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// End all sessions of a user.
    Logout { user: String },
    /// Let nobody log in with the user's password before it is changed, and end all sessions.
    ExpirePassword { user: String },
    /// Set a password, which comes from a prompt or from standard input, and end all sessions.
    Password { user: String },
    /// Replace the roles of a user; their access tokens are refreshed at the next use.
    Roles {
        user: String,
        #[arg(required_unless_present = "none")]
        roles: Vec<String>,
        /// Take all roles away.
        #[arg(long, conflicts_with = "roles")]
        none: bool,
    },
    /// Change what a user is found by; each takes the place of what is there of its kind. Sessions
    /// go on, but for those of a dialect.
    Identifiers {
        user: String,
        #[command(flatten)]
        given: Identifiers,
        /// Take away what is there of this kind: `email`, `username` or `phone`. May be repeated.
        #[arg(long = "without", value_name = "KIND", group = "given")]
        without: Vec<Kind>,
    },
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    identifiers: Identifiers,
    /// What the user wants to be called.
    #[arg(long)]
    name: Option<String>,
    /// Give the role `admin`.
    #[arg(long)]
    admin: bool,
    /// Give a role; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Store the password as clients need it that send its SHA-256, and for these only. Any
    /// password will do, as at such a client.
    #[arg(long)]
    client_sha256: bool,
}

/// What the user is found by; at least one.
#[derive(Args)]
#[group(id = "given", required = true, multiple = true)]
pub(super) struct Identifiers {
    #[arg(long)]
    pub(super) email: Option<String>,
    /// One with an `@` is an e-mail address, as everywhere.
    #[arg(long)]
    pub(super) username: Option<String>,
    /// In international form: +15550100.
    #[arg(long)]
    pub(super) phone: Option<String>,
}

#[derive(Args)]
pub(super) struct List {
    /// How many at most.
    #[arg(long, default_value_t = 100, value_parser = limit)]
    limit: usize,
    /// Begin after the user with this id: the last one of the list before.
    #[arg(long, value_name = "ID", conflicts_with = "query")]
    after: Option<String>,
    /// Only those who have an identifier that begins so, in the order of these.
    #[arg(long, value_name = "PREFIX")]
    query: Option<String>,
}

impl User {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(settings).await,
            Self::List(list) => list.run(settings).await,
            Self::Show { user } => show(settings, &user).await,
            Self::Disable { user } => disable(settings, &user).await,
            Self::Enable { user } => enable(settings, &user).await,
            Self::Unlock { user } => unlock(settings, &user).await,
            Self::Delete { user, yes } => delete(settings, &user, yes).await,
            Self::Logout { user } => log_out(settings, &user).await,
            Self::ExpirePassword { user } => expire_password(settings, &user).await,
            Self::Password { user } => password(settings, &user).await,
            Self::Roles { user, roles, none: _ } => set_roles(settings, &user, roles).await,
            Self::Identifiers { user, given, without } => {
                set_identifiers(settings, &user, (given, without)).await
            }
        }
    }
}

impl Create {
    async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let presented = if self.client_sha256 { Presented::ClientSha256 } else { Presented::Typed };
        let registration = self.parse(settings.shapes()?)?;
        let profile = settings
            .with_app(async |app, caller| {
                let user = app.create_user(caller, presented, registration).await?;
                Ok(app.profile(user).await?)
            })
            .await?;
        print_user(settings, profile)
    }

    /// Asks for the password last, when all the rest is known to be good.
    fn parse(self, shapes: Shapes) -> Result<Registration, Failure> {
        let Self { identifiers, name, admin, mut roles, client_sha256: _ } = self;
        if admin {
            roles.insert(0, user::User::ADMIN.to_owned());
        }
        Ok(Registration {
            identifiers: identifiers.parse(shapes)?,
            name: name.map(|name| display_name(&name)).transpose()?,
            roles: parse_roles(roles)?,
            ..Registration::of(Vec::new(), prompt::new_password()?)
        })
    }
}

impl Identifiers {
    pub(super) fn parse(self, shapes: Shapes) -> Result<Vec<Identifier>, Error> {
        let given =
            [(Kind::Email, self.email), (Kind::Username, self.username), (Kind::Phone, self.phone)];
        let parse = |(kind, value): (Kind, String)| {
            let parsed = match kind {
                Kind::Username => shapes.parse(&value),
                Kind::Email | Kind::Phone => shapes.parse_as(kind, &value),
            };
            parsed.map_err(|invalid| Error::identifier(kind.as_str(), invalid))
        };
        given.into_iter().filter_map(|(kind, value)| Some((kind, value?))).map(parse).collect()
    }
}

fn display_name(name: &str) -> Result<String, Failure> {
    let name = DisplayName::parse(name);
    name.map(String::from).map_err(|invalid| Failure::Failed(format!("name: {invalid}")))
}

pub(super) fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=10_000).contains(limit));
    limit.ok_or_else(|| "a number from 1 to 10000 is wanted".to_owned())
}

impl List {
    async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let profiles = settings
            .with_app(async |app, _| {
                let page = Page { after: self.after, limit: self.limit };
                let part = app.users(self.query.as_deref(), &page).await?;
                Ok(part.items.into_iter().map(|entry| entry.profile).collect::<Vec<_>>())
            })
            .await?;
        let users: Vec<_> = profiles.iter().cloned().map(UserAnswer::from).collect();
        settings.print(&json!({ "users": users }), || {
            let header = ["id", "number", "identifiers", "name", "roles", "state", "created"];
            table(header, profiles.iter().map(row).collect())
        })
    }
}

fn row(profile: &Profile) -> [String; 7] {
    let Profile { user, identifiers } = profile;
    [
        user.id.clone(),
        user.number.to_string(),
        found_by(identifiers),
        or_none(user.name.clone()),
        roles(user),
        state(user),
        user.created_at.to_rfc3339(),
    ]
}

fn found_by(identifiers: &[StoredIdentifier]) -> String {
    identifiers.iter().map(|it| it.value.as_str()).collect::<Vec<_>>().join(", ")
}

fn roles(user: &user::User) -> String {
    or_none((!user.roles.is_empty()).then(|| user.roles.join(", ")))
}

fn state(user: &user::User) -> String {
    user.disabled_at.map_or("active".into(), |at| format!("disabled since {}", at.to_rfc3339()))
}

fn print_user(settings: &Settings, profile: Profile) -> Result<(), Failure> {
    let answer = UserAnswer::from(profile.clone());
    settings.print(&answer, || {
        let Profile { user, identifiers } = profile;
        let mut shown = vec![("id", user.id.clone()), ("number", user.number.to_string())];
        for identifier in &identifiers {
            let verified = if identifier.verified_at.is_some() { " (verified)" } else { "" };
            shown.push((&identifier.kind, format!("{}{verified}", identifier.value)));
        }
        shown.extend([
            ("name", or_none(user.name.clone())),
            ("roles", roles(&user)),
            ("state", state(&user)),
            ("created", user.created_at.to_rfc3339()),
            ("last login", time(user.last_login_at)),
        ]);
        values(shown)
    })
}

async fn show(settings: &Settings, name: &str) -> Result<(), Failure> {
    let profile = settings.with_app(async |app, _| profile(app, name).await).await?;
    print_user(settings, profile)
}

async fn profile(app: &App, name: &str) -> Result<Profile, Failure> {
    let user = app.find_user(name).await?;
    Ok(app.profile(user).await?)
}

/// What was done to a user, and whether anything was left to do.
#[derive(Serialize)]
struct Done {
    id: String,
    changed: bool,
}

impl Done {
    fn print(self, settings: &Settings, done: &str, already: &str) -> Result<(), Failure> {
        let what = if self.changed { done } else { already };
        settings.print(&self, || format!("{}: {what}", escape(&self.id)))
    }
}

async fn disable(settings: &Settings, name: &str) -> Result<(), Failure> {
    let done = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        Ok(Done { changed: app.disable(caller, &id).await?, id })
    });
    done.await?.print(settings, "disabled, sessions ended", "was disabled already")
}

async fn enable(settings: &Settings, name: &str) -> Result<(), Failure> {
    let done = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        Ok(Done { changed: app.enable(caller, &id).await?, id })
    });
    done.await?.print(settings, "enabled", "was enabled already")
}

async fn unlock(settings: &Settings, name: &str) -> Result<(), Failure> {
    let done = settings.with_app(async |app, caller| {
        let user = app.find_user(name).await?;
        Ok(Done { changed: app.unlock(caller, &user).await?, id: user.id })
    });
    done.await?.print(settings, "unlocked", "was not locked")
}

async fn delete(settings: &Settings, name: &str, yes: bool) -> Result<(), Failure> {
    if !yes {
        prompt::confirm(&format!("Delete the user {name} for good?"))?;
    }
    let done = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        app.delete_user(caller, &id).await?;
        Ok(Done { changed: true, id })
    });
    done.await?.print(settings, "deleted, sessions ended", "")
}

async fn log_out(settings: &Settings, name: &str) -> Result<(), Failure> {
    let done = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        app.log_out_everywhere(caller, &id, None, EndReason::Admin).await?;
        Ok(Done { changed: true, id })
    });
    done.await?.print(settings, "sessions ended", "")
}

async fn expire_password(settings: &Settings, name: &str) -> Result<(), Failure> {
    let done = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        Ok(Done { changed: app.expire_password(caller, &id).await?, id })
    });
    let done = done.await?;
    done.print(settings, "must change the password, sessions ended", "had to change it already")
}

async fn password(settings: &Settings, name: &str) -> Result<(), Failure> {
    let password = prompt::new_password()?;
    let done = settings.with_app(async |app, caller| {
        let user = app.find_user(name).await?;
        let id = user.id.clone();
        app.set_password(caller, user, password).await?;
        Ok(Done { changed: true, id })
    });
    done.await?.print(settings, "password set, sessions ended", "")
}

async fn set_roles(settings: &Settings, name: &str, roles: Vec<String>) -> Result<(), Failure> {
    let roles = parse_roles(roles)?;
    let profile = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        let user = app.set_roles(caller, &id, roles).await?;
        Ok(app.profile(user).await?)
    });
    print_user(settings, profile.await?)
}

async fn set_identifiers(
    settings: &Settings,
    name: &str,
    (given, without): (Identifiers, Vec<Kind>),
) -> Result<(), Failure> {
    let given = given.parse(settings.shapes()?)?;
    if let Some(both) = without.iter().find(|kind| given.iter().any(|it| it.kind == **kind)) {
        return Err(Failure::Failed(format!("{both}: given and taken away at once")));
    }
    let twice =
        |(at, it): (usize, &Identifier)| given[..at].iter().any(|other| other.kind == it.kind);
    if given.iter().enumerate().any(twice) {
        let told = "two of one kind: what is written like an address or a number is one";
        return Err(Failure::Failed(told.into()));
    }
    let given = given.into_iter().map(|it| (it.kind, Some(it)));
    let identifiers = given.chain(without.into_iter().map(|kind| (kind, None))).collect();
    let changes = Changes { identifiers, ..Changes::default() };
    let profile = settings.with_app(async |app, caller| {
        let id = app.find_user(name).await?.id;
        let user = app.change_user(caller, &id, changes).await?;
        Ok(app.profile(user).await?)
    });
    print_user(settings, profile.await?)
}
