//! The rules that the types of the configuration do not say.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::ExposeSecret;
use url::Url;

use super::form::duration::text;
use super::public_url::is_plain_off_loopback;
use super::{
    AuditConfig, Config, CookiesConfig, DatabaseConfig, KeysConfig, Origins, PasswordsConfig,
    SessionsConfig, TokensConfig, TracesConfig,
};
use crate::traces::TracesError;

mod dialects;

/// A key whose value is refused, and why.
pub(super) struct Invalid {
    pub(super) key: String,
    pub(super) problem: String,
}

type Check = Result<(), Invalid>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// So long that nobody means longer, and short enough that no sum of times overflows.
const TEN_YEARS: Duration = Duration::from_hours(10 * 366 * 24);

/// Less than 19 MiB in two passes, or its equals with more passes, is too cheap to attack (OWASP
/// Password Storage Cheat Sheet; ASVS 5.0, 11.4.2).
const LEAST_MEMORY_KIB: u32 = 7 * 1024;
const LEAST_WORK_KIB: u64 = 5 * 7 * 1024;

/// Checks what types cannot. `known_dialects` are the names of the dialects that exist.
pub(super) fn check(config: &Config, known_dialects: &[&str]) -> Check {
    database(&config.database)?;
    if let Err(problem) = config.redis.servers() {
        return refuse("redis.url", problem);
    }
    tokens(&config.tokens)?;
    keys(&config.keys)?;
    sessions(&config.sessions, &config.tokens)?;
    passwords(&config.passwords)?;
    cross_origin(&config.cors.origins, &config.cookies)?;
    audit(&config.audit)?;
    traces(&config.traces)?;
    within("http.max_connections", config.http.max_connections, 1..=1_000_000)?;
    within("http.max_streams", config.http.max_streams, 1..=1_000_000)?;
    dialects::check(&config.dialects, known_dialects)
}

fn refuse(key: &str, problem: impl Into<String>) -> Check {
    Err(Invalid { key: key.into(), problem: problem.into() })
}

fn within<T: Copy + PartialOrd + Display>(key: &str, value: T, range: RangeInclusive<T>) -> Check {
    if range.contains(&value) {
        return Ok(());
    }
    refuse(key, format!("{value} is not between {} and {}", range.start(), range.end()))
}

fn lasts(key: &str, value: Duration, range: RangeInclusive<Duration>) -> Check {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (text(*range.start()), text(*range.end()));
    refuse(key, format!("{} is not between {least} and {most}", text(value)))
}

/// Tokens carry whole seconds.
fn lives(key: &str, value: Duration, range: RangeInclusive<Duration>) -> Check {
    if value.subsec_nanos() != 0 {
        return refuse(key, "whole seconds are wanted");
    }
    lasts(key, value, range)
}

fn database(database: &DatabaseConfig) -> Check {
    const SCHEMES: [&str; 5] =
        ["sqlite:", "postgres://", "postgresql://", "mysql://", "mariadb://"];
    within("database.max_connections", database.max_connections, 1..=10_000)?;
    let url = database.url.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
    if !database.prepared_statements && !url.starts_with("postgres") {
        return refuse("database.prepared_statements", "it is for PostgreSQL behind a pooler only");
    }
    if database.url.is_none() {
        return Ok(());
    }
    if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
        return refuse("database.url", format!("it must begin with one of {}", SCHEMES.join(", ")));
    }
    let path = url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
    if path.is_some_and(|path| path.is_empty() || path.starts_with(":memory:")) {
        return refuse("database.url", "the path of a file is wanted: what is in memory is lost");
    }
    Ok(())
}

fn tokens(tokens: &TokensConfig) -> Check {
    for (key, name) in [("tokens.issuer", &tokens.issuer), ("tokens.audience", &tokens.audience)] {
        let name = name.as_deref().unwrap_or_default();
        if name.len() > 255 || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse(key, "at most 255 bytes, without spaces and control characters");
        }
    }
    let issuer = tokens.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
    if issuer.is_some_and(|issuer| is_plain_off_loopback(&issuer)) {
        return refuse(
            "tokens.issuer",
            "an http URL is for this machine alone; write the https one",
        );
    }
    if tokens.status_list && tokens.algorithm.is_symmetric() {
        let problem = "with a symmetric tokens.algorithm nobody could verify the lists";
        return refuse("tokens.status_list", problem);
    }
    lives("tokens.access_ttl", tokens.access_ttl, SECOND..=DAY)?;
    lives("tokens.leeway", tokens.leeway, Duration::ZERO..=5 * MINUTE)
}

