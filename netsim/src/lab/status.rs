//! What a lab consists of and what is broken in it.

use serde::Serialize;

use super::error::LabError;
use super::fault::{broken_words, now_ms};
use super::net;
use super::plan::{Site, WanLeg};
use super::running::Lab;
use super::script::Fault;
use super::state::{Broken, Running};
use super::text::{Paint, Style, table};
use super::wan::Quality;

/// A lab as `lab status --json` shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    /// Of this shape.
    pub schema: u32,
    /// Whether everything that should be there is.
    pub ok: bool,
    /// Before every namespace's name.
    pub prefix: String,
    /// One for each site.
    pub sites: Vec<SiteRow>,
    /// What joins them.
    pub wan: Wan,
    /// One for each process, site by site.
    pub processes: Vec<Process>,
    /// Namespaces that should be there and are not.
    pub missing_namespaces: Vec<String>,
    /// What is broken on purpose.
    pub broken: Vec<BrokenRow>,
}

/// One site.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SiteRow {
    /// `s1`, or `lab` where it is the only one.
    pub name: String,
    /// Its addresses.
    pub network: String,
    /// Its relay.
    pub relay: String,
    /// The relay's address.
    pub relay_address: String,
    /// Its switches.
    pub switches: Vec<String>,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// `on`, or `off`.
    pub power: &'static str,
    /// Its WAN leg: `whole`, or `cut`.
    pub wan: &'static str,
}

/// The network between sites.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Wan {
    /// Milliseconds on each leg, each way.
    pub delay_ms: u16,
    /// Of a thousand frames, how many are lost on each leg, each way.
    pub loss_permille: u16,
    /// The CMA's leg: `whole`, or `cut`.
    pub cma: &'static str,
}

/// One process.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Process {
    /// Of the host, the switch, the relay, the leg (`wan-s1`) or `cma`.
    pub name: String,
    /// Its site; empty for what no site has.
    pub site: String,
    /// cma, relay, probe, announcer or wan.
    pub role: &'static str,
    /// Where it lives.
    pub netns: String,
    /// Its process id.
    pub pid: i32,
    /// Whether it runs.
    pub alive: bool,
    /// Whether it was ended, or may have been, by what is broken on purpose.
    pub broken: bool,
    /// Where its words go.
    pub log: String,
}

/// One broken thing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BrokenRow {
    /// Whose.
    pub name: String,
    /// How.
    pub fault: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
}

/// Looks at a lab.
///
/// # Errors
/// As of `ip`.
pub(super) fn status(lab: &Lab) -> Result<Status, LabError> {
    let existing = net::existing()?;
    let missing: Vec<String> =
        lab.plan().namespaces().into_iter().filter(|name| !existing.contains(name)).collect();
    let mut processes: Vec<Process> =
        lab.state.processes.iter().map(|running| process(lab, running)).collect();
    // What was started again stands where it stood before.
    let places = lab.plan().namespaces();
    processes.sort_by_key(|process| {
        let place = places.iter().position(|netns| *netns == process.netns);
        (process.site.clone(), place, process.name.clone())
    });
    let Quality { delay_ms, loss_permille, .. } = lab.state.wan;
    let cma = lab.plan().wan.iter().find(|leg| leg.number == 0);
    Ok(Status {
        schema: 1,
        ok: missing.is_empty() && lab.casualties().is_empty(),
        prefix: lab.state.prefix.clone(),
        sites: lab.plan().sites.iter().map(|site| site_row(lab, site)).collect(),
        wan: Wan { delay_ms, loss_permille, cma: leg_state(lab, cma) },
        processes,
        missing_namespaces: missing,
        broken: lab.state.broken.iter().map(broken).collect(),
    })
}

fn site_row(lab: &Lab, site: &Site) -> SiteRow {
    let plan = lab.plan();
    SiteRow {
        name: site.name.clone(),
        network: site.network(),
        relay: site.relay.name.clone(),
        relay_address: site.relay.address.to_string(),
        switches: plan.switches_of(site.number).map(|switch| switch.name.clone()).collect(),
        hosts: plan.hosts_of(site.number).map(|host| host.name.clone()).collect(),
        power: if lab.is_dark(site) { "off" } else { "on" },
        wan: leg_state(lab, plan.wan_leg(&site.name)),
    }
}

fn leg_state(lab: &Lab, leg: Option<&WanLeg>) -> &'static str {
    let is_cut = leg.is_some_and(|leg| lab.is_broken(&leg.name, Fault::Wan));
    if is_cut { "cut" } else { "whole" }
}

fn process(lab: &Lab, running: &Running) -> Process {
    let plan = lab.plan();
    let leg = plan.wan.iter().find(|leg| leg.process_name() == running.name);
    let place = if leg.is_some() { super::plan::WAN } else { &running.name };
    Process {
        name: running.name.clone(),
        site: plan.site_around(&running.name).map(|site| site.name.clone()).unwrap_or_default(),
        role: running.role.word(),
        netns: plan.netns(place),
        pid: running.process.pid,
        alive: running.process.is_alive(),
        broken: lab.is_excused(running),
        log: running.log.display().to_string(),
    }
}

fn broken(broken: &Broken) -> BrokenRow {
    BrokenRow { name: broken.name.clone(), fault: broken.fault.clone(), since_ms: broken.since_ms }
}

