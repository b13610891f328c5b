//! What to build.

use std::time::Duration;

use ringmesh_relay_core::Timing;
use ringmesh_topology::id::Name;

/// What to build.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The sites, each with a relay.
    pub sites: Vec<SitePlan>,
    /// The hosts; `h1` is the first, whatever site it stands in.
    pub hosts: Vec<HostPlan>,
    /// Seconds between two announcements of a switch.
    pub lldp_every_s: u16,
    /// Lost datagrams, in a thousand, on every path inside a site.
    pub loss_permille: u64,
    /// The seed of everything random.
    pub seed: u64,
    /// The constants of the relays.
    pub timing: Timing,
    /// How the sites are joined.
    pub wan: WanShape,
}

/// How the sites are joined beyond the leg that each has to the WAN. Where lines join them, the CMA is at the first, each
/// line takes so long, and a branch has one line to a main site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WanShape {
    /// By a cloud that never fails.
    #[default]
    Cloud,
    /// By a line from each main site to the next, and from the last to the first.
    Ring(Duration),
    /// By a line between any two main sites.
    Mesh(Duration),
    /// By a line from each to the first.
    Star(Duration),
}

impl WanShape {
    /// The lines among these sites, each with the lower number first; of each is said whether it is a branch. Branches are
    /// dealt out to the main sites in turn.
    pub fn lines(self, branches: impl Iterator<Item = bool>) -> Vec<(usize, usize)> {
        let branches: Vec<bool> = branches.collect();
        let of = |branch: bool| {
            (0..branches.len()).filter(|site| branches[*site] == branch).collect::<Vec<usize>>()
        };
        let main = of(false);
        let dealt = of(true).into_iter().zip(main.iter().cycle());
        let homes = dealt.map(|(branch, home)| (branch.min(*home), branch.max(*home)));
        let last = main.len().saturating_sub(1);
        let all = (0..main.len()).flat_map(|a| (a + 1..main.len()).map(move |b| (a, b)));
        let among = |joined: &dyn Fn(usize, usize) -> bool| {
            let lines = all.filter(|(a, b)| joined(*a, *b)).map(|(a, b)| (main[a], main[b]));
            lines.chain(homes).collect()
        };
        match self {
            Self::Cloud => Vec::new(),
            Self::Ring(_) => among(&|a, b| b - a == 1 || (a == 0 && b == last)),
            Self::Mesh(_) => among(&|_, _| true),
            Self::Star(_) => (1..branches.len()).map(|site| (0, site)).collect(),
        }
    }

    /// As files name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Ring(_) => "ring",
            Self::Mesh(_) => "mesh",
            Self::Star(_) => "star",
        }
    }

    /// How long a line takes.
    pub fn hop(self) -> Duration {
        match self {
            Self::Cloud => Duration::ZERO,
            Self::Ring(hop) | Self::Mesh(hop) | Self::Star(hop) => hop,
        }
    }
}

/// One site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SitePlan {
    /// How many switches, each with an uplink to the site's core. They are numbered over all sites.
    pub switches: usize,
    /// Spines between the switches and the core, each joined to all of both; 0: uplinks lead to the core.
    pub spines: usize,
    /// Line cards of each switch; its ports are dealt out to them in turn. 0: it has none to lose.
    pub modules: usize,
    /// Power feeds; switches are dealt out to them in turn, with the hosts that have their first port there.
    pub feeds: usize,
    /// L2 domains; hosts are dealt out to them in turn. 0 and 1: one for all.
    pub domains: usize,
    /// The first switch and the second are an MLAG pair, the third and the fourth, and so on.
    pub pairs: bool,
    /// By which protocols switches announce themselves.
    pub speaks: Speaks,
    /// A branch office: switches and hosts, nothing else of the above, and one line to a main site where lines join them.
    pub branch: bool,
}

impl SitePlan {
    /// A site with these parts and so many switches; a branch has none of the parts.
    #[must_use]
    pub fn of_site(self, switches: usize, branch: bool) -> Self {
        let Self { speaks, .. } = self;
        if branch { Self { switches, speaks, branch, ..Self::default() } } else { Self { switches, ..self } }
    }
}

/// By which protocols a switch announces itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaks {
    /// LLDP.
    #[default]
    Lldp,
    /// CDP.
    Cdp,
    /// Both.
    Both,
}

impl Speaks {
    /// As files name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Both => "both",
        }
    }
}

/// How ports of a host are bonded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BondMode {
    /// One port carries all, the others wait.
    ActiveBackup,
    /// All ports carry, by flow; the switches are one LACP partner.
    Lacp,
}

impl BondMode {
    /// As the kernel names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ActiveBackup => "active-backup",
            Self::Lacp => "802.3ad",
        }
    }
}

/// One host.
#[derive(Clone, Debug, Default)]
pub struct HostPlan {
    /// The switches its ports hang on, first port first; all of one site.
    pub switches: Vec<usize>,
    /// All its ports are one bond, with one address.
    pub bond: Option<BondMode>,
}

impl Plan {
    /// One site of some switches with as many single-homed hosts each; switches speak every five seconds, nothing is
    /// lost.
    pub fn even(switches: usize, hosts_each: usize) -> Self {
        Self::sites(1, switches, hosts_each)
    }

