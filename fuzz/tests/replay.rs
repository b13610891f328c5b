//! Every input that is kept, and a fixed number of mutations for each target: the same ones each time.

use std::fs;
use std::path::Path;
use std::time::Instant;

use ringmesh_fuzz::{TARGETS, Target, mutate};

const SEED: u64 = 0x6c6c_6470;
const MUTATIONS: u64 = 200_000;

/// Says which input it was, should the law be broken while it lives.
struct Case<'a> {
    target: &'a Target,
    n: u64,
    octets: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {}, input {}: {:02x?}", self.target.name, self.n, self.octets);
        }
    }
}

fn kept(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), fs::read(&path).ok()?))).collect()
}

#[test]
fn seeds_are_believed_and_kept_inputs_break_no_law() {
    let mut count = 0;
    for target in TARGETS {
        for (n, octets) in (0..).zip(&(target.seeds)()) {
            let _case = Case { target, n, octets };
            assert!((target.run)(octets), "nothing to believe");
        }
        for (n, (name, octets)) in (0..).zip(&kept(target)) {
            println!("corpus/{}/{name}", target.name);
            let _case = Case { target, n, octets };
            (target.run)(octets);
            count += 1;
        }
    }
    println!("{count} kept inputs");
}

fn mutate_and_run(target: &Target) {
    let mut corpus = (target.seeds)();
    corpus.extend(kept(target).into_iter().map(|(_, octets)| octets));
    let (mut octets, mut believed, begun) = (Vec::new(), 0, Instant::now());
    for n in 0..MUTATIONS {
        mutate::input(&corpus, SEED, n, &mut octets);
        let _case = Case { target, n, octets: &octets };
        believed += u64::from((target.run)(&octets));
    }
    println!("{}: {MUTATIONS} inputs, {believed} believed, {:?}", target.name, begun.elapsed());
    assert!(believed > MUTATIONS / 20, "{}: {believed} believed only", target.name);
}

#[test]
fn mutations_break_no_law() {
    let start = Instant::now();
    std::thread::scope(|scope| TARGETS.iter().for_each(|target| _ = scope.spawn(|| mutate_and_run(target))));
    println!("{:?} for {} targets; more than a minute is too long", start.elapsed(), TARGETS.len());
}
