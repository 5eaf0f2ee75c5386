//! flask-jwt-extended's answers, against those that the library itself gave: `generate.py` asked it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use countersign::layer::{
    Answers, Check, Checked, Checking, Cookies, Demand, Denial, FlaskVersion, Guard, Location,
    TokenType,
};
use countersign::{Algorithm, Clock, EndReason, KeyRing, Profile, Subject, Verifier, VerifyingKey};
use http::Request;
use serde_json::Value;

use crate::guard::kit::{CSRF_KEY, NOW, send};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const ORIGIN: &str = "http://localhost";

/// As the generator's callbacks: one token is revoked, some users are gone.
struct Own(Verifier);

impl Check for Own {
    fn check(&self, token: &str, now: i64) -> Checking {
        let verified = match self.0.verify(token, now) {
            Ok(verified) => verified,
            Err(error) => return Checking::Done(Err(error.into())),
        };
        let identity = verified.claims.subject().unwrap_or_default().to_owned();
        Checking::Done(match verified.claims.jwt_id() {
            Some("revoked") => Err(Denial::Ended(EndReason::Logout)),
            _ if identity.starts_with("gone") => Err(Denial::NoUser { subject: identity }),
            _ => Ok(Checked::new(verified)),
        })
    }
}

fn text<'a>(row: &'a Value, name: &str, default: &'a str) -> &'a str {
    row["config"][name].as_str().unwrap_or(default)
}

fn verifier(row: &Value) -> Verifier {
    let key = VerifyingKey::from_secret(Algorithm::Hs256, None, SECRET).unwrap();
    let profile = Profile { typ: "JWT", required: &[], subject: Subject::Text };
    let mut verifier = Verifier::new(profile, KeyRing::new(vec![key]));
    if let Some(issuer) = row["config"]["JWT_DECODE_ISSUER"].as_str() {
        verifier = verifier.issuer(issuer);
    }
    if let Some(audience) = row["config"]["JWT_DECODE_AUDIENCE"].as_str() {
        verifier = verifier.audience(audience);
    }
    verifier
}

fn version(row: &Value) -> FlaskVersion {
    if row["version"] == "V3" { FlaskVersion::V3 } else { FlaskVersion::V4 }
}

fn header(row: &Value) -> Location {
    let header = Location::header(text(row, "JWT_HEADER_NAME", "Authorization"));
    let header = header.as_flask_jwt_extended(version(row));
    match text(row, "JWT_HEADER_TYPE", "Bearer") {
        "" => header,
        scheme => header.scheme(scheme),
    }
}

fn places(row: &Value) -> Vec<&str> {
    match &row["config"]["JWT_TOKEN_LOCATION"] {
        Value::Array(places) => places.iter().map(|place| place.as_str().unwrap()).collect(),
        _ => vec!["headers"],
    }
}

fn guard(row: &Value, token_type: TokenType) -> Guard {
    let key = text(row, "JWT_ERROR_MESSAGE_KEY", "msg");
    let places = places(row);
    let locations = places.iter().filter_map(|place| match *place {
        "headers" => Some(header(row)),
        "cookies" => Some(Location::cookie("access_token_cookie")),
        "query_string" => Some(Location::query("jwt")),
        _ => None,
    });
    let accept = Demand::new().claims(|claims| match claims.get("user_claims") {
        Some(_) => Err("bad".to_owned()),
        None => Ok(()),
    });
    let mut builder = Guard::with_check(Own(verifier(row)))
        .clock(Clock::manual(NOW))
        .token_type(token_type)
        .answers(Answers::flask_jwt_extended(version(row)).message_key(key))
        .locations(locations)
        .demand(accept);
    if places.contains(&"cookies") {
        let names = ("access_token_cookie", "refresh_token_cookie", "csrf_access_token");
        let cookies = Cookies::builder(ORIGIN, &CSRF_KEY).names(names.0, names.1, names.2);
        builder = builder.cookies(cookies.build().unwrap());
    }
    builder.build().unwrap()
}

fn router(row: &Value) -> Router {
    let ok = || any(async || ([("content-type", "application/json")], "{\"ok\":true}\n"));
    let access = guard(row, TokenType::Access);
    let fresh = access.require(Demand::new().fresh_within(Duration::from_mins(1))).unwrap();
    let router = Router::new().route("/", ok()).route("/fresh", ok().layer(fresh));
    let router = if places(row).contains(&"json") {
        router.layer(access.layer().reading_json("access_token"))
    } else {
        router.layer(access.layer())
    };
    let refresh = guard(row, TokenType::Refresh);
    router.merge(Router::new().route("/refresh", ok()).layer(refresh.layer()))
}

fn request(row: &Value) -> Request<Body> {
    let (method, target) = (row["method"].as_str().unwrap(), row["target"].as_str().unwrap());
    // Browsers send it, and here it is looked at.
    let mut request = Request::builder().method(method).uri(target).header("origin", ORIGIN);
    for (name, value) in row["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.body(row["body"].as_str().unwrap_or_default().to_owned().into()).unwrap()
}

#[tokio::test]
async fn what_the_library_answered_is_answered_here() {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../../flask_jwt_extended/answers.json")).unwrap();
    assert_eq!(rows.len(), 98);
    for row in &rows {
        let answer = send(&router(row), request(row)).await;
        let told = (
            answer.status.as_u16().into(),
            answer.headers["content-type"].to_str().unwrap().into(),
            answer.text.into(),
        );
        let (status, content_type, text): (Value, Value, Value) = told;
        let own = (&row["status"], &row["content_type"], &row["answer"]);
        assert_eq!((&status, &content_type, &text), own, "{} {}", row["version"], row["case"]);
    }
}
