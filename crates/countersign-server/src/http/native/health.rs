//! `GET /healthz` and `GET /readyz`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::shared_clock::Level;
use crate::tables::setting;

/// Where watchers ask whether the process lives.
pub const LIVE: &str = "/healthz";
/// Where watchers ask whether it can do its work.
pub const READY: &str = "/readyz";

/// The process lives.
#[derive(JsonSchema, Serialize)]
pub struct Alive {
    status: &'static str,
}

/// The process can do its work.
#[derive(JsonSchema, Serialize)]
struct Ready {
    status: &'static str,
    /// What is away and can be done without.
    degraded: Vec<Check>,
}

/// The process cannot do its work.
#[derive(JsonSchema, Serialize)]
struct Unready {
    status: &'static str,
    /// The names of what fails.
    failing: Vec<&'static str>,
    /// The same with a sentence about each.
    problems: Vec<Check>,
}

/// What is wrong, for whoever looks.
#[derive(JsonSchema, Serialize)]
struct Check {
    /// `database`, `fresh`, `clock` or `redis`.
    check: &'static str,
    /// What is wrong.
    detail: String,
}

/// The process lives.
pub async fn live() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// What the API's document says of it.
pub fn about_live() -> Operation {
    Operation::new(Tag::Server, "healthz", "Ask whether the process lives")
        .answers::<Alive>(200, "It does.")
}

/// The process can do its work; what it cannot is named.
pub async fn ready(State(app): State<App>) -> Response {
    let database = setting::find(&app.db, setting::MASTER_CHECK).await;
    let mut problems = Vec::new();
    if database.is_err() {
        problems.push(Check::new("database", "The database does not answer.".into()));
    } else if let Some(problem) = app.db.problem() {
        problems.push(Check::new("database", format!("Not usable: {problem}.")));
    }
    if !app.node.is_settled() {
        problems.push(Check::new("fresh", out_of_touch(&app)));
    }
    if let Some(fault) = app.clock_fault() {
        problems.push(Check::new("clock", fault));
    }
    if problems.is_empty() {
        return Json(Ready { status: "ok", degraded: degraded(&app) }).into_response();
    }
    let failing = problems.iter().map(|problem| problem.check).collect();
    let answer = Unready { status: "unavailable", failing, problems };
    (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response()
}

/// What the API's document says of it.
pub fn about_ready() -> Operation {
    Operation::new(Tag::Server, "readyz", "Ask whether the process can work")
        .answers::<Ready>(200, "It can; what is away and can be done without is named.")
        .answers::<Unready>(503, "It cannot, and says why.")
}

impl Check {
    fn new(check: &'static str, detail: String) -> Self {
        Self { check, detail }
    }
}

fn out_of_touch(app: &App) -> String {
    let bound = app.config.sessions.max_staleness.as_secs_f64();
    match app.node.age() {
        Some(_) if app.node.is_fresh() => "This node was out of touch until a moment ago.".into(),
        Some(age) => format!(
            "This node last knew {:.1} s ago what the others ended; sessions.max_staleness is {bound} s.",
            age.as_secs_f64()
        ),
        None => "This node does not know yet what the others ended.".into(),
    }
}

/// What is away and can be done without.
fn degraded(app: &App) -> Vec<Check> {
    let redis = app.redis.iter().filter(|redis| !*redis.is_up().borrow());
    let problem =
        |_| Check::new("redis", "Redis does not answer; the database does its work.".into());
    redis.map(problem).chain(clock_warning(app)).collect()
}

/// The node's clock, if it is off by so much that the operator should set it.
fn clock_warning(app: &App) -> Option<Check> {
    let difference = app.shared_clock.difference()?;
    (difference.level() != Level::Small).then(|| {
        Check::new("clock", format!("This node's clock is {difference} the database's clock."))
    })
}
