//! A scenario as it can be drawn, made smaller and written down again: every fault by itself, at its moment.
//!
//! What is drawn and what is shrunk is a file like any other: it is written, read and run as one.

use std::fmt::{self, Write as _};
use std::time::Duration;

use ringmesh_proto::message::GoodbyeReason;
use ringmesh_relay_core::Timing;

use super::expect::{About, Moment, What};
use super::fault::Fault;
use super::load::Scenario;
use super::text::Refusal;
use super::wear::Wear;
use crate::model::{BondMode, Plan, SitePlan, Speaks, Trouble, WanShape, Way};

/// One site: how many hosts hang on each switch, then the switches of each further host, and its WAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteDraft {
    /// Of each switch.
    pub hosts: Vec<usize>,
    /// Of each host on several switches, numbers within the site from 0.
    pub on_several: Vec<Vec<usize>>,
    /// One way, and lost of a thousand.
    pub wan: (Duration, u64),
    /// A branch office.
    pub branch: bool,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultDraft {
    /// What breaks.
    pub fault: Fault,
    /// When.
    pub at: Duration,
    /// How long; to the end, if nothing is said.
    pub lasts: Option<Duration>,
    /// Expectations count from the first of its group, or from the end of the last.
    pub group: usize,
    /// It may meet something that is broken already.
    pub if_whole: bool,
}

/// Something that is expected, and the number of its like in the file it came from.
#[derive(Clone, Debug)]
pub(super) struct ExpectDraft {
    pub(super) number: usize,
    pub(super) what: What,
}

/// A scenario to be.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it shows.
    pub title: String,
    /// Of everything random.
    pub seed: u64,
    /// How long the start has.
    pub settle: Duration,
    /// How long it lasts then.
    pub duration: Duration,
    /// From then on nothing is lost.
    pub lossless_after: Option<Duration>,
    /// In order.
    pub sites: Vec<SiteDraft>,
    /// Seconds between two announcements of a switch.
    pub lldp_every_s: u16,
    /// Lost inside the sites, of a thousand.
    pub loss_permille: u64,
    /// Everything must be as if nothing had been, at the end.
    pub whole_at_end: bool,
    /// In the order of their beginning.
    pub faults: Vec<FaultDraft>,
    /// What every site has beside switches and hosts; of itself it has none.
    pub parts: SitePlan,
    /// How the ports of hosts on several switches are bonded.
    pub bond: Option<BondMode>,
    /// How the sites are joined.
    pub wan: WanShape,
    pub(super) timing: Timing,
    pub(super) unwatched: Vec<&'static str>,
    pub(super) expect: Vec<ExpectDraft>,
}

impl Draft {
    /// Nothing yet, for that seed.
    pub fn new(seed: u64) -> Self {
        Self {
            title: String::new(),
            seed,
            settle: super::load::SETTLES,
            duration: Duration::ZERO,
            lossless_after: None,
            sites: Vec::new(),
            lldp_every_s: 5,
            loss_permille: 0,
            whole_at_end: false,
            faults: Vec::new(),
            parts: SitePlan::default(),
            bond: None,
            wan: WanShape::default(),
            timing: Timing::default(),
            unwatched: Vec::new(),
            expect: Vec::new(),
        }
    }

    /// What a file says for a seed: every fault at its moment.
    pub fn of(scenario: &Scenario, seed: u64) -> Self {
        let shape = &scenario.shape;
        let cues = scenario.cues(seed);
        let fault = |cue: &super::script::Cue| FaultDraft {
            fault: cue.fault,
            at: cue.at,
            lasts: scenario.faults.get(cue.number).and_then(|planned| planned.lasts),
            group: cue.number,
            if_whole: cue.may_miss,
        };
        let expect = scenario.expect.iter().enumerate();
        let expect = expect.map(|(number, expect)| ExpectDraft { number, what: expect.what.clone() });
        Self {
            title: scenario.title.clone(),
            settle: scenario.settle,
            duration: scenario.duration,
            lossless_after: scenario.lossless_after,
            sites: sites(&shape.plan, &shape.whole.wan),
            lldp_every_s: shape.plan.lldp_every_s,
            loss_permille: shape.whole.loss_permille,
            faults: cues.iter().filter(|cue| cue.begins).map(fault).collect(),
            parts: SitePlan {
                switches: 0,
                ..shape.plan.sites.iter().find(|site| !site.branch).cloned().unwrap_or_default()
            },
            bond: shape.plan.hosts.iter().find_map(|host| host.bond),
            wan: shape.plan.wan,
            timing: shape.plan.timing,
            unwatched: scenario.unwatched.iter().copied().collect(),
            expect: expect.collect(),
            ..Self::new(seed)
        }
    }

