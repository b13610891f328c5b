//! One site: what joins its switches, the switches, and the hosts on them.

use std::collections::BTreeMap;

use ringmesh_netsim::model::{SitePlan, Speaks};
use ringmesh_netsim::scenario::{Draft, SiteDraft};

use super::broken::{Broken, Part};
use super::sheet::{Sheet, Text, pill_width};
use super::{GAP, count};

/// A switch and its hosts.
const SWITCH_WIDTH: f64 = 122.0;
const SWITCH_HEIGHT: f64 = 38.0;
/// Switches of one site that are drawn; the others are counted.
const SWITCHES_MAX: usize = 12;
/// Between two switches: a peer link is seen in it.
const BETWEEN: f64 = 20.0;
/// The same of spines.
const SPINE_WIDTH: f64 = 74.0;
const SPINES_MAX: usize = 8;
/// Dots in one row below a switch, and rows of them.
const DOTS: usize = 8;
const ROWS_MAX: usize = 6;
const DOT: f64 = 12.5;
/// Hosts on several switches, those on the same ones together.
const GROUPS_MAX: usize = 12;
const GROUP: f64 = 34.0;
/// A line of words.
const LINE: f64 = 18.0;

pub(super) struct Site<'a> {
    draft: &'a Draft,
    number: usize,
    site: &'a SiteDraft,
    /// What it has beside switches and hosts.
    parts: SitePlan,
    broken: &'a Broken,
    name: String,
    /// What is said of it, below its name.
    words: Vec<(Text, String)>,
    groups: Vec<Group>,
}

/// Hosts on the same switches, numbers from 0.
struct Group {
    on: Vec<usize>,
    hosts: Vec<usize>,
}

/// How high what stands where, from the top.
struct Levels {
    core: f64,
    spines: f64,
    switches: f64,
    dots: f64,
    groups: f64,
    bottom: f64,
}

impl<'a> Site<'a> {
    pub(super) fn new(draft: &'a Draft, number: usize, site: &'a SiteDraft, broken: &'a Broken) -> Self {
        let leg = if broken.part(Part::Leg(number)) { Text::Bad } else { Text::Calm };
        let parts = draft.parts_of(site);
        let words = [(leg, about(site))].into_iter().chain(labels(&parts).map(|label| (Text::Calm, label)));
        Self {
            draft,
            words: words.collect(),
            parts,
            number,
            site,
            broken,
            name: draft.site_name(number),
            groups: grouped(site, draft.first_of(number)[0]),
        }
    }

    pub(super) fn width(&self) -> f64 {
        let switches = self.site.hosts.len().min(SWITCHES_MAX) as f64 * (SWITCH_WIDTH + BETWEEN) - BETWEEN;
        let spines = self.spines().min(SPINES_MAX) as f64 * (SPINE_WIDTH + GAP) + 40.0;
        let words = self.words.iter().map(|(how, words)| how.width(words));
        let groups = self.groups.iter().map(|group| pill_width(&self.group_words(group)));
        words.chain(groups).chain([spines, 190.0]).fold(switches, f64::max) + 2.0 * GAP
    }

    pub(super) fn height(&self) -> f64 {
        self.levels(0.0).bottom
    }

    fn spines(&self) -> usize {
        self.parts.spines
    }

    fn levels(&self, top: f64) -> Levels {
        let core = top + 52.0 + self.words.len() as f64 * LINE;
        let spines = core + 22.0;
        let switches = if self.spines() > 0 { spines + 24.0 + 44.0 } else { core + 34.0 };
        let dots = switches + SWITCH_HEIGHT + 8.0;
        let rows = self.site.hosts.iter().map(|hosts| rows(*hosts)).max().unwrap_or(0);
        let groups = dots + rows as f64 * DOT + if rows > 0 { 8.0 } else { 4.0 };
        let lines = self.groups.len().min(GROUPS_MAX) + usize::from(self.groups.len() > GROUPS_MAX);
        Levels { core, spines, switches, dots, groups, bottom: groups + lines as f64 * GROUP + GAP }
    }

    pub(super) fn draw(&self, sheet: &mut Sheet, [left, top]: [f64; 2], width: f64) {
        let levels = self.levels(top);
        sheet.panel([left, top], width, levels.bottom - top, self.broken.name(&self.name));
        sheet.text(left + GAP, top + 24.0, Text::Bold, &self.name);
        for (row, (how, words)) in self.words.iter().enumerate() {
            sheet.text(left + GAP, top + 24.0 + (row + 1) as f64 * LINE, *how, words);
        }
        let lan = self.broken.part(Part::Lan(self.number));
        sheet.line("core", [left + GAP, levels.core], [left + width - GAP, levels.core], lan);
        sheet.relay([left + width - 30.0, levels.core], self.broken.name(&format!("{}/r1", self.name)));
        self.draw_spines(sheet, [left, width], &levels);
        self.draw_switches(sheet, [left, width], &levels);
        self.draw_groups(sheet, [left, width], &levels);
    }

