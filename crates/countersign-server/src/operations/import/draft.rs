//! From a row of the source to a user to be.

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::OnError;
use super::hash::{self, Hash};
use super::row::{Field, Place, Problem, Row, Value};
use super::spelling;
use crate::clock::Time;
use crate::identifier::{DisplayName, Identifier, InvalidIdentifier, Kind, Shapes};
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
    /// What is a phone number beside the international form, as in registrations.
    pub shapes: Shapes,
    /// What is put before phone numbers without a `+`: `+`, or `+` and a country code.
    pub phone_prefix: Option<String>,
    /// Whether users may be imported as administrators.
    pub allow_admins: bool,
    /// What is done about a row with a problem.
    pub on_error: OnError,
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
    /// The values that the user is imported without.
    pub(super) dropped: Vec<Problem>,
}

impl Draft {
    /// Reads a row; the first thing that is wrong with it is the problem, unless the user can be
    /// imported without that value and [`OnError::DropValue`] says so.
    pub(super) fn of(mut row: Row, rules: &Rules) -> Result<Self, Problem> {
        let mut reader = Reader { row: &mut row, rules, dropped: Vec::new() };
        let draft = Self {
            id: reader.read(Field::Id, public_id)?,
            number: reader
                .read(Field::Number, |text| named("bad_number", spelling::number(text)))?,
            identifiers: reader.identifiers()?,
            name: reader.optional(Field::Name, display_name)?,
            roles: reader.roles()?,
            active: reader.active()?,
            created_at: reader.time(Field::CreatedAt)?,
            last_login_at: reader.time(Field::LastLoginAt)?,
            login_stamp: reader
                .optional(Field::LoginStamp, |text| named("bad_time", spelling::stamp(text)))?,
            password: reader.password()?,
            dropped: reader.dropped,
            place: row.place,
        };
        if draft.identifiers.is_empty() {
            let message = "there is nothing that the user could be found by".to_owned();
            let no_identifier = draft.problem(None, "no_identifier", message);
            let is_identifier = |problem: &Problem| {
                problem.field.is_some_and(|field| Field::IDENTIFIERS.contains(&field))
            };
            return Err(draft.dropped.into_iter().find(is_identifier).unwrap_or(no_identifier));
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

fn display_name(name: &str) -> Result<String, Refused> {
    DisplayName::parse(name).map(String::from).map_err(|it| (it.reason(), it.to_string()))
}

/// Takes what a row says.
struct Reader<'a> {
    row: &'a mut Row,
    rules: &'a Rules,
    dropped: Vec<Problem>,
}

impl Reader<'_> {
    /// Reads a field without which the row is not imported if its value cannot be used.
    fn read<T>(
        &mut self,
        field: Field,
        read: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Result<Option<T>, Problem> {
        let read = match self.row.take(field) {
            None => return Ok(None),
            Some(Value::Text(text)) => read(&text),
            Some(value) => Err(unusable(&value)),
        };
        read.map(Some).map_err(|refused| self.problem(field, refused))
    }

    /// Reads a field that the user can be imported without.
    fn optional<T>(
        &mut self,
        field: Field,
        read: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Result<Option<T>, Problem> {
        let read = self.read(field, read);
        self.or_drop(read)
    }

    /// Drops a value that cannot be used, if that is allowed.
    fn or_drop<T>(&mut self, read: Result<Option<T>, Problem>) -> Result<Option<T>, Problem> {
        match read {
            Err(problem) if self.rules.on_error == OnError::DropValue => {
                self.dropped.push(problem);
                Ok(None)
            }
            read => read,
        }
    }

    fn problem(&self, field: Field, (reason, message): Refused) -> Problem {
        let (place, field) = (self.row.place.clone(), Some(field));
        Problem { place, field, reason, message: message.into() }
    }

    fn time(&mut self, field: Field) -> Result<Option<Time>, Problem> {
        let zone = &self.rules.zone;
        self.optional(field, |text| named("bad_time", spelling::time(text, zone)))
    }

    /// Whether the user may log in. Where that cannot be read, not: it may be somebody who was
    /// locked out.
    fn active(&mut self) -> Result<bool, Problem> {
        let had = self.dropped.len();
        let active = self.optional(Field::Active, boolean)?;
        Ok(active.unwrap_or(self.dropped.len() == had))
    }

    /// What the user is found by, each once.
    fn identifiers(&mut self) -> Result<Vec<(Field, Identifier)>, Problem> {
        let mut identifiers: Vec<(Field, Identifier)> = Vec::new();
        for field in Field::IDENTIFIERS {
            let rules = self.rules;
            let read = self.optional(field, |text| rules.identifier(field, text))?;
            if let Some(identifier) = read
                && identifiers.iter().all(|(_, other)| other.key != identifier.key)
            {
                identifiers.push((field, identifier));
            }
        }
        Ok(identifiers)
    }

    /// The user's roles. Each is judged for itself: no role is ever made of a part of one.
    fn roles(&mut self) -> Result<Vec<String>, Problem> {
        let admin = self.optional(Field::Admin, boolean)?.unwrap_or(false);
        let mut given: Vec<(Field, String)> =
            self.named_roles()?.into_iter().map(|role| (Field::Roles, role)).collect();
        given.extend(admin.then(|| (Field::Admin, User::ADMIN.to_owned())));
        let mut roles = Vec::new();
        for (field, role) in given {
            let role = self.rules.role(role).map(Some).map_err(|it| self.problem(field, it));
            roles.extend(self.or_drop(role)?);
        }
        let all = parse_roles(roles).map(Some);
        let all = all.map_err(|it| self.problem(Field::Roles, ("invalid_role", it.to_string())));
        Ok(self.or_drop(all)?.unwrap_or_default())
    }

    /// The elements of a list, or what stands between the commas or semicolons of a text.
    fn named_roles(&mut self) -> Result<Vec<String>, Problem> {
        let roles = match self.row.take(Field::Roles) {
            None => Ok(None),
            Some(Value::List(roles)) => Ok(Some(roles)),
            Some(Value::Text(text)) => {
                let roles = text.split([',', ';']).map(str::trim).filter(|role| !role.is_empty());
                Ok(Some(roles.map(str::to_owned).collect()))
            }
            Some(value @ Value::Invalid { .. }) => {
                Err(self.problem(Field::Roles, unusable(&value)))
            }
        };
        Ok(self.or_drop(roles)?.unwrap_or_default())
    }

    /// The hash of the password. One whose form cannot be read is of no use.
    fn password(&mut self) -> Result<Option<(&'static str, Hash)>, Problem> {
        let read = self.stored_password();
        self.or_drop(read)
    }

    fn stored_password(&mut self) -> Result<Option<(&'static str, Hash)>, Problem> {
        let form = self.read(Field::Form, |text| match text {
            PLAIN => Ok(PLAIN),
            CLIENT_SHA256 => Ok(CLIENT_SHA256),
            _ => Err(("bad_form", "`plain` or `client_sha256` is wanted".to_owned())),
        })?;
        let form = form.unwrap_or(self.rules.form);
        Ok(self.read(Field::Password, |text| hash::read(text, form))?.flatten())
    }
}

fn boolean(text: &str) -> Result<bool, Refused> {
    named("bad_boolean", spelling::boolean(text))
}

/// Why a value that is no text cannot be a field's.
fn unusable(value: &Value) -> Refused {
    match value {
        Value::Invalid { reason, message } => (reason, (*message).to_owned()),
        Value::Text(_) | Value::List(_) => {
            ("wrong_type", "a text, a number, true, false or null is wanted".to_owned())
        }
    }
}

impl Rules {
    /// Reads an identifier as a registration reads it: the field decides the kind.
    fn identifier(&self, field: Field, text: &str) -> Result<Identifier, Refused> {
        let read = match field {
            Field::Email => self.shapes.parse_as(Kind::Email, text),
            Field::Phone => self.phone(text),
            Field::Mobile if text.trim_start().starts_with('+') => self.phone(text),
            Field::Mobile => Identifier::mobile_cn(text),
            _ => self.shapes.parse(text),
        };
        read.map_err(|invalid| self.refused(field, text, invalid))
    }

    fn phone(&self, text: &str) -> Result<Identifier, InvalidIdentifier> {
        let text = text.trim_matches(' ');
        let digit = text.chars().find(char::is_ascii_digit);
        match &self.phone_prefix {
            // After a 0 stands a number as it is dialled within its country, or abroad.
            Some(prefix) if !text.starts_with('+') && digit != Some('0') => {
                Identifier::parse_as(Kind::Phone, &format!("{prefix}{text}"))
            }
            _ => self.shapes.parse_as(Kind::Phone, text),
        }
    }

    /// The value stands with the reason: it is what the operator looks for.
    fn refused(&self, field: Field, text: &str, invalid: InvalidIdentifier) -> Refused {
        const SHOWN: usize = 100;
        let shown: String = text.chars().take(SHOWN).collect();
        let mut message = format!("{shown:?}: {invalid}");
        if field == Field::Phone && self.phone_prefix.is_none() && !text.contains('+') {
            message.push_str("; --phone-prefix puts what is missing before each number");
        }
        (invalid.reason(), message)
    }

    /// Takes one role; the one that lets its users administer only where that is allowed.
    fn role(&self, role: String) -> Result<String, Refused> {
        if role == User::ADMIN && !self.allow_admins {
            let message = "the user would be an administrator; --allow-admins imports such users";
            return Err(("admin_not_allowed", message.to_owned()));
        }
        let taken = parse_roles(vec![role]).map_err(|error| ("invalid_role", error.to_string()))?;
        Ok(taken.concat())
    }
}