    /// As a file is read. A refusal is an error of whoever drew it.
    pub fn scenario(&self, file: &str) -> Result<Scenario, Refusal> {
        Scenario::read(file, &self.to_string())
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.sites.iter().map(SiteDraft::size).sum()
    }

    /// What is built of a site: a branch has nothing beside switches and hosts.
    pub fn parts_of(&self, site: &SiteDraft) -> SitePlan {
        self.parts.clone().of_site(site.hosts.len(), site.branch)
    }

    /// The lines that join the sites.
    pub fn lines(&self) -> Vec<(usize, usize)> {
        self.wan.lines(self.sites.iter().map(|site| site.branch))
    }

    /// The number of the first host and of the first switch of a site.
    pub fn first_of(&self, site: usize) -> [usize; 2] {
        let before = self.sites.iter().take(site);
        before.fold([0, 0], |[hosts, switches], site| [hosts + site.size(), switches + site.hosts.len()])
    }
}

impl SiteDraft {
    /// How many hosts it has.
    pub fn size(&self) -> usize {
        self.hosts.iter().sum::<usize>() + self.on_several.len()
    }

    /// The switches of its hosts, in order.
    pub(super) fn switches(&self) -> Vec<Vec<usize>> {
        let single = self.hosts.iter().enumerate().flat_map(|(switch, hosts)| vec![vec![switch]; *hosts]);
        single.chain(self.on_several.iter().cloned()).collect()
    }

    /// With these hosts alone.
    pub(super) fn of_hosts(&self, switches: usize, hosts: &[Vec<usize>]) -> Self {
        let on = |switch: usize| hosts.iter().filter(|host| host.as_slice() == [switch]).count();
        Self {
            hosts: (0..switches).map(on).collect(),
            on_several: hosts.iter().filter(|host| host.len() > 1).cloned().collect(),
            wan: self.wan,
            branch: self.branch,
        }
    }
}

fn sites(plan: &Plan, wan: &[(Duration, u64)]) -> Vec<SiteDraft> {
    let (mut first, mut sites) = (0, Vec::new());
    for (site, wan) in plan.sites.iter().zip(wan) {
        let here = first..first + site.switches;
        let hosts = plan.hosts.iter().filter(|host| here.contains(&host.switches[0]));
        let hosts: Vec<Vec<usize>> =
            hosts.map(|host| host.switches.iter().map(|switch| switch - first).collect()).collect();
        let empty = SiteDraft { hosts: Vec::new(), on_several: Vec::new(), wan: *wan, branch: site.branch };
        sites.push(empty.of_hosts(site.switches, &hosts));
        first = here.end;
    }
    sites
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.title.is_empty() {
            writeln!(f, "title = {}", quoted(&self.title))?;
        }
        writeln!(
            f,
            "seed = {}\nsettle = \"{}\"\nduration = \"{}\"",
            self.seed,
            long(self.settle),
            long(self.duration)
        )?;
        if let Some(after) = self.lossless_after {
            writeln!(f, "lossless_after = \"{}\"", long(after))?;
        }
        writeln!(
            f,
            "\n[topology]\nlldp_every = \"{}s\"\nloss_permille = {}",
            self.lldp_every_s, self.loss_permille
        )?;
        f.write_str(&self.built())?;
        for site in &self.sites {
            writeln!(f, "\n[[topology.site]]\nhosts = {:?}", site.hosts)?;
            if site.branch {
                writeln!(f, "branch = true")?;
            }
            if !site.on_several.is_empty() {
                let from_one = |on: &Vec<usize>| on.iter().map(|switch| switch + 1).collect::<Vec<_>>();
                writeln!(f, "dual_homed = {:?}", site.on_several.iter().map(from_one).collect::<Vec<_>>())?;
            }
            writeln!(f, "wan_delay = \"{}\"\nwan_loss_permille = {}", long(site.wan.0), site.wan.1)?;
        }
        if self.timing != Timing::default() {
            let Timing { close_hold, settle, boot_grace } = self.timing;
            let [close_hold, settle, boot_grace] = [close_hold, settle, boot_grace].map(long);
            writeln!(f, "\n[protocol]\nclose_hold = \"{close_hold}\"\nsettle = \"{settle}\"")?;
            writeln!(f, "boot_grace = \"{boot_grace}\"")?;
        }
        if !self.unwatched.is_empty() {
            writeln!(f, "\n[invariants]")?;
            self.unwatched.iter().try_for_each(|name| writeln!(f, "{name} = false"))?;
        }
        for (number, fault) in self.faults.iter().enumerate() {
            write!(
                f,
                "\n[[faults]]\nname = \"f{}\"\n{}at = \"{}\"\n",
                number + 1,
                self.kind(fault.fault),
                long(fault.at)
            )?;
            if let Some(lasts) = fault.lasts {
                writeln!(f, "lasts = \"{}\"", long(lasts))?;
            }
            if fault.if_whole {
                writeln!(f, "if_whole = true")?;
            }
        }
        for expect in &self.expect {
            write!(f, "\n[[expect]]\n{}", self.words_of(&expect.what))?;
        }
        if self.whole_at_end {
            writeln!(f, "\n[[expect]]\nwhole_at_end = true")?;
        }
        Ok(())
    }
}