    /// Some sites that look the same, each as of [`Self::even`].
    pub fn sites(sites: usize, switches: usize, hosts_each: usize) -> Self {
        let empty = Self {
            sites: Vec::new(),
            hosts: Vec::new(),
            lldp_every_s: 5,
            loss_permille: 0,
            seed: 1,
            timing: Timing::default(),
            wan: WanShape::default(),
        };
        (0..sites).fold(empty, |plan, _| plan.with_site(switches, hosts_each))
    }

    /// So many hosts, spread over sites as evenly as can be, so many on a switch.
    pub fn of_size(sites: usize, hosts: usize, on_switch: usize) -> Self {
        let mut plan = Self::sites(0, 0, 0);
        for site in 0..sites {
            let here = hosts * (site + 1) / sites - hosts * site / sites;
            let first = plan.switches();
            let on = (0..here).map(|host| HostPlan { switches: vec![first + host / on_switch], bond: None });
            plan.hosts.extend(on);
            plan.sites.push(SitePlan { switches: here.div_ceil(on_switch), ..SitePlan::default() });
        }
        plan
    }

    /// One more site.
    #[must_use]
    pub fn with_site(mut self, switches: usize, hosts_each: usize) -> Self {
        let first = self.switches();
        let on = (first..first + switches).flat_map(|switch| (0..hosts_each).map(move |_| switch));
        self.hosts.extend(on.map(|switch| HostPlan { switches: vec![switch], bond: None }));
        self.sites.push(SitePlan { switches, ..SitePlan::default() });
        self
    }

    /// One more host, on these switches.
    #[must_use]
    pub fn with_host(mut self, switches: &[usize]) -> Self {
        self.hosts.push(HostPlan { switches: switches.to_vec(), bond: None });
        self
    }

    /// One more host, whose ports on these switches are a bond.
    #[must_use]
    pub fn with_bond(mut self, mode: BondMode, switches: &[usize]) -> Self {
        self.hosts.push(HostPlan { switches: switches.to_vec(), bond: Some(mode) });
        self
    }

    /// How many switches there are.
    pub fn switches(&self) -> usize {
        self.sites.iter().map(|site| site.switches).sum()
    }

    /// The lines that join the sites.
    pub fn lines(&self) -> Vec<(usize, usize)> {
        self.wan.lines(self.sites.iter().map(|site| site.branch))
    }

    /// The site of each switch.
    pub fn site_of_switches(&self) -> Vec<usize> {
        let of = |(site, plan): (usize, &SitePlan)| std::iter::repeat_n(site, plan.switches);
        self.sites.iter().enumerate().flat_map(of).collect()
    }

    /// What a site is called: a lone one `sim`, else `s1`, `s2`, ..
    pub fn site_name(&self, site: usize) -> Name {
        let text = if self.sites.len() == 1 { "sim".to_owned() } else { format!("s{}", site + 1) };
        Name::new(&text).unwrap_or_else(|_| unreachable!("a sound name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_of_sites_has_a_line_for_each_and_a_mesh_one_for_each_two() {
        let hop = Duration::from_millis(1);
        let lines =
            |shape: WanShape| [1, 2, 3, 4].map(|sites| shape.lines(std::iter::repeat_n(false, sites)));
        let ring = [vec![], vec![(0, 1)], vec![(0, 1), (0, 2), (1, 2)], vec![(0, 1), (0, 3), (1, 2), (2, 3)]];
        assert_eq!(lines(WanShape::Ring(hop)), ring);
        assert_eq!(lines(WanShape::Mesh(hop)).map(|lines| lines.len()), [0, 1, 3, 6]);
        assert!(lines(WanShape::Cloud).iter().all(Vec::is_empty));
        assert_eq!(lines(WanShape::Star(hop))[3], [(0, 1), (0, 2), (0, 3)]);
    }

    #[test]
    fn branches_are_dealt_out_to_the_main_sites_with_one_line_each() {
        let (hop, sites) = (Duration::from_millis(1), [false, true, false, true, false, true, true]);
        let homes = [(0, 1), (2, 3), (4, 5), (0, 6)];
        let main = [(0, 2), (0, 4), (2, 4)];
        for shape in [WanShape::Ring(hop), WanShape::Mesh(hop)] {
            assert_eq!(shape.lines(sites.into_iter()), [&main[..], &homes].concat());
        }
        assert_eq!(
            WanShape::Star(hop).lines(sites.into_iter()),
            (1..7).map(|site| (0, site)).collect::<Vec<_>>()
        );
        assert_eq!(
            WanShape::Ring(hop).lines([false, true, true].into_iter()),
            [(0, 1), (0, 2)],
            "a lone main site is a ring of one"
        );
        assert_eq!(WanShape::Cloud.lines(sites.into_iter()), []);
    }

    #[test]
    fn a_plan_of_a_size_has_that_many_hosts_on_that_many_sites() {
        for (sites, hosts, switches) in [(1, 50, 2), (3, 100, 3), (5, 10_000, 250)] {
            let plan = Plan::of_size(sites, hosts, 40);
            assert_eq!((plan.sites.len(), plan.hosts.len(), plan.switches()), (sites, hosts, switches));
            let mut on = vec![0; switches];
            plan.hosts.iter().for_each(|host| on[host.switches[0]] += 1);
            assert!(on.iter().all(|on| (1..=40).contains(on)), "{on:?}");
        }
    }
}
