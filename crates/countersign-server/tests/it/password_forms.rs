//! The two forms of a password: as it was typed, and as clients send it that hash it first.

use countersign_server::app::{App, Setup};
use countersign_server::db::{DbError, FromRow, Row};
use countersign_server::entropy::Entropy;
use countersign_server::error::Error;
use countersign_server::operations::Caller;
use countersign_server::operations::credentials::Presented;
use countersign_server::operations::log_in::LogIn;
use countersign_server::password::{Importable, Password, importable};
use countersign_server::tables::event;
use countersign_server::tables::password::{CLIENT_SHA256, PLAIN};
use countersign_server::{params, sql};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::foreign_hashes::{Foreign, all};
use crate::server::{MASTER_SECRET, PASSWORD, TestApp};

const NEW: &str = "another long pass phrase";

sql! {
    FORMS = "SELECT form, hash FROM passwords WHERE user_id = ? ORDER BY form";
    SET_ROW = "UPDATE passwords SET form = ?, hash = ? WHERE user_id = ? AND form = ?";
}

struct Stored {
    form: String,
    hash: String,
}

impl FromRow for Stored {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self { form: row.take()?, hash: row.take()? })
    }
}

/// What a client sends that hashes passwords before it sends them.
fn sha256(password: &str) -> String {
    Password::parse(password.to_owned()).expect("a password").client_sha256().expose().to_owned()
}

/// A server on the same database that has clients who send the SHA-256.
async fn wanting(server: &TestApp) -> App {
    let setup = Setup {
        config: server.app.config.clone(),
        master_secret: Some(MASTER_SECRET.to_owned().into()),
        clock: server.app.clock.clone(),
        entropy: Entropy::System,
        dialects_access_ttl: std::time::Duration::ZERO,
        dialects_want_client_sha256: true,
        mirrored: Vec::new(),
        shapes: server.app.shapes,
        command: false,
    };
    App::build(setup).await.expect("the app starts").0
}

async fn log_in(app: &App, presented: Presented, password: &str) -> Result<(), Error> {
    let log_in = LogIn {
        identifier: "alice@example.org".into(),
        password: password.to_owned(),
        presented,
        device: None,
    };
    let caller = Caller::command(app.clock.now());
    app.log_in(&caller, &app.native_terms(), log_in).await.map(drop)
}

/// Whether such a client is let in that hashes this password.
async fn client_enters(app: &App, password: &str) -> bool {
    log_in(app, Presented::ClientSha256, &sha256(password)).await.is_ok()
}

async fn stored(server: &TestApp, user_id: &str) -> Vec<Stored> {
    server.app.db.list(FORMS, &params![user_id]).await.expect("the database answers")
}

async fn forms(server: &TestApp, user_id: &str) -> Vec<String> {
    stored(server, user_id).await.into_iter().map(|stored| stored.form).collect()
}

/// Registers Alice and leaves her the form of clients that hash.
async fn register_client(server: &TestApp) -> crate::server::Session {
    let alice = server.register("alice").await;
    let password = Password::parse(sha256(PASSWORD)).expect("a password");
    let hash = server.app.lane.hash(password, [127, 0, 0, 1].into()).await.expect("room");
    let row = params![CLIENT_SHA256, &hash, &alice.user_id, PLAIN];
    server.execute(SET_ROW, row.to_vec()).await;
    alice
}

async fn enters(server: &TestApp, password: &str) -> bool {
    server.log_in_answer("alice", password).await.status == 200
}

