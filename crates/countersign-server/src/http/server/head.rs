//! What a request's head must be, beyond what hyper asks of it.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};

use super::{Limits, too_large};
use crate::http::code;
use crate::http::native::{forward_auth, health};
use crate::http::problem::Problem;
use crate::network;

/// How the names of this server's cookies begin, after `__Host-`.
const OWN_COOKIES: &[u8] = b"countersign_";

/// The refusal of a head that no route should see.
pub(super) fn check<B>(request: &Request<B>, limits: &Limits) -> Option<Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    target(uri, limits)
        .and_then(|()| size(request, limits))
        .and_then(|()| method(request.method()))
        .and_then(|()| host(request, limits))
        .and_then(|()| framing(headers, limits))
        .and_then(|()| cookies(uri, headers, limits))
        .err()
}

/// Whether a proxy asks about another request, whose fields it passes on.
fn is_for_another_request(uri: &Uri) -> bool {
    uri.path() == forward_auth::PATH
}

fn target_length(uri: &Uri) -> usize {
    uri.authority().map_or(0, |authority| authority.as_str().len())
        + uri.path_and_query().map_or(0, |path| path.as_str().len())
}

fn target(uri: &Uri, limits: &Limits) -> Result<(), Problem> {
    if target_length(uri) > limits.max_uri {
        let detail = format!("The request's target may have {} bytes.", limits.max_uri);
        return Err(Problem::new(code::URI_TOO_LONG, detail));
    }
    Ok(())
}

/// Bounds the head in bytes and in fields. hyper, which does not know what the request is for, was
/// given the larger bounds.
fn size<B>(request: &Request<B>, limits: &Limits) -> Result<(), Problem> {
    let (most_bytes, most_fields) = if is_for_another_request(request.uri()) {
        (limits.max_forwarded_head, limits.max_forwarded_headers)
    } else {
        (limits.max_head, limits.max_headers)
    };
    let headers = request.headers();
    if head_length(request) > most_bytes || headers.len() > most_fields {
        let detail = format!("A head may have {most_bytes} bytes and {most_fields} fields.");
        return Err(Problem::new(code::HEAD_TOO_LARGE, detail));
    }
    Ok(())
}

/// The bytes of the head without optional blanks.
fn head_length<B>(request: &Request<B>) -> usize {
    let line =
        request.method().as_str().len() + target_length(request.uri()) + "  HTTP/1.1\r\n".len();
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
    };
    line + request.headers().iter().map(field).sum::<usize>() + "\r\n".len()
}

/// Any but the one that is for proxies, and names no resource; the routes know what each has.
fn method(method: &Method) -> Result<(), Problem> {
    if *method == Method::CONNECT {
        let detail = "This is no proxy.";
        return Err(Problem::new(code::METHOD_NOT_IMPLEMENTED, detail));
    }
    Ok(())
}

/// One `Host` exactly (RFC 9112, section 3.2), which the target does not contradict, and for which
/// this server answers.
fn host<B>(request: &Request<B>, limits: &Limits) -> Result<(), Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let is_health_check = [health::LIVE, health::READY].contains(&uri.path());
    // Balancers check so. HTTP/1.0 does not need the field.
    let may_be_missing = is_health_check && request.version() == Version::HTTP_10;
    if may_be_missing && !headers.contains_key(header::HOST) {
        return Ok(());
    }
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
    // These tell nothing that a page of another site could use, and are asked for by any name.
    if is_health_check || is_for_another_request(uri) || is_answered_for(authority.host(), limits) {
        return Ok(());
    }
    let detail =
        "The server does not answer for this Host. Its operator can list it in `http.hosts`.";
    Err(Problem::new(code::UNKNOWN_HOST, detail))
}

/// Whether requests may name this host. A page of another site could read answers if the host's
/// owner made its name point to this server (DNS rebinding); for an address, a loopback name and a
/// name without a dot nobody can do so.
fn is_answered_for(host: &str, limits: &Limits) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    };
    limits.hosts.iter().any(|listed| listed.eq_ignore_ascii_case(name))
        || is_address
        || !name.contains(['.', '['])
        || network::is_localhost(&name.to_ascii_lowercase())
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

/// Bounds the cookies. A request that a proxy asks about has those of other applications too, which
/// are none of this server's business.
fn cookies(uri: &Uri, headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    let only_own = is_for_another_request(uri);
    let (mut count, mut bytes) = (0, 0);
    for value in headers.get_all(header::COOKIE) {
        let pairs = value.as_bytes().split(|byte| *byte == b';');
        for pair in pairs.filter(|pair| !only_own || is_own_cookie(pair)) {
            count += 1;
            bytes += pair.len();
        }
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

fn is_own_cookie(pair: &[u8]) -> bool {
    let name = pair.trim_ascii_start();
    name.strip_prefix(b"__Host-").unwrap_or(name).starts_with(OWN_COOKIES)
}

fn is_continue(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"100-continue")
}

/// The field's value when it is there once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
