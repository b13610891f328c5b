//! What to build.

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
}

/// One site.
#[derive(Clone, Debug)]
pub struct SitePlan {
    /// How many switches, each with an uplink to the site's core. They are numbered over all sites.
    pub switches: usize,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// The switches its ports hang on, first port first; all of one site.
    pub switches: Vec<usize>,
}

impl Plan {
    /// One site of some switches with as many single-homed hosts each; switches speak every five seconds, nothing is
    /// lost.
    pub fn even(switches: usize, hosts_each: usize) -> Self {
        Self::sites(1, switches, hosts_each)
    }

    /// Some sites that look the same, each as of [`Self::even`].
    pub fn sites(sites: usize, switches: usize, hosts_each: usize) -> Self {
        let empty = Self { sites: Vec::new(), hosts: Vec::new(), lldp_every_s: 5, loss_permille: 0, seed: 1 };
        (0..sites).fold(empty, |plan, _| plan.with_site(switches, hosts_each))
    }

    /// So many hosts, spread over sites as evenly as can be, so many on a switch.
    pub fn of_size(sites: usize, hosts: usize, on_switch: usize) -> Self {
        let mut plan = Self::sites(0, 0, 0);
        for site in 0..sites {
            let here = hosts * (site + 1) / sites - hosts * site / sites;
            let first = plan.switches();
            let on = (0..here).map(|host| HostPlan { switches: vec![first + host / on_switch] });
            plan.hosts.extend(on);
            plan.sites.push(SitePlan { switches: here.div_ceil(on_switch) });
        }
        plan
    }

    /// One more site.
    #[must_use]
    pub fn with_site(mut self, switches: usize, hosts_each: usize) -> Self {
        let first = self.switches();
        let on = (first..first + switches).flat_map(|switch| (0..hosts_each).map(move |_| switch));
        self.hosts.extend(on.map(|switch| HostPlan { switches: vec![switch] }));
        self.sites.push(SitePlan { switches });
        self
    }

    /// One more host, on these switches.
    #[must_use]
    pub fn with_host(mut self, switches: &[usize]) -> Self {
        self.hosts.push(HostPlan { switches: switches.to_vec() });
        self
    }

    /// How many switches there are.
    pub fn switches(&self) -> usize {
        self.sites.iter().map(|site| site.switches).sum()
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
