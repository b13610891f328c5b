//! What a file expects, checked against what it builds and breaks.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use ringmesh_cma_core::documents::{AlternativeDoc, IncidentDoc};
use ringmesh_topology::verdict::Verdict;
use toml::Spanned;

use super::file;
use super::judge::is_about;
use super::load::Planned;
use super::select::{Sort, chosen};
use super::shape::Shape;
use super::text::{HowLong, Refusal, Source, seconds};

/// The keys of which an expectation has exactly one, each with those that may or must (`true`) go with it.
pub const EXPECTATIONS: [(&str, &[(&str, bool)]); 7] = [
    (
        "verdict",
        &[
            ("within", true),
            ("about", false),
            ("about_set", false),
            ("alternatives", false),
            ("after", false),
            ("after_end_of", false),
            ("state", false),
            ("behind", false),
        ],
    ),
    ("nothing_about", &[]),
    ("incidents_max", &[]),
    ("pages_max", &[]),
    ("datagrams_max", &[("class", false), ("within", false), ("after", false), ("after_end_of", false)]),
    ("wan_bytes_max", &[("on", false), ("within", false), ("after", false), ("after_end_of", false)]),
    ("whole_at_end", &[]),
];

/// What the CMA writes of an incident whose alternatives are about different things.
const UNDETERMINED: &str = "Undetermined";

/// How far something goes that is sent.
pub const CLASSES: [&str; 4] = ["switch", "site", "wan", "cma"];

/// A moment of the run that is known when the faults have their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Everybody has found each other.
    Settled,
    /// Just before a fault of the file begins, by its number.
    BeginOf(usize),
    /// It has ended.
    EndOf(usize),
}

/// Something that must be so.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) line: usize,
    pub(super) what: What,
}

/// What must be so.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// The CMA has such an incident.
    Verdict {
        verdict: String,
        about: About,
        /// All that it may be, sorted: verdict and name.
        alternatives: Option<Vec<(String, String)>>,
        state: Option<String>,
        behind: Option<usize>,
        after: Moment,
        within: Duration,
    },
    NothingAbout(Vec<String>),
    IncidentsMax(usize),
    PagesMax(usize),
    /// All but heartbeats.
    DatagramsMax {
        most: u64,
        class: Option<String>,
        after: Moment,
        /// To the end, if nothing is said.
        within: Option<Duration>,
    },
    /// What crosses the WAN of each of these sites.
    WanBytesMax {
        most: u64,
        sites: Vec<usize>,
        after: Moment,
        /// To the end, if nothing is said.
        within: Option<Duration>,
    },
    WholeAtEnd,
}

/// What an incident is about.
#[derive(Clone, Debug)]
pub(super) enum About {
    /// The thing of that name, by itself or as an alternative.
    Name(String),
    /// Exactly these hosts, sorted: it is about them or takes them with it, and no other.
    Set(Vec<String>),
}

impl About {
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Set(_) => None,
        }
    }

    fn fits(&self, incident: &IncidentDoc) -> bool {
        match self {
            Self::Name(name) => is_about(incident, name),
            Self::Set(hosts) => {
                let own = Some(&incident.subject).filter(|subject| subject.kind == "host");
                let own = own.map(|subject| subject.name.as_str());
                let all: BTreeSet<&str> = incident.behind.iter().map(String::as_str).chain(own).collect();
                all.into_iter().eq(hosts.iter().map(String::as_str))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Set(hosts) => format!("exactly {}", hosts.join(", ")),
        }
    }
}

impl What {
    /// Whether an incident is the one that is expected.
    pub(super) fn fits(&self, incident: &IncidentDoc) -> bool {
        let Self::Verdict { verdict, about, alternatives, state, behind, .. } = self else { return false };
        let state = state.as_ref().is_none_or(|state| *state == incident.state);
        let behind = behind.is_none_or(|behind| behind == incident.behind.len());
        let all = alternatives.as_ref().is_none_or(|wanted| {
            let one = |one: &AlternativeDoc| (one.verdict.clone(), one.subject.name.clone());
            let mut told: Vec<_> = incident.alternatives.iter().map(one).collect();
            told.sort();
            told == *wanted
        });
        incident.verdict == *verdict && about.fits(incident) && state && behind && all
    }