impl Draft {
    /// What a site is called.
    pub fn site_name(&self, site: usize) -> String {
        if self.sites.len() == 1 { "sim".into() } else { format!("s{}", site + 1) }
    }

    /// What all sites have beside switches and hosts, and what joins them. What nothing could have is not written: bonds
    /// without a host on several switches, pairs without two, lines without another site.
    fn built(&self) -> String {
        let [several, mates] = [
            self.sites.iter().any(|site| !site.on_several.is_empty()),
            self.sites.iter().any(|site| !site.branch && site.hosts.len() > 1),
        ];
        let lines = self.wan != WanShape::default() && self.sites.len() > 1;
        let SitePlan { switches: _, spines, modules, feeds, domains, pairs, speaks, branch: _ } = &self.parts;
        let counts = [("spines", spines), ("line_cards", modules), ("feeds", feeds), ("domains", domains)];
        let counts = counts.into_iter().filter(|(_, count)| **count > 0);
        let mut text: String = counts.map(|(key, count)| format!("{key} = {count}\n")).collect();
        let words = [
            ("bond", self.bond.filter(|_| several).map(BondMode::word)),
            ("announce", (*speaks != Speaks::default()).then(|| speaks.word())),
            ("wan", lines.then(|| self.wan.word())),
        ];
        let words = words.into_iter().filter_map(|(key, word)| Some(format!("{key} = \"{}\"\n", word?)));
        text.extend(words);
        if *pairs && mates {
            text.push_str("pairs = true\n");
        }
        if lines {
            text.push_str(&format!("wan_hop = \"{}\"\n", long(self.wan.hop())));
        }
        text
    }

