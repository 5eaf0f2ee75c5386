//! What is revoked, for whom and for how long.

use super::*;

const UNTIL: i64 = 1_800_000_000;

#[test]
fn a_revoked_session_takes_all_its_tokens_with_it() {
    let set = RevocationSet::new();
    set.revoke_session("a", EndReason::LogoutAll, UNTIL);
    assert_eq!(set.check(Some("a"), Some(7), Some("t")), Some(EndReason::LogoutAll));
    assert_eq!(set.check(Some("b"), Some(7), Some("t")), None);
    assert_eq!(set.check(None, None, None), None);
    assert_eq!(set.check(None, None, Some("a")), None, "a session's id is no token's");
}

#[test]
fn a_revoked_token_leaves_its_session_alone() {
    let set = RevocationSet::new();
    set.revoke_token("t", EndReason::Revoked, UNTIL);
    assert_eq!(set.check(Some("a"), Some(0), Some("t")), Some(EndReason::Revoked));
    assert_eq!(set.check(Some("a"), Some(0), Some("u")), None);
}

#[test]
fn stale_generations_end_where_the_next_one_begins() {
    let set = RevocationSet::new();
    set.stale_generations("a", 3, UNTIL);
    set.stale_generations("a", 2, UNTIL);
    assert_eq!(set.check(Some("a"), Some(3), None), Some(EndReason::ClaimsChanged));
    assert_eq!(set.check(Some("a"), Some(4), None), None);
    assert_eq!(set.check(Some("a"), None, None), None, "a token without generations");
    set.revoke_session("a", EndReason::Logout, UNTIL);
    assert_eq!(set.check(Some("a"), Some(3), None), Some(EndReason::Logout));
}

#[test]
fn applying_twice_changes_nothing_but_a_longer_time_counts() {
    let set = RevocationSet::new();
    set.revoke_session("a", EndReason::Logout, UNTIL);
    set.revoke_session("a", EndReason::Admin, UNTIL + 600);
    set.revoke_session("a", EndReason::Limit, UNTIL - 600);
    assert_eq!(set.len(), 1);
    set.purge(UNTIL + 600);
    assert_eq!(set.check(Some("a"), None, None), Some(EndReason::Logout));
    set.purge(UNTIL + 661 + 60);
    assert_eq!(set.check(Some("a"), None, None), None);
}

#[test]
fn nothing_is_forgotten_before_its_time() {
    let set = RevocationSet::new();
    set.revoke_session("a", EndReason::Logout, UNTIL);
    set.revoke_token("t", EndReason::Revoked, UNTIL);
    set.stale_generations("b", 1, UNTIL);
    set.purge(UNTIL);
    assert_eq!(set.len(), 3);
    for odd in [i64::MIN, -1, 0, i64::MAX] {
        set.revoke_session("odd", EndReason::Logout, odd.min(i64::MAX - 60));
        set.purge(odd.min(0));
    }
    assert_eq!(set.check(Some("odd"), None, None), Some(EndReason::Logout));
}

#[test]
fn an_entry_takes_at_most_forty_bytes_on_average_at_any_size() {
    let set = RevocationSet::new();
    let slot = size_of::<(Key, Entry)>() + 1;
    assert_eq!(slot, 17);
    for count in 0..400_000_u32 {
        set.revoke_session(&count.to_string(), EndReason::Logout, UNTIL);
        if count > 100_000 && count % 20_000 == 0 {
            let slots = |shard: &RwLock<Shard>| {
                (shard.read().entries.capacity() * 8 / 7).next_power_of_two()
            };
            let bytes: usize = set.shards.iter().map(|shard| slots(shard) * slot).sum();
            let average = bytes / usize::try_from(count).expect("fits");
            assert!(average <= 40, "{average} bytes at {count}");
        }
    }
}

#[test]
fn the_parts_do_not_all_grow_at_once() {
    let set = RevocationSet::new();
    for count in 0..100_000 {
        set.revoke_session(&count.to_string(), EndReason::Logout, UNTIL);
    }
    let capacities: Vec<usize> =
        set.shards.iter().map(|shard| shard.read().entries.capacity()).collect();
    let smallest = capacities.iter().min().expect("there are parts");
    let larger = capacities.iter().filter(|capacity| *capacity > smallest).count();
    assert!((16..48).contains(&larger), "{larger} of {SHARDS} have grown");
}