    /// The middle of a spine: they are spread over the width. The last place is that of those that are counted only.
    fn spine_at(&self, [left, width]: [f64; 2], spine: usize) -> f64 {
        let places = self.spines().clamp(1, SPINES_MAX) as f64;
        left + GAP + (width - 2.0 * GAP) / places * (spine as f64 + 0.5)
    }

    fn draw_spines(&self, sheet: &mut Sheet, across: [f64; 2], levels: &Levels) {
        let shown = shown(self.spines(), SPINES_MAX);
        for spine in 0..self.spines().min(SPINES_MAX) {
            let red = self.broken.part(Part::Spine(self.number, spine));
            let middle = self.spine_at(across, spine);
            let x = middle - SPINE_WIDTH / 2.0;
            sheet.line("link", [middle, levels.core], [middle, levels.spines], false);
            let hidden = format!("{} more", self.spines() - shown);
            let name = if spine < shown { format!("spine {}", spine + 1) } else { hidden };
            sheet.spine([x, levels.spines], SPINE_WIDTH, &name, red && spine < shown);
        }
    }

    fn switch_at(left: f64, place: usize) -> f64 {
        left + GAP + place.min(SWITCHES_MAX - 1) as f64 * (SWITCH_WIDTH + BETWEEN)
    }

    fn draw_switches(&self, sheet: &mut Sheet, across: [f64; 2], levels: &Levels) {
        let left = across[0];
        let [mut host, first] = self.draft.first_of(self.number);
        let shown = shown(self.site.hosts.len(), SWITCHES_MAX);
        for (place, hosts) in self.site.hosts.iter().take(shown).enumerate() {
            let at = [Self::switch_at(left, place), levels.switches];
            let (number, name) = (first + place, format!("sw{}", first + place + 1));
            self.draw_uplinks(sheet, across, levels, place);
            sheet.switch(at, SWITCH_WIDTH, [&name, &hosts_words(host, *hosts)], self.broken.name(&name));
            if self.parts.feeds > 0 {
                let feed = place % self.parts.feeds;
                sheet.feed([at[0] + 3.0, at[1] + 3.0], feed, self.broken.part(Part::Feed(self.number, feed)));
            }
            if self.parts.pairs && place % 2 == 1 {
                let red = [number - 1, number].into_iter().any(|one| self.broken.part(Part::PeerLink(one)));
                let y = levels.switches + SWITCH_HEIGHT / 2.0;
                sheet.line("peer", [at[0] - BETWEEN, y], [at[0], y], red);
            }
            self.dots(sheet, [at[0], levels.dots], host, *hosts);
            host += hosts;
        }
        if shown < self.site.hosts.len() {
            let hidden = format!("{} more", self.site.hosts.len() - shown);
            let hosts: usize = self.site.hosts.iter().skip(shown).sum();
            let words = format!("{} on them", count(hosts, "host"));
            sheet.switch(
                [Self::switch_at(left, shown), levels.switches],
                SWITCH_WIDTH,
                [&hidden, &words],
                false,
            );
        }
    }

    /// To the core, or to each spine.
    fn draw_uplinks(&self, sheet: &mut Sheet, across: [f64; 2], levels: &Levels, place: usize) {
        let switch = self.draft.first_of(self.number)[1] + place;
        let all = self.broken.part(Part::Uplink(switch));
        let from = [Self::switch_at(across[0], place) + SWITCH_WIDTH / 2.0, levels.switches];
        if self.spines() == 0 {
            sheet.line("link", from, [from[0], levels.core], all);
        }
        for spine in 0..shown(self.spines(), SPINES_MAX) {
            let red = all || self.broken.part(Part::SpineLink(switch, spine));
            let to = [self.spine_at(across, spine), levels.spines + 24.0];
            sheet.line("lane", from, to, red);
        }
    }

    /// A dot for each host on one switch, as long as there is room.
    fn dots(&self, sheet: &mut Sheet, [x, y]: [f64; 2], first: usize, hosts: usize) {
        for number in 0..hosts.min(DOTS * ROWS_MAX) {
            let (column, row) = (number % DOTS, number / DOTS);
            let name = format!("h{}", first + number + 1);
            let at = [x + 12.0 + column as f64 * DOT, y + row as f64 * DOT + 4.0];
            sheet.dot(at, &name, self.broken.name(&name));
        }
        if hosts > DOTS * ROWS_MAX {
            let hidden = hosts - DOTS * ROWS_MAX;
            sheet.text(x + 8.0, y + ROWS_MAX as f64 * DOT + 12.0, Text::Calm, &format!("and {hidden} more"));
        }
    }

