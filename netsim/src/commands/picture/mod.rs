//! A scenario's network as a picture: sites, cores, switches, hosts, and what is going to break.
//!
//! Hosts are dots while there is room, then a number. The picture is one SVG without scripts or fonts of its own, for
//! light and for dark paper.

mod sheet;

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_netsim::scenario::{Draft, Scenario, SiteDraft};
use sheet::{Sheet, Text};

/// A switch and its hosts.
const SWITCH_WIDTH: f64 = 118.0;
const GAP: f64 = 14.0;
/// Dots in one row below a switch, and rows of them.
const DOTS: usize = 8;
const ROWS_MAX: usize = 6;
const DOT: f64 = 12.5;
/// Switches of one site that are drawn; the others are counted.
const SWITCHES_MAX: usize = 12;
/// Names of faults below the picture.
const FAULTS_MAX: usize = 10;
/// Sites side by side, as far as they fit in this.
const PAPER: f64 = 1_240.0;
const TOP: f64 = 92.0;

/// The picture of a scenario, with the moments of its faults for a seed.
pub(super) fn svg(scenario: &Scenario, seed: u64) -> String {
    let draft = Draft::of(scenario, seed);
    let broken: BTreeSet<String> =
        draft.faults.iter().map(|fault| fault.fault.subject(scenario.plan())).collect();
    let mut sheet = Sheet::default();
    let mut at = (GAP, TOP);
    let (mut lowest, mut anchors) = (TOP, Vec::new());
    for (number, site) in draft.sites.iter().enumerate() {
        let width = site_width(site);
        if at.0 > GAP && at.0 + width > PAPER {
            at = (GAP, lowest + 3.0 * GAP);
        }
        let drawn = Site { draft: &draft, number, site, broken: &broken };
        let bottom = drawn.draw(&mut sheet, at.0, at.1, width);
        lowest = lowest.max(bottom);
        anchors.push((at.0 + width / 2.0, at.1));
        at.0 += width + 2.0 * GAP;
    }
    let width = anchors.iter().zip(&draft.sites).map(|((x, _), site)| x + site_width(site) / 2.0);
    let title = title(&draft);
    let head = if draft.title.is_empty() { &title } else { &draft.title };
    let width = width.fold(0.0, f64::max).max(360.0).max(head.chars().count() as f64 * 8.6) + GAP;
    cma(&mut sheet, width, &anchors, broken.contains("cma"));
    let bottom = faults(&mut sheet, scenario, seed, lowest + 2.0 * GAP);
    sheet.text(GAP, 24.0, Text::Head, head);
    sheet.finish(&title, width, bottom + GAP)
}

fn title(draft: &Draft) -> String {
    let switches: usize = draft.sites.iter().map(|site| site.hosts.len()).sum();
    format!(
        "{}, {}, {}",
        count(draft.sites.len(), "site"),
        count(switches, "switch"),
        count(draft.hosts(), "host")
    )
}

fn count(number: usize, word: &str) -> String {
    let plural = match (number, word) {
        (1, _) => "",
        (_, "switch") => "es",
        (_, _) => "s",
    };
    format!("{number} {word}{plural}")
}

fn shown(site: &SiteDraft) -> usize {
    if site.hosts.len() > SWITCHES_MAX { SWITCHES_MAX - 1 } else { site.hosts.len() }
}

fn site_width(site: &SiteDraft) -> f64 {
    let columns = site.hosts.len().min(SWITCHES_MAX);
    (columns as f64 * (SWITCH_WIDTH + GAP) + GAP).max(230.0)
}

/// The CMA above, and a way to each site.
fn cma(sheet: &mut Sheet, width: f64, anchors: &[(f64, f64)], broken: bool) {
    let (x, y) = (width / 2.0, 34.0);
    for (to, top) in anchors {
        sheet.line("wan", x, y + 14.0, *to, *top);
    }
    sheet.pill(x, y + 14.0, "CMA", broken);
}

