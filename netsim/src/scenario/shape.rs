//! What a file builds, and how its things are called and chosen.

use std::time::Duration;

use toml::Spanned;

use super::fault::Quality;
use super::file;
use super::text::{HowLong, Refusal, Source};
use crate::model::{BondMode, DOMAINS_MAX, HostPlan, Plan, SitePlan, Speaks, WanShape};

/// Switches have one octet of a chassis address ..
const SWITCHES_MAX: usize = 254;
/// .. sites one of an address, hosts two.
const SITES_MAX: usize = 200;
const HOSTS_MAX: usize = 65_000;
const LLDP_EVERY_S_MAX: u64 = 3_600;
/// One way over the WAN of a site.
const WAN_DELAY: Duration = Duration::from_millis(10);
/// The same of a branch office.
const BRANCH_DELAY: Duration = Duration::from_millis(30);

/// What is built, and what its quality is while nothing is broken.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) plan: Plan,
    pub(super) whole: Quality,
    site_of_switch: Vec<usize>,
    /// The number of each host on the switch of its first port, from 1.
    host_on_switch: Vec<usize>,
}

/// One site as planned: hosts on each of its switches, then those on several.
struct Planned {
    hosts: Vec<usize>,
    on_several: Vec<Vec<usize>>,
    wan: (Duration, u64),
    branch: bool,
}

impl Shape {
    pub(super) fn of(source: &Source<'_>, file: &Spanned<file::Topology>) -> Result<Self, Refusal> {
        let (at, topology) = (file.span(), file.get_ref());
        let mut sites = planned(source, file)?;
        if let Some(given) = &topology.branches {
            sites.extend(branches(source, given, topology)?);
        }
        let switches: usize = sites.iter().map(|site| site.hosts.len()).sum();
        let single: usize = sites.iter().flat_map(|site| &site.hosts).fold(0, |a, b| a.saturating_add(*b));
        let hosts = sites.iter().map(|site| site.on_several.len()).fold(single, usize::saturating_add);
        let limits = [(sites.len(), SITES_MAX, "sites"), (switches, SWITCHES_MAX, "switches")];
        for (count, most, what) in limits.into_iter().chain([(hosts, HOSTS_MAX, "hosts")]) {
            if count > most {
                return Err(source.refuse(&at, format!("{count} {what}: the model has room for {most}")));
            }
        }
        let loss_permille = permille(source, topology.loss_permille.as_ref())?;
        let mut plan = Plan { loss_permille, ..Plan::sites(0, 0, 0) };
        if let Some(every) = &topology.lldp_every {
            plan.lldp_every_s = whole_seconds(source, every)?;
        }
        let whole = Quality { wan: sites.iter().map(|site| site.wan).collect(), loss_permille };
        let parts = parts(source, topology)?;
        check_pairs(source, topology, &sites)?;
        check_bonds(source, topology, &sites, parts.bond)?;
        plan.wan = wan_shape(source, topology, &sites)?;
        sites.into_iter().for_each(|site| build(&mut plan, site, &parts));
        let (site_of_switch, host_on_switch) = (plan.site_of_switches(), numbered(&plan));
        Ok(Self { plan, whole, site_of_switch, host_on_switch })
    }

    pub(super) fn site_of_host(&self, host: usize) -> usize {
        self.site_of_switch[self.plan.hosts[host].switches[0]]
    }

    pub(super) fn site_of_switch(&self, switch: usize) -> usize {
        self.site_of_switch[switch]
    }

    /// The number of a switch in its site, from 1.
    pub(super) fn switch_in_site(&self, switch: usize) -> usize {
        let site = self.site_of_switch[switch];
        self.site_of_switch[..=switch].iter().filter(|of| **of == site).count()
    }

    /// The number of a host on the switch of its first port, from 1.
    pub(super) fn host_on_switch(&self, host: usize) -> usize {
        self.host_on_switch[host]
    }

