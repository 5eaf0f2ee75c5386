//! What a start refuses: dialects that claim the same path.

use countersign_server::config::DialectConfig;

use super::{ACCESS_REFRESH, CODE_ENVELOPE, WIRES, Wire, X_ACCESS_TOKEN};
use crate::auth_token::mount;

fn at(wire: &Wire, prefix: &str) -> DialectConfig {
    DialectConfig { prefix: prefix.into(), ..wire.config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dialects_that_claim_a_path_are_refused_with_both_names_and_the_path() {
    let three = [ACCESS_REFRESH, X_ACCESS_TOKEN, CODE_ENVELOPE];
    for (first, second) in [(0, 1), (0, 2), (1, 2)].map(|(a, b)| (three[a], three[b])) {
        let problem = mount(vec![at(&first, ""), at(&second, "")]).await.expect_err("refused");
        for told in [first.name, second.name, "POST /login"] {
            assert!(problem.contains(told), "{problem}");
        }
        mount(vec![at(&first, ""), at(&second, "/old")]).await.expect("no path is claimed twice");
    }
    mount(WIRES.iter().map(Wire::config).collect()).await.expect("no path is claimed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialect_that_claims_a_path_of_the_native_api_is_refused_with_its_name_and_the_path() {
    let problem = mount(vec![at(&ACCESS_REFRESH, "/v1")]).await.expect_err("refused");
    for told in ["the native API", "access-refresh", "POST /v1/login"] {
        assert!(problem.contains(told), "{problem}");
    }
}