fn keys(keys: &KeysConfig) -> Check {
    keys.rotate_every.map_or(Ok(()), |every| lasts("keys.rotate_every", every, HOUR..=TEN_YEARS))
}

fn sessions(sessions: &SessionsConfig, tokens: &TokensConfig) -> Check {
    lives("sessions.absolute_ttl", sessions.absolute_ttl, SECOND..=TEN_YEARS)?;
    lives("sessions.refresh_ttl", sessions.refresh_ttl, SECOND..=TEN_YEARS)?;
    if sessions.refresh_ttl > sessions.absolute_ttl {
        return refuse("sessions.refresh_ttl", "it is longer than sessions.absolute_ttl");
    }
    if tokens.access_ttl > sessions.refresh_ttl {
        return refuse("tokens.access_ttl", "it is longer than sessions.refresh_ttl");
    }
    within("sessions.max_per_user", sessions.max_per_user, 1..=100_000)?;
    lasts("sessions.reuse_grace", sessions.reuse_grace, Duration::ZERO..=MINUTE)?;
    lasts("sessions.unused_successor", sessions.unused_successor, Duration::ZERO..=DAY)?;
    if sessions.unused_successor < sessions.reuse_grace {
        return refuse("sessions.unused_successor", "it is shorter than sessions.reuse_grace");
    }
    lasts("sessions.max_staleness", sessions.max_staleness, SECOND..=DAY)
}

/// Memory times iterations that a hash may cost: 1 GiB, as for stored ones.
const MOST_WORK_KIB: u64 = 1024 * 1024;

fn passwords(passwords: &PasswordsConfig) -> Check {
    // NIST SP 800-63B-4, 3.1.1.2: never fewer than 8, and 64 are always taken.
    within("passwords.min_length", passwords.min_length, 8..=64)?;
    for word in &passwords.context_words {
        if !(3..=64).contains(&word.trim().chars().count()) {
            let problem = format!("`{word}` does not have 3 to 64 characters");
            return refuse("passwords.context_words", problem);
        }
    }
    within("passwords.memory_kib", passwords.memory_kib, LEAST_MEMORY_KIB..=256 * 1024)?;
    within("passwords.iterations", passwords.iterations, 1..=100)?;
    within("passwords.parallelism", passwords.parallelism, 1..=16)?;
    within("passwords.lanes", passwords.lanes, 0..=1024)?;
    within("passwords.queue", passwords.queue, 1..=100_000)?;
    let work = u64::from(passwords.memory_kib) * u64::from(passwords.iterations);
    if work > MOST_WORK_KIB {
        let most = MOST_WORK_KIB / u64::from(passwords.memory_kib);
        return refuse(
            "passwords.iterations",
            format!("with this memory_kib, at most {most} are possible"),
        );
    }
    if work < LEAST_WORK_KIB {
        let least = LEAST_WORK_KIB.div_ceil(u64::from(passwords.memory_kib));
        return refuse(
            "passwords.iterations",
            format!(
                "with this memory_kib, at least {least} are needed for a hash that costs enough"
            ),
        );
    }
    Ok(())
}

fn cross_origin(origins: &Origins, cookies: &CookiesConfig) -> Check {
    if *origins == Origins::Any && cookies.enabled {
        return refuse(
            "cors.origins",
            "\"*\" and cookies.enabled exclude each other: any page could act for the user",
        );
    }
    Ok(())
}

fn audit(audit: &AuditConfig) -> Check {
    let unnamed = |file: &std::path::PathBuf| file.file_name().is_none();
    if audit.file.as_ref().is_some_and(unnamed) {
        return refuse("audit.file", "the name of a file is wanted");
    }
    audit.retention.map_or(Ok(()), |kept| lasts("audit.retention", kept, DAY..=TEN_YEARS))
}

fn traces(traces: &TracesConfig) -> Check {
    match traces.header_map() {
        Err(TracesError::Header { name, problem }) => {
            return refuse(&format!("traces.headers.{name}"), problem);
        }
        Err(error) => return refuse("traces.headers", error.to_string()),
        Ok(_) => {}
    }
    within("traces.sample_ratio", traces.sample_ratio, 0.0..=1.0)
}