/// What breaks, when, for how long.
fn faults(sheet: &mut Sheet, scenario: &Scenario, seed: u64, top: f64) -> f64 {
    let draft = Draft::of(scenario, seed);
    let cues = scenario.cues(seed);
    let begins: Vec<_> = cues.iter().filter(|cue| cue.begins).collect();
    let mut y = top;
    for (cue, fault) in begins.iter().zip(&draft.faults).take(FAULTS_MAX) {
        let lasts = fault.lasts.map(|lasts| format!(" for {:.1} s", lasts.as_secs_f64())).unwrap_or_default();
        let subject = cue.fault.subject(scenario.plan());
        let words = format!("{:.1} s: {} {subject}{lasts}", cue.at.as_secs_f64(), cue.kind);
        y += 18.0;
        sheet.text(GAP, y, Text::Bad, words.trim_end());
    }
    if let Some(more) = begins.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
        y += 18.0;
        sheet.text(GAP, y, Text::Bad, &format!("and {}", count(more, "more fault")));
    }
    y
}

struct Site<'a> {
    draft: &'a Draft,
    number: usize,
    site: &'a SiteDraft,
    broken: &'a BTreeSet<String>,
}

impl Site<'_> {
    /// Returns where it ends.
    fn draw(&self, sheet: &mut Sheet, left: f64, top: f64, width: f64) -> f64 {
        let name = self.draft.site_name(self.number);
        let [first_host, first_switch] = self.draft.first_of(self.number);
        let rows = self.site.hosts.iter().map(|hosts| rows(*hosts)).max().unwrap_or(0);
        let several = self.grouped();
        let core = top + 62.0;
        let switches = core + 40.0;
        let dots = switches + 42.0;
        let below = dots + rows as f64 * DOT + if rows > 0 { 8.0 } else { 0.0 };
        let bottom = below + several.len() as f64 * 34.0 + GAP;
        sheet.panel(left, top, width, bottom - top, self.broken.contains(&name));
        sheet.text(left + GAP, top + 22.0, Text::Bold, &name);
        let (delay, lost) = self.site.wan;
        let loss = if lost > 0 { format!(", {lost} of 1000 lost") } else { String::new() };
        let wan = format!("{}; WAN {} ms{loss}", count(self.site.size(), "host"), delay.as_millis());
        sheet.text(left + GAP, top + 40.0, Text::Calm, &wan);
        sheet.line("core", left + GAP, core, left + width - GAP, core);
        sheet.relay(left + width - 30.0, core, self.broken.contains(&format!("{name}/r1")));
        let x_of = |place: usize| left + GAP + place as f64 * (SWITCH_WIDTH + GAP);
        let mut host = first_host;
        for (place, hosts) in self.site.hosts.iter().enumerate() {
            if place < shown(self.site) {
                let switch = format!("sw{}", first_switch + place + 1);
                let x = x_of(place);
                sheet.line("link", x + SWITCH_WIDTH / 2.0, core, x + SWITCH_WIDTH / 2.0, switches);
                sheet.switch(
                    x,
                    switches,
                    SWITCH_WIDTH,
                    &switch,
                    &hosts_words(host, *hosts),
                    self.broken.contains(&switch),
                );
                self.dots(sheet, x, dots, host, *hosts);
            }
            host += hosts;
        }
        if shown(self.site) < self.site.hosts.len() {
            let hidden = self.site.hosts.len() - shown(self.site);
            let hosts: usize = self.site.hosts.iter().skip(shown(self.site)).sum();
            let x = x_of(shown(self.site));
            sheet.switch(
                x,
                switches,
                SWITCH_WIDTH,
                &format!("{hidden} more"),
                &format!("{} on them", count(hosts, "host")),
                false,
            );
        }
        self.several(sheet, several, host, (left, below, switches, dots));
        bottom
    }

    /// A dot for each host on one switch, as long as there is room.
    fn dots(&self, sheet: &mut Sheet, x: f64, y: f64, first: usize, hosts: usize) {
        for number in 0..hosts.min(DOTS * ROWS_MAX) {
            let (column, row) = (number % DOTS, number / DOTS);
            let broken = self.broken.contains(&format!("h{}", first + number + 1));
            let (cx, cy) = (x + 10.0 + column as f64 * DOT + 4.0, y + row as f64 * DOT + 4.0);
            sheet.dot(cx, cy, &format!("h{}", first + number + 1), broken);
        }
        // One that breaks is shown, wherever it stands.
        if hosts > DOTS * ROWS_MAX {
            let hidden = hosts - DOTS * ROWS_MAX;
            sheet.text(x + 10.0, y + ROWS_MAX as f64 * DOT + 10.0, Text::Calm, &format!("and {hidden} more"));
        }
    }

    /// Hosts on several switches, those on the same ones together.
    fn grouped(&self) -> BTreeMap<Vec<usize>, Vec<usize>> {
        let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (number, on) in self.site.on_several.iter().enumerate() {
            groups.entry(on.clone()).or_default().push(number);
        }
        groups
    }

    /// A row for each group, with a line up to each of its switches.
    fn several(
        &self,
        sheet: &mut Sheet,
        groups: BTreeMap<Vec<usize>, Vec<usize>>,
        first: usize,
        (left, below, switches, _dots): (f64, f64, f64, f64),
    ) {
        for (row, (on, hosts)) in groups.iter().enumerate() {
            let y = below + row as f64 * 34.0 + 14.0;
            let names: Vec<String> = hosts.iter().map(|number| format!("h{}", first + number + 1)).collect();
            let broken = names.iter().any(|name| self.broken.contains(name));
            // Each group has a lane of its own beside the dots.
            let lane = 5.0 + (row % 4) as f64 * 3.0;
            let xs: Vec<f64> = on
                .iter()
                .map(|place| {
                    left + GAP + (*place).min(SWITCHES_MAX - 1) as f64 * (SWITCH_WIDTH + GAP) + SWITCH_WIDTH
                        - lane
                })
                .collect();
            for x in &xs {
                sheet.line("leg", *x, switches + 34.0, *x, y);
            }
            let (least, most) = xs.iter().fold((f64::MAX, 0.0_f64), |(a, b), x| (a.min(*x), b.max(*x)));
            sheet.line("leg", least, y, most, y);
            let words = match names.as_slice() {
                [one] => one.clone(),
                [one, other] => format!("{one}, {other}"),
                [one, .., last] => format!("{one} to {last}: {}", count(names.len(), "host")),
                [] => String::new(),
            };
            sheet.pill((least + most) / 2.0, y, &words, broken);
        }
    }
}