    pub(super) fn site_names(&self) -> Vec<String> {
        (0..self.plan.sites.len()).map(|site| self.plan.site_name(site).to_string()).collect()
    }

    pub(super) fn switch_names(&self) -> Vec<String> {
        (1..=self.site_of_switch.len()).map(|switch| format!("sw{switch}")).collect()
    }

    pub(super) fn host_names(&self) -> Vec<String> {
        (1..=self.plan.hosts.len()).map(|host| format!("h{host}")).collect()
    }

    /// Everything an incident may be about, as the CMA calls it.
    pub(super) fn subjects(&self) -> Vec<String> {
        let relays = self.site_names().into_iter().map(|site| format!("{site}/r1"));
        let mut names: Vec<String> = self.host_names();
        names.extend(self.switch_names());
        names.extend(self.site_names());
        names.extend(relays);
        names.push("cma".into());
        names
    }
}

fn planned(source: &Source<'_>, file: &Spanned<file::Topology>) -> Result<Vec<Planned>, Refusal> {
    let (at, topology) = (file.span(), file.get_ref());
    let delay = |delay: Option<HowLong>| delay.map(|delay| delay.0);
    let wan = (
        delay(topology.wan_delay).unwrap_or(WAN_DELAY),
        permille(source, topology.wan_loss_permille.as_ref())?,
    );
    let counts = [&topology.sites, &topology.switches, &topology.hosts, &topology.dual_homed];
    if topology.site.is_empty() {
        let [sites, switches, hosts, dual] = counts;
        let needed = "needs `sites`, `switches` and `hosts`, or a [[topology.site]] for each site";
        let (Some(sites), Some(switches), Some(hosts)) = (sites, switches, hosts) else {
            return Err(source.refuse(&at, format!("the topology {needed}")));
        };
        let dual = dual.as_ref().map(|dual| count(source, dual, 0, HOSTS_MAX)).transpose()?.unwrap_or(0);
        let (sites, switch_count) =
            (count(source, sites, 1, SITES_MAX)?, count(source, switches, 1, SWITCHES_MAX)?);
        let hosts = count(source, hosts, usize::from(dual == 0), HOSTS_MAX)?;
        if dual > 0 && switch_count < 2 {
            let what = "hosts on two switches need two switches in each site: raise `switches`";
            return Err(source.refuse(&switches.span(), what));
        }
        let several = |k: usize| vec![k % switch_count, (k + 1) % switch_count];
        let site = || Planned {
            hosts: vec![hosts; switch_count],
            on_several: (0..dual).map(several).collect(),
            wan,
            branch: false,
        };
        return Ok((0..sites).map(|_| site()).collect());
    }
    if let Some(given) = counts.into_iter().flatten().next() {
        let what = "the sites are spelled out below: say it in their [[topology.site]]";
        return Err(source.refuse(&given.span(), what));
    }
    let spelled = |site: &Spanned<file::Site>| spelled_out(source, site, wan);
    let sites: Vec<Planned> = topology.site.iter().map(spelled).collect::<Result<_, _>>()?;
    let first = topology.site.first().and_then(|site| site.get_ref().branch.as_ref());
    match first.filter(|branch| *branch.get_ref()) {
        Some(branch) => Err(source.refuse(
            &branch.span(),
            "the first site is no branch, the CMA is there: put a main site before it",
        )),
        None => Ok(sites),
    }
}

