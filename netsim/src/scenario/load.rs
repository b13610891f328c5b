//! From a file to a scenario that can be run: every name and number is checked before anything runs.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::expect::{self, Expectation};
use super::fault::Fault;
use super::file;
use super::kinds;
use super::shape::Shape;
use super::text::{HowLong, Refusal, Source};

/// How long all probes and relays have to find each other before the scenario begins, if the file does not say.
pub const SETTLES: Duration = Duration::from_secs(30);
/// The seed of a file that names none.
const SEED: u64 = 1;
/// A host starts its probe at most about as often in one run.
const FAULTS_MAX: usize = 100;

/// A scenario: sound, and ready to be run. Times count from when the start has settled.
#[derive(Debug)]
pub struct Scenario {
    /// The file it came from.
    pub file: String,
    /// What it shows, in a few words.
    pub title: String,
    /// The seed the file names.
    pub seed: u64,
    pub(super) settle: Duration,
    pub(super) duration: Duration,
    pub(super) shape: Shape,
    pub(super) faults: Vec<Planned>,
    pub(super) expect: Vec<Expectation>,
}

/// A `[[faults]]` of a file.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) line: usize,
    pub(super) name: Option<String>,
    pub(super) kind: &'static str,
    pub(super) faults: Vec<Fault>,
    /// It begins between these moments.
    pub(super) begins: [Duration; 2],
    pub(super) lasts: Option<Duration>,
}

impl Scenario {
    /// Reads a scenario; `file` is only what it is called in messages.
    pub fn read(file: &str, text: &str) -> Result<Self, Refusal> {
        let source = Source { file, text };
        let written: file::File = toml::from_str(text).map_err(|error| malformed(&source, &error))?;
        let duration = written.duration.get_ref().0;
        if duration.is_zero() {
            return Err(source.refuse(&written.duration.span(), "must be longer than nothing"));
        }
        let shape = Shape::of(&source, &written.topology)?;
        let faults = written.faults.iter().map(|fault| planned(&source, fault, &shape, duration));
        let faults = faults.collect::<Result<Vec<Planned>, Refusal>>()?;
        check_together(&source, &written.faults)?;
        let known = expect::Known { source: &source, shape: &shape, faults: &faults, duration };
        let expect = written.expect.iter().map(|one| known.expectation(one));
        Ok(Self {
            file: file.to_owned(),
            title: written.title.unwrap_or_default(),
            seed: written.seed.unwrap_or(SEED),
            settle: written.settle.map_or(SETTLES, |settle| settle.0),
            duration,
            expect: expect.collect::<Result<_, Refusal>>()?,
            shape,
            faults,
        })
    }
}

fn malformed(source: &Source<'_>, error: &toml::de::Error) -> Refusal {
    let at = error.span().unwrap_or(0..0);
    source.refuse(&at, error.message().replace('\n', " "))
}

fn planned(
    source: &Source<'_>,
    file: &Spanned<file::Fault>,
    shape: &Shape,
    duration: Duration,
) -> Result<Planned, Refusal> {
    let (kind, faults) = kinds::faults(source, file, shape)?;
    let given = file.get_ref();
    let (at, begins) = begins(source, file)?;
    let lasts = given.lasts.as_ref().map(|lasts| lasts.get_ref().0);
    if begins[1] + lasts.unwrap_or_default() > duration {
        let (at, what) = given.lasts.as_ref().map_or((at, "begins"), |lasts| (lasts.span(), "ends"));
        return Err(source.refuse(&at, format!("{what} after the scenario is over: raise `duration`")));
    }
    Ok(Planned {
        line: source.line(file.span().start),
        name: given.name.as_ref().map(|name| name.get_ref().clone()),
        kind: kind.name,
        faults,
        begins,
        lasts,
    })
}

fn begins(
    source: &Source<'_>,
    file: &Spanned<file::Fault>,
) -> Result<(Range<usize>, [Duration; 2]), Refusal> {
    let given = file.get_ref();
    match (&given.at, &given.between) {
        (Some(at), None) => Ok((at.span(), [at.get_ref().0; 2])),
        (None, Some(between)) => {
            let [HowLong(first), HowLong(last)] = *between.get_ref();
            if first > last {
                return Err(source.refuse(&between.span(), "the window ends before it begins"));
            }
            Ok((between.span(), [first, last]))
        }
        (Some(_), Some(between)) => Err(source.refuse(&between.span(), "either `at` or `between`, not both")),
        (None, None) => Err(source.refuse(&file.span(), "a fault needs `at`, or `between`")),
    }
}

/// What one fault alone cannot show.
fn check_together(source: &Source<'_>, faults: &[Spanned<file::Fault>]) -> Result<(), Refusal> {
    if let Some(one_too_many) = faults.get(FAULTS_MAX) {
        let what = format!("more than {FAULTS_MAX} faults: a probe is not started so often in one run");
        return Err(source.refuse(&one_too_many.span(), what));
    }
    let names: Vec<_> = faults.iter().filter_map(|fault| fault.get_ref().name.as_ref()).collect();
    for (number, name) in names.iter().enumerate() {
        if names.iter().take(number).any(|other| other.get_ref() == name.get_ref()) {
            return Err(source.refuse(&name.span(), "another fault has this name already"));
        }
    }
    Ok(())
}