    /// Kind, whom it breaks, and what goes with it.
    fn kind(&self, fault: Fault) -> String {
        let host = |kind: &str, host: usize| format!("kind = \"{kind}\"\non = \"h{}\"\n", host + 1);
        let switch = |kind: &str, switch: usize| format!("kind = \"{kind}\"\non = \"sw{}\"\n", switch + 1);
        let site =
            |kind: &str, site: usize| format!("kind = \"{kind}\"\non = \"{}\"\n", self.site_name(site));
        let lone = |kind: &str| format!("kind = \"{kind}\"\n");
        match fault {
            Fault::HostPower(one) => host("host-power", one),
            Fault::Probe(one) => host("probe", one),
            Fault::Pause(one) => host("pause", one),
            Fault::Leave { host: one, reason, back_within } => {
                let reason = GoodbyeReason::word(reason);
                format!(
                    "{}reason = \"{reason}\"\nback_within = \"{}\"\n",
                    host("planned-stop", one),
                    long(back_within)
                )
            }
            Fault::Cable(one, port) => format!("{}port = \"eth{port}\"\n", host("cable", one)),
            Fault::SwitchPower(one) => switch("switch-power", one),
            Fault::Uplink(one) => switch("uplink", one),
            Fault::LldpSilence(one) => switch("lldp-silence", one),
            Fault::SitePower(one) => site("site-power", one),
            Fault::Wan(one) => site("wan", one),
            Fault::WanQuality { site: one, delay, loss_permille } => {
                let delay = long(delay);
                format!("{}delay = \"{delay}\"\nloss_permille = {loss_permille}\n", site("wan-quality", one))
            }
            Fault::Relay(one) => site("relay", one),
            Fault::RelayDisk(one) => site("relay-disk", one),
            Fault::Cma => lone("cma"),
            Fault::CmaWan => lone("cma-wan"),
            Fault::CmaDisk => lone("cma-disk"),
            Fault::Loss(permille) => format!("{}loss_permille = {permille}\n", lone("loss")),
            Fault::Wear(wear) => self.wear(wear),
        }
    }

    /// The same of what wears.
    fn wear(&self, wear: Wear) -> String {
        let on = |kind: &str, name: String| format!("kind = \"{kind}\"\non = \"{name}\"\n");
        let host = |kind: &str, host: usize| on(kind, format!("h{}", host + 1));
        let switch = |kind: &str, switch: usize| on(kind, format!("sw{}", switch + 1));
        let site = |kind: &str, site: usize| on(kind, self.site_name(site));
        match wear {
            Wear::Spine(one, spine) => format!("{}spine = {}\n", site("spine-power", one), spine + 1),
            Wear::SpineLink(one, spine) => format!("{}spine = {}\n", switch("spine-link", one), spine + 1),
            Wear::Card(one, card) => format!("{}card = {}\n", switch("line-card", one), card + 1),
            Wear::PeerLink(one) => switch("peer-link", one),
            Wear::Feed(one, feed) => format!("{}feed = {}\n", site("feed", one), feed + 1),
            Wear::BadCable(one, port, trouble) => {
                format!("{}port = \"eth{port}\"\n{}", host("cable-quality", one), troubled(trouble))
            }
            Wear::BadUplink(one, spine, trouble) => {
                let spine = spine.map(|spine| format!("spine = {}\n", spine + 1)).unwrap_or_default();
                format!("{}{spine}{}", switch("uplink-quality", one), troubled(trouble))
            }
            Wear::BadLan(one, trouble) => format!("{}{}", site("lan", one), troubled(trouble)),
            Wear::BadGateway(one, domain, trouble) => {
                format!("{}domain = {}\n{}", site("gateway", one), domain + 1, troubled(trouble))
            }
            Wear::BadWan(one, trouble) => format!("{}{}", site("wan-quality", one), troubled(trouble)),
            Wear::Pose(one, other) => format!("{}poses_as = \"sw{}\"\n", switch("lldp-pose", one), other + 1),
            Wear::Reflect(one) => switch("lldp-reflect", one),
            Wear::Suspend(one) => host("suspend", one),
            Wear::Recable { host: one, port, to, .. } => {
                format!("{}port = \"eth{port}\"\nto = \"sw{}\"\n", host("recable", one), to + 1)
            }
            Wear::Drift(one, ppm) => format!("{}ppm = {ppm}\n", host("clock-drift", one)),
            Wear::Ahead(one, ahead) => format!("{}ahead = \"{}\"\n", host("clock-jump", one), long(ahead)),
            Wear::Behind(one, behind) => {
                format!("{}behind = \"{}\"\n", host("clock-jump", one), long(behind))
            }
            Wear::Doubled(permille) => format!("kind = \"duplication\"\npermille = {permille}\n"),
            Wear::Disorder(by) => format!("kind = \"reordering\"\ndelay = \"{}\"\n", long(by)),
            Wear::Readdress(one) => host("readdress", one),
            Wear::Clone { host: one, of } => format!("{}of = \"h{}\"\n", host("clone", one), of + 1),
            Wear::Overload(one, each) => {
                format!("{}each = \"{}\"\n", site("relay-overload", one), long(each))
            }
            Wear::OverloadCma(each) => format!("kind = \"cma-overload\"\neach = \"{}\"\n", long(each)),
            Wear::OverloadProbe(one, every) => {
                format!("{}each = \"{}\"\n", host("probe-overload", one), long(every))
            }
            Wear::Line(one, other) => {
                format!("{}to = \"{}\"\n", site("wan-line", one), self.site_name(other))
            }
        }
    }

