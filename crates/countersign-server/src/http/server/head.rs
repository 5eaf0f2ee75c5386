//! What a request's head must be, beyond what hyper asks of it.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::{Limits, too_large};
use crate::http::code;
use crate::http::problem::Problem;

/// The refusal of a head that no route should see.
pub(super) fn check<B>(request: &Request<B>, limits: &Limits) -> Option<Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    target(uri, limits)
        .and_then(|()| method(request.method()))
        .and_then(|()| host(uri, headers, limits))
        .and_then(|()| framing(headers, limits))
        .and_then(|()| cookies(headers, limits))
        .err()
}

fn target(uri: &Uri, limits: &Limits) -> Result<(), Problem> {
    let length = uri.authority().map_or(0, |authority| authority.as_str().len())
        + uri.path_and_query().map_or(0, |path| path.as_str().len());
    if length > limits.max_uri {
        let detail = format!("The request's target may have {} bytes.", limits.max_uri);
        return Err(Problem::new(code::URI_TOO_LONG, detail));
    }
    Ok(())
}

/// Any but the one that is for proxies, and names no resource; the routes know what each has.
fn method(method: &Method) -> Result<(), Problem> {
    if *method == Method::CONNECT {
        let detail = "This is no proxy.";
        return Err(Problem::new(code::METHOD_NOT_IMPLEMENTED, detail));
    }
    Ok(())
}

/// One `Host` exactly (RFC 9112, section 3.2), which the target does not contradict.
fn host(uri: &Uri, headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    let refused = || {
        Problem::new(code::INVALID_HOST, "A request must carry one Host field with a host's name.")
    };
    let value = single(headers, &header::HOST).ok_or_else(refused)?;
    let authority = Authority::try_from(value.as_bytes()).map_err(|_| refused())?;
    if !is_host(&authority) {
        return Err(refused());
    }
    if uri.authority().is_some_and(|target| *target != authority) {
        return Err(Problem::new(
            code::INVALID_HOST,
            "The Host field and the request's target must agree.",
        ));
    }
    let name = authority.host();
    if !limits.hosts.is_empty() && !limits.hosts.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        let detail = "This server does not answer for that host.";
        return Err(Problem::new(code::UNKNOWN_HOST, detail));
    }
    Ok(())
}

/// A name, and a port that may be empty (RFC 3986, section 3.2): nothing about a user.
fn is_host(authority: &Authority) -> bool {
    let name = authority.host();
    let is_plain_port = |rest: &str| {
        rest.is_empty() || rest == ":" || rest.starts_with(':') && authority.port_u16().is_some()
    };
    !name.is_empty() && authority.as_str().strip_prefix(name).is_some_and(is_plain_port)
}

/// How the body comes: whole, or in chunks and in no other coding (RFC 9112, section 6).
fn framing(headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let coding = single(headers, &header::TRANSFER_ENCODING);
        if !coding.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err(Problem::new(
                code::INVALID_FRAMING,
                "The one transfer coding taken is chunked.",
            ));
        }
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse().ok()).is_some_and(|bytes: u64| {
        usize::try_from(bytes).map_or(true, |bytes| bytes > limits.max_body)
    }) {
        return Err(too_large(limits.max_body));
    }
    if headers.get_all(header::EXPECT).iter().any(|value| !is_continue(value)) {
        let detail = "The one expectation met is 100-continue.";
        return Err(Problem::new(code::EXPECTATION_FAILED, detail));
    }
    Ok(())
}

fn cookies(headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    let (mut count, mut bytes) = (0, 0);
    for value in headers.get_all(header::COOKIE) {
        count += value.as_bytes().split(|byte| *byte == b';').count();
        bytes += value.len();
    }
    if count > limits.max_cookies || bytes > limits.max_cookie_bytes {
        let detail = format!(
            "A request may carry {} cookies of {} bytes together.",
            limits.max_cookies, limits.max_cookie_bytes
        );
        return Err(Problem::new(code::HEAD_TOO_LARGE, detail));
    }
    Ok(())
}

fn is_continue(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"100-continue")
}

/// The field's value when it is there once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