/// Rows of dots of so many hosts; a line of words where not all are drawn.
fn rows(hosts: usize) -> usize {
    let more = usize::from(hosts > DOTS * ROWS_MAX) * 2;
    hosts.div_ceil(DOTS).min(ROWS_MAX) + more
}

fn hosts_words(first: usize, hosts: usize) -> String {
    match hosts {
        0 => "no host alone".into(),
        1 => format!("h{}", first + 1),
        _ => format!("h{} to h{}", first + 1, first + hosts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(topology: &str) -> String {
        let text = format!("duration = \"1m\"\ntitle = \"a < b & c\"\n[topology]\n{topology}");
        svg(&Scenario::read("a.toml", &text).unwrap_or_else(|refusal| panic!("{refusal}")), 1)
    }

    #[test]
    fn every_host_is_a_dot_while_there_is_room_and_then_a_number() {
        let few = drawn("sites = 3\nswitches = 2\nhosts = 5\ndual_homed = 1\n");
        assert_eq!(few.matches("<circle class=\"host").count(), 30);
        assert!(few.contains(">h11<") && few.contains(">h1 to h5<") && !few.contains("more<"), "{few}");
        let many = drawn("sites = 1\nswitches = 20\nhosts = 300\n");
        assert_eq!(many.matches("<circle class=\"host").count(), 11 * 48);
        assert!(
            many.contains(">and 252 more<")
                && many.contains(">9 more<")
                && many.contains(">2700 hosts on them<")
        );
    }

    #[test]
    fn what_breaks_is_marked_and_told_and_texts_are_escaped() {
        let fault = "sites = 1\nswitches = 2\nhosts = 2\n[[faults]]\nkind = \"switch-power\"\non = \"sw2\"\nat = \"5s\"\nlasts = \"9s\"\n";
        let picture = drawn(fault);
        assert!(picture.contains("5.0 s: switch-power sw2 for 9.0 s"), "{picture}");
        assert_eq!(picture.matches("class=\"switch broken\"").count(), 1);
        assert!(picture.contains("a &lt; b &amp; c") && picture.starts_with("<svg "));
    }
}
