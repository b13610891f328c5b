//! From a file to a scenario that can be run: every name and number is checked before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use ringmesh_relay_core::Timing;
use toml::Spanned;

use super::draft::Draft;
use super::expect::{self, Expectation};
use super::fault::Fault;
use super::file;
use super::kinds;
use super::shape::Shape;
use super::text::{HowLong, Refusal, Source, text_of};
use crate::watch::INVARIANTS;

/// How long all probes and relays have to find each other before the scenario begins, if the file does not say.
pub const SETTLES: Duration = Duration::from_secs(30);
/// The seed of a file that names none.
const SEED: u64 = 1;
/// A host starts its probe at most about as often in one run.
const FAULTS_MAX: usize = 200;
/// What flaps faster is a quality, not a fault.
const FLAPS_LEAST: Duration = Duration::from_millis(100);
/// Every second one, for each target and day.
const RATE_MAX: u64 = 43_200;
/// All faults of a file begin and end at most so often together ..
const MOMENTS_MAX: u128 = 1_000_000;
/// .. and those at a rate are drawn for at most so often.
const DRAWS_MAX: u128 = 50_000_000;

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
    /// From then on nothing is lost.
    pub(super) lossless_after: Option<Duration>,
    /// The line where the topology begins.
    pub(super) topology: usize,
    /// Invariants that are not watched.
    pub(super) unwatched: BTreeSet<&'static str>,
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
    /// It comes and goes while it lasts, each for so long.
    pub(super) flaps: Option<Duration>,
    /// It begins so often on each target in a day, at moments of its own.
    pub(super) per_day: Option<u64>,
    /// It may meet something that is broken already.
    pub(super) may_miss: bool,
}

impl Scenario {
    /// The same of what lies on a disk, which may be no text at all.
    pub fn read_octets(file: &str, octets: Vec<u8>) -> Result<Self, Refusal> {
        Self::read(file, &text_of(file, octets)?)
    }

    /// Reads a scenario; `file` is only what it is called in messages.
    pub fn read(file: &str, text: &str) -> Result<Self, Refusal> {
        let source = Source { file, text };
        let written: file::File = toml::from_str(text).map_err(|error| malformed(&source, &error))?;
        let duration = written.duration.get_ref().0;
        if duration.is_zero() {
            return Err(source.refuse(&written.duration.span(), "must be longer than nothing"));
        }
        let mut shape = Shape::of(&source, &written.topology)?;
        if let Some(protocol) = &written.protocol {
            shape.plan.timing = timing(&source, protocol)?;
        }
        let faults = written.faults.iter().map(|fault| planned(&source, fault, &shape, duration));
        let faults = faults.collect::<Result<Vec<Planned>, Refusal>>()?;
        check_together(&source, &written.faults)?;
        check_amounts(&source, &written.faults, &faults, duration)?;
        let known = expect::Known { source: &source, shape: &shape, faults: &faults, duration };
        let expect = written.expect.iter().map(|one| known.expectation(one));
        Ok(Self {
            file: file.to_owned(),
            title: written.title.unwrap_or_default(),
            seed: written.seed.unwrap_or(SEED),
            settle: written.settle.map_or(SETTLES, |settle| settle.0),
            duration,
            lossless_after: lossless_after(&source, written.lossless_after.as_ref(), duration)?,
            expect: expect.collect::<Result<_, Refusal>>()?,
            topology: source.line(written.topology.span().start),
            unwatched: unwatched(&source, written.invariants.as_ref())?,
            shape,
            faults,
        })
    }
}

impl Scenario {
    /// Every fault by itself, at its moment of that seed. Refused where no file can say it so: then it is not made
    /// smaller.
    pub fn as_draft(&self, seed: u64) -> Result<Draft, Refusal> {
        let refuse = |line: usize, what: String| Refusal { file: self.file.clone(), line, column: 1, what };
        if let Some(flaps) = self.faults.iter().find(|planned| planned.flaps.is_some()) {
            let what =
                "a fault that `flaps` is not made smaller: write a fault for each time, or take it out";
            return Err(refuse(flaps.line, what.into()));
        }
        let draft = Draft::of(self, seed);
        if let Some(one_too_many) = draft.faults.get(FAULTS_MAX) {
            let line = self.faults.get(one_too_many.group).map_or(self.topology, |planned| planned.line);
            let what = format!(
                "one by one there are {} faults, and a file has room for {FAULTS_MAX}: choose fewer with `on`, \
                 or lower `per_day` or `duration`",
                draft.faults.len()
            );
            return Err(refuse(line, what));
        }
        if let Some(expect) =
            self.expect.iter().find(|one| !draft.faults.is_empty() && one.what.is_from_start())
        {
            let what = "counts from the start, which no file says that has faults at moments of their own: give \
                        one fault a moment and a name, and count from it";
            return Err(refuse(expect.line, what.into()));
        }
        match draft.scenario(&self.file) {
            Ok(_) => Ok(draft),
            Err(other) => {
                Err(refuse(self.topology, format!("fault by fault it is no scenario: {}", other.what)))
            }
        }
    }
}

/// Constants of the relays; what is not said is as shipped. Whole seconds, as in a relay's configuration.
fn timing(source: &Source<'_>, given: &file::Protocol) -> Result<Timing, Refusal> {
    const DAY: u64 = 86_400;
    let read = |given: &Option<Spanned<HowLong>>, shipped: Duration| {
        let Some(given) = given else { return Ok(shipped) };
        let long = given.get_ref().0;
        let sound = long.subsec_nanos() == 0 && (1..DAY).contains(&long.as_secs());
        let what = "must be whole seconds, 1s to less than a day, as in a relay's configuration";
        if sound { Ok(long) } else { Err(source.refuse(&given.span(), what)) }
    };
    let shipped = Timing::default();
    Ok(Timing {
        close_hold: read(&given.close_hold, shipped.close_hold)?,
        settle: read(&given.settle, shipped.settle)?,
        boot_grace: read(&given.boot_grace, shipped.boot_grace)?,
    })
}

