//! The seeds as tests on plain stable, a part of the `fuzzing` module of each crate that is fuzzed, whose targets they try.
//!
//! Beside the seeds themselves a few thousand damaged ones are tried, always the same ones; `PROPTEST_CASES` makes it more.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use proptest::prelude::{Strategy, any, prop};
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{TARGETS, Target};

/// The seeds of a target.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let paths = folder.read_dir().unwrap().map(|seed| seed.unwrap().path());
    let mut seeds: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds.sort();
    seeds
}

#[test]
fn every_seed_keeps_the_promises() {
    for (name, target) in TARGETS {
        for (path, seed) in seeds(name) {
            catch_unwind(|| target(&seed)).unwrap_or_else(|_| panic!("{name}: {}", path.display()));
        }
    }
}

#[test]
fn damaged_seeds_keep_the_promises() {
    for (name, target) in TARGETS {
        try_damaged(name, target);
    }
}

fn try_damaged(name: &str, target: Target) {
    let seeds: Vec<Vec<u8>> = seeds(name).into_iter().map(|(_, seed)| seed).collect();
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let damaged = (any::<Index>(), prop::collection::vec(damage(), 1..6)).prop_map(move |(chosen, damages)| {
        let mut input = chosen.get(&seeds).clone();
        damages.iter().for_each(|damage| damage.apply(&mut input, &seeds));
        input
    });
    let outcome = runner.run(&damaged, |input| {
        target(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// What is done to an input; places are taken within what is left of it.
#[derive(Debug, Clone)]
enum Damage {
    Overwrite(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, Index),
    Repeat(Index, Index),
    /// The rest of another seed.
    Cross(Index, Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    let byte =
        proptest::prop_oneof![any::<u8>(), proptest::sample::select(&b"\x00\x1e\x7f\x80\xff\"\\{}[],:%/?&= "[..])];
    proptest::prop_oneof![
        (index(), byte.clone()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        (index(), prop::collection::vec(byte, 1..4)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (index(), index()).prop_map(|(from, to)| Damage::Cut(from, to)),
        (index(), index()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        (index(), index(), index()).prop_map(|(at, other, from)| Damage::Cross(at, other, from)),
    ]
}

impl Damage {
    fn apply(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Self::Overwrite(_, _) if input.is_empty() => {}
            Self::Overwrite(at, byte) => {
                let at = at.index(input.len());
                input[at] = *byte;
            }
            Self::Insert(at, bytes) => {
                let at = place(at, input);
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Cut(from, to) => {
                let (from, to) = (place(from, input), place(to, input));
                input.drain(from.min(to)..from.max(to));
            }
            Self::Repeat(from, to) => {
                let (from, to) = (place(from, input), place(to, input));
                let piece = input[from.min(to)..from.max(to)].to_vec();
                input.splice(to..to, piece);
            }
            Self::Cross(at, other, from) => {
                let other = other.get(seeds);
                input.truncate(place(at, input));
                input.extend_from_slice(&other[place(from, other)..]);
            }
        }
    }
}
