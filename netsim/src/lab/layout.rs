//! Which host hangs on which switches of which site. In hand it can be built.

use serde::{Deserialize, Serialize};

use super::plan::SITE;
use super::size::{HOSTS_MAX, SITES_MAX, SWITCHES_MAX, Size};
use crate::model;

/// The sites of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// What a lone site is called; several are `s1`, `s2`, ..
    lone: String,
    /// The first host of each site pages when it dies.
    critical: bool,
    sites: Vec<SiteLayout>,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SiteLayout {
    pub(super) switches: u8,
    /// Of each host the switches of its legs, first leg first: numbers within the site, from 1.
    pub(super) hosts: Vec<Vec<u8>>,
}

impl From<Size> for Layout {
    fn from(size: Size) -> Self {
        let legs = |n: u8| {
            let home = n / size.hosts_on_each() + 1;
            let second = size.is_dual(n).then(|| home % size.switches() + 1);
            [home].into_iter().chain(second).collect()
        };
        let site = SiteLayout { switches: size.switches(), hosts: (0..size.hosts()).map(legs).collect() };
        Self { lone: SITE.into(), critical: true, sites: vec![site; size.sites().into()] }
    }
}

impl Layout {
    /// The network of a scenario, under the same names. Says what of it no lab can build.
    pub(crate) fn of(plan: &model::Plan) -> Result<Self, String> {
        let most = |count: usize, most: u8, what: &str| {
            if count <= most.into() {
                Ok(())
            } else {
                Err(format!("{count} {what}: a lab has room for {most}"))
            }
        };
        most(plan.sites.len(), SITES_MAX, "sites")?;
        let plain = |site: &model::SitePlan| {
            *site == model::SitePlan { switches: site.switches, branch: site.branch, ..Default::default() }
        };
        let bonded = plan.hosts.iter().any(|host| host.bond.is_some());
        if bonded || plan.wan != model::WanShape::Cloud || !plan.sites.iter().all(plain) {
            let parts = "spines, line cards, feeds, domains, pairs, bonds, CDP or lines between sites";
            return Err(format!("a lab has no {parts}: they are built in virtual time"));
        }
        let mut first = 0;
        let mut sites = Vec::new();
        for site in &plan.sites {
            most(site.switches, SWITCHES_MAX, "switches in a site")?;
            let here = first..first + site.switches;
            let hosts =
                plan.hosts.iter().filter(|host| host.switches.first().is_some_and(|on| here.contains(on)));
            let hosts = hosts.map(|host| legs(host, first)).collect::<Result<Vec<_>, String>>()?;
            most(hosts.len(), HOSTS_MAX, "hosts in a site")?;
            sites.push(SiteLayout { switches: u8::try_from(site.switches).unwrap_or(u8::MAX), hosts });
            first = here.end;
        }
        Ok(Self { lone: plan.site_name(0).to_string(), critical: false, sites })
    }

    /// The same sites and switches, with one host on each.
    pub(super) fn thinned(&self) -> Self {
        let thin = |site: &SiteLayout| SiteLayout {
            switches: site.switches,
            hosts: (1..=site.switches).map(|switch| vec![switch]).collect(),
        };
        Self { sites: self.sites.iter().map(thin).collect(), ..self.clone() }
    }

    /// Number of sites.
    pub fn sites(&self) -> u8 {
        u8::try_from(self.sites.len()).unwrap_or(u8::MAX)
    }

    /// Number of hosts of all sites together.
    pub fn hosts(&self) -> usize {
        self.sites.iter().map(|site| site.hosts.len()).sum()
    }

    /// Whether the first host of each site pages when it dies.
    pub(super) fn has_critical(&self) -> bool {
        self.critical
    }

    /// Each site with its number, from 1, its name, and how many switches and hosts were before it.
    pub(super) fn each(&self) -> impl Iterator<Item = (u8, String, [u16; 2], &SiteLayout)> {
        let several = self.sites.len() > 1;
        let mut before = [0, 0];
        (1..=u8::MAX).zip(&self.sites).map(move |(number, site)| {
            let name = if several { format!("s{number}") } else { self.lone.clone() };
            let first = before;
            before[0] += u16::from(site.switches);
            before[1] += u16::try_from(site.hosts.len()).unwrap_or(u16::MAX);
            (number, name, first, site)
        })
    }

    /// In words: `2 sites, 4 switches, 16 hosts`.
    pub fn words(&self) -> String {
        let sites =
            if self.sites.len() == 1 { String::new() } else { format!("{} sites, ", self.sites.len()) };
        let switches: usize = self.sites.iter().map(|site| usize::from(site.switches)).sum();
        format!("{sites}{switches} switches, {} hosts", self.hosts())
    }
}

/// The numbers of a host's switches within its site; `first` is the first switch of the site.
fn legs(host: &model::HostPlan, first: usize) -> Result<Vec<u8>, String> {
    let place = |switch: &usize| switch.checked_sub(first).and_then(|n| u8::try_from(n + 1).ok());
    let places: Option<Vec<u8>> = host.switches.iter().map(place).collect();
    match places.as_deref() {
        Some(&[_]) => Ok(places.unwrap_or_default()),
        Some(&[a, b]) if a != b => Ok(places.unwrap_or_default()),
        _ => Err("a host of a lab hangs on one switch or on two different ones".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{BondMode, Plan, WanShape};

    #[test]
    fn a_scenario_is_laid_out_under_the_same_names() {
        let plan = Plan::sites(0, 0, 0).with_site(2, 3).with_host(&[0, 1]).with_site(1, 2);
        let built = super::super::plan::Plan::new("x", &Layout::of(&plan).unwrap());
        let hosts: Vec<_> = built
            .hosts
            .iter()
            .map(|host| (host.name.as_str(), host.legs.iter().map(|leg| leg.switch).collect::<Vec<_>>()))
            .collect();
        assert_eq!(hosts[6], ("h7", vec![1, 2]));
        assert_eq!(hosts[7..], [("h8", vec![3]), ("h9", vec![3])]);
        assert_eq!(built.sites[1].name, "s2");
        let lone = super::super::plan::Plan::new("x", &Layout::of(&Plan::even(1, 1)).unwrap());
        assert_eq!(lone.sites[0].name, "sim");
    }

    #[test]
    fn what_no_lab_can_build_is_said() {
        let cases = [
            (Plan::sites(9, 1, 1), "9 sites: a lab has room for 8"),
            (Plan::even(33, 1), "33 switches in a site: a lab has room for 32"),
            (Plan::even(2, 51), "102 hosts in a site: a lab has room for 100"),
            (Plan::even(3, 1).with_host(&[0, 1, 2]), "hangs on one switch or on two different ones"),
            (Plan::even(3, 1).with_host(&[1, 1]), "hangs on one switch or on two different ones"),
            (Plan::even(2, 1).with_bond(BondMode::ActiveBackup, &[0, 1]), "a lab has no spines, line cards"),
            (Plan { wan: WanShape::Ring(Duration::ZERO), ..Plan::sites(2, 1, 1) }, "or lines between sites"),
        ];
        for (plan, wanted) in cases {
            let told = Layout::of(&plan).unwrap_err();
            assert!(told.contains(wanted), "{told}");
        }
    }
}
