//! Tokens that were logged out in the older system stay so.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use countersign::EndReason;
use futures::FutureExt as _;
use serde_json::Value;

use super::ledger::{self, Ledger};
use super::row::{Page, Pages, Place, Problem};
use super::{Counts, ImportError, OnError, Target, Watch};
use crate::clock::Time;
use crate::error::Result;
use crate::operations::legacy::token_id;
use crate::tables::bulk;
use crate::tables::revocation::{Revocation, Subject};

/// Tokens are written by more than one encoder.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How long a token is refused of which nobody knows when it is over.
const LONG: Duration = Duration::from_hours(366 * 24);

/// What the older system remembered of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// All of it.
    Token,
    /// Its `jti`.
    Jti,
}

/// A row of the older system's list.
#[derive(Clone, Debug)]
pub struct RevokedRow {
    /// Where it stands.
    pub place: Place,
    /// The token, or its `jti`.
    pub text: String,
}

/// How the list is read.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The dialect whose tokens they are.
    pub source: &'static str,
    /// What it holds.
    pub remembered: Remembered,
    /// The moment that counts as now.
    pub now: Time,
    /// Until when a token may be good that does not say so itself, where that is known.
    pub until: Option<Time>,
}

/// A revocation, and whether it is known until when it matters.
type Found = (Revocation, bool);

/// Imports the list in `pages`.
pub async fn import_revoked(
    target: Target<'_>,
    (list, on_error): (List, OnError),
    pages: &mut Pages<RevokedRow>,
    watch: &mut impl Watch,
) -> Result<Counts, ImportError> {
    let mut counts = Counts::default();
    let mut ledger = Ledger::new("import_revoked", list.source);
    while let Some(page) = pages.recv().await {
        let Page { rows, read } = page?;
        counts.rows += rows.len() as u64;
        let (revocations, problems) = sort(rows, list, &mut counts);
        for problem in &problems {
            *counts.problems.entry(problem.reason).or_default() += 1;
            watch.problem(problem);
        }
        if !problems.is_empty() && on_error == OnError::Stop && !target.is_dry() {
            counts.stopped = true;
            break;
        }
        write(target, revocations, &mut ledger, &mut counts).await?;
        watch.progress(read, &counts);
    }
    ledger.close(&target).await?;
    Ok(counts)
}

fn sort(
    rows: Vec<Result<RevokedRow, Problem>>,
    list: List,
    counts: &mut Counts,
) -> (Vec<Found>, Vec<Problem>) {
    // The same token twice is one revocation.
    let (mut revocations, mut problems) = (HashMap::new(), Vec::new());
    for row in rows {
        match row.and_then(|row| revocation(&row, list)) {
            Ok((revocation, _)) if revocation.until <= list.now => counts.over += 1,
            Ok(found) => {
                if revocations.insert(found.0.subject.to_string(), found).is_some() {
                    counts.there += 1;
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    (revocations.into_values().collect(), problems)
}

fn revocation(row: &RevokedRow, list: List) -> Result<Found, Problem> {
    let text = row.text.trim();
    let refused = |reason, message: &'static str| Problem {
        place: row.place.clone(),
        field: None,
        reason,
        message: message.into(),
    };
    let (id, until) = match list.remembered {
        Remembered::Token => {
            let claims = claims(text).ok_or_else(|| refused("bad_token", "this is no token"))?;
            (token_id(claims["jti"].as_str(), text), expiry(&claims))
        }
        Remembered::Jti => {
            let id = token_id(Some(text), "");
            if id == token_id(None, "") {
                let message = "a jti is 1 to 64 letters, digits and - _ .";
                return Err(refused("bad_jti", message));
            }
            (id, None)
        }
    };
    let known = until.or(list.until);
    let until = known.unwrap_or_else(|| list.now.plus(LONG));
    let subject = Subject::Token(id);
    Ok((Revocation { subject, reason: EndReason::Logout, until }, known.is_some()))
}

/// What a token says, which nobody has checked: it is only to be refused.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
    claims.is_object().then_some(claims)
}

/// The end of the second in which it expires.
fn expiry(claims: &Value) -> Option<Time> {
    let seconds = &claims["exp"];
    let seconds = seconds.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
        seconds.as_f64().map(|seconds| seconds as i64)
    })?;
    Some(Time::from_seconds(seconds.saturating_add(1)))
}

async fn write(
    target: Target<'_>,
    mut revocations: Vec<Found>,
    ledger: &mut Ledger,
    counts: &mut Counts,
) -> Result<()> {
    let subjects: Vec<String> = revocations.iter().map(|(it, _)| it.subject.to_string()).collect();
    let known: HashMap<String, Time> = match target.db() {
        Some(db) => bulk::revoked(db, &subjects).await?.into_iter().collect(),
        None => HashMap::new(),
    };
    let all = revocations.len();
    revocations.retain(|(it, is_known)| match known.get(&it.subject.to_string()) {
        Some(until) => *is_known && *until < it.until,
        None => true,
    });
    let new = revocations.len();
    if let Target::Write(app, caller) = target
        && new > 0
    {
        let job: (Vec<Found>, ledger::Entry) = (revocations, ledger.entry(app, caller));
        app.write("import_revoked", job, |tx, app, job| {
            async move {
                let (revocations, event) = &*job;
                for (revocation, _) in revocations {
                    app.announce(tx, revocation.clone()).await?;
                }
                let more = i64::try_from(revocations.len()).unwrap_or(i64::MAX);
                Ok(ledger::add(tx, event, more).await?)
            }
            .boxed()
        })
        .await?;
        ledger.committed(i64::try_from(new).unwrap_or(i64::MAX));
    }
    counts.there += (all - new) as u64;
    counts.imported += new as u64;
    Ok(())
}