/// The status for people: the sites, the processes, and last what needs their eyes.
pub(super) fn render(status: &Status) -> String {
    let style = Style::of_stdout();
    let mut text = String::new();
    let sites = status.sites.iter().map(|site| (site_cells(site), site_paint(site)));
    text +=
        &painted(style, &["site", "network", "relay", "switches", "hosts", "power", "wan"], sites.collect());
    text += &format!("{}\n\n", wan_line(&status.wan));
    let processes = status.processes.iter().map(|process| (cells(process), paint(process)));
    text += &painted(style, &["site", "name", "role", "namespace", "pid", "state"], processes.collect());
    for row in &status.broken {
        let seconds = now_ms().saturating_sub(row.since_ms) / 1000;
        text += &style
            .paint(Paint::Warn, &format!("broken: {}, for {seconds} s", broken_words(&row.fault, &row.name)));
        text.push('\n');
    }
    for name in &status.missing_namespaces {
        text += &style.paint(Paint::Bad, &format!("missing: the namespace {name}"));
        text.push('\n');
    }
    text
}

/// A table whose rows have colours.
fn painted(style: Style, heading: &[&str], rows: Vec<(Vec<String>, Option<Paint>)>) -> String {
    let (cells, paints): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let plain = table(heading, &cells);
    let paints = std::iter::once(Some(Paint::Strong)).chain(paints);
    let line = |(line, paint): (&str, Option<Paint>)| match paint {
        Some(paint) => style.paint(paint, line) + "\n",
        None => format!("{line}\n"),
    };
    plain.lines().zip(paints).map(line).collect()
}

fn site_cells(site: &SiteRow) -> Vec<String> {
    vec![
        site.name.clone(),
        site.network.clone(),
        format!("{} {}", site.relay, site.relay_address),
        span(&site.switches),
        span(&site.hosts),
        site.power.into(),
        site.wan.into(),
    ]
}

fn site_paint(site: &SiteRow) -> Option<Paint> {
    (site.power == "off" || site.wan == "cut").then_some(Paint::Warn)
}

/// The first and the last of names in a row.
fn span(names: &[String]) -> String {
    match names {
        [] => "-".into(),
        [only] => only.clone(),
        [first, .., last] => format!("{first}..{last}"),
    }
}

fn wan_line(wan: &Wan) -> String {
    let quality = Quality { delay_ms: wan.delay_ms, loss_permille: wan.loss_permille, seed: 0 };
    let quality = if quality.is_perfect() { String::new() } else { format!("; {}", quality.words()) };
    format!("the CMA's leg of the WAN is {}{quality}", wan.cma)
}

fn cells(process: &Process) -> Vec<String> {
    let state = match (process.alive, process.broken) {
        (true, _) => "alive",
        (false, true) => "dead, on purpose",
        (false, false) => "DEAD",
    };
    vec![
        if process.site.is_empty() { "-" } else { &process.site }.into(),
        process.name.clone(),
        process.role.into(),
        process.netns.clone(),
        process.pid.to_string(),
        state.into(),
    ]
}

fn paint(process: &Process) -> Option<Paint> {
    match (process.alive, process.broken) {
        (_, true) => Some(Paint::Warn),
        (false, false) => Some(Paint::Bad),
        (true, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &str, power: &'static str, wan: &'static str) -> SiteRow {
        SiteRow {
            name: name.into(),
            network: "10.78.0.0/16".into(),
            relay: "r2".into(),
            relay_address: "10.78.0.2".into(),
            switches: vec!["sw3".into(), "sw4".into()],
            hosts: (9..=16).map(|n| format!("h{n}")).collect(),
            power,
            wan,
        }
    }

    fn process(name: &str, alive: bool, broken: bool) -> Process {
        Process {
            name: name.into(),
            site: if name == "cma" { "" } else { "s2" }.into(),
            role: "probe",
            netns: format!("x{name}"),
            pid: 7,
            alive,
            broken,
            log: String::new(),
        }
    }

    #[test]
    fn what_is_broken_on_purpose_is_told_apart_from_what_is_not_without_any_colour() {
        let status = Status {
            schema: 1,
            ok: false,
            prefix: "x".into(),
            sites: vec![site("s2", "off", "cut")],
            wan: Wan { delay_ms: 40, loss_permille: 5, cma: "whole" },
            processes: vec![
                process("cma", true, false),
                process("h9", false, true),
                process("h10", false, false),
            ],
            missing_namespaces: vec!["xh10".into()],
            broken: vec![BrokenRow { name: "s2".into(), fault: "wan".into(), since_ms: now_ms() - 43_500 }],
        };
        let text = render(&status);
        for line in [
            "s2    10.78.0.0/16  r2 10.78.0.2  sw3..sw4  h9..h16  off    cut",
            "the CMA's leg of the WAN is whole; 40 ms, 0.5 % lost on each leg, each way",
            "-     cma   probe  xcma       7    alive",
            "s2    h9    probe  xh9        7    dead, on purpose",
            "s2    h10   probe  xh10       7    DEAD",
            "broken: wan s2, for 43 s",
            "missing: the namespace xh10",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "{line:?} in\n{text}");
        }
        assert_eq!((span(&[]), span(&["h1".into()])), ("-".into(), "h1".into()));
    }
}
