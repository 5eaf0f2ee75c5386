//! `GET /healthz` and `GET /readyz`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::tables::setting;

/// The process lives.
pub async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The process can do its work; what it cannot is named.
pub async fn ready(State(app): State<App>) -> Response {
    let database = setting::find(&app.db, setting::MASTER_CHECK).await;
    let mut problems = Vec::new();
    if database.is_err() {
        problems.push(Problem::new("database", "The database does not answer.".into()));
    }
    if !app.node.is_fresh() {
        problems.push(Problem::new("fresh", out_of_touch(&app)));
    }
    let failing: Vec<&str> = problems.iter().map(|problem| problem.check).collect();
    if failing.is_empty() {
        return Json(json!({ "status": "ok", "degraded": degraded(&app) })).into_response();
    }
    let answer = json!({ "status": "unavailable", "failing": failing, "problems": problems });
    (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response()
}

/// What is wrong, for whoever looks.
#[derive(Serialize)]
struct Problem {
    check: &'static str,
    detail: String,
}

impl Problem {
    fn new(check: &'static str, detail: String) -> Self {
        Self { check, detail }
    }
}

fn out_of_touch(app: &App) -> String {
    let bound = app.config.sessions.max_staleness.as_secs_f64();
    match app.node.age() {
        Some(age) => format!(
            "This node last knew {:.1} s ago what the others ended; sessions.max_staleness is {bound} s.",
            age.as_secs_f64()
        ),
        None => "This node does not know yet what the others ended.".into(),
    }
}

/// What is away and can be done without.
fn degraded(app: &App) -> Vec<Problem> {
    let redis = app.redis.iter().filter(|redis| !*redis.is_up().borrow());
    let problem =
        |_| Problem::new("redis", "Redis does not answer; the database does its work.".into());
    redis.map(problem).collect()
}
