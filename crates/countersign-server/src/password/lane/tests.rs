//! Tests of the lane; `p4` and the like are the cases of the acceptance list. A stalled lane has a
//! queue and no threads yet, so that what waits is known without any waiting.

use std::pin::pin;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use futures::FutureExt;
use futures::future::join_all;
use futures::poll;

use super::*;

const SMALL: LaneOptions =
    LaneOptions { lanes: 1, queue: 16, memory_kib: 64, iterations: 1, parallelism: 1 };

fn lane() -> HashLane {
    HashLane::new(SMALL, Entropy::seeded(1)).expect("a lane")
}

fn stalled(options: LaneOptions) -> HashLane {
    let shared = Shared::new(options, Entropy::seeded(1)).expect("a cost");
    let threads = Threads { shared: Arc::clone(&shared), handles: Vec::new() };
    HashLane { shared, _threads: Arc::new(threads) }
}

fn start(lane: &HashLane, lanes: usize) -> Threads {
    Threads::start(&lane.shared, lanes).expect("threads")
}

fn password(text: &str) -> Password {
    Password::parse(text.to_owned()).expect("a password")
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

async fn verdict(lane: &HashLane, text: &str, row: &str) -> Verdict {
    lane.verify(password(text), Some(row.to_owned()), address(1)).await.expect("room")
}

/// A row as another program writes it.
fn foreign(algorithm: Algorithm, version: Version, memory_kib: u32, text: &str) -> String {
    let params = Params::new(memory_kib, 1, 1, None).expect("parameters");
    let argon2 = Argon2::new(algorithm, version, params);
    let hash: PasswordHash =
        argon2.hash_password_with_salt(text.as_bytes(), b"sixteen octets..").expect("a hash");
    hash.to_string()
}

const RIGHT: Verdict = Verdict::Right { upgrade: false, whole: true };
const OUTDATED: Verdict = Verdict::Right { upgrade: true, whole: true };

#[tokio::test]
async fn a_password_is_right_for_its_own_hash_and_for_no_other() {
    let lane = lane();
    let one = lane.hash(password("correct horse"), address(1)).await.expect("room");
    let other = lane.hash(password("correct horse"), address(1)).await.expect("room");
    assert!(one.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{one}");
    assert_ne!(one, other, "each hash has its own salt");
    assert_eq!(verdict(&lane, "correct horse", &one).await, RIGHT);
    assert_eq!(verdict(&lane, "correct house", &one).await, Verdict::Wrong);
}

#[tokio::test]
async fn p2_p4_p5_p6_p7_every_octet_of_a_password_counts() {
    let lane = lane();
    let (same, long) = ("s".repeat(72), "\u{1F511}".repeat(1023));
    for (right, wrong) in [
        (format!("{same}one"), format!("{same}two")),
        (format!("{long}a"), format!("{long}b")),
        ("ab\0cd".into(), "ab".into()),
        ("ab\0cd".into(), "ab\0zz".into()),
        (" secret ".into(), "secret".into()),
        ("Secret".into(), "secret".into()),
    ] {
        let row = lane.hash(password(&right), address(1)).await.expect("room");
        assert_eq!(verdict(&lane, &right, &row).await, RIGHT);
        assert_eq!(verdict(&lane, &wrong, &row).await, Verdict::Wrong);
    }
}

#[tokio::test]
async fn p8_p9_a_password_is_hashed_in_nfc_whatever_its_characters() {
    let lane = lane();
    let row = lane.hash(password("caf\u{E9}"), address(1)).await.expect("room");
    assert_eq!(verdict(&lane, "cafe\u{301}", &row).await, RIGHT);
    for text in ["\u{1F468}\u{200D}\u{1F469}", "\u{202E}سر", "\u{378}\u{FFFF}"] {
        let row = lane.hash(password(text), address(1)).await.expect("room");
        assert_eq!(verdict(&lane, text, &row).await, RIGHT);
    }
}

#[tokio::test]
async fn p15_a_row_of_other_parameters_is_right_and_to_be_hashed_anew() {
    let lane = lane();
    let known =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let lanes =
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    let weaker = foreign(Algorithm::Argon2id, Version::V0x13, 8, "password");
    let older = foreign(Algorithm::Argon2id, Version::V0x10, 64, "password");
    let unversioned = older.replace("$v=16", "");
    let other = foreign(Algorithm::Argon2i, Version::V0x13, 64, "password");
    for row in [known, lanes, &weaker, &older, &unversioned, &other] {
        assert_eq!(verdict(&lane, "password", row).await, OUTDATED, "{row}");
        assert_eq!(verdict(&lane, "passw0rd", row).await, Verdict::Wrong, "{row}");
    }
    let same = foreign(Algorithm::Argon2id, Version::V0x13, 64, "password");
    assert_eq!(verdict(&lane, "password", &same).await, RIGHT);

    let anew = lane.hash(password("password"), address(1)).await.expect("room");
    assert_eq!(verdict(&lane, "password", &anew).await, RIGHT, "it is upgraded once");
}

#[tokio::test]
async fn p16_a_corrupt_row_and_an_unknown_user_cost_one_hash_and_are_wrong() {
    let lane = lane();
    let good = lane.hash(password("password"), address(1)).await.expect("room");
    let data = foreign(Algorithm::Argon2d, Version::V0x13, 64, "password");
    let cut: Vec<String> = (0..good.len()).map(|end| good[..end].to_owned()).collect();
    let corrupt = [
        String::new(),
        "password".into(),
        "$".into(),
        "$argon2i$".into(),
        data,
        good.replace("m=64", "m=4294967295"),
        good.replace("v=19", "v=20"),
        good.replace('$', "\u{FF04}"),
        format!("{good}\u{E9}"),
        format!("{good}$"),
        format!("{good}\0"),
        format!(" {good}"),
        "$argon2id".repeat(10_000),
        "5f4dcc3b5aa765d61d8327deb882cf99".into(),
    ];
    for row in corrupt.into_iter().chain(cut).map(Some).chain([None]) {
        let before = lane.hashes();
        let found = lane.verify(password("password"), row.clone(), address(1)).await;
        assert_eq!(found, Ok(Verdict::Wrong), "{row:?}");
        assert_eq!(lane.hashes() - before, 1, "{row:?}");
    }
    for text in ["password", "wrong password"] {
        let before = lane.hashes();
        verdict(&lane, text, &good).await;
        assert_eq!(lane.hashes() - before, 1, "a known user costs as much");
    }
}

#[tokio::test]
async fn one_address_may_fill_a_quarter_of_the_queue_and_others_are_still_served() {
    let lane = stalled(SMALL);
    let mut greedy: Vec<_> =
        (0..4).map(|_| Box::pin(lane.verify(password("x"), None, address(1)))).collect();
    for waiting in &mut greedy {
        assert!(poll!(waiting).is_pending());
    }
    let refused = lane.verify(password("x"), None, address(1)).now_or_never();
    assert_eq!(refused, Some(Err(Overloaded { retry_after: RETRY_AFTER })));

    let mut honest = pin!(lane.verify(password("x"), None, address(2)));
    assert!(poll!(&mut honest).is_pending());
    let _threads = start(&lane, 1);
    assert_eq!(honest.await, Ok(Verdict::Wrong));
    assert_eq!(join_all(greedy).await, [Ok(Verdict::Wrong); 4]);
}

#[tokio::test]
async fn a_full_queue_refuses_and_keeps_what_it_has() {
    let lane = stalled(SMALL);
    let mut waiting: Vec<_> =
        (0..16).map(|caller| Box::pin(lane.hash(password("x"), address(caller % 4)))).collect();
    for request in &mut waiting {
        assert!(poll!(request).is_pending());
    }
    for caller in 0..100 {
        let refused = lane.hash(password("x"), address(caller)).now_or_never();
        assert_eq!(refused, Some(Err(Overloaded { retry_after: RETRY_AFTER })));
    }
    assert_eq!(lane.waiting(), 16);

    let _threads = start(&lane, 2);
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    assert_eq!((lane.waiting(), lane.hashes()), (0, 16));
    assert!(lane.hash(password("x"), address(9)).await.is_ok(), "there is room again");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_done_and_leaves_its_place() {
    let lane = stalled(SMALL);
    let gone: Vec<_> =
        (0..4).map(|_| Box::pin(lane.verify(password("x"), None, address(1)))).collect();
    for mut request in gone {
        assert!(poll!(&mut request).is_pending());
    }
    assert_eq!(lane.waiting(), 4);
    let mut kept = pin!(lane.hash(password("x"), address(1)));
    assert!(poll!(&mut kept).is_pending(), "the four are gone, so there is room");
    assert_eq!(lane.waiting(), 1);
    {
        let mut dropped = pin!(lane.hash(password("x"), address(2)));
        assert!(poll!(&mut dropped).is_pending());
    }
    let _threads = start(&lane, 1);
    assert!(kept.await.is_ok());
    assert!(lane.hash(password("x"), address(3)).await.is_ok());
    assert_eq!(lane.hashes(), 2, "neither the four nor the last one was hashed");
}

#[tokio::test]
async fn memory_is_that_of_the_threads_however_many_wait_and_whatever_they_bring() {
    let lane = stalled(LaneOptions { queue: 400, ..SMALL });
    let large = foreign(Algorithm::Argon2id, Version::V0x13, 4096, "x");
    let mut waiting: Vec<_> = (0..=u8::MAX)
        .map(|caller| Box::pin(lane.verify(password("x"), Some(large.clone()), address(caller))))
        .collect();
    for request in &mut waiting {
        assert!(poll!(request).is_pending());
    }
    assert_eq!((lane.waiting(), lane.memory_kib()), (256, 0), "those who wait hold none");

    let threads = start(&lane, 2);
    assert!(join_all(waiting).await.iter().all(|found| *found == Ok(OUTDATED)));
    assert_eq!(lane.memory_kib(), 0, "what a large row needs is given back");
    join_all((0..100).map(|caller| lane.hash(password("x"), address(caller)))).await;
    assert!((64..=128).contains(&lane.memory_kib()), "{} KiB", lane.memory_kib());
    drop(threads);
    assert_eq!(lane.memory_kib(), 0, "threads are joined and their memory is gone");
}

#[tokio::test]
async fn what_waits_when_the_lane_ends_is_answered() {
    let lane = stalled(SMALL);
    let mut waiting = pin!(lane.hash(password("x"), address(1)));
    assert!(poll!(&mut waiting).is_pending());
    lane.shared.close();
    assert!(waiting.await.is_err());
    assert!(lane.hash(password("x"), address(1)).await.is_err());
}

#[tokio::test]
async fn a_lane_with_an_impossible_cost_is_not_built() {
    let options = LaneOptions { memory_kib: 4, ..SMALL };
    let refused = HashLane::new(options, Entropy::seeded(1)).err();
    assert!(matches!(refused, Some(LaneError::Cost(InvalidCost))), "{refused:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hash_threads_give_way_to_the_others() {
    let lane = lane();
    lane.hash(password("x"), address(1)).await.expect("room");
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    let nice = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, numbers) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let nice: i32 = numbers.split(' ').nth(16)?.parse().ok()?;
        (name == "hash-0").then_some(nice)
    });
    assert!(nice.max().is_some_and(|nice| nice >= 10), "a hash thread has a lower priority");
}
