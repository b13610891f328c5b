//! What can break beyond power, processes and cables, as a value: how it begins, and how it ends.

use std::time::Duration;

use crate::model::{Plan, Trouble, World};

/// Something of that kind. Numbers are those of the [`Plan`]; spines, cards and feeds count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wear {
    /// A spine of a site loses power.
    Spine(usize, usize),
    /// The link of a switch to a spine.
    SpineLink(usize, usize),
    /// A line card of a switch.
    Card(usize, usize),
    /// The link between a switch and the other of its pair.
    PeerLink(usize),
    /// A power feed of a site: switches, and the hosts that have their first port on one of them.
    Feed(usize, usize),
    /// The cable of a port of a host is up, and bad.
    BadCable(usize, usize, Trouble),
    /// The uplinks of a switch are up, and bad; or the one to a spine.
    BadUplink(usize, Option<usize>, Trouble),
    /// What joins the switches of a site is bad, or lets nothing pass.
    BadLan(usize, Trouble),
    /// The gateway of an L2 domain of a site is bad, or lets nothing pass.
    BadGateway(usize, u8, Trouble),
    /// The WAN of a site is bad for some of what crosses it, beside what it is for all.
    BadWan(usize, Trouble),
    /// A switch announces itself as another.
    Pose(usize, usize),
    /// A switch sends hosts' own announcements back.
    Reflect(usize),
    /// A host stands still as a whole.
    Suspend(usize),
    /// A port of a host hangs on another switch.
    Recable {
        /// Whose.
        host: usize,
        /// Which.
        port: usize,
        /// Where it hung.
        from: usize,
        /// Where it hangs.
        to: usize,
    },
    /// The clock of a host runs too fast, by so many millionths.
    Drift(usize, i32),
    /// The wall clock of a host is so far ahead.
    Ahead(usize, Duration),
    /// It is so far behind.
    Behind(usize, Duration),
    /// Datagrams inside the sites are doubled, so many in a thousand.
    Doubled(u64),
    /// Datagrams inside the sites overtake each other, by so much at most.
    Disorder(Duration),
    /// The ports of a host have other addresses.
    Readdress(usize),
    /// A host runs the copied image of another, and goes by its name.
    Clone {
        /// Whose probe is gone for it.
        host: usize,
        /// Whose name is there twice.
        of: usize,
    },
    /// The relay of a site has more to do than it can: each datagram takes it so long.
    Overload(usize, Duration),
    /// The CMA has more to do than it can: each message of a relay takes it so long.
    OverloadCma(Duration),
    /// The probe of a host gets the processor once in so long only.
    OverloadProbe(usize, Duration),
    /// The line between two sites of a WAN that is made of lines.
    Line(usize, usize),
}

impl Wear {
    pub(super) fn begin(self, world: &mut World) {
        match self {
            Self::Spine(site, spine) => world.set_spine(site, spine, false),
            Self::SpineLink(switch, spine) => world.set_spine_link(switch, spine, false),
            Self::Card(switch, card) => world.set_module(switch, card, false),
            Self::PeerLink(switch) => world.set_peer_link(switch, false),
            Self::Feed(site, feed) => world.set_feed(site, feed, false),
            Self::BadCable(host, port, trouble) => world.trouble_cable(host, port, trouble, true),
            Self::BadUplink(switch, spine, trouble) => world.trouble_uplink(switch, spine, trouble, true),
            Self::BadLan(site, trouble) => world.trouble_lan(site, trouble, true),
            Self::BadGateway(site, domain, trouble) => world.trouble_gateway(site, domain, trouble, true),
            Self::BadWan(site, trouble) => world.trouble_wan(site, trouble, true),
            Self::Pose(switch, other) => world.set_poses(switch, Some(other)),
            Self::Reflect(switch) => world.set_reflects(switch, true),
            Self::Suspend(host) => world.suspend(host),
            Self::Recable { host, port, to, .. } => world.move_cable(host, port, to),
            Self::Drift(host, ppm) => world.set_drift(host, ppm),
            Self::Ahead(host, ahead) => world.set_wall(host, ahead),
            Self::Behind(host, behind) => world.set_wall_back(host, behind),
            Self::Doubled(permille) => world.set_doubled(permille),
            Self::Disorder(by) => world.set_disorder(by),
            Self::Readdress(host) => world.readdress(host, true),
            Self::Clone { host, of } => world.clone_onto(host, Some(of)),
            Self::Overload(site, each) => world.overload(site, each),
            Self::OverloadCma(each) => world.overload_cma(each),
            Self::OverloadProbe(host, every) => world.overload_probe(host, every),
            Self::Line(site, other) => world.set_line(site, other, false),
        }
    }

