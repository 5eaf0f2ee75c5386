//! Tests of the lane; `p4` and the like are the cases of the acceptance list. A stalled lane has a
//! queue and no threads yet, so that what waits is known without any waiting.

use std::pin::Pin;

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

fn enter(lane: &HashLane, from: IpAddr) -> Place {
    lane.enter(WorkClass::OtherAccount, from).expect("room")
}

async fn hash(lane: &HashLane, text: &str) -> String {
    lane.hash(password(text), address(1)).await.expect("it is not displaced")
}

async fn verdict(lane: &HashLane, text: &str, row: &str) -> Verdict {
    let verdict = enter(lane, address(1)).verify(password(text), Some(row.to_owned())).await;
    verdict.expect("it is not displaced")
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
    let one = hash(&lane, "correct horse").await;
    let other = hash(&lane, "correct horse").await;
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
        let row = hash(&lane, &right).await;
        assert_eq!(verdict(&lane, &right, &row).await, RIGHT);
        assert_eq!(verdict(&lane, &wrong, &row).await, Verdict::Wrong);
    }
}

#[tokio::test]
async fn p8_p9_a_password_is_hashed_in_nfc_whatever_its_characters() {
    let lane = lane();
    let row = hash(&lane, "caf\u{E9}").await;
    assert_eq!(verdict(&lane, "cafe\u{301}", &row).await, RIGHT);
    for text in ["\u{1F468}\u{200D}\u{1F469}", "\u{202E}سر", "\u{378}\u{FFFF}"] {
        let row = hash(&lane, text).await;
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

    let anew = hash(&lane, "password").await;
    assert_eq!(verdict(&lane, "password", &anew).await, RIGHT, "it is upgraded once");
}

#[tokio::test]
async fn p16_a_corrupt_row_and_an_unknown_user_cost_one_hash_and_are_wrong() {
    let lane = lane();
    let good = hash(&lane, "password").await;
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
        let found = enter(&lane, address(1)).verify(password("password"), row.clone()).await;
        assert_eq!(found, Ok(Verdict::Wrong), "{row:?}");
        assert_eq!(lane.hashes() - before, 1, "{row:?}");
    }
    for text in ["password", "wrong password"] {
        let before = lane.hashes();
        verdict(&lane, text, &good).await;
        assert_eq!(lane.hashes() - before, 1, "a known user costs as much");
    }
}

/// A request that waits for its verdict.
fn waiting(
    lane: &HashLane,
    from: IpAddr,
) -> Pin<Box<impl Future<Output = Result<Verdict, Overloaded>>>> {
    let mut request = Box::pin(enter(lane, from).verify(password("x"), None));
    assert!(request.as_mut().now_or_never().is_none());
    request
}

#[tokio::test]
async fn a_full_queue_gives_the_place_of_whoever_has_most_to_a_newcomer() {
    let lane = stalled(SMALL);
    let greedy: Vec<_> = (0..16).map(|_| waiting(&lane, address(1))).collect();
    assert!(lane.enter(WorkClass::OtherAccount, address(1)).is_err(), "it has them all");
    assert!(lane.check_room(&[WorkClass::OtherAccount], address(1)).is_err());
    assert!(lane.check_room(&[WorkClass::OtherAccount], address(2)).is_ok());
    let honest = waiting(&lane, address(2));
    assert_eq!(lane.waiting(), 16);

    let _threads = start(&lane, 1);
    assert_eq!(honest.await, Ok(Verdict::Wrong));
    let greedy = join_all(greedy).await;
    let (displaced, served) = greedy.split_last().expect("there are 16");
    assert!(displaced.is_err(), "the newest of them");
    assert!(served.iter().all(|verdict| *verdict == Ok(Verdict::Wrong)));
    assert_eq!((lane.waiting(), lane.hashes()), (0, 16));
    assert!(lane.enter(WorkClass::OtherAccount, address(1)).is_ok(), "there is room again");
}

