//! Playing a scenario file with real processes: the same faults at the same times, the same expectations.
//!
//! What is judged comes from the operator's commands and the notifier's file, nothing from inside. What a lab cannot
//! build or break is refused with the line of the file before anything is built.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ringmesh_cma_core::documents::{IncidentDoc, Incidents};
use serde::{Deserialize as _, Serialize};

use super::error::{LabError, at};
use super::formed::missing_for_switch_rings;
use super::interrupt::Interrupt;
use super::layout::Layout;
use super::operator::{Operator, PageLine, pages};
use super::running::{Lab, Options};
use super::script;
use super::state::{Profile, Timing};
use super::wan::Quality;
use crate::scenario::{Broke, Cue, Failure, Fault, Judge, Judged, Scenario, Sight, Told, told};

/// Between two questions to the CMA.
const POLL: Duration = Duration::from_millis(150);
/// From the first frame of a switch to whole rings, on a machine that does other things too.
const FORMS_WITHIN: Duration = Duration::from_secs(60);
/// From whole rings to the beginning: a link testifies when three beats have passed over it. Beats between sites take
/// 2 s.
const TESTIFIES: Duration = Duration::from_millis(3_500);
const TESTIFIES_BETWEEN_SITES: Duration = Duration::from_millis(7_000);

/// How a scenario went in a lab.
#[derive(Debug)]
pub struct Played {
    /// What was seen of what was expected.
    pub judged: Judged,
    /// What was told of each thing that broke.
    pub told: Vec<Told>,
}

impl Played {
    /// Everything was as expected.
    pub fn ok(&self) -> bool {
        self.judged.failures.is_empty() && self.judged.violated.is_empty()
    }
}

/// What is printed of it.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    schema: u32,
    pub(super) ok: bool,
    scenarios: [One<'a>; 1],
}

#[derive(Debug, Serialize)]
struct One<'a> {
    file: &'a str,
    title: &'a str,
    seed: u64,
    engine: &'static str,
    ok: bool,
    failures: &'a [Failure],
    violations: usize,
    violated: &'a [String],
    /// What a lab cannot judge.
    unjudged: &'a [String],
    pages: usize,
    incidents: usize,
    told: &'a [Told],
    seconds: u64,
}

impl<'a> Report<'a> {
    pub(super) fn of(scenario: &'a Scenario, seed: u64, played: &'a Played) -> Self {
        let Judged { failures, violated, unjudged, incidents, pages, .. } = &played.judged;
        let one = One {
            file: &scenario.file,
            title: &scenario.title,
            seed,
            engine: "lab",
            ok: played.ok(),
            failures,
            violations: violated.len(),
            violated,
            unjudged,
            pages: *pages,
            incidents: incidents.len(),
            told: &played.told,
            seconds: scenario.duration().as_secs(),
        };
        Self { schema: 1, ok: one.ok, scenarios: [one] }
    }

    /// A line for each thing that was told.
    pub(super) fn table(&self) -> String {
        let [one] = &self.scenarios;
        let word = if self.ok { "ok" } else { "FAILED" };
        let mut text = format!(
            "{word}  seed {}, {} incidents, {} pages  {}\n",
            one.seed, one.incidents, one.pages, one.file
        );
        for Told { subject, verdicts, state, after_ms } in one.told {
            let (s, ms) = (after_ms / 1_000, after_ms % 1_000);
            text +=
                &format!("    {subject}: {}, {state}; opened after {s}.{ms:03} s\n", verdicts.join(" -> "));
        }
        text
    }

    /// What was not as it should be, and what could not be judged.
    pub(super) fn complaints(&self) -> Vec<String> {
        let [one] = &self.scenarios;
        let One { file, seed, failures, violated, unjudged, .. } = one;
        let failed = failures.iter().map(|failure| {
            let Failure { expect, line, got, at, .. } = failure;
            format!("{file}:{line}: expected {expect}; got {got} (in the lab, seed {seed}, {at})")
        });
        let violated = violated.iter().map(|what| format!("{file}: {what} (in the lab, seed {seed})"));
        let unjudged = unjudged.iter().map(|what| format!("{file}: nobody counts this in a lab: {what}"));
        failed.chain(violated).chain(unjudged).collect()
    }
}

/// Reads a scenario file.
///
/// # Errors
/// [`LabError::File`], or [`LabError::Usage`] with the place in the file.
pub fn read(path: &Path) -> Result<Scenario, LabError> {
    let octets = fs::read(path).map_err(at(path, "read"))?;
    let scenario = Scenario::read_octets(&path.display().to_string(), octets);
    scenario.map_err(|refusal| LabError::Usage(refusal.to_string()))
}

