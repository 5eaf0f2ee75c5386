//! Every way to change the events or their seals is found, with the place.

use countersign_server::audit::{self, Line};
use countersign_server::db::{Sql, Value};
use countersign_server::operations::seals::Fault;
use countersign_server::{params, sql};

use super::{SEALS, SETTING, Sealed, alter, record, rows, verify};

/// What is written into a column, and the statements that read and write it.
struct Column {
    name: &'static str,
    forged: Value,
    read: Sql,
    write: Sql,
}

macro_rules! columns {
    ($table:literal, $key:literal, $($name:literal: $forged:expr),+ $(,)?) => {
        [$(Column {
            name: $name,
            forged: Value::from($forged),
            read: sql!(concat!("SELECT ", $name, " FROM ", $table, " WHERE ", $key, " = ?")),
            write: sql!(concat!("UPDATE ", $table, " SET ", $name, " = ? WHERE ", $key, " = ?")),
        }),+]
    };
}

fn of_events() -> [Column; 11] {
    columns!("events", "id",
        "at": 5_i64,
        "kind": "logout",
        "outcome": "refused",
        "reason": "",
        "user_id": "mallory",
        "session_id": None::<i64>,
        "subject": "admin",
        "actor": "server",
        "address": "192.0.2.1",
        "agent": "curl",
        "occurrences": 2_i64,
    )
}

fn of_seals() -> [Column; 4] {
    columns!("event_seals", "number",
        "at": 5_i64,
        "events": 2_i64,
        "marks": "AAAAAAAAAAAAAAAAAAAAAAAA",
        "hash": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    )
}

sql! {
    DELETE = "DELETE FROM events WHERE id = ?";
    RENAME = "UPDATE events SET id = ? WHERE id = ?";
    MOVE = "UPDATE events SET seal = ? WHERE id = ?";
    UNSEAL = "UPDATE events SET seal = NULL WHERE id = ?";
    FORGE = "INSERT INTO events (id, at, kind, outcome, occurrences, seal) VALUES ('00000000-0000-7000-8000-000000000000', 1, 'login', 'ok', 1, ?)";
    DELETE_SEAL = "DELETE FROM event_seals WHERE number = ?";
    CUT_SEALS = "DELETE FROM event_seals WHERE number >= ?";
    CUT_EVENTS = "DELETE FROM events WHERE seal >= ?";
    SET_ANCHOR = "INSERT INTO settings (name, value) VALUES ('event_seal_anchor', ?)";
    DELETE_ANCHOR = "DELETE FROM settings WHERE name = 'event_seal_anchor'";
}

impl Sealed {
    /// Fills the log and gives what the middle one of the last nine events is.
    async fn filled(&self) -> (Vec<(String, i64)>, String, i64) {
        self.fill().await;
        assert_eq!(self.fault().await, None);
        let ids = self.ids().await;
        let (id, seal) = ids[ids.len() - 5].clone();
        (ids, id, seal)
    }

    async fn rename(&self, from: &str, to: &str) {
        alter(self.app(), RENAME, &params![to, from]).await;
    }
}