    /// Whether it counts from the start for some time.
    pub(super) fn is_from_start(&self) -> bool {
        match self {
            Self::Verdict { after, .. } => *after == Moment::Settled,
            Self::DatagramsMax { after, within, .. } | Self::WanBytesMax { after, within, .. } => {
                *after == Moment::Settled && within.is_some()
            }
            Self::NothingAbout(_) | Self::IncidentsMax(_) | Self::PagesMax(_) | Self::WholeAtEnd => false,
        }
    }

    /// As it is told when it is not so.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Verdict { verdict, about, alternatives, state, behind, within, .. } => {
                let each = |all: &Vec<(String, String)>| {
                    let each = all.iter().map(|(verdict, name)| format!("{verdict} {name}"));
                    format!(" ({})", each.collect::<Vec<_>>().join(" | "))
                };
                let several = alternatives.as_ref().map(each).unwrap_or_default();
                let about = about.words();
                let state = state.as_ref().map(|state| format!(", {state}")).unwrap_or_default();
                let behind = behind.map(|behind| format!(", {behind} behind it")).unwrap_or_default();
                format!("{verdict}{several} about {about}{state}{behind} within {}", seconds(*within))
            }
            Self::NothingAbout(names) => format!("nothing about {}", names.join(", ")),
            Self::IncidentsMax(most) => format!("at most {most} incidents"),
            Self::PagesMax(most) => format!("at most {most} pages"),
            Self::DatagramsMax { most, class, .. } => {
                let class = class.as_ref().map(|class| format!(" of class {class}")).unwrap_or_default();
                format!("at most {most} datagrams{class} but heartbeats")
            }
            Self::WanBytesMax { most, .. } => format!("at most {most} octets over the WAN of a site"),
            Self::WholeAtEnd => "everything as if nothing had been".into(),
        }
    }
}

/// What expectations are checked against.
pub(super) struct Known<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) shape: &'a Shape,
    pub(super) faults: &'a [Planned],
    pub(super) duration: Duration,
}