    pub(super) fn end(self, world: &mut World) {
        match self {
            Self::Spine(site, spine) => world.set_spine(site, spine, true),
            Self::SpineLink(switch, spine) => world.set_spine_link(switch, spine, true),
            Self::Card(switch, card) => world.set_module(switch, card, true),
            Self::PeerLink(switch) => world.set_peer_link(switch, true),
            Self::Feed(site, feed) => world.set_feed(site, feed, true),
            Self::BadCable(host, port, trouble) => world.trouble_cable(host, port, trouble, false),
            Self::BadUplink(switch, spine, trouble) => world.trouble_uplink(switch, spine, trouble, false),
            Self::BadLan(site, trouble) => world.trouble_lan(site, trouble, false),
            Self::BadGateway(site, domain, trouble) => world.trouble_gateway(site, domain, trouble, false),
            Self::BadWan(site, trouble) => world.trouble_wan(site, trouble, false),
            Self::Pose(switch, _) => world.set_poses(switch, None),
            Self::Reflect(switch) => world.set_reflects(switch, false),
            Self::Suspend(host) => world.wake(host),
            Self::Recable { host, port, from, .. } => world.move_cable(host, port, from),
            Self::Drift(host, _) => world.set_drift(host, 0),
            Self::Ahead(host, _) | Self::Behind(host, _) => world.set_wall(host, Duration::ZERO),
            Self::Doubled(_) => world.set_doubled(0),
            Self::Disorder(_) => world.set_disorder(Duration::ZERO),
            Self::Readdress(host) => world.readdress(host, false),
            Self::Clone { host, .. } => world.clone_onto(host, None),
            Self::Overload(site, _) => world.overload(site, Duration::ZERO),
            Self::OverloadCma(_) => world.overload_cma(Duration::ZERO),
            Self::OverloadProbe(host, _) => world.overload_probe(host, Duration::ZERO),
            Self::Line(site, other) => world.set_line(site, other, true),
        }
    }

    /// The same by no particular amount.
    pub(super) fn without_amount(self) -> Self {
        match self {
            Self::Drift(host, _) => Self::Drift(host, 0),
            // One clock shows one time.
            Self::Ahead(host, _) | Self::Behind(host, _) => Self::Ahead(host, Duration::ZERO),
            Self::Doubled(_) => Self::Doubled(0),
            Self::Disorder(_) => Self::Disorder(Duration::ZERO),
            Self::Overload(site, _) => Self::Overload(site, Duration::ZERO),
            Self::OverloadCma(_) => Self::OverloadCma(Duration::ZERO),
            Self::OverloadProbe(host, _) => Self::OverloadProbe(host, Duration::ZERO),
            other => other,
        }
    }

    /// What it breaks, as the CMA calls it; spines, feeds, gateways and what joins switches or sites it does not know.
    pub(super) fn subject(self, plan: &Plan) -> String {
        match (self.host(), self.switch(), self.in_site()) {
            _ if matches!(self, Self::OverloadCma(_)) => "cma".into(),
            (Some(host), ..) => format!("h{}", host + 1),
            (None, Some(switch), _) => format!("sw{}", switch + 1),
            (None, None, Some(site)) if matches!(self, Self::Overload(..)) => {
                format!("{}/r1", plan.site_name(site))
            }
            (None, None, site) => site.map(|site| plan.site_name(site).to_string()).unwrap_or_default(),
        }
    }

