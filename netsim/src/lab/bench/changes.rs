//! What each change of a ring costs in datagrams, counted where each is sent, beside what the protocol's
//! table allows.
//!
//! Sealed datagrams show their kind only. A message from the relay to the one that fell silent, its answer
//! and every echo verify; everything else repairs.

mod count;
mod provoke;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::ground::Ground;
use super::report::{Gate, Section, table};
use super::tap::{Seen, Tap};
use crate::lab::error::LabError;
use crate::lab::roles::Role;
use crate::lab::script::Fault;
use count::{Cost, Count, Limit, Row};

/// After a change, until everything about it has been said: as long as in the virtual-time test.
const SPAN: Duration = Duration::from_secs(8);
/// The wire is quiet for so long before a change.
const BEFORE: Duration = Duration::from_secs(1);
/// Not a change of any ring: an Attachment and what it is answered with.
const CONFIRMED: &str = "the switch heard again after a return";

/// Something that happens to one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Death,
    DelegateDeath,
    Leave,
    ProbeKilled,
    Restart,
    FalseSuspicion,
}

const CHANGES: [Change; 6] = [
    Change::Death,
    Change::DelegateDeath,
    Change::Leave,
    Change::ProbeKilled,
    Change::Restart,
    Change::FalseSuspicion,
];

/// Makes every change so many times.
///
/// # Errors
/// As of [`Tap::start`], [`LabError::Failed`] if the lab does not come to rest, [`LabError::Interrupted`].
pub(super) fn measure(ground: &mut Ground<'_>, rounds: u32) -> Result<Section, LabError> {
    let tap = Tap::start(&ground.places())?;
    let mut rows: Vec<Row> = Vec::new();
    let mut notes = Vec::new();
    for change in CHANGES {
        for round in 0..rounds {
            match one(ground, &tap, change, round as usize)? {
                Some(costs) => costs.into_iter().for_each(|(limit, cost)| Row::add(&mut rows, limit, cost)),
                None => notes.push(format!(
                    "{}: no host fits, nobody noticed, or no nft (round {})",
                    name(change),
                    round + 1
                )),
            }
        }
    }
    section(&rows, &notes)
}

fn name(change: Change) -> &'static str {
    match change {
        Change::Death => "host death",
        Change::DelegateDeath => "death of a delegate",
        Change::Leave => "clean leave",
        Change::ProbeKilled => "probe killed, host alive",
        Change::Restart => "probe killed and started again at once",
        Change::FalseSuspicion => "false suspicion",
    }
}

fn limit(change: Change) -> Limit {
    match change {
        Change::Death => Limit::apart(name(change), 5, 6),
        Change::ProbeKilled => Limit::unknown(name(change)),
        Change::DelegateDeath => Limit::apart(name(change), 12, 6),
        Change::Leave => Limit::together(name(change), 5),
        Change::Restart => Limit::together(name(change), 7),
        Change::FalseSuspicion => Limit::together(name(change), 6),
    }
}

fn return_limit(change: Change) -> Limit {
    match change {
        Change::Death | Change::DelegateDeath => Limit::together("return after a death, new boot", 7),
        Change::Restart => limit(change),
        Change::Leave | Change::ProbeKilled | Change::FalseSuspicion => {
            Limit::together("return of a probe, same boot", 7)
        }
    }
}

/// One change and, where it can be undone, its undoing; `None` where nothing could be measured.
fn one(
    ground: &mut Ground<'_>,
    tap: &Tap,
    change: Change,
    round: usize,
) -> Result<Option<Vec<(Limit, Cost)>>, LabError> {
    ground.wait_calm()?;
    ground.progress.doing(&format!("{}, round {}", name(change), round + 1));
    if change == Change::FalseSuspicion {
        let seen = provoke::false_suspicion(ground, tap, round)?;
        return Ok(seen.map(|(host, seen)| vec![(limit(change), cost(ground, &host, &seen))]));
    }
    let Some(host) = subject(ground, change, round)? else { return Ok(None) };
    ground.stop.sleep(BEFORE)?;
    tap.take();
    let mut costs = Vec::new();
    if change == Change::Restart {
        silence_switches(ground);
        ground.lab.break_it(fault(change), &host)?;
    } else {
        ground.lab.break_it(fault(change), &host)?;
        ground.stop.sleep(SPAN)?;
        costs.push((limit(change), cost(ground, &host, &tap.take())));
        silence_switches(ground);
    }
    ground.lab.heal(&host)?;
    ground.stop.sleep(SPAN)?;
    costs.push((return_limit(change), cost(ground, &host, &tap.take())));
    ground.lab.start_announcers()?;
    ground.stop.sleep(BEFORE)?;
    ground.wait_calm()?;
    costs.push((Limit::together(CONFIRMED, 2), cost(ground, &host, &tap.take())));
    Ok(Some(costs))
}

