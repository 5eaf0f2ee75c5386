//! Whether the native API answers as its document says: each answer that a test gets is held against
//! it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use countersign_server::config::Config;
use countersign_server::http::router::document;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::new);

/// The document, strict about members that it does not name.
struct Contract {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// What was answered.
pub struct Answered<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub status: u16,
    pub media_type: Option<&'a str>,
    pub body: &'a str,
}

impl Answered<'_> {
    /// Panics where the document does not speak of such an answer; what is not of the native API is
    /// passed over.
    pub fn keeps_the_contract(&self) {
        if let Some(fault) = CONTRACT.fault(self) {
            let Self { method, path, status, body, .. } = self;
            panic!("not as documented: {method} {path} answered {status} {body}: {fault}");
        }
    }
}

impl Contract {
    fn new() -> Self {
        let text = document(&Config::default()).to_text();
        let mut document: Value = serde_json::from_str(&text).expect("the document is JSON");
        close(&mut document["components"]["schemas"]);
        Self { document, validators: Mutex::default() }
    }

    fn fault(&self, answered: &Answered<'_>) -> Option<String> {
        let paths = self.document["paths"].as_object().expect("there are paths");
        let method = answered.method.as_str().to_ascii_lowercase();
        let matching = paths.iter().filter(|(path, _)| matches(path, answered.path));
        // What is written out goes before what has a parameter there.
        let (path, methods) = matching.min_by_key(|(path, _)| path.matches('{').count())?;
        let operation = methods.get(&method)?;
        let status = answered.status.to_string();
        let Some(response) = operation["responses"].get(&status) else {
            return Some("no such status".into());
        };
        let mut place = format!("#/paths/{}/{method}/responses/{status}", escaped(path));
        let mut response = response;
        if let Some(shared) = response["$ref"].as_str() {
            shared.clone_into(&mut place);
            response = self.document.pointer(&shared[1..]).expect("it leads somewhere");
        }
        let Some(content) = response.get("content") else {
            return (!answered.body.is_empty()).then(|| "no body is documented".into());
        };
        let media_type = answered.media_type.unwrap_or_default();
        if content.get(media_type).is_none() {
            return Some(format!("no such media type: {media_type:?}"));
        }
        if !media_type.ends_with("json") {
            return None;
        }
        place = format!("{place}/content/{}/schema", escaped(media_type));
        let Ok(body) = serde_json::from_str(answered.body) else { return Some("no JSON".into()) };
        let errors: Vec<String> =
            self.validator(&place).iter_errors(&body).map(|error| error.to_string()).collect();
        (!errors.is_empty()).then(|| errors.join("; "))
    }

    fn validator(&self, place: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let mut schema = self.document.clone();
            schema["$ref"] = json!(place);
            Arc::new(jsonschema::draft202012::new(&schema).expect("the document has schemas"))
        };
        validators.entry(place.to_owned()).or_insert_with(make).clone()
    }
}

/// Lets no object have a member that is not named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(close),
        _ => {}
    }
}

/// A step of a JSON pointer in a URI (RFC 6901, section 6).
fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D")
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(step)) if wanted.starts_with('{') && !step.is_empty() => {}
            (Some(wanted), Some(step)) if wanted == step => {}
            _ => return false,
        }
    }
}
