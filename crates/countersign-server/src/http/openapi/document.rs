//! From operations to the document (OpenAPI 3.1.1).

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{Answer, Callers, Operation, Parameter, Tag};
use crate::config::Config;
use crate::http::code::Code;
use crate::http::problem::{self, Problem};

/// An operation with the method and the path under which it is served.
#[derive(Clone, Debug)]
pub struct Described {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    /// What it does.
    pub operation: Operation,
}

/// The document, as it is for one configuration.
#[derive(Clone, Debug)]
pub struct Document {
    pub(super) json: Value,
    pub(super) operations: Vec<Described>,
}

impl Document {
    /// The document of a server with this configuration that serves `operations`.
    pub fn of(config: &Config, operations: Vec<Described>) -> Self {
        let mut schemas = Schemas::new();
        let mut paths = Map::new();
        for Described { method, path, operation } in &operations {
            let methods = paths.entry(path.clone()).or_insert_with(|| json!({}));
            methods[method.as_str().to_ascii_lowercase()] =
                described(operation, config, &mut schemas);
        }
        let json = json!({
            "openapi": "3.1.1",
            "info": {
                "title": "Countersign",
                "summary": "Accounts, sessions and tokens",
                "description": DESCRIPTION,
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "MIT or Apache 2.0", "identifier": "MIT OR Apache-2.0" },
            },
            "servers": [{ "url": config.public_url.as_str() }],
            "tags": Tag::ALL.map(|tag| json!({ "name": tag.name(), "description": tag.description() })),
            "paths": paths,
            "components": {
                "responses": std::mem::take(&mut schemas.refusals),
                "schemas": schemas.into_definitions(),
                "securitySchemes": security_schemes(config),
            },
        });
        Self { json, operations }
    }

    /// The document as JSON, for people, with a line feed at its end.
    pub fn to_text(&self) -> String {
        format!("{:#}\n", self.json)
    }
}

const DESCRIPTION: &str = "A body is one JSON object in UTF-8 with `Content-Type: application/json`; \
members that are not known here, or that are there twice, are refused. Times are RFC 3339 in UTC. Every error is a \
problem (RFC 9457) whose `code` is for programs and does not change. With `Retry-After`, come back after so many \
seconds. Clients must pass over members that they do not know.";

/// Two generators, since what may be left out of a request need not be what may be missing in an
/// answer.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    /// Answers that are nothing but errors: many operations have the same ones.
    refusals: Map<String, Value>,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self {
            requests: settings.clone().for_deserialize().into_generator(),
            answers: settings.for_serialize().into_generator(),
            refusals: Map::new(),
        }
    }

    fn refusal(&mut self, codes: &[Code], problem: &Value) -> Value {
        let name = words(codes).join("-");
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        let content = json!({ problem::MEDIA_TYPE: problem });
        let mut refusal = json!({ "description": listed(codes), "content": content });
        match codes.first().map(|code| code.status()) {
            Some(StatusCode::UNAUTHORIZED) => {
                refusal["headers"]["WWW-Authenticate"] =
                    header("What is asked for (RFC 6750, section 3), but at a login.", "string");
            }
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                refusal["headers"]["Retry-After"] =
                    header("When to come back, in seconds.", "integer");
            }
            _ => {}
        }
        self.refusals.insert(name, refusal);
        reference
    }

    fn into_definitions(mut self) -> Map<String, Value> {
        let mut definitions = self.requests.take_definitions(true);
        definitions.extend(self.answers.take_definitions(true));
        definitions
    }
}

fn described(operation: &Operation, config: &Config, schemas: &mut Schemas) -> Value {
    let mut document = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "security": security(operation.callers, config),
        "responses": responses(operation, schemas),
    });
    if !operation.description.is_empty() {
        document["description"] = json!(operation.description);
    }
    if !operation.parameters.is_empty() {
        document["parameters"] = operation.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = &operation.body {
        let schema = (body.schema)(&mut schemas.requests);
        document["requestBody"] = json!({
            "required": body.required,
            "content": { body.media_type: { "schema": schema } },
        });
    }
    document
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "in": parameter.place,
        "name": parameter.name,
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": parameter.schema,
    })
}

/// What is answered, and every error, one entry for each status.
fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for Answer { status, description, content, headers } in &operation.answers {
        let mut response = json!({ "description": description });
        for (name, description) in headers {
            response["headers"][name] = header(description, "string");
        }
        for content in content {
            let schema = (content.schema)(&mut schemas.answers);
            response["content"][content.media_type] = json!({ "schema": schema });
        }
        responses.insert(status.to_string(), response);
    }
    for (status, codes) in by_status(operation) {
        let problem = problem(&codes, &mut schemas.answers);
        if let Some(response) = responses.get_mut(status.as_str()) {
            response["content"][problem::MEDIA_TYPE] = problem;
        } else {
            let shared = schemas.refusal(&codes, &problem);
            responses.insert(status.as_str().to_owned(), shared);
        }
    }
    json!(responses)
}

fn header(description: &str, kind: &str) -> Value {
    json!({ "description": description, "schema": { "type": kind } })
}

fn problem(codes: &[Code], schemas: &mut SchemaGenerator) -> Value {
    let problem = schemas.subschema_for::<Problem>();
    json!({ "schema": { "allOf": [problem], "properties": { "code": { "enum": words(codes) } } } })
}

fn words(codes: &[Code]) -> Vec<&'static str> {
    codes.iter().map(|code| code.as_str()).collect()
}

/// The errors of an operation, those of one status together.
pub(super) fn by_status(operation: &Operation) -> BTreeMap<StatusCode, Vec<Code>> {
    let mut by_status: BTreeMap<StatusCode, Vec<Code>> = BTreeMap::new();
    for code in &operation.refusals {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
}

fn listed(codes: &[Code]) -> String {
    let lines: Vec<String> =
        codes.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.when())).collect();
    lines.join("\n")
}

fn security(callers: Callers, config: &Config) -> Value {
    let access_token = json!({ "access_token": [] });
    match callers {
        Callers::Anyone => json!([]),
        Callers::MayShowAccessToken if config.cookies.enabled => {
            json!([{}, access_token, { "cookie": [] }])
        }
        Callers::MayShowAccessToken => json!([{}, access_token]),
        Callers::AccessToken if config.cookies.enabled => json!([access_token, { "cookie": [] }]),
        Callers::AccessToken => json!([access_token]),
        Callers::ApiKey(_) => json!([{ "api_key": [] }, { "api_key_basic": [] }]),
    }
}

fn security_schemes(config: &Config) -> Value {
    let mut schemes = json!({
        "access_token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The `access_token` of a session.",
        },
        "api_key": {
            "type": "http", "scheme": "bearer",
            "description": "An API key that has the right to what is asked.",
        },
        "api_key_basic": {
            "type": "http", "scheme": "basic",
            "description": "An API key as the password. The user name says nothing.",
        },
    });
    if config.cookies.enabled {
        schemes["cookie"] = json!({
            "type": "apiKey", "in": "cookie", "name": "__Host-countersign_access",
            "description": "Cookie mode; over plain HTTP on loopback the names have no prefix. Other \
                methods than GET and HEAD also need what the cookie `__Host-countersign_csrf` holds, in \
                `X-CSRF-Token`.",
        });
    }
    schemes
}