    /// What is expected, as a file says it.
    fn words_of(&self, what: &What) -> String {
        let mut text = String::new();
        let _ = match what {
            What::Verdict { verdict, about, alternatives, state, behind, after, within } => {
                let _ = writeln!(text, "verdict = \"{verdict}\"");
                let _ = match about {
                    About::Name(name) => writeln!(text, "about = \"{name}\""),
                    About::Set(hosts) => writeln!(text, "about_set = \"{}\"", hosts.join(", ")),
                };
                if let Some(all) = alternatives {
                    let each = all.iter().map(|(verdict, name)| format!("{verdict} {name}"));
                    let _ = writeln!(text, "alternatives = \"{}\"", each.collect::<Vec<_>>().join(" | "));
                }
                if let Some(state) = state {
                    let _ = writeln!(text, "state = \"{state}\"");
                }
                if let Some(behind) = behind {
                    let _ = writeln!(text, "behind = {behind}");
                }
                text.push_str(&self.moment(*after));
                writeln!(text, "within = \"{}\"", long(*within))
            }
            What::NothingAbout(names) => writeln!(text, "nothing_about = \"{}\"", names.join(", ")),
            What::IncidentsMax(most) => writeln!(text, "incidents_max = {most}"),
            What::PagesMax(most) => writeln!(text, "pages_max = {most}"),
            What::DatagramsMax { most, class, after, within } => {
                let _ = writeln!(text, "datagrams_max = {most}");
                if let Some(class) = class {
                    let _ = writeln!(text, "class = \"{class}\"");
                }
                text.push_str(&self.window(*after, *within));
                Ok(())
            }
            What::WanBytesMax { most, sites, after, within } => {
                let names: Vec<String> = sites.iter().map(|site| self.site_name(*site)).collect();
                text.push_str(&self.window(*after, *within));
                writeln!(text, "wan_bytes_max = {most}\non = \"{}\"", names.join(", "))
            }
            What::WholeAtEnd => writeln!(text, "whole_at_end = true"),
        };
        text
    }

    fn window(&self, after: Moment, within: Option<Duration>) -> String {
        let within = within.map(|within| format!("within = \"{}\"\n", long(within))).unwrap_or_default();
        self.moment(after) + &within
    }

    /// The name of the fault that a moment belongs to: of its group the first to begin, or the last to end.
    fn moment(&self, moment: Moment) -> String {
        let of = |group: usize| self.faults.iter().enumerate().filter(move |(_, fault)| fault.group == group);
        let ends = |fault: &FaultDraft| fault.at + fault.lasts.unwrap_or_default();
        let (key, found) = match moment {
            Moment::Settled => return String::new(),
            Moment::BeginOf(group) => ("after", of(group).min_by_key(|(_, fault)| fault.at)),
            Moment::EndOf(group) => ("after_end_of", of(group).max_by_key(|(_, fault)| ends(fault))),
        };
        found.map(|(number, _)| format!("{key} = \"f{}\"\n", number + 1)).unwrap_or_default()
    }
}

fn troubled(trouble: Trouble) -> String {
    let Trouble { loss_permille, delay, way, udp_port, larger_than, domain } = trouble;
    let way = way.map(|way| if way == Way::Out { "\"out\"" } else { "\"in\"" }.to_owned());
    let some = [
        ("loss_permille", Some(loss_permille.to_string())),
        ("delay", Some(format!("\"{}\"", long(delay)))),
        ("way", way),
        ("udp_port", udp_port.map(|port| port.to_string())),
        ("larger_than", larger_than.map(|octets| octets.to_string())),
        ("domain", domain.map(|domain| (domain + 1).to_string())),
    ];
    some.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?))).collect()
}

fn long(long: Duration) -> String {
    format!("{}ms", long.as_millis())
}

/// Between quotes, for a file.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
