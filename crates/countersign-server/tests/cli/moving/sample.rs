//! A database full of what databases treat differently.

use rusqlite::{Connection, params};

use crate::program::Place;

/// Texts of at most 200 characters.
const TEXTS: [Option<&str>; 8] = [
    None,
    Some(""),
    Some("👩‍👩‍👧‍👦 𝒜lice 😀"),
    Some("two spaces at the end  "),
    Some("it's \"quoted\" \\ and \\' and \\n, $1 ? % _ ; -- /* */"),
    Some("a line\r\nand\tanother"),
    Some("Ünïcödé ß ſ ı İ"),
    Some("null"),
];

const NUMBERS: [Option<i64>; 5] = [None, Some(0), Some(-1), Some(i64::MAX), Some(i64::MIN)];

fn text(at: u32) -> Option<&'static str> {
    TEXTS[at as usize % TEXTS.len()]
}

fn number(at: u32) -> Option<i64> {
    NUMBERS[at as usize % NUMBERS.len()]
}

fn id(kind: u32, at: u32) -> String {
    format!("01890000-0000-7000-{kind:04x}-{at:012x}")
}

/// Sets a system up and adds so many users, twice as many sessions, and thrice as many events.
pub(super) fn fill(place: &Place, users: u32) {
    place.json(&["user", "create", "--email", "admin@example.org", "--admin"]);
    let mut connection = place.database();
    connection.execute_batch("PRAGMA synchronous = OFF").expect("a setting");
    let transaction = connection.transaction().expect("nobody else writes");
    for at in 0..users {
        user(&transaction, at).expect("the row fits");
        for session in [2 * at, 2 * at + 1] {
            self::session(&transaction, at, session).expect("the row fits");
        }
        for event in 3 * at..3 * at + 3 {
            self::event(&transaction, at, event).expect("the row fits");
        }
    }
    others(&transaction, users).expect("the rows fit");
    transaction.commit().expect("there is room");
}

fn user(connection: &Connection, at: u32) -> rusqlite::Result<()> {
    let long = "😀".repeat(200);
    let name = if at.is_multiple_of(97) { Some(long.as_str()) } else { text(at) };
    let roles = if at.is_multiple_of(3) { "" } else { "admin editor" };
    connection.prepare_cached("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            id(1, at),
            at + 1000,
            name,
            roles,
            number(at + 1).unwrap_or(7),
            at,
            number(at),
            number(at / 5)
        ],
    )?;
    let value = format!("{}{at}@example.org ", text(at).unwrap_or_default());
    connection
        .prepare_cached("INSERT INTO identifiers VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![value.trim_end(), "email", value, id(1, at), number(at), at])?;
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$".to_owned() + &"x".repeat(at as usize % 960);
    for form in ["client_sha256", "plain"].into_iter().take(1 + at as usize % 2) {
        connection
            .prepare_cached("INSERT INTO passwords VALUES (?, ?, ?, ?, ?)")?
            .execute(params![id(1, at), form, hash, at, number(at)])?;
    }
    Ok(())
}

fn session(connection: &Connection, user: u32, at: u32) -> rusqlite::Result<()> {
    let agent = "ß".repeat(at as usize % 401);
    connection
        .prepare_cached(
            "INSERT INTO sessions VALUES \
             (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id(2, at),
            id(1, user),
            "native",
            "pwd",
            at,
            i64::MAX,
            1,
            2,
            3,
            at % 7,
            number(at),
            number(at + 1),
            at % 5,
            text(at + 2),
            agent,
            text(at),
            number(at + 2),
            text(at + 3).map(|text| text.chars().take(32).collect::<String>()),
            number(at + 3),
            text(at + 4).map(|text| text.chars().take(64).collect::<String>())
        ])
        .map(drop)
}

fn event(connection: &Connection, user: u32, at: u32) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            id(3, at),
            at,
            "login",
            "ok",
            None::<String>,
            id(1, user),
            id(2, 2 * user),
            None::<i64>,
            Some("2001:db8::1"),
            text(at),
            1,
            None::<i64>,
            text(at + 1)
        ])
        .map(drop)
}

fn others(connection: &Connection, users: u32) -> rusqlite::Result<()> {
    for at in 0..users / 10 {
        let subject = format!("token:{at}{}", if at % 2 == 0 { "-Aß" } else { "-aSS" });
        connection.prepare_cached("INSERT INTO revocations VALUES (?, ?, ?)")?.execute(params![
            subject,
            "logout",
            number(at).unwrap_or(1)
        ])?;
        connection.prepare_cached("INSERT INTO imports VALUES (?, ?, ?)")?.execute(params![
            id(1, at),
            "passport",
            number(at)
        ])?;
        connection
            .prepare_cached("INSERT INTO admins VALUES (?, ?)")?
            .execute(params![id(1, at), at])?;
        connection
            .prepare_cached("INSERT INTO invitations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
            .execute(params![
                id(4, at),
                format!("hash {at}"),
                text(at).map(|_| "email"),
                text(at),
                text(at),
                "editor",
                at,
                None::<String>,
                number(at + 1).unwrap_or(1),
                number(at),
                None::<String>,
                number(at + 2)
            ])?;
        connection
            .prepare_cached("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params!["passport", id(1, at), at, i64::MAX, 0, at])?;
        connection
            .prepare_cached("INSERT INTO ended_statuses VALUES (?, ?)")?
            .execute(params![i64::from(at) - 5, number(at).unwrap_or(1)])?;
        connection.prepare_cached("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(
            params![id(4, at), id(5, at), text(at).unwrap_or("n"), "revoke", at, number(at), 1],
        )?;
        connection
            .prepare_cached("INSERT INTO failures VALUES (?, ?, ?, ?, ?)")?
            .execute(params![format!("subject {at}"), at, at, at, 0])?;
    }
    // Equal for those who sort as people do, or pad with spaces.
    for key in ["ab", "AB", "Ab", "äb", "a b", "a_b", "a\\b", "a'b", "𝒜b"] {
        connection.execute("INSERT INTO counters VALUES (?, ?)", params![key, i64::MAX])?;
        connection.execute("INSERT INTO settings VALUES (?, ?)", params![key, "v".repeat(1000)])?;
    }
    Ok(())
}
