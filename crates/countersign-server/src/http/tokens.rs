//! Every kind of token that this server gives, whoever presents it: what those ask for who hold a
//! token and do not know whose it is (RFC 7662 and RFC 7009).

use std::sync::Arc;

use axum::extract::FromRef;
use countersign::layer::{Check as _, Checked, Denial};
use countersign::{Claims, RefreshToken, Verified};
use serde_json::{Map, Value, json};

use super::dialects::Dialect;
use super::dialects::check::Bearer;
use crate::app::App;
use crate::error::{Error, Refusal, Result};
use crate::operations::Caller;
use crate::operations::legacy::Owner;
use crate::tables::session::Session;

/// The native tokens and those of the mounted dialects. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    app: App,
    dialects: Arc<[Dialect]>,
}

impl FromRef<Tokens> for App {
    fn from_ref(tokens: &Tokens) -> Self {
        tokens.app.clone()
    }
}

/// A token that is good.
enum Good {
    /// A native access token.
    Access(Arc<Verified>),
    /// A native refresh token by its form: only its session's row says whether it is good.
    Refresh(RefreshToken),
    /// A token of a dialect, of either kind.
    Dialect(Dialect, Bearer),
}

impl Tokens {
    /// The tokens of `app` and of these dialects.
    pub fn new(app: App, dialects: impl IntoIterator<Item = Dialect>) -> Self {
        Self { app, dialects: dialects.into_iter().collect() }
    }

    /// What a good token says, as the members of an answer to an introspection; `None` for one that
    /// is not good.
    ///
    /// A refresh token is good only for those who ask for one: it opens nothing at a resource
    /// server, and one that takes whatever is active would let its holder in. No database is read
    /// for an access token, unless an older system minted it.
    pub async fn describe(
        &self,
        caller: &Caller,
        token: &str,
        wants_refresh: bool,
    ) -> Result<Option<Map<String, Value>>> {
        let described = match self.find(caller, token).await? {
            Some(Good::Access(verified)) => Some(native(&verified.claims)?),
            Some(Good::Dialect(dialect, bearer)) => match dialect.refresh_token(&bearer) {
                None => Some(of_dialect(&bearer, "Bearer")),
                Some(lasting) if wants_refresh => {
                    let judged = self.app.judge_lasting(caller, dialect.terms(), &lasting).await;
                    unless_over(judged)?.map(|()| of_dialect(&bearer, "refresh_token"))
                }
                Some(_) => None,
            },
            Some(Good::Refresh(token)) if wants_refresh => {
                let session = self.app.judge_refresh_token(token, caller.now).await?;
                session.map(|session| refresh(self.app.config.issuer(), &session))
            }
            Some(Good::Refresh(_)) | None => None,
        };
        Ok(described)
    }

    /// Ends what a token stands for, as a logout with it would. Of a native session any token will
    /// do, also an access token that has expired. One that is not good has nothing to end.
    pub async fn revoke(&self, caller: &Caller, token: &str) -> Result<()> {
        if let Ok(session_id) = self.app.session_of_access_token(token, caller.now).await {
            return self.app.log_out(caller, &session_id).await;
        }
        let revoked = match self.find(caller, token).await? {
            Some(Good::Refresh(token)) => {
                self.app.log_out(caller, &token.session_id.to_string()).await
            }
            Some(Good::Dialect(dialect, bearer)) => dialect.revoke(caller, &bearer).await,
            Some(Good::Access(_)) | None => Ok(()),
        };
        unless_over(revoked).map(drop)
    }

    /// The token, if it is good; an error only where this node cannot know.
    async fn find(&self, caller: &Caller, token: &str) -> Result<Option<Good>, Refusal> {
        if let Some(token) = self.app.refresh_tokens.read(token) {
            return Ok(Some(Good::Refresh(token)));
        }
        match self.app.check_access_token(token, caller.now).await {
            Ok(verified) => return Ok(Some(Good::Access(verified))),
            Err(Refusal::Invalid(_)) => {}
            Err(refusal) => return unless_unknown(refusal),
        }
        for dialect in &*self.dialects {
            let checked = dialect.check(token, caller.now.seconds()).end().await;
            match checked.and_then(Checked::granted) {
                Ok(checked) => {
                    let bearer = dialect.bearer(checked.verified(), checked.attachment());
                    return Ok(Some(Good::Dialect(dialect.clone(), bearer)));
                }
                Err(Denial::Invalid(_)) => {}
                Err(Denial::OutOfTouch) => return Err(Refusal::OutOfTouch),
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// A token that is over is not good, and no more is said of it.
fn unless_unknown(refusal: Refusal) -> Result<Option<Good>, Refusal> {
    match refusal {
        Refusal::OutOfTouch => Err(refusal),
        _ => Ok(None),
    }
}

fn unless_over<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Refused(refusal)) => match refusal {
            Refusal::OutOfTouch => Err(refusal.into()),
            _ => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// All that the token says itself.
fn native(claims: &Claims) -> Result<Map<String, Value>> {
    let unreadable = |_| Error::Internal("the claims of a good token are an object");
    let mut members: Map<String, Value> = claims.deserialize().map_err(unreadable)?;
    members.insert("token_type".to_owned(), json!("Bearer"));
    Ok(members)
}

/// What a dialect's token says in the words of the standard. `sub` is our id of the user, where the
/// token has it, and nothing else: a username may look like another user's id or number.
fn of_dialect(bearer: &Bearer, token_type: &str) -> Map<String, Value> {
    let mut members = Map::new();
    for name in ["iss", "iat", "nbf", "exp", "jti", "sid"] {
        if let Some(value) = bearer.claims().get(name) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    let owner = match bearer.owner() {
        Some(Owner::Id(id)) => Some(("sub", json!(id))),
        Some(Owner::Number(number)) => Some(("user_number", json!(number))),
        Some(Owner::Identifier(name)) => Some(("username", json!(name))),
        None => None,
    };
    members.extend(owner.map(|(name, value)| (name.to_owned(), value)));
    members.insert("token_type".to_owned(), json!(token_type));
    members
}

fn refresh(issuer: &str, session: &Session) -> Map<String, Value> {
    let given_at = session.rotation.rotated_at.map_or(session.started_at, crate::clock::Time);
    let members = json!({
        "iss": issuer,
        "sub": session.user_id,
        "sid": session.id,
        "iat": given_at.seconds(),
        "exp": session.over_at().seconds(),
        "token_type": "refresh_token",
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
