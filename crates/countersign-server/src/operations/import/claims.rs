//! Which rows are somebody else's already: by what the target holds, and by the rows before.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::OnError;
use super::draft::{Draft, Rules};
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

    /// Whether the draft's user was imported from this source before, and is still as it says; of
    /// the identifiers, where those that others have are dropped, at least one.
    fn is_there(&self, draft: &Draft, rules: &Rules) -> bool {
        let keys = draft.identifiers.iter().map(|(_, identifier)| self.keys.get(&identifier.key));
        let Some(holders) = keys.collect::<Option<Vec<_>>>() else { return false };
        let named = draft.number.and_then(|number| self.numbers.get(&number));
        let named = named.or_else(|| self.ids.get(draft.id.as_ref()?));
        let Some(user) = named.or(holders.first().copied()) else { return false };
        let mut held = holders.iter().map(|holder| holder.user_id == user.user_id);
        let holds =
            if may_drop_identifiers(draft, rules) { held.any(|is| is) } else { held.all(|is| is) };
        holds
            && user.source.as_deref() == Some(rules.source)
            && draft.number.is_none_or(|number| number == user.number)
            && draft.id.as_ref().is_none_or(|id| *id == user.user_id)
    }
}

/// What becomes of a draft.
pub(super) enum Verdict {
    /// Nobody has what it asks for.
    New(Draft),
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
    pub(super) fn judge(&mut self, mut draft: Draft, known: &Known, rules: &Rules) -> Verdict {
        if known.is_there(&draft, rules) {
            return Verdict::There;
        }
        let own = number_and_id(&draft).find_map(|thing| self.taken(&draft, &thing, known));
        if let Some(problem) = own {
            return Verdict::Taken(problem);
        }
        let mut taken: Vec<(usize, Problem)> = identifiers(&draft)
            .enumerate()
            .filter_map(|(at, thing)| Some((at, self.taken(&draft, &thing, known)?)))
            .collect();
        let has_others = taken.len() < draft.identifiers.len();
        let may_drop = has_others && may_drop_identifiers(&draft, rules);
        if !may_drop && !taken.is_empty() {
            return Verdict::Taken(taken.swap_remove(0).1);
        }
        for (at, problem) in taken.into_iter().rev() {
            draft.identifiers.remove(at);
            draft.dropped.push(problem);
        }
        let things = number_and_id(&draft).chain(identifiers(&draft));
        self.things.extend(things.map(|it| (it.digest(), reference(&draft.place))));
        Verdict::New(draft)
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

fn number_and_id(draft: &Draft) -> impl Iterator<Item = Thing<'_>> {
    let id = draft.id.as_ref().map(Thing::Id);
    draft.number.map(Thing::Number).into_iter().chain(id)
}

fn identifiers(draft: &Draft) -> impl Iterator<Item = Thing<'_>> {
    (0..draft.identifiers.len()).map(move |at| Thing::Identifier(at, draft))
}

/// Whether a user may be imported without an identifier that somebody else has. Without a number or
/// an id the row may be of the very user who has it.
fn may_drop_identifiers(draft: &Draft, rules: &Rules) -> bool {
    rules.on_error == OnError::DropValue && (draft.number.is_some() || draft.id.is_some())
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
