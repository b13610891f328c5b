//! What can break, as a value: how it begins, and how it ends.

use std::time::Duration;

use ringmesh_proto::message::GoodbyeReason;

use super::wear::Wear;
use crate::model::{Plan, World};

/// Something that breaks and is mended again. Numbers are those of the [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A host loses power; back, it has booted.
    HostPower(usize),
    /// A probe is killed; the kernel lives.
    Probe(usize),
    /// User space of a host stops.
    Pause(usize),
    /// A probe is told to leave, and says goodbye; then it is started again.
    Leave {
        /// Whose.
        host: usize,
        /// What it says why.
        reason: GoodbyeReason,
        /// When it says it is back.
        back_within: Duration,
    },
    /// The cable of a port of a host.
    Cable(usize, usize),
    /// A switch loses power.
    SwitchPower(usize),
    /// The uplink of a switch.
    Uplink(usize),
    /// A switch announces itself no more.
    LldpSilence(usize),
    /// A site loses power: switches, hosts, relay.
    SitePower(usize),
    /// The WAN of a site is cut.
    Wan(usize),
    /// The WAN of a site is slow, or loses packets.
    WanQuality {
        /// Which.
        site: usize,
        /// One way.
        delay: Duration,
        /// Lost packets, in a thousand.
        loss_permille: u64,
    },
    /// The relay of a site is killed.
    Relay(usize),
    /// The disk of a site's relay is full.
    RelayDisk(usize),
    /// The CMA is killed.
    Cma,
    /// The CMA's own WAN is cut.
    CmaWan,
    /// The CMA's disk is full.
    CmaDisk,
    /// Datagrams inside the sites are lost, so many in a thousand.
    Loss(u64),
    /// Something of the fabric, a clock, an identity.
    Wear(Wear),
}

/// What a world is like where nothing is broken.
#[derive(Clone, Debug)]
pub struct Quality {
    /// One way over each WAN, and how many packets of a thousand it loses.
    pub wan: Vec<(Duration, u64)>,
    /// Lost datagrams inside the sites, in a thousand.
    pub loss_permille: u64,
}

impl Quality {
    /// Makes it so.
    pub fn apply(&self, world: &mut World) {
        world.set_loss(self.loss_permille);
        for (site, (delay, loss)) in self.wan.iter().enumerate() {
            world.set_wan_quality(site, *delay, *loss);
        }
    }

    /// The same without any loss.
    #[must_use]
    pub fn without_loss(&self) -> Self {
        Self { wan: self.wan.iter().map(|(delay, _)| (*delay, 0)).collect(), loss_permille: 0 }
    }
}

impl Fault {
    pub(super) fn begin(self, world: &mut World) {
        match self {
            Self::HostPower(host) => world.kill_host(host),
            Self::Probe(host) => world.kill_probe(host),
            Self::Pause(host) => world.pause(host),
            Self::Leave { host, reason, back_within } => world.stop_probe(host, reason, back_within),
            Self::Cable(host, leg) => world.set_cable(host, leg, false),
            Self::SwitchPower(switch) => world.set_switch(switch, false),
            Self::Uplink(switch) => world.set_uplink(switch, false),
            Self::LldpSilence(switch) => world.set_announces(switch, false),
            Self::SitePower(site) => world.power_site(site, false),
            Self::Wan(site) => world.set_wan(site, false),
            Self::WanQuality { site, delay, loss_permille } => {
                world.set_wan_quality(site, delay, loss_permille);
            }
            Self::Relay(site) => world.kill_relay(site),
            Self::RelayDisk(site) => world.full_disk(site, true),
            Self::Cma => world.kill_cma(),
            Self::CmaWan => world.set_cma_wan(false),
            Self::CmaDisk => world.full_cma_disk(true),
            Self::Loss(permille) => world.set_loss(permille),
            Self::Wear(wear) => wear.begin(world),
        }
    }

    pub(super) fn end(self, world: &mut World, whole: &Quality) {
        match self {
            Self::HostPower(host) => world.boot_host(host),
            Self::Probe(host) | Self::Leave { host, .. } => world.start_probe(host),
            Self::Pause(host) => world.resume(host),
            Self::Cable(host, leg) => world.set_cable(host, leg, true),
            Self::SwitchPower(switch) => world.set_switch(switch, true),
            Self::Uplink(switch) => world.set_uplink(switch, true),
            Self::LldpSilence(switch) => world.set_announces(switch, true),
            Self::SitePower(site) => world.power_site(site, true),
            Self::Wan(site) => world.set_wan(site, true),
            Self::WanQuality { site, .. } => {
                if let Some((delay, loss)) = whole.wan.get(site) {
                    world.set_wan_quality(site, *delay, *loss);
                }
            }
            Self::Relay(site) => world.start_relay(site),
            Self::RelayDisk(site) => world.full_disk(site, false),
            Self::Cma => world.start_cma(),
            Self::CmaWan => world.set_cma_wan(true),
            Self::CmaDisk => world.full_cma_disk(false),
            Self::Loss(_) => world.set_loss(whole.loss_permille),
            Self::Wear(wear) => wear.end(world),
        }
    }

