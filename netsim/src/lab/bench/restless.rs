//! The CMA and the relays are killed again and again, at random moments, while much happens in their sites.
//!
//! What they say to each other is read off the CMA's own cable all the time. A group of kills ends when everything is
//! healed and calm; then the CMA is killed once more and its disk is read. In the end the two are compared.

mod load;
mod told;

use std::time::{Duration, Instant};

use ringmesh_proto::draws::{Draws, Purpose};
use serde::Serialize;

use super::audit::{Audit, Heard, Ledger};
use super::disk::{self, Disk};
use super::ground::Ground;
use super::packet::{self, Inner, Packet};
use super::paged::{self, Paged};
use super::report::Section;
use super::stream::Streams;
use super::tap::{ALL, Place, Reader, Tap};
use crate::lab::error::LabError;
use crate::lab::fault::now_ms;
use crate::lab::operator::pages;
use crate::lab::plan::CMA;
use crate::lab::roles::Role;
use crate::lab::script::Fault;
use load::Load;

/// Kills between two looks at the whole.
const GROUP: u32 = 40;
/// A kill comes at any moment of this.
const SPAN: Duration = Duration::from_millis(3_500);
/// The dead is started again within this ..
const AWAY: Duration = Duration::from_millis(1_500);
/// .. or, one time in four, within this: long enough to be missed.
const AWAY_LONG: Duration = Duration::from_secs(7);
/// Between two things that happen in the sites, at most.
const BETWEEN: Duration = Duration::from_millis(1_500);
/// After everything was healed. Who does not return is waited for longest.
const CALM_WITHIN: Duration = Duration::from_secs(240);
/// Then the pictures must agree.
const AGREED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(500);

/// One kill.
#[derive(Clone, Debug, Serialize)]
struct Kill {
    round: u32,
    whom: String,
    /// After the round began.
    moment_ms: u64,
    away_ms: u64,
    killed_at_ms: u64,
}

/// Everything that was seen.
#[derive(Debug, Default)]
struct Seen {
    kills: Vec<Kill>,
    /// What was done in the sites.
    deeds: usize,
    /// Groups that did not come to rest, and why.
    not_calm: Vec<String>,
    /// Groups after which a relay and the CMA had different pictures.
    not_agreed: Vec<String>,
    /// Processes that ended though nobody killed them.
    ended: Vec<String>,
    /// Connections that could not be read.
    unread: usize,
    /// Pictures that differ from what is on the CMA's disk.
    differing: Vec<String>,
    audit: Audit,
    paged: Paged,
}

/// Kills so many times.
///
/// # Errors
/// As of [`Tap::start_at`] and [`Ground::form`], [`LabError::Failed`] if the CMA's disk cannot be read,
/// [`LabError::Interrupted`].
pub(super) fn measure(ground: &mut Ground<'_>, kills: u32) -> Result<Section, LabError> {
    let place = Place { netns: ground.lab.plan().netns(CMA), port: None };
    let tap = Tap::start_at(&[place], Reader { look: ALL, read: packet::read })?;
    ground.form()?;
    let mut restless = Restless {
        tap,
        streams: Streams::default(),
        heard: Heard::default(),
        ledger: Ledger::default(),
        load: Load::new(ground.lab.plan()),
        seen: Seen::default(),
        kills,
    };
    restless.walk(ground)?;
    let seen = restless.end(ground)?;
    told::section(&seen, kills, ground.seed())
}

struct Restless {
    tap: Tap<Packet>,
    streams: Streams,
    heard: Heard,
    ledger: Ledger,
    load: Load,
    seen: Seen,
    kills: u32,
}

impl Restless {
    fn walk(&mut self, ground: &mut Ground<'_>) -> Result<(), LabError> {
        for round in 1..=self.kills {
            self.round(ground, round)?;
            if round % GROUP != 0 && round != self.kills {
                continue;
            }
            let calm = self.rest(ground, round)?;
            self.look(ground, calm)?;
            if !calm {
                break;
            }
        }
        Ok(())
    }

    /// One kill, and the deeds around it. What it left undone the next one meets.
    fn round(&mut self, ground: &mut Ground<'_>, round: u32) -> Result<(), LabError> {
        let mut dice = Dice { draws: Draws::new(ground.seed(), u64::from(round)), drawn: 0 };
        let victims = victims(ground);
        let (fault, whom) = dice.one_of(&victims).cloned().unwrap_or((Fault::Cma, CMA.into()));
        let moment = dice.within(SPAN);
        let longest = if dice.below(4) == 0 { AWAY_LONG } else { AWAY };
        let away = dice.within(longest);
        let start = Instant::now();
        self.deeds_until(ground, &mut dice, start + moment)?;
        ground.stop.sleep((start + moment).saturating_duration_since(Instant::now()))?;
        let (moment_ms, killed_at_ms) = (millis(start.elapsed()), now_ms());
        let words = format!(
            "kill {round} of {}: {whom} after {moment_ms} ms, away for {} ms",
            self.kills,
            away.as_millis()
        );
        ground.progress.doing(&words);
        ground.lab.break_it(fault, &whom)?;
        let killed = Instant::now();
        self.deeds_until(ground, &mut dice, killed + away)?;
        ground.stop.sleep((killed + away).saturating_duration_since(Instant::now()))?;
        ground.lab.heal(&whom)?;
        self.seen.kills.push(Kill { round, whom, moment_ms, away_ms: millis(away), killed_at_ms });
        self.listen();
        self.bury(ground, round);
        Ok(())
    }