on_each_database! {
    async fn what_was_typed_is_hashed_for_a_user_who_has_the_other_form_only(server: TestApp) {
        let alice = register_client(&server).await;
        let before = stored(&server, &alice.user_id).await;
        assert!(enters(&server, PASSWORD).await);
        assert!(client_enters(&server.app, PASSWORD).await);
        let (sent, other) = (sha256(PASSWORD), "a wrong pass phrase");
        for wrong in [&*sent, &sha256(&sent), other, &before[0].hash] {
            assert!(!enters(&server, wrong).await, "{wrong}");
        }
        for wrong in [PASSWORD, &sent.to_uppercase(), &sha256(other)] {
            let refused = log_in(&server.app, Presented::ClientSha256, wrong).await;
            assert!(matches!(refused, Err(Error::InvalidCredentials(_))), "{wrong} {refused:?}");
        }
        let after = stored(&server, &alice.user_id).await;
        assert_eq!((after.len(), &after[0].hash), (1, &before[0].hash), "nothing is added");
    }

    async fn a_client_that_hashes_is_refused_until_a_login_elsewhere_adds_its_form(
        server: TestApp
    ) {
        let alice = server.register("alice").await;
        let wanting = wanting(&server).await;
        let before = wanting.lane.hashes();
        assert!(!client_enters(&wanting, PASSWORD).await);
        assert_eq!(wanting.lane.hashes() - before, 1, "the price of any wrong password");
        let events = event::latest_of_user(&server.app.db, &alice.user_id, 9).await;
        let events = events.expect("the database answers");
        let refused = events.iter().find(|event| event.outcome == "refused").expect("an event");
        assert_eq!(refused.reason.as_deref(), Some("needs_client_sha256"));

        assert!(enters(&server, PASSWORD).await);
        assert_eq!(forms(&server, &alice.user_id).await, [PLAIN], "no such client is expected there");
        assert!(log_in(&wanting, Presented::Typed, "a wrong pass phrase").await.is_err());
        assert_eq!(forms(&server, &alice.user_id).await, [PLAIN]);

        let typed = || log_in(&wanting, Presented::Typed, PASSWORD);
        for done in join_all(std::iter::repeat_with(typed).take(4)).await {
            done.expect("the password is right");
        }
        let added = stored(&server, &alice.user_id).await;
        assert_eq!(added.len(), 2, "added once");
        assert_eq!(added[0].form, CLIENT_SHA256);
        assert!(client_enters(&wanting, PASSWORD).await && enters(&server, PASSWORD).await);
        assert!(!client_enters(&wanting, NEW).await);
        typed().await.expect("the password is right");
        let after = stored(&server, &alice.user_id).await;
        assert!(after.iter().zip(&added).all(|(after, added)| after.hash == added.hash));
    }

    async fn a_new_password_keeps_the_forms_that_the_user_had(server: TestApp) {
        let alice = register_client(&server).await;
        let wanting = wanting(&server).await;
        let own = server.log_in("alice").await;
        let change = |from: &'static str, to: &'static str| {
            let body = json!({ "current": from, "new": to });
            server.send(Method::POST, "/v1/me/password", &own.access, body)
        };
        assert_eq!(change(PASSWORD, NEW).await.status, 204);
        assert_eq!(forms(&server, &alice.user_id).await, [CLIENT_SHA256]);
        assert!(enters(&server, NEW).await && client_enters(&wanting, NEW).await);
        assert!(!enters(&server, PASSWORD).await && !client_enters(&wanting, PASSWORD).await);

        let caller = Caller::command(wanting.clock.now());
        let user = wanting.find_user(&alice.user_id).await.expect("she is there");
        let set = Password::parse(PASSWORD.into()).expect("a password");
        wanting.set_password(&caller, user, set).await.expect("it can be set");
        assert_eq!(forms(&server, &alice.user_id).await, [CLIENT_SHA256]);
        assert!(enters(&server, PASSWORD).await && client_enters(&wanting, PASSWORD).await);
        assert!(!enters(&server, NEW).await && !client_enters(&wanting, NEW).await);
    }

    async fn a_new_password_is_stored_in_both_forms_for_a_user_who_had_both(server: TestApp) {
        let alice = server.register("alice").await;
        let wanting = wanting(&server).await;
        log_in(&wanting, Presented::Typed, PASSWORD).await.expect("the password is right");
        let body = json!({ "current": PASSWORD, "new": NEW });
        let changed = server.send(Method::POST, "/v1/me/password", &alice.access, body).await;
        assert_eq!(changed.status, 204);
        assert_eq!(forms(&server, &alice.user_id).await, [CLIENT_SHA256, PLAIN]);
        assert!(enters(&server, NEW).await && client_enters(&wanting, NEW).await);
        assert!(!enters(&server, PASSWORD).await && !client_enters(&wanting, PASSWORD).await);
    }

    async fn a_password_of_which_bcrypt_saw_the_beginning_adds_no_form(server: TestApp) {
        let alice = server.register("alice").await;
        let wanting = wanting(&server).await;
        for (octets, count) in [(72, 1), (71, 2)] {
            let of_length = |foreign: &Foreign| foreign.password.len() == octets;
            let foreign = all().into_iter().find(of_length).expect("it is on the list");
            let Foreign { password, hash, .. } = foreign;
            let row = params![PLAIN, &hash, &alice.user_id, PLAIN];
            server.execute(SET_ROW, row.to_vec()).await;
            log_in(&wanting, Presented::Typed, &password).await.expect("the password is right");
            assert_eq!(forms(&server, &alice.user_id).await.len(), count);
            assert_eq!(stored(&server, &alice.user_id).await[count - 1].hash == hash, count == 1);
        }
    }

    async fn a_bare_sha256_is_wrapped_when_it_is_imported(server: TestApp) {
        let alice = server.register("alice").await;
        for bare in [sha256(PASSWORD), sha256(PASSWORD).to_uppercase()] {
            let Ok(Importable::Wrap(text)) = importable(&bare) else { panic!("{bare} is wrapped") };
            let hash = server.app.lane.hash(text, [127, 0, 0, 1].into()).await.expect("room");
            assert!(!hash.contains(&bare) && hash.starts_with("$argon2id$"));
            let form = forms(&server, &alice.user_id).await.remove(0);
            let row = params![CLIENT_SHA256, &hash, &alice.user_id, &form];
            server.execute(SET_ROW, row.to_vec()).await;
            assert!(enters(&server, PASSWORD).await && client_enters(&server.app, PASSWORD).await);
            assert!(!enters(&server, &bare).await && !enters(&server, NEW).await);
        }
    }
}
