//! Headers as flask-jwt-extended reads them.

use countersign::layer::{Absence, Denial, FlaskVersion, GuardBuilder, Location};

use crate::guard::kit::{app, ask, builder, token};

fn reading(version: FlaskVersion) -> GuardBuilder {
    let header = Location::bearer().as_flask_jwt_extended(version);
    let places = [header, Location::cookie("token")];
    builder().locations(places).csrf_protection(|_, _, _| Ok(()))
}

/// How the request with these `Authorization` headers, and perhaps a good cookie, is answered.
async fn told(version: FlaskVersion, headers: &[&str], cookie: bool) -> Result<(), &'static str> {
    let cookies = format!("token={}", token());
    let mut all: Vec<_> = headers.iter().map(|value| ("authorization", *value)).collect();
    all.extend(cookie.then_some(("cookie", cookies.as_str())));
    let answer = ask(&app(&reading(version).build().unwrap()), "GET /me", &all).await;
    match answer.denial {
        None => Ok(()),
        Some(Denial::Missing(absences)) => Err(match absences[0] {
            Absence::Header { .. } => "no header",
            Absence::Scheme { .. } => "another scheme",
            _ => "another place",
        }),
        Some(Denial::Malformed { .. }) => Err("malformed"),
        Some(Denial::Invalid(_)) => Err("invalid"),
        Some(_) => Err("something else"),
    }
}

#[tokio::test]
async fn each_version_reads_a_header_in_its_own_way() {
    use FlaskVersion::{V3, V4};
    let good = token();
    let bearer = format!("Bearer {good}");
    let two_spaces = format!("Bearer  {good}");
    let list = format!("Basic eA==, Bearer {good}");
    for version in [V3, V4] {
        for right in [&bearer, &two_spaces, &format!("Bearer\t{good}")] {
            assert_eq!(told(version, &[right], false).await, Ok(()), "{version:?} {right}");
        }
        assert_eq!(told(version, &[], false).await, Err("no header"));
        assert_eq!(told(version, &[""], false).await, Err("no header"));
        assert_eq!(told(version, &["Bearer x"], false).await, Err("invalid"));
        for bad in ["Bearer", "Bearer a b", &format!("{bearer} x")] {
            assert_eq!(told(version, &[bad], false).await, Err("malformed"), "{version:?} {bad}");
        }
        let other = if version == V3 { "malformed" } else { "another scheme" };
        for scheme in [format!("bearer {good}"), format!("JWT {good}"), good.clone(), ",".into()] {
            let answer = told(version, &[&scheme], false).await;
            assert_eq!(answer, Err(other), "{version:?} {scheme}");
        }
    }
    assert_eq!(told(V4, &[&list], false).await, Ok(()));
    assert_eq!(told(V4, &["Basic eA==", &bearer], false).await, Ok(()));
    assert_eq!(told(V4, &[&bearer, &bearer], false).await, Err("another scheme"));
    for refused in [&[list.as_str()][..], &["Basic eA==", &bearer], &[&bearer, &bearer]] {
        assert_eq!(told(V3, refused, false).await, Err("malformed"), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_found_in_the_header_counts_and_the_cookie_is_not_looked_at() {
    use FlaskVersion::{V3, V4};
    let good = format!("Bearer {}", token());
    for version in [V3, V4] {
        assert_eq!(told(version, &[], true).await, Ok(()));
        assert_eq!(told(version, &[&good], true).await, Ok(()));
        assert_eq!(told(version, &["Bearer x"], true).await, Err("invalid"));
        assert_eq!(told(version, &["Bearer a b"], true).await, Err("malformed"));
    }
    assert_eq!(told(V3, &["Basic eA=="], true).await, Err("malformed"));
    assert_eq!(told(V4, &["Basic eA=="], true).await, Ok(()));
}

#[tokio::test]
async fn a_header_of_its_own_may_have_no_scheme() {
    for version in [FlaskVersion::V3, FlaskVersion::V4] {
        let header = Location::header("x-token").as_flask_jwt_extended(version);
        let app = app(&builder().locations([header]).build().unwrap());
        assert!(ask(&app, "GET /me", &[("x-token", &token())]).await.is_alice());
        let two = ask(&app, "GET /me", &[("x-token", "a b")]).await;
        assert!(matches!(two.denial, Some(Denial::Malformed { .. })));
    }
}
