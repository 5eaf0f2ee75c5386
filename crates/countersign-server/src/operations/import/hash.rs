//! What other systems stored of passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use futures::StreamExt as _;
use futures::stream;

use super::draft::Draft;
use crate::app::App;
use crate::error::{Error, Result};
use crate::password::{HashLane, Importable, LaneOptions, Password, UnusableHash, importable};
use crate::tables::password::CLIENT_SHA256;

/// What stands in the source.
#[derive(Clone, Debug)]
pub(super) enum Hash {
    /// A hash that is kept as it is.
    Kept(String),
    /// The bare SHA-256 of a password, which must be hashed before it is stored: whoever reads it
    /// could log in with it.
    Bare(Password),
}

/// How many passwords wait for a lane: one is being hashed, another is ready.
const AHEAD: usize = 2;

/// Reads what was stored, and for which form: `usual`, unless the hash says so itself; `None` where
/// the other system says that there is no password.
pub(super) fn read(
    text: &str,
    usual: &'static str,
) -> Result<Option<(&'static str, Hash)>, (&'static str, String)> {
    if is_no_password(text) {
        return Ok(None);
    }
    let text = unescape(text);
    match importable(&text) {
        Ok(Importable::Keep) => Ok(Some((usual, Hash::Kept(text)))),
        Ok(Importable::Wrap(sent)) => Ok(Some((CLIENT_SHA256, Hash::Bare(sent)))),
        Err(unusable) => Err((reason(unusable), unusable.to_string())),
    }
}

/// Whether this is how other systems write that nobody can log in with a password: Django `!` and
/// random characters, shadow files `*` or `!`, exports `NULL` or `\N`.
fn is_no_password(text: &str) -> bool {
    text.starts_with('!') || ["*", "\\N"].contains(&text) || text.eq_ignore_ascii_case("null")
}

fn reason(unusable: UnusableHash) -> &'static str {
    match unusable {
        UnusableHash::UnknownForm => "unknown_hash",
        UnusableHash::Corrupt => "corrupt_hash",
        UnusableHash::TooCostly(_) => "costly_hash",
        UnusableHash::TooWeak => "weak_hash",
    }
}

/// Flask-Bcrypt hands octets to a text column of PostgreSQL, which keeps them as `\x2432…`.
fn unescape(text: &str) -> String {
    let octets = text.strip_prefix("\\x").and_then(|hex| {
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| c.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
        let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
        rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
    });
    octets.and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_else(|| text.to_owned())
}

/// Hashes what may not be stored as it is, on lanes of its own.
#[derive(Default)]
pub(super) struct Hasher(Option<HashLane>);

impl Hasher {
    /// Hashes what of these must be; how many there were.
    pub(super) async fn finish(&mut self, app: &App, drafts: &mut [Draft]) -> Result<u64> {
        let bare: Vec<&mut Hash> = drafts
            .iter_mut()
            .filter_map(|draft| draft.password.as_mut())
            .map(|(_, hash)| hash)
            .filter(|hash| matches!(hash, Hash::Bare(_)))
            .collect();
        if bare.is_empty() {
            return Ok(0);
        }
        let (count, lane) = (bare.len() as u64, self.lane(app)?);
        let lanes = thread::available_parallelism().map_or(1, usize::from);
        let hashed = stream::iter(bare).map(|hash| replace(&lane, hash));
        let results: Vec<Result<()>> = hashed.buffer_unordered(lanes * AHEAD).collect().await;
        results.into_iter().collect::<Result<()>>()?;
        Ok(count)
    }

    fn lane(&mut self, app: &App) -> Result<HashLane> {
        if let Some(lane) = &self.0 {
            return Ok(lane.clone());
        }
        let options = LaneOptions { queue: usize::MAX, ..app.lane_options() };
        let lane = HashLane::new(options, app.entropy.clone())
            .map_err(|_| Error::Internal("no thread for hashing could be started"))?;
        Ok(self.0.insert(lane).clone())
    }
}

async fn replace(lane: &HashLane, hash: &mut Hash) -> Result<()> {
    if let Hash::Bare(sent) = hash {
        *hash = Hash::Kept(lane.hash(sent.clone(), IpAddr::V4(Ipv4Addr::LOCALHOST)).await?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_in_a_text_column_are_read_as_the_text_they_are() {
        assert_eq!(unescape("\\x24326224"), "$2b$");
        for text in ["$2b$12$", "\\x2", "\\xzz", "\\xff", "x24"] {
            assert_eq!(unescape(text), text);
        }
    }
}