    /// A row for each group, with a line up to each of its switches.
    fn draw_groups(&self, sheet: &mut Sheet, [left, width]: [f64; 2], levels: &Levels) {
        for (row, group) in self.groups.iter().take(GROUPS_MAX).enumerate() {
            let y = levels.groups + row as f64 * GROUP + 14.0;
            // Each group has a lane of its own beside the dots.
            let lane = SWITCH_WIDTH - 4.0 - (row % 4) as f64 * 3.0;
            let xs: Vec<f64> = group.on.iter().map(|place| Self::switch_at(left, *place) + lane).collect();
            for x in &xs {
                sheet.line("leg", [*x, levels.switches + SWITCH_HEIGHT], [*x, y], false);
            }
            let (least, most) = xs.iter().fold((f64::MAX, 0.0_f64), |(a, b), x| (a.min(*x), b.max(*x)));
            sheet.line("leg", [least, y], [most, y], false);
            let words = self.group_words(group);
            let half = pill_width(&words) / 2.0 + 6.0;
            let middle = ((least + most) / 2.0).min(left + width - half).max(left + half);
            let red = group.hosts.iter().any(|host| self.broken.name(&format!("h{}", host + 1)));
            sheet.pill([middle, y], &words, red);
        }
        if let Some(more) = self.groups.len().checked_sub(GROUPS_MAX).filter(|more| *more > 0) {
            let hosts: usize = self.groups.iter().skip(GROUPS_MAX).map(|group| group.hosts.len()).sum();
            let words = format!("and {} on {more} other sets of switches", count(hosts, "host"));
            sheet.text(left + GAP, levels.bottom - GAP - 8.0, Text::Calm, &words);
        }
    }

    fn group_words(&self, group: &Group) -> String {
        let names = match group.hosts.as_slice() {
            [] => String::new(),
            [one] => format!("h{}", one + 1),
            [one, other] => format!("h{}, h{}", one + 1, other + 1),
            few if few.len() <= 4 && few.windows(2).any(|two| two[1] != two[0] + 1) => {
                let names: Vec<String> = few.iter().map(|host| format!("h{}", host + 1)).collect();
                names.join(", ")
            }
            [one, .., last] if last - one + 1 == group.hosts.len() => {
                format!("h{} to h{}: {}", one + 1, last + 1, count(group.hosts.len(), "host"))
            }
            [one, .., last] => {
                format!("{} from h{} to h{}", count(group.hosts.len(), "host"), one + 1, last + 1)
            }
        };
        match self.draft.bond {
            Some(bond) => format!("{names}, bond {}", bond.word()),
            None => names,
        }
    }
}

fn grouped(site: &SiteDraft, first_host: usize) -> Vec<Group> {
    let first = first_host + site.hosts.iter().sum::<usize>();
    let mut groups: BTreeMap<&Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (number, on) in site.on_several.iter().enumerate() {
        groups.entry(on).or_default().push(first + number);
    }
    groups.into_iter().map(|(on, hosts)| Group { on: on.clone(), hosts }).collect()
}

fn about(site: &SiteDraft) -> String {
    let (delay, lost) = site.wan;
    let loss = if lost > 0 { format!(", {lost} of 1000 lost") } else { String::new() };
    let branch = if site.branch { "branch; " } else { "" };
    format!("{branch}{}; WAN {} ms{loss}", count(site.size(), "host"), delay.as_millis())
}

/// What cannot be drawn.
fn labels(parts: &SitePlan) -> impl Iterator<Item = String> {
    let SitePlan { switches: _, spines: _, modules, feeds, domains, pairs: _, speaks, branch: _ } = *parts;
    let fabric = [
        (domains > 1).then(|| format!("{domains} L2 domains")),
        (modules > 0).then(|| format!("{} in each switch", count(modules, "line card"))),
    ];
    let power = [
        (feeds > 0).then(|| format!("{}: the number at a switch", count(feeds, "power feed"))),
        (speaks != Speaks::Lldp).then(|| match speaks {
            Speaks::Both => "switches speak lldp and cdp".to_owned(),
            one => format!("switches speak {}", one.word()),
        }),
    ];
    let line = |some: [Option<String>; 2]| {
        let some: Vec<String> = some.into_iter().flatten().collect();
        (!some.is_empty()).then(|| some.join("; "))
    };
    [line(fabric), line(power)].into_iter().flatten()
}

/// How many are drawn themselves, where the last place says how many others there are.
fn shown(all: usize, most: usize) -> usize {
    if all > most { most - 1 } else { all }
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