/// Branch offices that differ: what is said of switches and of the hosts on each is dealt out to them in turn.
fn branches(
    source: &Source<'_>,
    file: &Spanned<file::Branches>,
    topology: &file::Topology,
) -> Result<Vec<Planned>, Refusal> {
    let file::Branches { count: how_many, hosts, switches, wan_delay, wan_loss_permille } = file.get_ref();
    let some = |given: &Spanned<Vec<Spanned<u64>>>, most: usize| {
        if given.get_ref().is_empty() {
            return Err(source.refuse(&given.span(), "needs a number at least: they are dealt out in turn"));
        }
        given.get_ref().iter().map(|number| count(source, number, 1, most)).collect::<Result<Vec<_>, _>>()
    };
    let hosts = some(hosts, HOSTS_MAX)?;
    let switches = switches.as_ref().map_or(Ok(vec![1]), |given| some(given, SWITCHES_MAX))?;
    let loss = wan_loss_permille.as_ref().or(topology.wan_loss_permille.as_ref());
    let wan = (wan_delay.map_or(BRANCH_DELAY, |delay| delay.0), permille(source, loss)?);
    let mut hosts = hosts.into_iter().cycle();
    let mut branch = |switches: usize| Planned {
        hosts: hosts.by_ref().take(switches).collect(),
        on_several: Vec::new(),
        wan,
        branch: true,
    };
    let how_many = count(source, how_many, 1, SITES_MAX)?;
    Ok(switches.into_iter().cycle().take(how_many).map(&mut branch).collect())
}

fn spelled_out(
    source: &Source<'_>,
    file: &Spanned<file::Site>,
    wan: (Duration, u64),
) -> Result<Planned, Refusal> {
    let site = file.get_ref();
    let hosts = site.hosts.iter().map(|hosts| count(source, hosts, 0, HOSTS_MAX));
    let hosts = hosts.collect::<Result<Vec<usize>, Refusal>>()?;
    let on_several = site.dual_homed.iter().map(|on| switches_of(source, on, hosts.len()));
    let on_several = on_several.collect::<Result<Vec<_>, Refusal>>()?;
    if hosts.iter().all(|hosts| *hosts == 0) && on_several.is_empty() {
        return Err(
            source.refuse(&file.span(), "a site without hosts: give `hosts` a number for each switch")
        );
    }
    let delay = site.wan_delay.map_or(wan.0, |delay| delay.0);
    let loss = site.wan_loss_permille.as_ref();
    let loss = loss.map_or(Ok(wan.1), |loss| permille(source, Some(loss)))?;
    let branch = site.branch.as_ref().is_some_and(|branch| *branch.get_ref());
    if let Some(given) = site.dual_homed.first().filter(|_| branch) {
        return Err(source
            .refuse(&given.span(), "hosts of a branch have one port: leave `dual_homed` or `branch` out"));
    }
    Ok(Planned { hosts, on_several, wan: (delay, loss), branch })
}

fn switches_of(source: &Source<'_>, on: &Spanned<Vec<u64>>, switches: usize) -> Result<Vec<usize>, Refusal> {
    let wrong = || {
        let what = format!("a host on several switches names 2 to 8 of its site's, numbers 1 to {switches}");
        source.refuse(&on.span(), what)
    };
    let index = |number: &u64| usize::try_from(*number).ok()?.checked_sub(1).filter(|at| *at < switches);
    let found: Vec<usize> = on.get_ref().iter().map(index).collect::<Option<_>>().ok_or_else(wrong)?;
    if (2..=8).contains(&found.len()) { Ok(found) } else { Err(wrong()) }
}

/// In the order in which [`Plan::with_site`] and [`Plan::with_host`] build.
fn build(plan: &mut Plan, site: Planned, parts: &Parts) {
    let first = plan.switches();
    for (switch, hosts) in site.hosts.iter().enumerate() {
        plan.hosts.extend((0..*hosts).map(|_| HostPlan { switches: vec![first + switch], bond: None }));
    }
    plan.sites.push(parts.site.clone().of_site(site.hosts.len(), site.branch));
    for on in site.on_several {
        let switches = on.into_iter().map(|switch| first + switch).collect();
        plan.hosts.push(HostPlan { switches, bond: parts.bond });
    }
}

/// What every site but branches has beside switches and hosts.
struct Parts {
    site: SitePlan,
    /// How the ports of hosts on several switches are bonded.
    bond: Option<BondMode>,
}