/// The lab that a scenario asks for; everything else is as in `base`.
///
/// # Errors
/// [`LabError::Usage`] names the line of what no lab can build or break.
pub fn options(scenario: &Scenario, seed: u64, base: Options) -> Result<Options, LabError> {
    let refuse = |what: String| LabError::Usage(scenario.refuse_topology(what).to_string());
    let layout = Layout::of(scenario.plan()).map_err(refuse)?;
    check_cues(scenario, seed)?;
    Ok(Options {
        layout,
        profile: Profile::Scenario(timing(scenario)),
        tx_interval_s: scenario.plan().lldp_every_s,
        wan: wan(scenario, seed).map_err(refuse)?,
        ..base
    })
}

fn timing(scenario: &Scenario) -> Timing {
    let seconds = |long: Duration| u32::try_from(long.as_secs()).ok();
    let timing = scenario.timing();
    Timing {
        close_hold_s: seconds(timing.close_hold),
        settle_s: seconds(timing.settle),
        boot_grace_s: seconds(timing.boot_grace),
    }
}

/// All legs of a lab's WAN are of one quality, the CMA's too; a lone site's need not be slow.
fn wan(scenario: &Scenario, seed: u64) -> Result<Quality, String> {
    let whole = scenario.quality();
    if whole.loss_permille > 0 {
        return Err("the lab loses frames port by port, not datagrams: leave `loss_permille` out".into());
    }
    let [(delay, loss), rest @ ..] = whole.wan.as_slice() else { return Ok(Quality::default()) };
    if rest.iter().any(|other| other != &(*delay, *loss)) {
        return Err("all WANs of a lab are alike: give every site the same delay and loss".into());
    }
    if rest.is_empty() && *loss == 0 {
        return Ok(Quality::default());
    }
    let number =
        |n: u128| u16::try_from(n).map_err(|_| "a WAN of a lab delays less than a minute".to_owned());
    Ok(Quality { delay_ms: number(delay.as_millis())?, loss_permille: number((*loss).into())?, seed })
}

/// Every fault must be one that a lab has, and no two at once may be about the same thing: a heal heals all of it.
fn check_cues(scenario: &Scenario, seed: u64) -> Result<(), LabError> {
    let cues = scenario.cues(seed);
    let mut broken: Vec<String> = Vec::new();
    for cue in &cues {
        let refuse = |what: String| LabError::Usage(scenario.refuse_cue(cue, what).to_string());
        let (_, name) = in_lab(cue.fault, scenario).map_err(refuse)?;
        if !cue.begins {
            broken.retain(|other| *other != name);
        } else if broken.contains(&name) {
            return Err(refuse(format!(
                "{name} is broken already at that time: a lab heals all of it at once"
            )));
        } else {
            broken.push(name);
        }
    }
    Ok(())
}

/// The lab's word for a fault, and the name of what it breaks.
fn in_lab(fault: Fault, scenario: &Scenario) -> Result<(script::Fault, String), String> {
    let subject = fault.subject(scenario.plan());
    let fault = match fault {
        Fault::HostPower(_) => script::Fault::Host,
        Fault::Probe(_) => script::Fault::Probe,
        Fault::Pause(_) => script::Fault::Pause,
        Fault::Leave { .. } => script::Fault::Stop,
        Fault::SwitchPower(_) => script::Fault::Switch,
        Fault::Uplink(_) => script::Fault::Uplink,
        Fault::SitePower(_) => script::Fault::Site,
        Fault::Wan(_) | Fault::CmaWan => script::Fault::Wan,
        Fault::Relay(site) => return Ok((script::Fault::Relay, format!("r{}", site + 1))),
        Fault::Cma => script::Fault::Cma,
        Fault::Cable(..)
        | Fault::LldpSilence(_)
        | Fault::WanQuality { .. }
        | Fault::RelayDisk(_)
        | Fault::CmaDisk
        | Fault::Loss(_)
        | Fault::Wear(_) => {
            return Err("no lab has a fault of this kind: it is played in virtual time".into());
        }
    };
    Ok((fault, subject))
}

/// Starts everything in a lab that was built and not started, lets the scenario happen, and looks.
///
/// # Errors
/// [`LabError`] if the lab itself breaks down; what is not as expected is told in [`Played`].
pub fn play(
    lab: &mut Lab,
    scenario: &Scenario,
    seed: u64,
    slack: Duration,
    stop: &Interrupt,
) -> Result<Played, LabError> {
    lab.start_roles(stop)?;
    lab.start_announcers()?;
    form(lab, stop)?;
    let mut player = Player { operator: lab.operator(), lab, scenario, stop, broke: Vec::new() };
    let mut judge = scenario.judge(seed, slack);
    player.live(seed, &mut judge)?;
    player.end(&mut judge, slack)?;
    let judged = judge.close();
    let told = told(&judged.incidents, &player.broke);
    Ok(Played { judged, told })
}

