//! How big a lab is: four numbers that were checked against each other.

use super::error::LabError;

/// Second legs are numbered from here, so the hosts of a site may be numbered up to `LEG_OFFSET`.
pub(super) const LEG_OFFSET: u8 = 100;
pub(super) const SWITCHES_MAX: u8 = 32;
pub(super) const SITES_MAX: u8 = 8;
/// Of a site.
pub(super) const HOSTS_MAX: u8 = LEG_OFFSET;

/// How big a lab is. In hand it is a sound one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    sites: u8,
    switches: u8,
    hosts: u8,
    dual: u8,
}

impl Size {
    /// One site: `hosts` live on each of `switches`; `dual` of them all have a second leg on the next switch.
    ///
    /// # Errors
    /// [`LabError::Usage`] names the flag that does not fit.
    pub fn new(switches: u8, hosts: u8, dual: u8) -> Result<Self, LabError> {
        let total = u16::from(switches) * u16::from(hosts);
        if switches == 0 || switches > SWITCHES_MAX {
            return refuse(format!("--switches must be 1 to {SWITCHES_MAX}, not {switches}"));
        }
        if hosts == 0 || total > u16::from(HOSTS_MAX) {
            return refuse(format!("--hosts: a site holds 1 to {HOSTS_MAX} hosts, not {switches} x {hosts}"));
        }
        if dual > 0 && switches < 2 {
            return refuse("--dual: a dual-homed host needs two switches".into());
        }
        if u16::from(dual) > total {
            return refuse(format!("--dual: only {total} hosts exist, {dual} cannot be dual-homed"));
        }
        Ok(Self { sites: 1, switches, hosts, dual })
    }

    /// So many sites, each like this one.
    ///
    /// # Errors
    /// [`LabError::Usage`] names the flag that does not fit.
    pub fn of_sites(self, sites: u8) -> Result<Self, LabError> {
        if sites == 0 || sites > SITES_MAX {
            return refuse(format!("--sites must be 1 to {SITES_MAX}, not {sites}"));
        }
        Ok(Self { sites, ..self })
    }

    /// Number of sites.
    pub fn sites(self) -> u8 {
        self.sites
    }

    /// Number of switches of a site.
    pub fn switches(self) -> u8 {
        self.switches
    }

    /// Number of hosts on each switch.
    pub(super) fn hosts_on_each(self) -> u8 {
        self.hosts
    }

    /// Number of hosts of a site.
    pub fn hosts(self) -> u8 {
        self.switches * self.hosts
    }

    /// Whether the n-th host of a site, from 0, has a second leg. They go round: the first host of each
    /// switch, then the second of each.
    pub(super) fn is_dual(self, n: u8) -> bool {
        let (home, within) = (n / self.hosts, n % self.hosts);
        u16::from(within) * u16::from(self.switches) + u16::from(home) < u16::from(self.dual)
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { sites: 1, switches: 2, hosts: 4, dual: 1 }
    }
}

fn refuse(text: String) -> Result<Size, LabError> {
    Err(LabError::Usage(text))
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::*;

    #[test]
    fn a_size_that_does_not_fit_is_refused_by_the_name_of_its_flag() {
        let cases = [
            (1, 0, 4, 0, "--switches"),
            (1, 33, 1, 0, "--switches"),
            (1, 2, 0, 0, "--hosts"),
            (1, 2, 51, 0, "--hosts"),
            (1, 1, 4, 1, "--dual"),
            (1, 2, 4, 9, "--dual"),
            (0, 2, 4, 1, "--sites"),
            (9, 2, 4, 1, "--sites"),
        ];
        for (sites, switches, hosts, dual, flag) in cases {
            let size = Size::new(switches, hosts, dual).and_then(|size| size.of_sites(sites));
            let error = size.unwrap_err();
            assert!(error.to_string().starts_with(flag), "{sites} {switches} {hosts} {dual}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_lab_is_told_in_words_and_one_site_goes_without_saying() {
        let words = |size: Size| Layout::from(size).words();
        assert_eq!(words(Size::default()), "2 switches, 8 hosts");
        let largest = Size::new(25, 4, 100).and_then(|size| size.of_sites(8)).unwrap();
        assert_eq!(words(largest), "8 sites, 200 switches, 800 hosts");
    }
}
