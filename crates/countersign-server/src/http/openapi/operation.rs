//! What the API's document says of one method of one path.

use std::collections::BTreeSet;

use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::http::code::{self, Code};

/// What the server may answer before any route sees the request, or of its own accord.
pub(super) const ALWAYS: [Code; 13] = [
    code::INVALID_HOST,
    code::INVALID_FRAMING,
    code::INVALID_HEAD,
    code::REQUEST_TIMEOUT,
    code::BODY_TOO_LARGE,
    code::URI_TOO_LONG,
    code::EXPECTATION_FAILED,
    code::UNKNOWN_HOST,
    code::HEAD_TOO_LARGE,
    code::INTERNAL,
    code::OVERLOADED,
    code::CLOCK_SKEW,
    code::UNAVAILABLE,
];

/// How a type is described.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path: what it is for, what it takes, and all that it may answer.
///
/// What the handler takes is added from its signature by [`super::Inputs`]; the rest stands beside
/// the handler.
#[derive(Clone, Debug)]
pub struct Operation {
    pub(super) id: &'static str,
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) callers: Callers,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) refusals: BTreeSet<Code>,
}

/// Under which heading an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// What people do with their account.
    Account,
    /// What people do with their sessions.
    Sessions,
    /// What resource servers ask.
    Tokens,
    /// What admins do.
    Administration,
    /// What operators and tools ask of the server itself.
    Server,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Everybody.
    Anyone,
    /// Everybody; a token says who, where that matters.
    MayShowAccessToken,
    /// Who has a good access token.
    AccessToken,
    /// Programs with an API key that has this right.
    ApiKey(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) is_required: bool,
    pub(super) place: &'static str,
    pub(super) name: &'static str,
    pub(super) schema: Value,
    pub(super) description: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) media_type: &'static str,
    pub(super) required: bool,
    pub(super) schema: Describe,
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) content: Vec<Content>,
    /// Their names, and what they say.
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) schema: Describe,
}

impl Operation {
    /// An operation for everybody, which takes and answers nothing yet. `id` names it among all of
    /// them.
    pub fn new(tag: Tag, id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: "",
            callers: Callers::Anyone,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: BTreeSet::from(ALWAYS),
        }
    }

    /// Its name among all of them.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Whom it answers.
    pub fn callers(&self) -> Callers {
        self.callers
    }

    /// What the summary has no room for, in Markdown.
    #[must_use]
    pub fn says(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// Says who may ask.
    #[must_use]
    pub fn for_callers(self, callers: Callers) -> Self {
        Self { callers, ..self }
    }

    /// Adds a parameter in the path, of which there is always one.
    #[must_use]
    pub fn path(self, name: &'static str, schema: Value, description: &'static str) -> Self {
        self.parameter("path", name, (schema, description)).required()
    }

    /// Adds a parameter in the query that may not be left out.
    #[must_use]
    pub fn must_query(self, name: &'static str, schema: Value, description: &'static str) -> Self {
        self.query(name, schema, description).required()
    }

    /// Adds a parameter in the query, which may be left out.
    #[must_use]
    pub fn query(self, name: &'static str, schema: Value, description: &'static str) -> Self {
        self.parameter("query", name, (schema, description))
    }

    /// Adds a field of the head, which may be left out.
    #[must_use]
    pub fn header(self, name: &'static str, description: &'static str) -> Self {
        self.parameter("header", name, (json!({ "type": "string" }), description))
    }

    /// Adds `cursor` and `limit`.
    #[must_use]
    pub fn in_parts(self) -> Self {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200 });
        self.query("cursor", json!({ "type": "string" }), "The `next_cursor` of the part before.")
            .query("limit", limit, "How many things a part has; 50 if it is left out.")
    }

    /// Says what the body is.
    #[must_use]
    pub fn takes<T: JsonSchema>(self, media_type: &'static str, required: bool) -> Self {
        let schema = SchemaGenerator::subschema_for::<T>;
        Self { body: Some(Body { media_type, required, schema }), ..self }
    }

    /// Adds an answer with a body in JSON.
    #[must_use]
    pub fn answers<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers_in::<T>("application/json", status, description)
    }

    /// Adds an answer, or another form of the one that was added last with this status.
    #[must_use]
    pub fn answers_in<T: JsonSchema>(
        mut self,
        media_type: &'static str,
        status: u16,
        description: &'static str,
    ) -> Self {
        let content = Content { media_type, schema: SchemaGenerator::subschema_for::<T> };
        match self.answers.last_mut().filter(|last| last.status == status) {
            Some(last) => last.content.push(content),
            None => self.answers.push(Answer {
                status,
                description,
                content: vec![content],
                headers: Vec::new(),
            }),
        }
        self
    }

    /// Adds an answer without a body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        let (content, headers) = (Vec::new(), Vec::new());
        self.answers.push(Answer { status, description, content, headers });
        self
    }

    /// Adds what comes of the method: a page of others cannot make somebody's browser change anything.
    #[must_use]
    pub fn served_by(self, method: &Method) -> Self {
        let is_forgeable = self.callers == Callers::AccessToken && !method.is_safe();
        if is_forgeable { self.refuses(code::OF_COOKIES) } else { self }
    }

    /// Adds a field of the head to the answer that was added last.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, description: &'static str) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.headers.push((name, description));
        }
        self
    }

    /// Adds errors.
    #[must_use]
    pub fn refuses(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.refusals.extend(codes);
        self
    }

    fn parameter(
        mut self,
        place: &'static str,
        name: &'static str,
        (schema, description): (Value, &'static str),
    ) -> Self {
        self.parameters.push(Parameter { is_required: false, place, name, schema, description });
        self
    }

    /// The parameter that was added last may not be left out.
    fn required(mut self) -> Self {
        if let Some(last) = self.parameters.last_mut() {
            last.is_required = true;
        }
        self
    }
}

impl Tag {
    /// In the order in which a reader wants them.
    pub(super) const ALL: [Self; 5] =
        [Self::Account, Self::Sessions, Self::Tokens, Self::Administration, Self::Server];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Sessions => "Sessions",
            Self::Tokens => "Tokens",
            Self::Administration => "Administration",
            Self::Server => "Server",
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Account => "What people do with their account.",
            Self::Sessions => "Logging in and out, and the pair of tokens that a session has.",
            Self::Tokens => "What resource servers ask, about tokens and about what is revoked.",
            Self::Administration => "For users with the role `admin`.",
            Self::Server => "What operators and tools ask of the server itself.",
        }
    }
}
