//! Bodies that no dialect reads, and paths that none has.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ORIGIN};

use super::{AllFive, Entrance, WIRES, Wire, assert_told};
use crate::forms::{URL_ENCODED, url_encoded};
use crate::server::Answer;

const JSON: &str = "application/json";

impl AllFive {
    async fn post_bytes(&self, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = self.request(Method::POST, path).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        Answer::of(request).await
    }
}

/// A member of no meaning in lists in lists, so that the object is nested so deep.
fn nested(identifier: &str, depth: usize) -> Vec<u8> {
    let lists = depth - 1;
    let (open, close) = ("[".repeat(lists), "]".repeat(lists));
    format!(r#"{{"{identifier}":"nobody","password":"","odd":{open}{close}}}"#).into_bytes()
}

fn malformed(wire: &Wire) -> Vec<(&'static str, Vec<u8>)> {
    let identifier = wire.identifier;
    let mut bodies = Vec::new();
    if wire.takes_json() {
        let not_utf8 =
            [&b"{\"password\":\"1\",\"odd\":\"\xFF\",\""[..], identifier.as_bytes(), b"\":\"a\"}"];
        bodies.push((JSON, not_utf8.concat()));
        bodies.push((JSON, nested(identifier, 33)));
        for other in ["true", "null", "5", "[]", "{}"] {
            let texts = [
                format!(r#"{{"{identifier}":{other},"password":"1"}}"#),
                format!(r#"{{"{identifier}":"nobody","password":{other}}}"#),
            ];
            bodies.extend(texts.map(|text| (JSON, text.into_bytes())));
        }
    }
    if wire.takes_forms() {
        let form = format!("name=a&{identifier}=nobody&password=%FF");
        bodies.push((URL_ENCODED, form.into_bytes()));
    }
    bodies
}

fn entrances() -> impl Iterator<Item = (Wire, Entrance)> {
    WIRES.into_iter().flat_map(|wire| wire.entrances.iter().map(move |entrance| (wire, *entrance)))
}

on_each_database! {
    async fn what_cannot_be_read_is_told_in_each_dialects_words(all: AllFive) {
        for (wire, entrance) in entrances() {
            let path = wire.at(entrance.path);
            for (content_type, body) in malformed(&wire) {
                let case = format!("{path} {:?}", String::from_utf8_lossy(&body));
                let answer = all.post_bytes(&path, Some(content_type), body).await;
                assert_told(&case, &answer, entrance.malformed);
            }
            let text = format!(r#"{{"{}":"nobody","password":"1"}}"#, wire.identifier);
            for other in [None, Some("text/plain"), Some("application/json; charset=utf-16")] {
                let answer = all.post_bytes(&path, other, text.clone().into_bytes()).await;
                assert_told(&format!("{path} {other:?}"), &answer, entrance.unsupported);
            }
        }
        assert_eq!(all.users().await, 0);
    }

    async fn what_is_nested_less_deep_is_passed_over_and_what_is_too_large_is_refused_natively(
        all: AllFive
    ) {
        let large = "a".repeat(1 << 17);
        let native = format!(r#"{{"password":"{large}"}}"#).into_bytes();
        let native = all.post_bytes("/v1/login", Some(JSON), native).await;
        for (wire, entrance) in entrances() {
            let path = wire.at(entrance.path);
            let (content_type, body) = if wire.takes_json() {
                let answer = all.post_bytes(&path, Some(JSON), nested(wire.identifier, 32)).await;
                assert!(!answer.text.contains("alformed") && !answer.text.contains("请求体"), "{path}");
                (JSON, format!(r#"{{"password":"{large}"}}"#))
            } else {
                (URL_ENCODED, url_encoded(&[("password", &large)]))
            };
            let answer = all.post_bytes(&path, Some(content_type), body.into_bytes()).await;
            assert_eq!((answer.status.as_u16(), &answer.text), (413, &native.text), "{path}");
        }
    }

    async fn what_no_dialect_has_is_answered_natively(all: AllFive) {
        for (wire, entrance) in entrances() {
            let path = wire.at(entrance.path);
            let answer = all.post_bytes(&format!("{path}/nothing"), None, Vec::new()).await;
            assert_eq!(answer.code(), (404, "not_found".into()), "{path}");
            let answer = Answer::of(all.request(Method::GET, &path)).await;
            assert_eq!(answer.code(), (405, "method_not_allowed".into()), "{path}");
        }
    }

    async fn pages_of_any_origin_call_every_dialect_without_credentials(all: AllFive) {
        for wire in WIRES {
            for (method, path) in wire.protected {
                let path = wire.at(path);
                let asked = all.request(method.parse().expect("a method"), &path);
                let before = all.request(Method::OPTIONS, &path);
                let before = before.header("access-control-request-method", *method);
                for request in [asked, before] {
                    let answer = Answer::of(request.header(ORIGIN, "https://app.example.org")).await;
                    let headers = &answer.headers;
                    assert_eq!(headers["access-control-allow-origin"], "*", "{path} {answer:?}");
                    assert!(!headers.contains_key("access-control-allow-credentials"), "{path}");
                }
            }
        }
    }
}