    /// Whether both break the same thing in the same way, by whatever amount.
    pub(super) fn is_like(self, other: Self) -> bool {
        self.without_amount() == other.without_amount()
    }

    fn without_amount(self) -> Self {
        let (delay, loss_permille) = (Duration::ZERO, 0);
        match self {
            Self::Leave { host, .. } => {
                Self::Leave { host, reason: GoodbyeReason::ServiceStop, back_within: delay }
            }
            Self::WanQuality { site, .. } => Self::WanQuality { site, delay, loss_permille },
            Self::Loss(_) => Self::Loss(loss_permille),
            Self::Wear(wear) => Self::Wear(wear.without_amount()),
            other => other,
        }
    }

    /// What it breaks, as the CMA calls it.
    pub fn subject(self, plan: &Plan) -> String {
        let site_name = |site: usize| plan.site_name(site).to_string();
        match self {
            Self::HostPower(host)
            | Self::Probe(host)
            | Self::Pause(host)
            | Self::Leave { host, .. }
            | Self::Cable(host, _) => format!("h{}", host + 1),
            Self::SwitchPower(switch) | Self::Uplink(switch) | Self::LldpSilence(switch) => {
                format!("sw{}", switch + 1)
            }
            Self::SitePower(site) | Self::Wan(site) | Self::WanQuality { site, .. } => site_name(site),
            Self::Relay(site) | Self::RelayDisk(site) => format!("{}/r1", site_name(site)),
            Self::Cma | Self::CmaWan | Self::CmaDisk => "cma".into(),
            Self::Loss(_) => String::new(),
            Self::Wear(wear) => wear.subject(plan),
        }
    }

    /// The site it takes place in, if it is inside one.
    fn site(self, plan: &Plan, world: &World) -> Option<usize> {
        match self {
            Self::SitePower(_) | Self::Wan(_) | Self::WanQuality { .. } | Self::RelayDisk(_) => None,
            Self::CmaWan | Self::Cma | Self::CmaDisk | Self::Loss(_) => None,
            Self::Wear(wear) => wear.site(plan, world),
            Self::Relay(site) => Some(site),
            Self::SwitchPower(switch) | Self::Uplink(switch) | Self::LldpSilence(switch) => {
                plan.site_of_switches().get(switch).copied()
            }
            Self::Cable(host, _)
            | Self::HostPower(host)
            | Self::Probe(host)
            | Self::Pause(host)
            | Self::Leave { host, .. } => Some(world.site_of(host)),
        }
    }

    /// Whether it is still there when power of its site has gone and come back.
    fn survives_power(self) -> bool {
        match self {
            Self::Cable(..) | Self::Uplink(_) | Self::LldpSilence(_) => true,
            Self::Wear(wear) => wear.survives_power(),
            _ => false,
        }
    }
}

/// A world and what is broken in it now.
///
/// What is broken already is not broken again, and in a site without power nothing is: its switches, hosts and relay
/// come back whole with the power. Cables, uplinks and silent switches know nothing of it and stay as they are.
pub struct Stage {
    /// The world.
    pub world: World,
    plan: Plan,
    whole: Quality,
    broken: Vec<Fault>,
}

impl Stage {
    /// A world in which nothing is broken.
    pub fn new(plan: Plan, whole: Quality) -> Self {
        let mut world = World::new(plan.clone());
        whole.apply(&mut world);
        Self { world, plan, whole, broken: Vec::new() }
    }

    /// Breaks something; `false` if there was nothing to break.
    pub fn begin(&mut self, fault: Fault) -> bool {
        let site = fault.site(&self.plan, &self.world);
        let dark = site.is_some_and(|site| self.broken.contains(&Fault::SitePower(site)));
        if dark || self.broken.iter().any(|known| known.is_like(fault)) {
            return false;
        }
        self.broken.push(fault);
        fault.begin(&mut self.world);
        if let Fault::SitePower(site) = fault {
            let (plan, world) = (&self.plan, &self.world);
            self.broken.retain(|known| known.survives_power() || known.site(plan, world) != Some(site));
        }
        true
    }

    /// Mends it; `false` if it was not broken any more.
    pub fn end(&mut self, fault: Fault) -> bool {
        let Some(at) = self.broken.iter().position(|known| known.is_like(fault)) else { return false };
        self.broken.remove(at);
        fault.end(&mut self.world, &self.whole);
        true
    }

    /// What is built.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// From now on nothing is lost, and whatever ends goes back to that.
    pub fn lose_nothing(&mut self) {
        self.whole = self.whole.without_loss();
        self.whole.apply(&mut self.world);
    }
}
