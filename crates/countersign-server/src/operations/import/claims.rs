//! Which rows are somebody else's already: by what the target holds, and by the rows before.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::draft::Draft;
use super::row::{Place, Problem};
use crate::db::{Db, DbError};
use crate::tables::bulk::{self, Holder};

/// What the target holds of what some drafts ask for.
#[derive(Default)]
pub(super) struct Known {
    numbers: HashMap<i64, Holder>,
    ids: HashMap<String, Holder>,
    keys: HashMap<String, Holder>,
}

impl Known {
    /// Looks for all that these drafts ask for.
    pub(super) async fn of(db: &Db, drafts: &[Draft]) -> Result<Self, DbError> {
        let numbers: Vec<i64> = drafts.iter().filter_map(|draft| draft.number).collect();
        let ids: Vec<&str> = drafts.iter().filter_map(|draft| draft.id.as_deref()).collect();
        let identifiers = drafts.iter().flat_map(|draft| &draft.identifiers);
        let keys: Vec<&str> = identifiers.map(|(_, identifier)| &*identifier.key).collect();
        let numbers = bulk::holders_of_numbers(db, &numbers).await?;
        let ids = bulk::holders_of_ids(db, &ids).await?;
        let keys = bulk::holders_of_identifiers(db, &keys).await?;
        Ok(Self {
            numbers: numbers.into_iter().map(|holder| (holder.number, holder)).collect(),
            ids: ids.into_iter().map(|holder| (holder.user_id.clone(), holder)).collect(),
            keys: keys.into_iter().collect(),
        })
    }

    /// Whether the draft's user came along from this source before, and is still as it says.
    fn is_there(&self, draft: &Draft, source: &str) -> bool {
        let keys = draft.identifiers.iter().map(|(_, identifier)| self.keys.get(&identifier.key));
        let Some(holders) = keys.collect::<Option<Vec<_>>>() else { return false };
        let Some(first) = holders.first() else { return false };
        first.source.as_deref() == Some(source)
            && holders.iter().all(|holder| holder.user_id == first.user_id)
            && draft.number.is_none_or(|number| number == first.number)
            && draft.id.as_ref().is_none_or(|id| *id == first.user_id)
    }
}

/// What becomes of a draft.
pub(super) enum Verdict {
    /// Nobody has what it asks for.
    New,
    /// It came along before.
    There,
    /// Somebody has some of it.
    Taken(Problem),
}

/// What the rows before have asked for, as hashes of 64 bits: eight octets a user in a real run,
/// and as much again for each number, id and identifier where nothing is written meanwhile.
#[derive(Default)]
pub(super) struct Claims {
    /// Whole users, of all rows so far.
    users: HashSet<u64>,
    /// Each thing that only one user can have, and the row that asked for it.
    things: HashMap<u64, u64>,
}

impl Claims {
    /// Forgets what is in the target by now.
    pub(super) fn forget_things(&mut self) {
        self.things.clear();
    }

    /// The draft, unless a row before was the same user.
    pub(super) fn unless_repeated(&mut self, draft: Draft) -> Result<Draft, Problem> {
        let keys: Vec<_> =
            draft.identifiers.iter().map(|(_, identifier)| &identifier.key).collect();
        if self.users.insert(digest(&(draft.number, &draft.id, keys))) {
            return Ok(draft);
        }
        Err(draft.problem(None, "duplicate", "a row before is the same user".to_owned()))
    }

    /// Judges a draft, whose number, id and identifiers are its own if it is new.
    pub(super) fn judge(&mut self, draft: &Draft, known: &Known, source: &str) -> Verdict {
        if known.is_there(draft, source) {
            return Verdict::There;
        }
        if let Some(problem) = things(draft).find_map(|thing| self.taken(draft, &thing, known)) {
            return Verdict::Taken(problem);
        }
        self.things.extend(things(draft).map(|it| (it.digest(), reference(&draft.place))));
        Verdict::New
    }

    fn taken(&mut self, draft: &Draft, thing: &Thing<'_>, known: &Known) -> Option<Problem> {
        let by = match (thing.holder(known), self.things.entry(thing.digest())) {
            (Some(holder), _) => match &holder.identifier {
                Some(value) => format!("the user with number {} has it: {value:?}", holder.number),
                None => format!("the user with number {} has it", holder.number),
            },
            (None, Entry::Occupied(row)) => match &draft.place {
                Place::Line(_) => format!("line {} has it", row.get()),
                Place::Key(_) => match row.get() {
                    0 => "a row before has it".to_owned(),
                    key => format!("row {key} has it"),
                },
            },
            (None, Entry::Vacant(_)) => return None,
        };
        Some(thing.problem(draft, &by))
    }
}

/// What only one user can have.
enum Thing<'a> {
    Number(i64),
    Id(&'a String),
    Identifier(usize, &'a Draft),
}

fn things(draft: &Draft) -> impl Iterator<Item = Thing<'_>> {
    let number = draft.number.map(Thing::Number);
    let id = draft.id.as_ref().map(Thing::Id);
    let identifiers = (0..draft.identifiers.len()).map(move |at| Thing::Identifier(at, draft));
    number.into_iter().chain(id).chain(identifiers)
}

impl Thing<'_> {
    fn holder<'k>(&self, known: &'k Known) -> Option<&'k Holder> {
        match self {
            Self::Number(number) => known.numbers.get(number),
            Self::Id(id) => known.ids.get(*id),
            Self::Identifier(at, draft) => known.keys.get(&draft.identifiers[*at].1.key),
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Number(number) => digest(&(0, number)),
            Self::Id(id) => digest(&(1, id)),
            Self::Identifier(at, draft) => digest(&(2, &draft.identifiers[*at].1.key)),
        }
    }

    fn problem(&self, draft: &Draft, by: &str) -> Problem {
        use super::row::Field;
        match self {
            Self::Number(number) => {
                let message = format!("the number {number} is taken: {by}");
                draft.problem(Some(Field::Number), "number_taken", message)
            }
            Self::Id(id) => {
                let message = format!("the id {id} is taken: {by}");
                draft.problem(Some(Field::Id), "id_taken", message)
            }
            Self::Identifier(at, _) => {
                let (field, identifier) = &draft.identifiers[*at];
                let message = format!("{:?} is taken: {by}", identifier.value);
                draft.problem(Some(*field), "identifier_taken", message)
            }
        }
    }
}

/// The row in few octets: its line or its integer key; 0 where it has neither.
fn reference(place: &Place) -> u64 {
    match place {
        Place::Line(line) => *line,
        Place::Key(key) => key.parse().unwrap_or(0),
    }
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