impl Known<'_> {
    pub(super) fn expectation(&self, file: &Spanned<file::Expect>) -> Result<Expectation, Refusal> {
        self.check_keys(file)?;
        let given = file.get_ref();
        let number = |given: &Option<Spanned<usize>>| given.as_ref().map(|given| *given.get_ref());
        let what = if let Some(verdict) = &given.verdict {
            let about = self.about(given, &file.span())?;
            self.verdict(given, verdict, about)?
        } else if let Some(nothing) = &given.nothing_about {
            let names = nothing.get_ref().split(',').map(|name| self.subject(&nothing.span(), name.trim()));
            What::NothingAbout(names.collect::<Result<_, Refusal>>()?)
        } else if let Some(most) = number(&given.incidents_max) {
            What::IncidentsMax(most)
        } else if let Some(most) = number(&given.pages_max) {
            What::PagesMax(most)
        } else if let Some(most) = &given.datagrams_max {
            self.datagrams(given, *most.get_ref())?
        } else if let Some(most) = &given.wan_bytes_max {
            let sites = given
                .on
                .as_ref()
                .map(|on| chosen(self.source, &on.span(), on.get_ref(), Sort::Site, self.shape));
            let sites = sites.transpose()?.unwrap_or_else(|| (0..self.shape.plan.sites.len()).collect());
            let (after, within) = self.counted(given)?;
            What::WanBytesMax { most: *most.get_ref(), sites, after, within }
        } else {
            self.whole(given)?
        };
        Ok(Expectation { line: self.source.line(file.span().start), what })
    }

    fn verdict(
        &self,
        given: &file::Expect,
        verdict: &Spanned<String>,
        about: About,
    ) -> Result<What, Refusal> {
        let words = self.verdict_words(verdict)?;
        let alternatives = given.alternatives.as_ref().map(|all| self.alternatives(all)).transpose()?;
        if words == UNDETERMINED {
            self.check_undetermined(verdict, given.alternatives.as_ref(), alternatives.as_deref())?;
        }
        let (after, within) = self.window(given)?;
        Ok(What::Verdict {
            verdict: words,
            about,
            alternatives,
            state: given.state.as_ref().map(|state| self.one_of(state, &["open", "closed"])).transpose()?,
            behind: given.behind.as_ref().map(|behind| *behind.get_ref()),
            after,
            within: within.unwrap_or_default(),
        })
    }

    /// As the CMA writes it: all words, sorted; or the one that stands for different things.
    fn verdict_words(&self, given: &Spanned<String>) -> Result<String, Refusal> {
        let mut words: Vec<&str> = given.get_ref().split('|').map(str::trim).collect();
        if words == [UNDETERMINED] {
            return Ok(UNDETERMINED.to_owned());
        }
        if words.contains(&UNDETERMINED) {
            let what = "`Undetermined` stands alone: `alternatives` says what it may be";
            return Err(self.source.refuse(&given.span(), what));
        }
        for word in &words {
            self.check_verdict(&given.span(), word)?;
        }
        words.sort_unstable();
        Ok(words.join("|"))
    }

    /// The CMA says `Undetermined` of alternatives about different things, and of nothing else.
    fn check_undetermined(
        &self,
        verdict: &Spanned<String>,
        given: Option<&Spanned<String>>,
        alternatives: Option<&[(String, String)]>,
    ) -> Result<(), Refusal> {
        let (Some(given), Some(alternatives)) = (given, alternatives) else {
            let what = "`Undetermined` needs `alternatives`: all that it may be, \
                        such as `HostOrCable h1 | SwitchDown sw1`";
            return Err(self.source.refuse(&verdict.span(), what));
        };
        let subjects: BTreeSet<&str> = alternatives.iter().map(|(_, name)| name.as_str()).collect();
        if subjects.len() < 2 {
            let words: Vec<&str> = alternatives.iter().map(|(verdict, _)| verdict.as_str()).collect();
            let what = format!(
                "`Undetermined` is about different things: name all of them, or write verdict = \"{}\"",
                words.join("|")
            );
            return Err(self.source.refuse(&given.span(), what));
        }
        Ok(())
    }

    fn datagrams(&self, given: &file::Expect, most: u64) -> Result<What, Refusal> {
        let class = given.class.as_ref().map(|class| self.one_of(class, &CLASSES)).transpose()?;
        let (after, within) = self.counted(given)?;
        Ok(What::DatagramsMax { most, class, after, within })
    }

    /// From when something is counted, and for how long: over all of the run, if nothing is said.
    fn counted(&self, given: &file::Expect) -> Result<(Moment, Option<Duration>), Refusal> {
        let from_the_start = given.within.is_none() && given.after.is_none() && given.after_end_of.is_none();
        if from_the_start { Ok((Moment::Settled, None)) } else { self.window(given) }
    }

    fn about(&self, given: &file::Expect, at: &Range<usize>) -> Result<About, Refusal> {
        match (&given.about, &given.about_set) {
            (Some(about), None) => Ok(About::Name(self.subject(&about.span(), about.get_ref())?)),
            (None, Some(set)) => {
                let hosts = chosen(self.source, &set.span(), set.get_ref(), Sort::Host, self.shape)?;
                let mut hosts: Vec<String> = hosts.into_iter().map(|host| format!("h{}", host + 1)).collect();
                hosts.sort();
                Ok(About::Set(hosts))
            }
            (Some(_), Some(set)) => {
                Err(self.source.refuse(&set.span(), "either `about` or `about_set`, not both"))
            }
            (None, None) => Err(self.source.refuse(at, "`verdict` needs `about`, or `about_set`")),
        }
    }

    fn check_verdict(&self, at: &Range<usize>, word: &str) -> Result<(), Refusal> {
        if Verdict::from_word(word).is_some() {
            return Ok(());
        }
        let known: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.word()).collect();
        let what = format!("no verdict is called `{word}`: there are {}", known.join(", "));
        Err(self.source.refuse(at, what))
    }

    /// `HostOrCable h1 | SwitchDown sw1`.
    fn alternatives(&self, given: &Spanned<String>) -> Result<Vec<(String, String)>, Refusal> {
        let one = |text: &str| {
            let Some((verdict, name)) = text.trim().split_once(' ') else {
                let what = format!("`{}` is no alternative: write VERDICT NAME | VERDICT NAME", text.trim());
                return Err(self.source.refuse(&given.span(), what));
            };
            self.check_verdict(&given.span(), verdict)?;
            Ok((verdict.to_owned(), self.subject(&given.span(), name.trim())?))
        };
        let mut all = given.get_ref().split('|').map(one).collect::<Result<Vec<_>, Refusal>>()?;
        all.sort();
        Ok(all)
    }

    fn whole(&self, given: &file::Expect) -> Result<What, Refusal> {
        match &given.whole_at_end {
            Some(no) if !*no.get_ref() => Err(self
                .source
                .refuse(&no.span(), "is true or is not written: nothing is expected otherwise")),
            Some(_) | None => Ok(What::WholeAtEnd),
        }
    }

    fn subject(&self, at: &Range<usize>, name: &str) -> Result<String, Refusal> {
        if self.shape.subjects().iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let last = |names: Vec<String>| names.last().cloned().unwrap_or_default();
        let (host, switch) = (last(self.shape.host_names()), last(self.shape.switch_names()));
        let sites = self.shape.site_names().join(", ");
        let what = format!(
            "nothing is called `{name}`: hosts are h1 to {host}, switches sw1 to {switch}, sites {sites}, \
             the relay of a site SITE/r1, the CMA cma"
        );
        Err(self.source.refuse(at, what))
    }

    fn one_of(&self, given: &Spanned<String>, words: &[&str]) -> Result<String, Refusal> {
        let word = given.get_ref();
        if words.contains(&word.as_str()) {
            return Ok(word.clone());
        }
        Err(self.source.refuse(&given.span(), format!("`{word}` is none of {}", words.join(", "))))
    }

    /// From when, and for how long; it must be over when the scenario is.
    fn window(&self, given: &file::Expect) -> Result<(Moment, Option<Duration>), Refusal> {
        let after = match (&given.after, &given.after_end_of) {
            (Some(_), Some(both)) => {
                return Err(self.source.refuse(&both.span(), "either `after` or `after_end_of`, not both"));
            }
            (Some(name), None) => Moment::BeginOf(self.named(name)?),
            (None, Some(name)) => Moment::EndOf(self.ending(name)?),
            (None, None) if self.faults.is_empty() => Moment::Settled,
            (None, None) if self.faults.iter().all(|fault| fault.per_day.is_some()) => Moment::Settled,
            (None, None) => Moment::BeginOf(0),
        };
        let Some(within) = &given.within else { return Ok((after, None)) };
        let HowLong(span) = *within.get_ref();
        let latest = match after {
            Moment::Settled => Duration::ZERO,
            Moment::BeginOf(fault) => self.faults.get(fault).map_or(Duration::ZERO, |fault| fault.begins[1]),
            Moment::EndOf(fault) => self.faults.get(fault).map_or(Duration::ZERO, Planned::latest_end),
        };
        if latest + span > self.duration {
            let until = seconds(latest + span);
            let what = format!("may last until {until}, when the scenario is over: raise `duration`");
            return Err(self.source.refuse(&within.span(), what));
        }
        Ok((after, Some(span)))
    }

    fn named(&self, name: &Spanned<String>) -> Result<usize, Refusal> {
        let is = |fault: &Planned| fault.name.as_ref() == Some(name.get_ref());
        let found = self.faults.iter().position(is);
        if found.is_some_and(|fault| self.faults[fault].per_day.is_some()) {
            let what = "that fault comes at a rate, so nobody knows when: count from another one";
            return Err(self.source.refuse(&name.span(), what));
        }
        let what = || format!("no fault has the name `{}`: give it one with `name`", name.get_ref());
        found.ok_or_else(|| self.source.refuse(&name.span(), what()))
    }

    fn ending(&self, name: &Spanned<String>) -> Result<usize, Refusal> {
        let fault = self.named(name)?;
        let ends = self.faults.get(fault).is_some_and(|fault| fault.lasts.is_some());
        let what = || format!("the fault `{}` does not end: give it `lasts`", name.get_ref());
        if ends { Ok(fault) } else { Err(self.source.refuse(&name.span(), what())) }
    }

    fn check_keys(&self, file: &Spanned<file::Expect>) -> Result<(), Refusal> {
        let present = present(file.get_ref());
        let place = |key: &str| present.iter().find(|(name, _)| *name == key).and_then(|(_, at)| at.clone());
        let given = EXPECTATIONS.iter().filter_map(|(key, with)| place(key).map(|at| (*key, *with, at)));
        let given: Vec<_> = given.collect();
        let all = || EXPECTATIONS.map(|(key, _)| key).join(", ");
        let (key, with) = match given.as_slice() {
            [] => return Err(self.source.refuse(&file.span(), format!("expects nothing: one of {}", all()))),
            [(key, with, _)] => (*key, *with),
            [_, (_, _, second), ..] => {
                return Err(self.source.refuse(second, format!("one [[expect]] has one of {}", all())));
            }
        };
        for (name, at) in &present {
            let Some(at) = at.as_ref().filter(|_| *name != key) else { continue };
            if !with.iter().any(|(known, _)| known == name) {
                return Err(self.source.refuse(at, format!("`{name}` does not go with `{key}`")));
            }
        }
        let missing = with.iter().find(|(name, needed)| *needed && place(name).is_none());
        let what = |name: &str| self.source.refuse(&file.span(), format!("`{key}` needs `{name}`"));
        missing.map_or(Ok(()), |(name, _)| Err(what(name)))
    }
}

