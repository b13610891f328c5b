//! Power and cables of hosts, switches and whole sites: what faults do to links.
//!
//! A host's power acts on the host's ends of its cables, a switch's power on the switch's ends: two faults at
//! once never heal each other.

use std::fmt::Write as _;

use super::command::ip_batch;
use super::error::LabError;
use super::net::ports;
use super::plan::{Host, Plan, Site, Switch};
use super::wan::leg_up;

/// Taking a port down takes its routes away; the addresses stay.
pub(super) fn host_up(plan: &Plan, host: &Host) -> String {
    let Some(site) = plan.site_numbered(host.site) else { return String::new() };
    let mut lines = String::new();
    for leg in &host.legs {
        let _ = write!(
            lines,
            "link set dev {port} up\nroute replace default via {gateway} dev {port} metric {metric}\n",
            port = leg.ifname,
            gateway = site.gateway,
            metric = leg.metric
        );
    }
    lines
}

/// The relay's port.
pub(super) fn relay_up(site: &Site) -> String {
    format!("link set dev eth0 up\nroute replace default via {}\n", site.gateway)
}

/// Every port of a site's core but the uplinks that are cut, then the bridge, then the way out.
pub(super) fn core_up(plan: &Plan, site: &Site, is_whole: &dyn Fn(&Switch) -> bool) -> String {
    let switches = plan.switches_of(site.number).filter(|switch| is_whole(switch));
    let ports = switches.map(|switch| switch.name.as_str()).chain([site.relay.name.as_str()]);
    let mut lines: String = ports.map(|port| format!("link set dev {port} up\n")).collect();
    lines.push_str("link set dev br0 up\n");
    lines + &plan.wan_leg(&site.name).map(leg_up).unwrap_or_default()
}

/// A core without power: the bridge first, for it forwards nothing from one instant on.
fn core_down(plan: &Plan, site: &Site) -> String {
    let switches = plan.switches_of(site.number).map(|switch| switch.name.as_str());
    let ports = ["br0"].into_iter().chain(switches).chain([site.relay.name.as_str()]);
    let out = plan.wan_leg(&site.name).map(|leg| leg.ifname);
    ports.chain(out).map(|port| format!("link set dev {port} down\n")).collect()
}

/// Every cable of a host at its own end.
///
/// # Errors
/// As of `ip`.
pub(super) fn power_host(plan: &Plan, host: &Host, on: bool) -> Result<(), LabError> {
    if on {
        return ip_batch(Some(&host.netns), &host_up(plan, host));
    }
    let lines: String = host.legs.iter().map(|leg| format!("link set dev {} down\n", leg.ifname)).collect();
    ip_batch(Some(&host.netns), &lines)
}

/// Every port of a switch, the uplink too, at the switch's end.
///
/// # Errors
/// As of `ip`.
pub(super) fn power_switch(plan: &Plan, switch: &Switch, on: bool, uplink: bool) -> Result<(), LabError> {
    let word = if on { "up" } else { "down" };
    let ports = ports(plan, switch).into_iter().filter(|port| uplink || port != "up");
    let lines: String = ports.map(|port| format!("link set dev {port} {word}\n")).collect();
    // The kernel takes tens of milliseconds for each port. A switch without power forwards nothing from one
    // instant on: the bridge goes down before its ports, and comes up after them.
    let bridge = format!("link set dev br0 {word}\n");
    let lines = if on { lines + &bridge } else { bridge + &lines };
    ip_batch(Some(&switch.netns), &lines)
}

/// The cable between a switch and the core: the core's end, and the switch's end where it has power.
///
/// # Errors
/// As of `ip`.
pub(super) fn uplink(plan: &Plan, switch: &Switch, on: bool, powered: bool) -> Result<(), LabError> {
    let word = if on { "up" } else { "down" };
    let Some(site) = plan.site_numbered(switch.site) else { return Ok(()) };
    ip_batch(Some(&site.core), &format!("link set dev {} {word}\n", switch.name))?;
    if on && !powered {
        return Ok(());
    }
    ip_batch(Some(&switch.netns), &format!("link set dev up {word}\n"))
}

/// The middle of a site goes dark: from then on nothing leaves it, and its relay hears nobody.
///
/// # Errors
/// As of `ip`.
pub(super) fn darken_core(plan: &Plan, site: &Site) -> Result<(), LabError> {
    ip_batch(Some(&site.core), &core_down(plan, site))?;
    ip_batch(Some(&site.relay.netns), "link set dev eth0 down\n")
}

/// The middle of a site comes back, but for the uplinks that are cut.
///
/// # Errors
/// As of `ip`.
pub(super) fn lighten_core(
    plan: &Plan,
    site: &Site,
    is_whole: &dyn Fn(&Switch) -> bool,
) -> Result<(), LabError> {
    ip_batch(Some(&site.core), &core_up(plan, site, is_whole))?;
    ip_batch(Some(&site.relay.netns), &relay_up(site))
}
