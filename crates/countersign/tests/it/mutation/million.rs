//! A million mutants, made from a seed each: the same ones in every run.

use std::thread;

use super::mutant::{KINDS, Mutants};
use crate::kit::{NOW, verifier};

const MUTANTS: u64 = 1_000_000;

/// How many of each kind were refused; all of them.
fn refused(worker: u64, workers: u64) -> [u64; KINDS] {
    let (verifier, mutants) = (verifier(), Mutants::new());
    let mut refused = [0; KINDS];
    for seed in (worker..MUTANTS).step_by(usize::try_from(workers).unwrap()) {
        let (kind, mutant) = mutants.make(seed);
        assert!(verifier.verify(&mutant, NOW).is_err(), "seed {seed}, kind {kind}: {mutant}");
        refused[kind] += 1;
    }
    refused
}

#[test]
fn a_million_mutants_are_refused_and_none_panics() {
    let workers = thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut all = [0; KINDS];
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || refused(worker, workers))).collect();
        for thread in threads {
            let of_thread = thread.join().expect("no mutant panics");
            all.iter_mut().zip(of_thread).for_each(|(sum, part)| *sum += part);
        }
    });
    assert_eq!(all.iter().sum::<u64>(), MUTANTS);
    assert!(all.iter().all(|of_kind| *of_kind > MUTANTS / 20), "{all:?}");
}