/// More of anything than a site has.
const PARTS_MAX: usize = 64;
/// The words for bonds ..
pub const BONDS: [&str; 2] = ["active-backup", "802.3ad"];
/// .. and for what switches speak.
pub const SPEAKS: [&str; 3] = ["lldp", "cdp", "both"];
/// The words for what joins sites.
pub const WANS: [&str; 4] = ["cloud", "ring", "mesh", "star"];
/// How long a line between sites takes.
const WAN_HOP: Duration = Duration::from_millis(5);

fn parts(source: &Source<'_>, topology: &file::Topology) -> Result<Parts, Refusal> {
    let some = |given: &Option<Spanned<u64>>, most: usize| {
        given.as_ref().map_or(Ok(0), |given| count(source, given, 1, most))
    };
    let word = |given: &Option<Spanned<String>>, words: &[&str]| word(source, given, words);
    let speaks = match word(&topology.announce, &SPEAKS)? {
        None | Some(0) => Speaks::Lldp,
        Some(1) => Speaks::Cdp,
        Some(_) => Speaks::Both,
    };
    let bond = word(&topology.bond, &BONDS)?;
    let pairs = topology.pairs.as_ref().is_some_and(|pairs| *pairs.get_ref());
    if let (Some(given), Some(1), false) = (&topology.bond, bond, pairs) {
        let what = "an 802.3ad bond over two switches needs MLAG pairs: say `pairs = true`";
        return Err(source.refuse(&given.span(), what));
    }
    let site = SitePlan {
        spines: some(&topology.spines, PARTS_MAX)?,
        modules: some(&topology.line_cards, PARTS_MAX)?,
        feeds: some(&topology.feeds, PARTS_MAX)?,
        domains: some(&topology.domains, DOMAINS_MAX)?,
        pairs,
        speaks,
        switches: 0,
        branch: false,
    };
    let bond = bond.map(|which| if which == 0 { BondMode::ActiveBackup } else { BondMode::Lacp });
    Ok(Parts { site, bond })
}

/// Pairs are of two switches. Where the sites are spelled out, the last of an odd number stands alone; where they are
/// counted, nobody said that it should.
fn check_pairs(source: &Source<'_>, topology: &file::Topology, sites: &[Planned]) -> Result<(), Refusal> {
    let Some(given) = topology.pairs.as_ref().filter(|pairs| *pairs.get_ref()) else { return Ok(()) };
    if sites.iter().all(|site| site.branch || site.hosts.len() < 2) {
        let what =
            "a pair is two switches of one main site, and none has two: raise `switches`, or leave it out";
        return Err(source.refuse(&given.span(), what));
    }
    let odd = topology.switches.as_ref().filter(|switches| !switches.get_ref().is_multiple_of(2));
    if let Some(odd) = odd {
        let what = format!(
            "pairs need an even number of switches in each site: make it {}, or spell the sites out, and the \
             last stands alone",
            odd.get_ref() + 1
        );
        return Err(source.refuse(&odd.span(), what));
    }
    Ok(())
}

/// Only hosts on several switches are bonded, and with 802.3ad only those on both switches of a pair.
fn check_bonds(
    source: &Source<'_>,
    topology: &file::Topology,
    sites: &[Planned],
    bond: Option<BondMode>,
) -> Result<(), Refusal> {
    let Some(given) = &topology.bond else { return Ok(()) };
    if sites.iter().all(|site| site.on_several.is_empty()) {
        let what = "no host hangs on several switches: say which with `dual_homed`, or leave `bond` out";
        return Err(source.refuse(&given.span(), what));
    }
    let on_a_pair = |on: &Vec<usize>| {
        let pair = on.first().map_or(0, |switch| switch / 2);
        [2 * pair, 2 * pair + 1].iter().all(|half| on.contains(half)) && on.iter().all(|at| at / 2 == pair)
    };
    for (number, site) in sites.iter().enumerate().filter(|_| bond == Some(BondMode::Lacp)) {
        let Some(host) = site.on_several.iter().position(|on| !on_a_pair(on)) else { continue };
        let spelled = topology.site.get(number).and_then(|site| site.get_ref().dual_homed.get(host));
        let counted = topology.dual_homed.as_ref().map(Spanned::span);
        let at = spelled.map(Spanned::span).or(counted).unwrap_or_else(|| given.span());
        let on: Vec<String> = site.on_several[host].iter().map(|switch| (switch + 1).to_string()).collect();
        let what = format!(
            "host {} of `dual_homed` hangs on switches {}, which are no pair: an 802.3ad bond is over both of one, \
             1 and 2, 3 and 4, ..: name such in a [[topology.site]], or say `bond = \"active-backup\"`",
            host + 1,
            on.join(" and ")
        );
        return Err(source.refuse(&at, what));
    }
    Ok(())
}