/// Each key, and where it stands if it is written.
fn present(given: &file::Expect) -> [(&'static str, Option<Range<usize>>); 17] {
    [
        ("verdict", given.verdict.as_ref().map(Spanned::span)),
        ("about", given.about.as_ref().map(Spanned::span)),
        ("within", given.within.as_ref().map(Spanned::span)),
        ("after", given.after.as_ref().map(Spanned::span)),
        ("after_end_of", given.after_end_of.as_ref().map(Spanned::span)),
        ("state", given.state.as_ref().map(Spanned::span)),
        ("behind", given.behind.as_ref().map(Spanned::span)),
        ("nothing_about", given.nothing_about.as_ref().map(Spanned::span)),
        ("incidents_max", given.incidents_max.as_ref().map(Spanned::span)),
        ("pages_max", given.pages_max.as_ref().map(Spanned::span)),
        ("datagrams_max", given.datagrams_max.as_ref().map(Spanned::span)),
        ("class", given.class.as_ref().map(Spanned::span)),
        ("about_set", given.about_set.as_ref().map(Spanned::span)),
        ("alternatives", given.alternatives.as_ref().map(Spanned::span)),
        ("wan_bytes_max", given.wan_bytes_max.as_ref().map(Spanned::span)),
        ("on", given.on.as_ref().map(Spanned::span)),
        ("whole_at_end", given.whole_at_end.as_ref().map(Spanned::span)),
    ]
}