    /// The site it takes place in, if it is inside one.
    pub(super) fn site(self, plan: &Plan, world: &World) -> Option<usize> {
        match (self.host(), self.switch()) {
            _ if matches!(self, Self::Line(..) | Self::BadWan(..) | Self::OverloadCma(_)) => None,
            (Some(host), _) => Some(world.site_of(host)),
            (None, Some(switch)) => plan.site_of_switches().get(switch).copied(),
            (None, None) => self.in_site(),
        }
    }

    /// Whether it is still there when power of its site has gone and come back: whatever is no process.
    pub(super) fn survives_power(self) -> bool {
        !matches!(self, Self::Suspend(_) | Self::Feed(..))
    }

    /// The host it is about.
    pub(super) fn host(self) -> Option<usize> {
        match self {
            Self::BadCable(host, ..)
            | Self::Suspend(host)
            | Self::Recable { host, .. }
            | Self::Drift(host, _)
            | Self::Ahead(host, _)
            | Self::Behind(host, _)
            | Self::OverloadProbe(host, _)
            | Self::Readdress(host)
            | Self::Clone { host, .. } => Some(host),
            _ => None,
        }
    }

    fn switch(self) -> Option<usize> {
        match self {
            Self::SpineLink(switch, _)
            | Self::Card(switch, _)
            | Self::PeerLink(switch)
            | Self::BadUplink(switch, ..)
            | Self::Pose(switch, _)
            | Self::Reflect(switch) => Some(switch),
            _ => None,
        }
    }

    /// The site it is about as a whole.
    fn in_site(self) -> Option<usize> {
        match self {
            Self::Spine(site, _)
            | Self::Feed(site, _)
            | Self::BadLan(site, _)
            | Self::BadGateway(site, ..)
            | Self::BadWan(site, _)
            | Self::Overload(site, _)
            | Self::Line(site, _) => Some(site),
            _ => None,
        }
    }

    /// The same where sites, switches and hosts have other numbers; `None` if one it is about is gone.
    pub(super) fn renumbered(
        self,
        site: impl Fn(usize) -> Option<usize>,
        switch: impl Fn(usize) -> Option<usize>,
        host: impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        Some(match self {
            Self::Spine(one, spine) => Self::Spine(site(one)?, spine),
            Self::SpineLink(one, spine) => Self::SpineLink(switch(one)?, spine),
            Self::Card(one, card) => Self::Card(switch(one)?, card),
            Self::PeerLink(one) => Self::PeerLink(switch(one)?),
            Self::Feed(one, feed) => Self::Feed(site(one)?, feed),
            Self::BadCable(one, port, trouble) => Self::BadCable(host(one)?, port, trouble),
            Self::BadUplink(one, spine, trouble) => Self::BadUplink(switch(one)?, spine, trouble),
            Self::BadLan(one, trouble) => Self::BadLan(site(one)?, trouble),
            Self::BadGateway(one, domain, trouble) => Self::BadGateway(site(one)?, domain, trouble),
            Self::BadWan(one, trouble) => Self::BadWan(site(one)?, trouble),
            Self::Pose(one, other) => Self::Pose(switch(one)?, switch(other)?),
            Self::Reflect(one) => Self::Reflect(switch(one)?),
            Self::Suspend(one) => Self::Suspend(host(one)?),
            Self::Recable { host: one, port, from, to } => {
                Self::Recable { host: host(one)?, port, from: switch(from)?, to: switch(to)? }
            }
            Self::Drift(one, ppm) => Self::Drift(host(one)?, ppm),
            Self::Ahead(one, ahead) => Self::Ahead(host(one)?, ahead),
            Self::Behind(one, behind) => Self::Behind(host(one)?, behind),
            Self::Doubled(_) | Self::Disorder(_) | Self::OverloadCma(_) => self,
            Self::Readdress(one) => Self::Readdress(host(one)?),
            Self::Clone { host: one, of } => Self::Clone { host: host(one)?, of: host(of)? },
            Self::Overload(one, each) => Self::Overload(site(one)?, each),
            Self::OverloadProbe(one, every) => Self::OverloadProbe(host(one)?, every),
            Self::Line(one, other) => Self::Line(site(one)?, site(other)?),
        })
    }
}
