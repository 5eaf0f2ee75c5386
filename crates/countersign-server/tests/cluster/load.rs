//! Clients that go about their business while things break, and remember what they were told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::Clock;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::balancer::Addresses;
use crate::nodes::{Cluster, impatient_client};
use crate::program::{Api, PASSWORD, Session, answer};

/// Nothing stays broken so long.
const TRIES: usize = 1200;
/// For how long a node that lost the database may still say yes: `sessions.max_staleness`.
const MAX_STALENESS: Duration = Duration::from_secs(5);

/// What the servers acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) registered: Vec<String>,
    /// Sessions that were logged out, and when that was answered.
    pub(crate) ended: Vec<(Session, Duration)>,
    /// Sessions that live, as their last answer left them.
    pub(crate) alive: Vec<Session>,
    /// How often a token that was over was asked about while things broke.
    pub(crate) audited: usize,
}

/// Clients at work.
pub(crate) struct Load {
    stop: CancellationToken,
    ledger: Arc<Mutex<Ledger>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts clients, and one that asks every node about tokens that are over.
    pub(crate) fn start(cluster: &Cluster, clients: usize) -> Self {
        let (stop, ledger) = (CancellationToken::new(), Arc::<Mutex<Ledger>>::default());
        let worker = |number| Worker {
            number,
            api: cluster.api.clone(),
            clock: Clock::system(),
            stop: stop.clone(),
            ledger: ledger.clone(),
        };
        let mut tasks: Vec<_> = (0..clients).map(|by| tokio::spawn(worker(by).work())).collect();
        tasks.push(tokio::spawn(worker(clients).audit(cluster.addresses())));
        Self { stop, ledger, tasks }
    }

    /// Lets everybody finish what they are at; gives what was acknowledged. Fails where somebody was
    /// answered what must never be answered.
    pub(crate) async fn finish(self) -> Ledger {
        self.stop.cancel();
        for task in join_all(self.tasks).await {
            task.expect("only what may be was answered");
        }
        self.ledger.lock().expect("nobody panics with it").clone()
    }
}

struct Worker {
    number: usize,
    api: Api,
    clock: Clock,
    stop: CancellationToken,
    ledger: Arc<Mutex<Ledger>>,
}

impl Worker {
    /// One user after another: registered, logged in, refreshed, and every other one logged out.
    async fn work(self) {
        for round in 0.. {
            if self.stop.is_cancelled() {
                break;
            }
            let email = format!("load-{}-{round}@example.org", self.number);
            self.register(&email).await;
            let login = json!({ "identifier": email, "password": PASSWORD });
            let mut session = Session::read(&self.post("/v1/login", login, 200).await);
            for _ in 0..3 {
                self.recognised(&session).await;
                let refresh = json!({ "refresh_token": session.refresh });
                session = Session::read(&self.post("/v1/refresh", refresh, 200).await);
            }
            self.recognised(&session).await;
            if round % 2 == 0 {
                self.note(|ledger| ledger.alive.push(session));
            } else {
                self.log_out(session).await;
            }
        }
    }

    /// An answer that was lost makes the second try a conflict.
    async fn register(&self, email: &str) {
        let body = json!({ "email": email, "password": PASSWORD });
        let (status, answer) = self.persist(Method::POST, "/v1/register", None, &body).await;
        assert!([201, 409].contains(&status), "{status} {answer}");
        self.note(|ledger| ledger.registered.push(email.to_owned()));
    }

    async fn recognised(&self, session: &Session) {
        let answered = self.persist(Method::GET, "/v1/me", Some(session), &Value::Null).await;
        assert_eq!(answered.0, 200, "a session that lives was refused: {answered:?}");
    }

    async fn log_out(&self, session: Session) {
        let answered = self.persist(Method::POST, "/v1/logout", Some(&session), &json!({})).await;
        assert_eq!(answered.0, 204, "{answered:?}");
        let now = self.clock.monotonic();
        self.note(|ledger| ledger.ended.push((session, now)));
    }

    async fn post(&self, path: &str, body: Value, wanted: u16) -> Value {
        let (status, answer) = self.persist(Method::POST, path, None, &body).await;
        assert_eq!(status, wanted, "{path}: {answer}");
        answer
    }

    /// Asks until somebody answers who is not out of order.
    async fn persist(
        &self,
        method: Method,
        path: &str,
        session: Option<&Session>,
        body: &Value,
    ) -> (u16, Value) {
        for _ in 0..TRIES {
            let mut request = self.api.request(method.clone(), path);
            if let Some(session) = session {
                request = request.bearer_auth(&session.access);
            }
            if !body.is_null() {
                request = request.json(body);
            }
            match answer(request).await {
                Ok((503, _)) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Ok(answer) => return answer,
            }
        }
        panic!("{path}: nobody answers any more");
    }

    /// Asks every node about tokens that have been over for longer than any node may not know it.
    async fn audit(self, nodes: Addresses) {
        let client = impatient_client();
        for round in 0_usize.. {
            if self.stop.is_cancelled() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            let over = self.over();
            let Some(session) = over.get(over.len().wrapping_sub(1 + round % 8)) else { continue };
            for address in nodes.get() {
                let node = Api { address, client: client.clone() };
                let request = node.request(Method::GET, "/v1/me").bearer_auth(&session.access);
                if let Ok((status, answer)) = answer(request).await {
                    assert!([401, 503].contains(&status), "let in: {status} {answer}");
                    self.note(|ledger| ledger.audited += 1);
                }
            }
        }
    }

    fn over(&self) -> Vec<Session> {
        let now = self.clock.monotonic();
        let ledger = self.ledger.lock().expect("nobody panics with it");
        let ended = ledger.ended.iter();
        ended
            .filter(|(_, at)| now.saturating_sub(*at) > MAX_STALENESS)
            .map(|(it, _)| it.clone())
            .collect()
    }

    fn note(&self, note: impl FnOnce(&mut Ledger)) {
        note(&mut self.ledger.lock().expect("nobody panics with it"));
    }
}