    fn deeds_until(
        &mut self,
        ground: &mut Ground<'_>,
        dice: &mut Dice,
        end: Instant,
    ) -> Result<(), LabError> {
        loop {
            let pause = dice.within(BETWEEN);
            if Instant::now() + pause >= end {
                return Ok(());
            }
            ground.stop.sleep(pause)?;
            self.load.step(ground.lab, dice)?;
            self.seen.deeds += 1;
        }
    }

    /// Heals everything and waits until all is as it was; whether it came to that.
    fn rest(&mut self, ground: &mut Ground<'_>, round: u32) -> Result<bool, LabError> {
        ground.progress.doing(&format!("after {round} kills: heal everything, wait until all is calm"));
        self.load.heal_all(ground.lab)?;
        let missing = self.wait(ground, CALM_WITHIN, |_, ground| ground.missing())?;
        let at = format!("seed {}, after kill {round}", ground.seed());
        if let Some(missing) = missing {
            self.find(ground, format!("{at}: {missing}"), |seen| &mut seen.not_calm);
            return Ok(false);
        }
        let doubtful = |this: &mut Self, _: &Ground<'_>| {
            let doubtful: Vec<&str> =
                this.heard.not_agreed().into_iter().map(|(site, _)| site.as_str()).collect();
            Ok((!doubtful.is_empty()).then(|| doubtful.join(" ")))
        };
        if let Some(sites) = self.wait(ground, AGREED_WITHIN, doubtful)? {
            self.find(ground, format!("{at}: {sites}"), |seen| &mut seen.not_agreed);
        }
        self.bury(ground, round);
        Ok(true)
    }

    /// Asks again and again what is missing, until nothing is or the time is over. A CMA that does not answer is
    /// missing.
    fn wait(
        &mut self,
        ground: &Ground<'_>,
        within: Duration,
        mut missing: impl FnMut(&mut Self, &Ground<'_>) -> Result<Option<String>, LabError>,
    ) -> Result<Option<String>, LabError> {
        let start = Instant::now();
        loop {
            self.listen();
            let what = match missing(self, ground) {
                Ok(None) => return Ok(None),
                Ok(Some(what)) => what,
                Err(LabError::Unreachable(why)) => why,
                Err(error) => return Err(error),
            };
            if start.elapsed() >= within {
                return Ok(Some(what));
            }
            ground.stop.sleep(POLL)?;
        }
    }

    /// Takes in what passed on the CMA's cable.
    fn listen(&mut self) {
        for seen in self.tap.take() {
            let Inner::Tcp(segment) = &seen.datagram.inner else { continue };
            for message in self.streams.pass(segment) {
                self.heard.hear(seen.at_us, &message);
            }
        }
    }

    fn bury(&mut self, ground: &Ground<'_>, round: u32) {
        for casualty in ground.lab.casualties() {
            let told = self.seen.ended.iter().any(|known| known.ends_with(&casualty));
            if !told {
                let text = format!("seed {}, kill {round}: {casualty}", ground.seed());
                self.find(ground, text, |seen| &mut seen.ended);
            }
        }
    }

    fn find(&mut self, ground: &Ground<'_>, what: String, into: fn(&mut Seen) -> &mut Vec<String>) {
        ground.progress.note(&what);
        into(&mut self.seen).push(what);
    }

    /// Reads the disk of the CMA while it is dead. Where all is calm, its pictures are those that relays showed.
    fn look(&mut self, ground: &mut Ground<'_>, calm: bool) -> Result<(), LabError> {
        ground.lab.break_it(Fault::Cma, CMA)?;
        self.listen();
        let Disk { rows, pictures } = disk::read(&ground.lab.store_file(CMA, Role::Cma))?;
        self.ledger.look(rows);
        for (relay, told) in self.heard.pictures().into_iter().filter(|_| calm) {
            let kept = pictures.get(&relay).copied();
            if told.is_none() || told != kept {
                let (site, kills) = (relay.0, self.seen.kills.len());
                let text = format!("after kill {kills}: {site} told {told:x?}, and the CMA has {kept:x?}");
                self.find(ground, text, |seen| &mut seen.differing);
            }
        }
        ground.lab.heal(CMA)
    }

    fn end(mut self, ground: &Ground<'_>) -> Result<Seen, LabError> {
        self.seen.unread = self.streams.unread();
        self.seen.audit = self.heard.audit(&self.ledger);
        self.seen.paged = paged::check(&pages(&ground.lab.pages_file())?);
        Ok(self.seen)
    }
}

/// Who may be killed.
fn victims(ground: &Ground<'_>) -> Vec<(Fault, String)> {
    let relays = ground.lab.plan().sites.iter().map(|site| (Fault::Relay, site.relay.name.clone()));
    relays.chain([(Fault::Cma, CMA.to_string())]).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The draws of one round.
struct Dice {
    draws: Draws,
    drawn: u64,
}

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        self.draws.below(bound, Purpose::Start, self.drawn)
    }

    fn within(&mut self, span: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(all.len() as u64);
        all.get(usize::try_from(at).ok()?)
    }
}
