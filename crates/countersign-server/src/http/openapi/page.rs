//! The document as a page for people. It has no script, and loads nothing.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::Value;

use super::document::{Described, Document, by_status};
use super::operation::{ALWAYS, Answer, Callers, Operation, Tag};
use super::schema::{Member, Named, Word, members, named, words};
use crate::http::code::Code;

/// How the page looks; it stands inside of it.
const STYLE: &str = include_str!("../../../templates/docs.css");

/// The page, and the policy under which browsers show it.
pub struct Page {
    /// HTML.
    pub html: String,
    /// For `Content-Security-Policy`: nothing but the one style that the page has.
    pub policy: String,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct View<'a> {
    style: &'static str,
    version: &'static str,
    server: &'a str,
    description: &'a str,
    sections: Vec<Section<'a>>,
    always: [Code; ALWAYS.len()],
    types: Vec<Named<'a>>,
}

struct Section<'a> {
    tag: Tag,
    operations: Vec<Shown<'a>>,
}

struct Shown<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Operation,
    parameters: Vec<Member<'a>>,
    body: Vec<Word<'a>>,
    body_members: Vec<Member<'a>>,
    answers: Vec<ShownAnswer<'a>>,
    refusals: Vec<(StatusCode, Vec<Code>)>,
}

struct ShownAnswer<'a> {
    answer: &'a Answer,
    forms: Vec<(&'a str, Vec<Word<'a>>)>,
}

impl Page {
    /// The page of a document.
    ///
    /// # Errors
    /// Where the template cannot be filled.
    pub fn of(document: &Document) -> Result<Self, askama::Error> {
        let json = &document.json;
        let sections = Tag::ALL.into_iter().map(|tag| {
            let tagged = document.operations.iter().filter(|it| it.operation.tag == tag);
            Section { tag, operations: tagged.map(|it| Shown::of(it, json)).collect() }
        });
        let view = View {
            style: STYLE,
            version: env!("CARGO_PKG_VERSION"),
            server: json["servers"][0]["url"].as_str().unwrap_or_default(),
            description: json["info"]["description"].as_str().unwrap_or_default(),
            sections: sections.collect(),
            always: ALWAYS,
            types: named(json),
        };
        let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Ok(Self { html: view.render()?, policy })
    }
}

impl<'a> Shown<'a> {
    fn of(described: &'a Described, json: &'a Value) -> Self {
        let Described { method, path, operation } = described;
        let written = &json["paths"][path][method.as_str().to_ascii_lowercase()];
        let content = |written: &'a Value, media_type| &written["content"][media_type]["schema"];
        let body = operation
            .body
            .as_ref()
            .map_or(&Value::Null, |body| content(&written["requestBody"], body.media_type));
        let answers = operation.answers.iter().map(|answer| {
            let written = &written["responses"][answer.status.to_string()];
            let forms = answer.content.iter().map(|form| form.media_type);
            let forms = forms.map(|form| (form, words(content(written, form)))).collect();
            ShownAnswer { answer, forms }
        });
        let refusals = by_status(operation).into_iter().filter_map(|(status, mut codes)| {
            codes.retain(|code| !ALWAYS.contains(code));
            (!codes.is_empty()).then_some((status, codes))
        });
        Self {
            method: method.as_str(),
            path,
            operation,
            parameters: operation.parameters.iter().map(Member::of_parameter).collect(),
            body: words(body),
            body_members: members(json, body),
            answers: answers.collect(),
            refusals: refusals.collect(),
        }
    }
}

/// Text in parts, and whether each is code: what stands between backticks.
fn spans(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`').enumerate().map(|(index, part)| (index % 2 == 1, part))
}