#[tokio::test]
async fn a_place_that_is_only_held_counts_and_may_be_lost() {
    let lane = stalled(SMALL);
    let places: Vec<_> = (0..16).map(|_| enter(&lane, address(1))).collect();
    let honest = waiting(&lane, address(2));
    let _threads = start(&lane, 1);
    assert_eq!(honest.await, Ok(Verdict::Wrong), "nobody waits for those who only hold a place");
    assert_eq!(lane.waiting(), 15);
    let verify = |place: Place| place.verify(password("x"), None);
    let verdicts = join_all(places.into_iter().map(verify)).await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_err()).count(), 1);
    assert!(verdicts[15].is_err(), "the newest");
}

#[tokio::test]
async fn the_more_are_refused_the_later_they_are_told_to_come_back() {
    let lane = stalled(SMALL);
    let _waiting: Vec<_> = (0..16).map(|_| waiting(&lane, address(1))).collect();
    lane.shared.state.lock().work_time = Duration::from_millis(500);
    let refused: Vec<Duration> = (0..100)
        .map(|_| lane.enter(WorkClass::OtherAccount, address(1)).err().expect("no room"))
        .map(|overloaded| overloaded.retry_after)
        .collect();
    assert!(refused[0] >= Duration::from_secs(8), "the queue takes so long: {:?}", refused[0]);
    assert!(refused.is_sorted() && refused[10] > refused[0] && refused[99] >= refused[10]);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_done_and_leaves_its_place() {
    let lane = stalled(SMALL);
    let gone: Vec<_> = (0..16).map(|_| waiting(&lane, address(1))).collect();
    assert_eq!(lane.waiting(), 16);
    drop(gone);
    assert_eq!(lane.waiting(), 0);
    let kept = waiting(&lane, address(1));
    drop(waiting(&lane, address(2)));
    let _threads = start(&lane, 1);
    assert!(kept.await.is_ok());
    hash(&lane, "x").await;
    assert_eq!(lane.hashes(), 2, "neither the sixteen nor the other one was hashed");
}

#[tokio::test]
async fn memory_is_that_of_the_threads_however_many_wait_and_whatever_they_bring() {
    let lane = stalled(LaneOptions { queue: 400, ..SMALL });
    let large = foreign(Algorithm::Argon2id, Version::V0x13, 4096, "x");
    let mut waiting: Vec<_> = (0..=u8::MAX)
        .map(|caller| {
            Box::pin(enter(&lane, address(caller)).verify(password("x"), Some(large.clone())))
        })
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
async fn a_large_row_runs_alone_and_holds_no_thread_that_has_other_work() {
    let lane = stalled(SMALL);
    let scrypt = format!("scrypt:2:8:1$salt${}", "00".repeat(16));
    let argon2 = foreign(Algorithm::Argon2id, Version::V0x13, 4096, "x");
    let verify = |row: &str| {
        let place = enter(&lane, address(1));
        let mut request = Box::pin(place.verify(password("x"), Some(row.to_owned())));
        assert!(request.as_mut().now_or_never().is_none());
        request
    };
    let large = [verify(&scrypt), verify(&scrypt), verify(&argon2)];
    let mut usual = waiting(&lane, address(1));
    let take = || lane.shared.state.lock().take();

    let first = take().expect("the first large one");
    assert!(first.is_large);
    let next = take().expect("the usual one, though it came last");
    assert!(!next.is_large);
    assert!(take().is_none(), "the others wait for the first");
    lane.shared.finish(Duration::ZERO, first.is_large);
    lane.shared.finish(Duration::ZERO, next.is_large);
    assert!(take().is_some_and(|task| task.is_large));
    assert!(take().is_none());
    drop((first, next));
    assert!(poll!(&mut usual).is_ready());
    drop(large);
}

#[tokio::test]
async fn what_waits_when_the_lane_ends_is_answered() {
    let lane = stalled(SMALL);
    let (request, place) = (waiting(&lane, address(1)), enter(&lane, address(1)));
    lane.shared.close();
    assert!(request.await.is_err());
    assert!(place.hash(password("x")).await.is_err());
    assert!(lane.enter(WorkClass::KnownAccount, address(1)).is_err());
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
    hash(&lane, "x").await;
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    let nice = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, numbers) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let nice: i32 = numbers.split(' ').nth(16)?.parse().ok()?;
        (name == "hash-0").then_some(nice)
    });
    assert!(nice.max().is_some_and(|nice| nice >= 10), "a hash thread has a lower priority");
}
