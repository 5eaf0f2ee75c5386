//! The codes of the native API's errors: every one there is, with the status that it comes with.

use axum::http::StatusCode;

/// What went wrong, as a word for programs. It does not change, and has one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(&'static Entry);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    status: u16,
    name: &'static str,
    when: &'static str,
}

impl Code {
    /// The status of every answer with this code.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        self.0.name
    }

    /// When it is answered, in Markdown.
    pub const fn when(self) -> &'static str {
        self.0.when
    }
}

macro_rules! codes {
    ($($status:literal $name:ident = $word:literal: $when:literal;)+) => {
        $(
            #[doc = $when]
            pub const $name: Code = Code(&Entry { status: $status, name: $word, when: $when });
        )+

        /// All of them, by their statuses.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    400 INVALID_BODY = "invalid_body": "The body is not what is taken here; `reason`: `empty`, `syntax`, `not_an_object`, `duplicate_member`, `too_many_members`, `too_deep`, `missing`, `type`, `value`, `incomplete`.";
    400 UNKNOWN_FIELD = "unknown_field": "The object has a member that is not taken here; `field` names it.";
    400 INVALID_FIELD = "invalid_field": "A value, in the body or in the query, cannot be accepted; `field` and `reason` say which and why.";
    400 UNKNOWN_PARAMETER = "unknown_parameter": "The query has a parameter that is not taken here; `field` names it.";
    400 INVALID_QUERY = "invalid_query": "A parameter is there twice (`field` names it), or the query is not UTF-8.";
    400 INVALID_REQUEST = "invalid_request": "The request carries two tokens, or two cookies of one name.";
    400 INVALID_HOST = "invalid_host": "There is not one `Host`, or it contradicts the request's target.";
    400 INVALID_FRAMING = "invalid_framing": "It cannot be said where the body ends.";
    400 INVALID_HEAD = "invalid_head": "The request's head is malformed.";
    401 TOKEN_MISSING = "token_missing": "No access token.";
    401 INVALID_TOKEN = "invalid_token": "The access token is not good. `reason` says why the session ended, if the signature is good.";
    401 API_KEY_MISSING = "api_key_missing": "No API key.";
    401 INVALID_API_KEY = "invalid_api_key": "The API key is not good.";
    401 INVALID_GRANT = "invalid_grant": "The refresh token is not good; `reason` as of `invalid_token`.";
    401 INVALID_CREDENTIALS = "invalid_credentials": "The identifier or the password is wrong.";
    403 ROLE_MISSING = "role_missing": "The user does not have a role that is needed: `admin` under `/v1/admin/`, or one that a proxy demands.";
    403 RIGHT_MISSING = "right_missing": "The API key does not have the right to this.";
    403 REGISTRATION_CLOSED = "registration_closed": "Nobody can register here.";
    403 INVITATION_REQUIRED = "invitation_required": "Whoever registers here needs an invitation.";
    403 INVITATION_INVALID = "invitation_invalid": "Nobody can register with this one; `reason`: `unknown`, `used`, `revoked`, `expired`, or `identifier` if it is for another.";
    403 PASSWORD_CHANGE_REQUIRED = "password_change_required": "The password is right, and must be changed before the next login: `POST /v1/password`.";
    403 CSRF_ORIGIN = "csrf_origin": "In cookie mode: a page of another origin sent the request, or it is not known which.";
    403 CSRF_MISSING = "csrf_missing": "In cookie mode: the `X-CSRF-Token` that an unsafe method needs is missing.";
    403 CSRF_MISMATCH = "csrf_mismatch": "In cookie mode: the `X-CSRF-Token` is not that of the session.";
    404 NOT_FOUND = "not_found": "Nothing at this address; no such session, or not yours; no such user, key, invitation.";
    405 METHOD_NOT_ALLOWED = "method_not_allowed": "`Allow` says which methods there are.";
    408 REQUEST_TIMEOUT = "request_timeout": "The head or the body took too long.";
    409 IDENTIFIER_TAKEN = "identifier_taken": "Somebody is registered with this; `field` says with which.";
    409 CONFLICT = "conflict": "The account changed while this was under way: its sessions were ended, or its password changed. Log in again.";
    409 LAST_ADMIN = "last_admin": "Nobody else may administer, so this admin cannot be demoted, disabled or deleted.";
    413 BODY_TOO_LARGE = "body_too_large": "More than 64 KiB, or more than 16 KiB without a good token or API key.";
    414 URI_TOO_LONG = "uri_too_long": "More than 8 KiB.";
    415 UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type": "The body is not `application/json` in UTF-8; for introspection and revocation, not a form in UTF-8.";
    417 EXPECTATION_FAILED = "expectation_failed": "An `Expect` other than `100-continue`.";
    421 UNKNOWN_HOST = "unknown_host": "The server does not answer for this `Host`: its name is not in `http.hosts`.";
    429 TOO_MANY_ATTEMPTS = "too_many_attempts": "Too many attempts to log in failed.";
    429 TOO_MANY_REQUESTS = "too_many_requests": "Too many registrations came from this network.";
    431 HEAD_TOO_LARGE = "head_too_large": "More than 16 KiB, 64 fields, 100 cookies or 8 KiB of cookies. `/forward-auth`: more than 32 KiB or 128 fields.";
    500 INTERNAL = "internal": "The server failed. It is in the log.";
    501 METHOD_NOT_IMPLEMENTED = "method_not_implemented": "The method is `CONNECT`.";
    503 OVERLOADED = "overloaded": "Too much waits to be done, or too many connections are open.";
    503 CLOCK_SKEW = "clock_skew": "The node's clock is wrong: it differs too much from the database's.";
    503 UNAVAILABLE = "unavailable": "The node is out of touch with its database.";
}

/// What a request is told, in cookie mode, that no page of ours sent.
pub const OF_COOKIES: [Code; 3] = [CSRF_ORIGIN, CSRF_MISSING, CSRF_MISMATCH];

/// What a login is told, in cookie mode, that a page of others sent, or that carries a cookie twice.
pub const OF_LOGIN_PAGES: [Code; 2] = [CSRF_ORIGIN, INVALID_REQUEST];