fn form(lab: &Lab, stop: &Interrupt) -> Result<(), LabError> {
    let start = Instant::now();
    while let Some(missing) = missing_for_switch_rings(lab.plan(), &lab.operator().tree()?) {
        if let Some(casualty) = lab.casualties().into_iter().next() {
            return Err(LabError::Failed(casualty));
        }
        if start.elapsed() > FORMS_WITHIN {
            return Err(LabError::Failed(format!("no whole rings after {FORMS_WITHIN:?}: {missing}")));
        }
        stop.sleep(POLL)?;
    }
    let several = lab.plan().sites.len() > 1;
    stop.sleep(if several { TESTIFIES_BETWEEN_SITES } else { TESTIFIES })
}

struct Player<'a> {
    lab: &'a mut Lab,
    operator: Operator,
    scenario: &'a Scenario,
    stop: &'a Interrupt,
    broke: Vec<Broke>,
}

/// One look: what the CMA and the notifier's file say.
struct Seen {
    incidents: Vec<IncidentDoc>,
    pages: usize,
}

impl Sight for Seen {
    fn incidents(&self) -> Vec<IncidentDoc> {
        self.incidents.clone()
    }

    fn pages(&self) -> usize {
        self.pages
    }

    fn sent(&self, _class: Option<&str>) -> Option<u64> {
        None
    }

    fn wan_bytes(&self, _site: usize) -> Option<u64> {
        None
    }

    fn event(&self) -> u64 {
        0
    }
}

impl Player<'_> {
    fn live(&mut self, seed: u64, judge: &mut Judge<'_>) -> Result<(), LabError> {
        judge.begin(&self.see()?);
        let cues = self.scenario.cues(seed);
        let mut cues = cues.iter().peekable();
        let start = Instant::now();
        while start.elapsed() < self.scenario.duration() {
            while let Some(cue) = cues.next_if(|cue| cue.at <= start.elapsed()) {
                self.take(cue)?;
            }
            judge.look(&self.see()?, start.elapsed());
            let next = cues.peek().map_or(self.scenario.duration(), |cue| cue.at);
            self.stop.sleep(next.saturating_sub(start.elapsed()).min(POLL))?;
        }
        Ok(())
    }

    fn take(&mut self, cue: &Cue) -> Result<(), LabError> {
        let (fault, name) = in_lab(cue.fault, self.scenario).map_err(LabError::Failed)?;
        if !cue.begins {
            return self.lab.heal(&name);
        }
        let at_ms = match cue.fault {
            Fault::Leave { reason, back_within, .. } => self.lab.leave(&name, reason.word(), back_within)?,
            _ => self.lab.break_it(fault, &name)?,
        };
        self.broke.push(Broke { subject: cue.fault.subject(self.scenario.plan()), at_ms });
        Ok(())
    }

    /// A CMA that does not run shows nothing.
    fn see(&self) -> Result<Seen, LabError> {
        let asked = self.operator.document(&["incidents", "--all", "--json"]);
        let incidents = match asked {
            Ok(told) => {
                Incidents::deserialize(&told)
                    .map_err(|error| {
                        LabError::Failed(format!("incidents of another shape ({error}): {told}"))
                    })?
                    .incidents
            }
            Err(_) if self.lab.is_broken(super::plan::CMA, script::Fault::Cma) => Vec::new(),
            // It was started again a moment ago.
            Err(LabError::Unreachable(_)) if self.broke.iter().any(|broke| broke.subject == "cma") => {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let opens = |line: &&PageLine| line.severity == "page" && line.transition == "opened";
        let pages = pages(&self.lab.pages_file())?.iter().filter(opens).count();
        Ok(Seen { incidents, pages })
    }

    /// Patient as long as everything may be late.
    fn end(&mut self, judge: &mut Judge<'_>, slack: Duration) -> Result<(), LabError> {
        if judge.wants_whole() {
            let start = Instant::now();
            let mut wrong = self.not_whole()?;
            while !wrong.is_empty() && start.elapsed() < slack {
                self.stop.sleep(POLL)?;
                wrong = self.not_whole()?;
            }
            let (sight, at) = (self.see()?, self.scenario.duration());
            judge.look(&sight, at);
            judge.not_whole(&wrong, &sight, at);
        }
        self.lab.casualties().into_iter().for_each(|casualty| judge.violated(casualty));
        Ok(())
    }

    fn not_whole(&self) -> Result<Vec<String>, LabError> {
        let mut wrong = Vec::new();
        for open in self.see()?.incidents.iter().filter(|incident| incident.state != "closed") {
            wrong.push(format!("still open: {} {} of {}", open.id, open.verdict, open.subject.name));
        }
        wrong.extend(missing_for_switch_rings(self.lab.plan(), &self.operator.tree()?));
        let lines = pages(&self.lab.pages_file())?;
        let is_last = |at: usize| !lines.iter().skip(at + 1).any(|later| later.key == lines[at].key);
        let open = (0..lines.len()).filter(|at| is_last(*at) && lines[*at].transition != "closed");
        wrong.extend(open.map(|at| format!("a page without a closing: {}", lines[at].key)));
        Ok(wrong)
    }
}