/// A probe that returns goes by the switch it remembers, and tells when it hears that switch again: another
/// event, at another time. So that each is counted by itself, no switch speaks during a return. What the
/// others heard is valid for longer than that.
fn silence_switches(ground: &mut Ground<'_>) {
    let switches: Vec<String> = ground.lab.plan().switches.iter().map(|switch| switch.name.clone()).collect();
    let announcers: Vec<_> = switches.iter().map(|switch| (switch.as_str(), Role::Announcer)).collect();
    ground.lab.kill(&announcers);
}

fn fault(change: Change) -> Fault {
    match change {
        Change::Death | Change::DelegateDeath => Fault::Host,
        Change::Leave => Fault::Stop,
        Change::ProbeKilled | Change::Restart => Fault::Probe,
        Change::FalseSuspicion => Fault::Loss { permille: 1000 },
    }
}

/// Another host of the right kind each round.
fn subject(ground: &Ground<'_>, change: Change, round: usize) -> Result<Option<String>, LabError> {
    let delegates = ground.delegates()?;
    let wanted = change == Change::DelegateDeath;
    let mut hosts = ground.single_homed();
    hosts.retain(|host| delegates.contains(host) == wanted);
    Ok(hosts.get(round % hosts.len().max(1)).cloned())
}

fn addresses(ground: &Ground<'_>, host: &str) -> Vec<Ipv4Addr> {
    let host = ground.lab.plan().host(host);
    host.map(|host| host.legs.iter().map(|leg| leg.address).collect()).unwrap_or_default()
}

fn cost(ground: &Ground<'_>, host: &str, seen: &[Seen]) -> Cost {
    let ours = addresses(ground, host);
    let begin = seen.first().map_or(0, |first| first.at_us);
    let sent: Vec<&Seen> = seen.iter().filter(|seen| count::is_counted(seen)).collect();
    let said = |seen: &&Seen| format!("{} ms: {}", (seen.at_us - begin) / 1_000, ground.words(seen));
    let order = sent.iter().map(said).collect();
    Cost { host: host.into(), count: Count::of(&sent, &ours), order }
}

fn section(rows: &[Row], notes: &[String]) -> Result<Section, LabError> {
    let mut text = String::from(
        "Heartbeats left out; the least and the most of all rounds. *Verification*: the relay's messages to the one \
         that fell silent, its answers, and echoes; *repair*: everything else. The limits are those of the table \
         in docs/PROTOCOL.md, which a test in virtual time checks on the same cores; a probe that is killed while \
         its host lives is not in it. Sealed datagrams show their kind only.\n\n\
         A probe that returns goes by the switch it remembers and says so once it hears that switch: counted by \
         itself, for no switch spoke during the returns.\n\n",
    );
    let heading = [
        "change",
        "rounds",
        "knock",
        "hello",
        "to relay",
        "to probe",
        "echo",
        "repair",
        "limit",
        "verification",
        "limit",
    ];
    text += &table(&heading, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    text += "\nThe first of each in the order sent, the octets of the payload last:\n\n";
    for row in rows {
        text += &row.first_in_order();
    }
    for note in notes {
        text += &format!("\nNot measured: {note}\n");
    }
    let gates: Vec<Gate> = rows.iter().flat_map(Row::gates).collect();
    let by_name: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.name(), row)).collect();
    let data = serde_json::to_value(by_name).map_err(|error| LabError::Failed(error.to_string()))?;
    Ok(Section { name: "changes", title: "Datagrams for each change".into(), text, gates, data })
}
