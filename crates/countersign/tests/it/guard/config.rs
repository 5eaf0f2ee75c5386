//! A configuration that is wrong is told when the guard is built.

use axum::Router;
use countersign::Revocations;
use countersign::layer::{
    Answers, Check as _, ConfigError, Cookies, FlaskVersion, Guard, Location, VerifyAndAsk,
};
use tower::{Layer as _, Service as _};

use crate::guard::kit::{APP, NOW, builder, request, verifier, with_cookies};

#[test]
fn each_fault_is_named() {
    let error = |locations: Vec<Location>| builder().locations(locations).build().unwrap_err();
    let header = |name: &str| ConfigError::HeaderName(name.to_owned());
    let parameter = |name: &str| ConfigError::ParameterName(name.to_owned());
    assert_eq!(error(vec![]), ConfigError::NoLocation);
    for bad in ["", "a b", "a:b", "é", "a\n"] {
        assert_eq!(error(vec![Location::header(bad)]), header(bad));
        assert_eq!(error(vec![Location::bearer().scheme(bad)]), header(bad));
        assert_eq!(error(vec![Location::query(bad)]), parameter(bad));
        assert_eq!(error(vec![Location::websocket(bad)]), parameter(bad));
        assert_eq!(error(vec![Location::cookie(bad)]), ConfigError::CookieName(bad.to_owned()));
    }
    assert_eq!(
        error(vec![Location::bearer(), Location::bearer()]),
        ConfigError::LocationTwice("header Authorization".into())
    );
    assert_eq!(
        error(vec![Location::cookie("session")]),
        ConfigError::UnprotectedCookie("session".into())
    );
    for place in [Location::cookie("a"), Location::query("a"), Location::websocket("a")] {
        for useless in [
            place.clone().scheme("Bearer"),
            place.clone().exact_scheme(),
            place.as_flask_jwt_extended(FlaskVersion::V4),
        ] {
            let shown = error(vec![useless]);
            assert!(matches!(shown, ConfigError::NoHeader(_)), "{shown}");
        }
    }
    assert_eq!(
        error(vec![Location::header("x-token").exact_scheme()]),
        ConfigError::NoScheme("x-token".into())
    );
    let check = VerifyAndAsk::new(verifier(), Revocations::none());
    let useless = Guard::with_check(check).revocations(Revocations::none());
    assert_eq!(useless.build().unwrap_err(), ConfigError::UnaskedRevocations);
    for bad in ["", "docs", "*", "/a/**", "/a/../b", "//"] {
        let error = builder().public(bad).build().unwrap_err();
        assert_eq!(error, ConfigError::PublicPath(bad.to_owned()));
    }
    for bad in ["", "a\"b", "é", "a\r\nb"] {
        let error = Answers::rfc6750_with_realm(bad).unwrap_err();
        assert_eq!(error, ConfigError::Realm(bad.to_owned()));
    }
}

#[test]
fn what_is_right_is_built() {
    builder().locations([Location::cookie("session")]).without_csrf_protection().build().unwrap();
    with_cookies().locations([]).build().unwrap();
    let named = Location::cookie("__Host-countersign_access");
    with_cookies().locations([named, Location::bearer()]).build().unwrap();
    let guard = builder().build().unwrap();
    assert!(format!("{guard:?}").contains("Authorization"));
}

#[test]
fn what_is_shown_of_a_configuration_has_no_key_in_it() {
    let cookies = Cookies::builder(APP, &[211; 32]).previous_csrf_key(&[212; 32]);
    let shown = format!("{cookies:?}");
    assert!(shown.contains(APP) && !shown.contains("21"), "{shown}");
    let shown = format!("{:?}", with_cookies().public("/docs/*").locations([Location::bearer()]));
    assert!(shown.contains("/docs/*") && shown.contains("authorization"), "{shown}");
    assert!(!shown.contains("9, 9"), "{shown}");

    let check = VerifyAndAsk::new(verifier(), Revocations::none());
    assert_eq!(format!("{:?}", check.check("x", NOW)), "Done(Err(Invalid(NotThreeSegments)))");
    let request = || request("GET /me", &[]);
    let mut service = builder().public("/me").build().unwrap().layer().layer(Router::new());
    assert_eq!(format!("{:?}", service.call(request())), "GuardFuture(\"passing\")");
    let mut service = builder().build().unwrap().layer().layer(Router::new());
    assert_eq!(format!("{:?}", service.call(request())), "GuardFuture(\"denied\")");
}