fn lossless_after(
    source: &Source<'_>,
    given: Option<&Spanned<HowLong>>,
    duration: Duration,
) -> Result<Option<Duration>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let after = given.get_ref().0;
    let what = "begins when the scenario is over: raise `duration`, or leave it out";
    if after < duration { Ok(Some(after)) } else { Err(source.refuse(&given.span(), what)) }
}

fn unwatched(
    source: &Source<'_>,
    given: Option<&Spanned<BTreeMap<String, Spanned<bool>>>>,
) -> Result<BTreeSet<&'static str>, Refusal> {
    let Some(given) = given else { return Ok(BTreeSet::new()) };
    let mut off = BTreeSet::new();
    for (name, on) in given.get_ref() {
        let Some(known) = INVARIANTS.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = INVARIANTS.iter().map(|(name, _)| *name).collect();
            let what = format!("no invariant is called `{name}`: there are {}", known.join(", "));
            return Err(source.refuse(&on.span(), what));
        };
        if !on.get_ref() {
            off.insert(known.0);
        }
    }
    Ok(off)
}

fn malformed(source: &Source<'_>, error: &toml::de::Error) -> Refusal {
    let at = error.span().unwrap_or(0..0);
    source.refuse(&at, in_words(&error.message().replace('\n', " ")))
}

/// What was expected, as people call it who write files.
fn in_words(message: &str) -> String {
    let Some((before, wanted)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let wanted = match wanted {
        "u64" | "usize" => "a whole number, 0 or more",
        "u16" => "a whole number from 0 to 65535",
        "i32" => "a whole number",
        "a map" => "a table",
        "a sequence" => "a list",
        table if table.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{before}expected {wanted}")
}

fn planned(
    source: &Source<'_>,
    file: &Spanned<file::Fault>,
    shape: &Shape,
    duration: Duration,
) -> Result<Planned, Refusal> {
    let (kind, faults) = kinds::faults(source, file, shape)?;
    let given = file.get_ref();
    let lasts = lasts(source, given)?;
    let per_day = per_day(source, file)?;
    let (at, begins) = match (&given.per_day, lasts) {
        (Some(rate), Some(lasts)) => (rate.span(), [Duration::ZERO, duration.saturating_sub(lasts)]),
        (_, _) => begins(source, file)?,
    };
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
        flaps: flaps(source, given)?,
        per_day,
        may_miss: given.if_whole.unwrap_or(per_day.is_some()),
    })
}

fn lasts(source: &Source<'_>, given: &file::Fault) -> Result<Option<Duration>, Refusal> {
    let Some(lasts) = &given.lasts else { return Ok(None) };
    let long = lasts.get_ref().0;
    let what = "must be longer than nothing; left out, it lasts to the end";
    if long.is_zero() { Err(source.refuse(&lasts.span(), what)) } else { Ok(Some(long)) }
}

/// Not so fast that nobody could follow, and only within a time that ends.
fn flaps(source: &Source<'_>, given: &file::Fault) -> Result<Option<Duration>, Refusal> {
    let Some(flaps) = &given.flaps else { return Ok(None) };
    let long = flaps.get_ref().0;
    if long < FLAPS_LEAST {
        return Err(source.refuse(&flaps.span(), "must be 100ms or more"));
    }
    if given.lasts.is_none() || given.per_day.is_some() {
        return Err(source.refuse(&flaps.span(), "a fault that flaps needs `lasts`, and has no `per_day`"));
    }
    Ok(Some(long))
}

/// One that comes at a rate has neither a moment nor a window, and must end.
fn per_day(source: &Source<'_>, file: &Spanned<file::Fault>) -> Result<Option<u64>, Refusal> {
    let given = file.get_ref();
    let Some(rate) = &given.per_day else { return Ok(None) };
    let timed = given.at.as_ref().map(Spanned::span).or(given.between.as_ref().map(Spanned::span));
    if let Some(at) = timed {
        return Err(source.refuse(&at, "either `per_day`, or `at` or `between`"));
    }
    if given.lasts.is_none() {
        return Err(source.refuse(&rate.span(), "a fault at a rate needs `lasts`"));
    }
    if !(1..=RATE_MAX).contains(rate.get_ref()) {
        return Err(source.refuse(&rate.span(), format!("must be 1 to {RATE_MAX} for each target and day")));
    }
    Ok(Some(*rate.get_ref()))
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
        (None, None) => Err(source.refuse(&file.span(), "a fault needs `at`, `between` or `per_day`")),
    }
}

/// What would take more time and memory than any run is worth is refused before it is worked out.
fn check_amounts(
    source: &Source<'_>,
    written: &[Spanned<file::Fault>],
    faults: &[Planned],
    duration: Duration,
) -> Result<(), Refusal> {
    let (mut moments, mut draws) = (0, 0);
    for (file, planned) in written.iter().zip(faults) {
        moments += planned.moments(duration);
        draws += planned.draws(duration);
        if moments > MOMENTS_MAX {
            let what = format!(
                "faults begin and end {moments} times by here, at most {MOMENTS_MAX}: raise `flaps`, lower \
                 `lasts`, or choose fewer with `on`"
            );
            return Err(source.refuse(&file.span(), what));
        }
        if draws > DRAWS_MAX {
            let what = format!(
                "faults at a rate take {draws} draws by here, one for each target and second, at most \
                 {DRAWS_MAX}: lower `duration`, or choose fewer with `on`"
            );
            return Err(source.refuse(&file.span(), what));
        }
    }
    Ok(())
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