/// Lines need two ends; a ring of two sites is one line. Rings and meshes are of main sites.
fn wan_shape(source: &Source<'_>, topology: &file::Topology, sites: &[Planned]) -> Result<WanShape, Refusal> {
    let hop = topology.wan_hop.map_or(WAN_HOP, |hop| hop.0);
    let Some(given) = &topology.wan else { return Ok(WanShape::Cloud) };
    let shape = match word(source, &topology.wan, &WANS)? {
        None | Some(0) => return Ok(WanShape::Cloud),
        Some(1) => WanShape::Ring(hop),
        Some(2) => WanShape::Mesh(hop),
        Some(_) => WanShape::Star(hop),
    };
    let name = shape.word();
    if sites.len() < 2 {
        let what = format!("a {name} joins two sites or more: build a second one, or leave `wan` out");
        return Err(source.refuse(&given.span(), what));
    }
    let main = sites.iter().filter(|site| !site.branch).count();
    if main < 2 && !matches!(shape, WanShape::Star(_)) {
        let what = format!(
            "a {name} joins main sites, and there is one: build a second one, or say `wan = \"star\"`"
        );
        return Err(source.refuse(&given.span(), what));
    }
    Ok(shape)
}

/// Which of these words it is.
pub(super) fn word(
    source: &Source<'_>,
    given: &Option<Spanned<String>>,
    words: &[&str],
) -> Result<Option<usize>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let found = words.iter().position(|word| word == given.get_ref());
    let what =
        || source.refuse(&given.span(), format!("`{}` is none of {}", given.get_ref(), words.join(", ")));
    found.map(Some).ok_or_else(what)
}

fn numbered(plan: &Plan) -> Vec<usize> {
    let mut on = vec![0; plan.switches()];
    let next = |host: &HostPlan| {
        let count = &mut on[host.switches[0]];
        *count += 1;
        *count
    };
    plan.hosts.iter().map(next).collect()
}

fn count(source: &Source<'_>, number: &Spanned<u64>, least: usize, most: usize) -> Result<usize, Refusal> {
    let within = usize::try_from(*number.get_ref()).ok().filter(|n| (least..=most).contains(n));
    within.ok_or_else(|| source.refuse(&number.span(), format!("must be {least} to {most}")))
}

/// Nothing if nothing is said.
pub(super) fn permille(source: &Source<'_>, given: Option<&Spanned<u64>>) -> Result<u64, Refusal> {
    let Some(given) = given else { return Ok(0) };
    let sound = Some(*given.get_ref()).filter(|permille| *permille <= 1_000);
    sound.ok_or_else(|| source.refuse(&given.span(), "must be 0 to 1000: it is out of a thousand"))
}

fn whole_seconds(source: &Source<'_>, given: &Spanned<HowLong>) -> Result<u16, Refusal> {
    let every = given.get_ref().0;
    let fits = every.subsec_nanos() == 0 && (1..=LLDP_EVERY_S_MAX).contains(&every.as_secs());
    let what = || source.refuse(&given.span(), format!("must be whole seconds, 1 to {LLDP_EVERY_S_MAX}"));
    u16::try_from(every.as_secs()).ok().filter(|_| fits).ok_or_else(what)
}
