//! From a row of the source to a user to be.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::hash::{self, Hash};
use super::row::{Field, Place, Problem, Row};
use super::spelling;
use crate::clock::Time;
use crate::identifier::{DisplayName, Identifier, InvalidIdentifier};
use crate::operations::roles::parse_roles;
use crate::tables::password::{CLIENT_SHA256, PLAIN};
use crate::tables::user::User;

/// How rows are read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the users are noted to have come from: a dialect's name, `jsonl` or `csv`.
    pub source: &'static str,
    /// Where the clocks hung that showed times without an offset.
    pub zone: TimeZone,
    /// What a password's hash is of where the row does not say so.
    pub form: &'static str,
}

/// A user to be.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) place: Place,
    pub(super) id: Option<String>,
    pub(super) number: Option<i64>,
    pub(super) identifiers: Vec<(Field, Identifier)>,
    pub(super) name: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) active: bool,
    pub(super) created_at: Option<Time>,
    pub(super) last_login_at: Option<Time>,
    pub(super) login_stamp: Option<i64>,
    pub(super) password: Option<(&'static str, Hash)>,
}

impl Draft {
    /// Reads a row; the first thing that is wrong with it is the problem.
    pub(super) fn of(mut row: Row, rules: &Rules) -> Result<Self, Problem> {
        let mut reader = Reader { row: &mut row };
        let name = reader.read(Field::Name, |name| {
            DisplayName::parse(name).map(String::from).map_err(|it| (it.reason(), it.to_string()))
        })?;
        let time = |text: &str| named("bad_time", spelling::time(text, &rules.zone));
        let draft = Self {
            id: reader.read(Field::Id, public_id)?,
            number: reader
                .read(Field::Number, |text| named("bad_number", spelling::number(text)))?,
            identifiers: reader.identifiers()?,
            name,
            roles: reader.roles()?,
            active: reader.boolean(Field::Active)?.unwrap_or(true),
            created_at: reader.read(Field::CreatedAt, time)?,
            last_login_at: reader.read(Field::LastLoginAt, time)?,
            login_stamp: reader
                .read(Field::LoginStamp, |text| named("bad_time", spelling::stamp(text)))?,
            password: reader.password(rules.form)?,
            place: row.place.clone(),
        };
        if draft.identifiers.is_empty() {
            let message = "there is nothing that the user could be found by".into();
            let (place, reason) = (row.place, "no_identifier");
            return Err(Problem { place, field: None, reason, message });
        }
        Ok(draft)
    }

    /// A problem with this row.
    pub(super) fn problem(
        &self,
        field: Option<Field>,
        reason: &'static str,
        message: String,
    ) -> Problem {
        Problem { place: self.place.clone(), field, reason, message: message.into() }
    }
}

/// Why a value is refused, for programs and for people.
type Refused = (&'static str, String);

fn named<T>(reason: &'static str, read: Result<T, &'static str>) -> Result<T, Refused> {
    read.map_err(|message| (reason, message.to_owned()))
}

fn public_id(text: &str) -> Result<String, Refused> {
    match Uuid::try_parse(text) {
        Ok(id) if id.to_string() == text && !id.is_nil() => Ok(id.to_string()),
        _ => Err(("bad_id", "a UUID in lower case, with its dashes, is wanted".to_owned())),
    }
}

/// Takes what a row says.
struct Reader<'a> {
    row: &'a mut Row,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        field: Field,
        read: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.row.take(field) else { return Ok(None) };
        read(&text).map(Some).map_err(|(reason, message)| Problem {
            place: self.row.place.clone(),
            field: Some(field),
            reason,
            message: Cow::Owned(message),
        })
    }

    fn boolean(&mut self, field: Field) -> Result<Option<bool>, Problem> {
        self.read(field, |text| named("bad_boolean", spelling::boolean(text)))
    }

    /// What the user is found by, each once.
    fn identifiers(&mut self) -> Result<Vec<(Field, Identifier)>, Problem> {
        let mut identifiers: Vec<(Field, Identifier)> = Vec::new();
        for field in Field::IDENTIFIERS {
            let read = self.read(field, |text| identifier(field, text).map_err(refused(text)))?;
            if let Some(identifier) = read
                && identifiers.iter().all(|(_, other)| other.key != identifier.key)
            {
                identifiers.push((field, identifier));
            }
        }
        Ok(identifiers)
    }

    fn roles(&mut self) -> Result<Vec<String>, Problem> {
        let admin = self.boolean(Field::Admin)?.unwrap_or(false);
        let given = self.read(Field::Roles, |text| {
            let words = text.split([',', ' ']).filter(|word| !word.is_empty());
            let roles = words.map(str::to_owned).chain(admin.then(|| User::ADMIN.to_owned()));
            parse_roles(roles.collect()).map_err(|error| ("invalid_role", error.to_string()))
        })?;
        Ok(given.unwrap_or_else(|| admin.then(|| User::ADMIN.to_owned()).into_iter().collect()))
    }

    fn password(&mut self, usual: &'static str) -> Result<Option<(&'static str, Hash)>, Problem> {
        let form = self.read(Field::Form, |text| match text {
            PLAIN => Ok(PLAIN),
            CLIENT_SHA256 => Ok(CLIENT_SHA256),
            _ => Err(("bad_form", "`plain` or `client_sha256` is wanted".to_owned())),
        })?;
        self.read(Field::Password, |text| hash::read(text, form.unwrap_or(usual)))
    }
}

fn identifier(field: Field, text: &str) -> Result<Identifier, InvalidIdentifier> {
    match field {
        Field::Mobile if !text.trim_start().starts_with('+') => Identifier::mobile_cn(text),
        _ => Identifier::parse(text),
    }
}

/// The value stands with the reason: it is what the operator looks for.
fn refused(text: &str) -> impl FnOnce(InvalidIdentifier) -> Refused {
    const SHOWN: usize = 100;
    let shown: String = text.chars().take(SHOWN).collect();
    move |invalid| (invalid.reason(), format!("{shown:?}: {invalid}"))
}