on_each_database! {
    async fn a_change_of_any_column_is_found(log: Sealed) {
        let (_, id, seal) = log.filled().await;
        for Column { name, forged, read, write } in of_events() {
            let key = Value::from(&id);
            let was = rows::<Vec<Value>>(log.app(), read, std::slice::from_ref(&key)).await.remove(0).remove(0);
            assert_ne!(was, forged, "{name}");
            alter(log.app(), write, &[forged, key.clone()]).await;
            let changed = Fault::EventChanged { event: id.clone(), seal };
            assert_eq!(log.fault().await, Some(changed), "{name}");
            alter(log.app(), write, &[was, key]).await;
            assert_eq!(log.fault().await, None, "{name}");
        }
    }

    async fn an_id_or_a_place_that_was_changed_is_found(log: Sealed) {
        let (ids, id, seal) = log.filled().await;
        // The first of its seal by it, and where it was.
        let end = if id.ends_with('0') { '1' } else { '0' };
        let beside = format!("{}{end}", &id[..id.len() - 1]);
        for other in ["00000000-0000-7000-8000-000000000000", &beside] {
            log.rename(&id, other).await;
            assert_eq!(log.fault().await.expect("it is found").seal(), seal, "{other}");
            log.rename(other, &id).await;
        }
        for elsewhere in [seal - 1, seal + 1, seal + 2, i64::MAX, 0, -1, i64::MIN] {
            alter(log.app(), MOVE, &params![elsewhere, &id]).await;
            assert!(log.fault().await.is_some(), "{elsewhere}");
            alter(log.app(), MOVE, &params![seal, &id]).await;
        }
        alter(log.app(), UNSEAL, &params![&id]).await;
        let missing = Fault::EventMissing { seal, after: Some(ids[ids.len() - 6].0.clone()) };
        assert_eq!(log.fault().await, Some(missing.clone()));
        log.seal_all().await;
        assert_eq!(log.fault().await, Some(missing), "it comes under no second seal unnoticed");
    }

    async fn a_deleted_row_is_found(log: Sealed) {
        let (ids, ..) = log.filled().await;
        let after = |at: usize| {
            let (seal, before) = (ids[at].1, &ids[at - 1]);
            Fault::EventMissing { seal, after: (before.1 == seal).then(|| before.0.clone()) }
        };
        // From the end, so that it is always the first that is found.
        for at in (ids.len() - 9..ids.len()).rev() {
            alter(log.app(), DELETE, &params![&ids[at].0]).await;
            assert_eq!(log.fault().await, Some(after(at)));
        }
    }

    async fn swapped_rows_are_found(log: Sealed) {
        let (ids, ..) = log.filled().await;
        let last = ids.len() - 1;
        // Under one seal, and under two.
        for (one, other) in [(last - 1, last), (last - 5, last - 3), (last - 8, last)] {
            let (one, other) = (&ids[one], &ids[other]);
            let swap = async || {
                log.rename(&one.0, "between").await;
                log.rename(&other.0, &one.0).await;
                log.rename("between", &other.0).await;
            };
            swap().await;
            assert_eq!(log.fault().await.expect("it is found").seal(), one.1);
            swap().await;
            assert_eq!(log.fault().await, None);
        }
        let (one, other) = (&ids[last - 8], &ids[last]);
        alter(log.app(), MOVE, &params![other.1, &one.0]).await;
        alter(log.app(), MOVE, &params![one.1, &other.0]).await;
        assert_eq!(log.fault().await.expect("it is found").seal(), one.1);
    }

    async fn a_row_that_was_added_is_found(log: Sealed) {
        let (ids, _, seal) = log.filled().await;
        let event = "00000000-0000-7000-8000-000000000000".to_owned();
        alter(log.app(), FORGE, &params![seal]).await;
        assert_eq!(log.fault().await, Some(Fault::EventAdded { event: event.clone(), seal }));
        let beyond = ids[ids.len() - 1].1 + 1;
        alter(log.app(), MOVE, &params![beyond, &event]).await;
        let without = Fault::EventWithoutSeal { event: event.clone(), seal: beyond };
        assert_eq!(log.fault().await, Some(without));
        alter(log.app(), MOVE, &params![0_i64, &event]).await;
        assert_eq!(log.fault().await, Some(Fault::EventWithoutSeal { event, seal: 0 }));
    }

    async fn a_changed_seal_is_found(log: Sealed) {
        let (.., seal) = log.filled().await;
        for Column { name, forged, read, write } in of_seals() {
            let key = Value::from(seal);
            let was = rows::<Vec<Value>>(log.app(), read, std::slice::from_ref(&key)).await.remove(0).remove(0);
            alter(log.app(), write, &[forged, key.clone()]).await;
            assert_eq!(log.fault().await.expect(name).seal(), seal, "{name}");
            alter(log.app(), write, &[was, key]).await;
            assert_eq!(log.fault().await, None, "{name}");
        }
    }

    async fn a_removed_seal_is_found_also_once_the_chain_has_gone_on(log: Sealed) {
        let (.., seal) = log.filled().await;
        alter(log.app(), DELETE_SEAL, &params![seal]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal }));
        log.seal(&["joe"]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal }));
        alter(log.app(), DELETE_SEAL, &params![1_i64]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal: 1 }));
    }

    async fn a_removed_last_seal_is_found_also_once_the_chain_has_gone_on(log: Sealed) {
        let (ids, ..) = log.filled().await;
        let seal = ids[ids.len() - 1].1;
        alter(log.app(), DELETE_SEAL, &params![seal]).await;
        let event = ids[ids.len() - 3].0.clone();
        assert_eq!(log.fault().await, Some(Fault::EventWithoutSeal { event, seal }));
        // A node that has sealed nothing yet, and does not know that there was more.
        let fresh = log.server.beside().await;
        log.hand_to(&fresh.app).await;
        record(&fresh.app, "joe").await.expect("the database answers");
        assert_eq!(fresh.app.seal_events().await.expect("the database answers"), 1);
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal }));
    }

    async fn an_end_that_was_cut_off_is_found_with_the_audit_file(log: Sealed) {
        let (ids, ..) = log.filled().await;
        let last = ids[ids.len() - 1].1;
        let file = log.server.data_dir.path().join("audit.jsonl");
        let is_copied = async || {
            let lines = audit::lines(&file).expect("it can be read");
            let seals = lines.filter_map(|line| match line.expect("it can be read") {
                Line::Seal(seal) => Some(seal.seal),
                Line::Event(..) => None,
            });
            seals.max() == Some(last)
        };
        crate::redis_server::until("the copy", is_copied).await;
        let compare = async || {
            let compared = log.app().verify_copy(&file).await.expect("the database answers");
            compared.expect("it can be read").fault
        };
        assert_eq!(compare().await, None);
        for cut in [last, last - 1] {
            alter(log.app(), CUT_SEALS, &params![cut]).await;
            alter(log.app(), CUT_EVENTS, &params![cut]).await;
            assert_eq!(log.fault().await, None, "nothing in the database tells of it");
            let Some(Fault::EndMissing { seal, end, .. }) = compare().await else {
                panic!("it is not found");
            };
            assert_eq!((seal, end), (cut, cut - 1));
        }
        // The node that sealed them knows better than to go on as if they had never been.
        log.seal(&["joe"]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal: last - 1 }));
        alter(log.app(), CUT_SEALS, &params![last - 1]).await;
        alter(log.app(), CUT_EVENTS, &params![last - 1]).await;
        let fresh = log.server.beside().await;
        log.hand_to(&fresh.app).await;
        record(&fresh.app, "kim").await.expect("the database answers");
        assert_eq!(fresh.app.seal_events().await.expect("the database answers"), 1);
        assert_eq!(log.fault().await, None);
        let Some(Fault::SealReplaced { seal, .. }) = compare().await else {
            panic!("it is not found");
        };
        assert_eq!(seal, last - 1);
    }

    async fn what_became_of_an_event_before_its_seal_is_found_with_the_audit_file(log: Sealed) {
        log.filled().await;
        let file = log.server.data_dir.path().join("audit.jsonl");
        let compare = async || {
            let compared = log.app().verify_copy(&file).await.expect("the database answers");
            compared.expect("it can be read")
        };
        for statement in [
            sql!("UPDATE events SET subject = 'nobody' WHERE user_id = ? AND seal IS NULL"),
            sql!("DELETE FROM events WHERE user_id = ? AND seal IS NULL"),
        ] {
            record(log.app(), "mallory").await.expect("the database answers");
            let is_copied = async || {
                let text = std::fs::read_to_string(&file).expect("it can be read");
                text.contains("mallory")
            };
            crate::redis_server::until("the copy", is_copied).await;
            let good = compare().await;
            assert_eq!((good.fault, good.events > 9), (None, true));
            alter(log.app(), statement, &params!["mallory"]).await;
            log.seal_all().await;
            assert_eq!(log.fault().await, None, "nothing in the database tells of it");
            let deletes = statement.text().starts_with("DELETE");
            match compare().await.fault {
                Some(Fault::EventNotInDatabase { .. }) if deletes => {}
                Some(Fault::EventReplaced { .. }) if !deletes => {}
                fault => panic!("{}: {fault:?}", statement.text()),
            }
            let text = std::fs::read_to_string(&file).expect("it can be read");
            let lines = text.lines().filter(|line| !line.contains("mallory"));
            let kept: Vec<_> = lines.flat_map(|line| [line, "\n"]).collect();
            std::fs::write(&file, kept.concat()).expect("there is room");
            assert_eq!(compare().await.fault, None);
        }
    }

    async fn a_beginning_cannot_be_cut_off_by_an_anchor_that_no_server_wrote(log: Sealed) {
        let (.., seal) = log.filled().await;
        let hash: String = rows(log.app(), of_seals()[3].read, &params![seal]).await.remove(0);
        alter(log.app(), sql!("DELETE FROM events WHERE seal <= ?"), &params![seal]).await;
        alter(log.app(), sql!("DELETE FROM event_seals WHERE number <= ?"), &params![seal]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal: 1 }));
        for forged in [format!("{seal} {hash} {hash}"), format!("{seal} {hash}"), String::new()] {
            alter(log.app(), SET_ANCHOR, &params![forged]).await;
            assert_eq!(log.fault().await, Some(Fault::AnchorChanged));
            alter(log.app(), DELETE_ANCHOR, &[]).await;
        }
    }

    async fn all_seals_made_anew_without_the_key_are_found(log: Sealed) {
        let (_, id, _) = log.filled().await;
        alter(log.app(), of_events()[4].write, &params!["mallory", &id]).await;
        // A server with another secret's key makes a chain that is good by itself.
        let sealed: String = rows(log.app(), SETTING, &params!["event_seal_key"]).await.remove(0);
        assert!(!sealed.is_empty());
        alter(log.app(), sql!("DELETE FROM event_seals"), &[]).await;
        alter(log.app(), sql!("UPDATE events SET seal = NULL"), &[]).await;
        alter(log.app(), sql!("DELETE FROM settings WHERE name = 'event_seal_key'"), &[]).await;
        let stranger = log.server.beside().await;
        log.hand_to(&stranger.app).await;
        stranger.app.seal_events().await.expect("the database answers");
        assert_eq!(verify(&stranger.app).await.fault, None);
        assert_eq!(log.fault().await.expect("it is found").seal(), 1);
        assert!(!rows::<i64>(log.app(), SEALS, &[]).await.is_empty());
    }
}
