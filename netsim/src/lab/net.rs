//! The network itself: namespaces, bridges and cables, and frames lost on the way.
//!
//! Cables are made directly between namespaces, so nothing ever appears in the caller's own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::command::{inside, ip_batch, run, system};
use super::error::LabError;
use super::plan::{CMA, Host, Plan, Site, Switch, WAN};
use super::power::{core_up, host_up, relay_up};
use super::wan::{self, Quality};

/// A bridge that forwards from the first frame on and knows no group it must first learn.
const BRIDGE: &str = "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n";

/// From a cable's second end to the kernel's telling its routes so. It does that by and by, mostly within a second.
const CARRIER_WITHIN: Duration = Duration::from_secs(20);

/// Builds it all. What a failed build leaves is taken away by [`destroy`].
///
/// # Errors
/// [`LabError::NotPermitted`] or [`LabError::Failed`] with `ip`'s own words.
pub(super) fn build(plan: &Plan, quality: Quality) -> Result<(), LabError> {
    let (namespaces, routers) = (plan.namespaces(), plan.routers());
    ip_batch(None, &namespaces.iter().map(|name| format!("netns add {name}\n")).collect::<String>())?;
    for name in &namespaces {
        settle_kernel(name, routers.contains(name))?;
    }
    ip_batch(None, &cables(plan))?;
    wan::lay(plan, quality)?;
    ip_batch(Some(&plan.netns(WAN)), &wan::routes(plan))?;
    for site in &plan.sites {
        ip_batch(Some(&site.core), &core(plan, site))?;
        ip_batch(Some(&site.relay.netns), &relay(site))?;
    }
    for switch in &plan.switches {
        ip_batch(Some(&switch.netns), &bridge(plan, switch))?;
    }
    for host in &plan.hosts {
        ip_batch(Some(&host.netns), &addresses(plan, host))?;
    }
    let cma = plan.wan_leg(CMA).map(wan::leg_up).unwrap_or_default();
    ip_batch(Some(&plan.netns(CMA)), &(String::from("link set dev lo up\n") + &cma))
}

/// Waits until every way through the network leads somewhere: until then a router says "unreachable" at once.
///
/// # Errors
/// [`LabError::Failed`] with the way that stays dead; as of `ip`.
pub(super) fn wait_for_carriers(plan: &Plan) -> Result<(), LabError> {
    let patience = Instant::now() + CARRIER_WITHIN;
    for netns in plan.routers().into_iter().chain([plan.netns(CMA)]) {
        while let Some(way) = dead_way(&netns)? {
            if Instant::now() >= patience {
                return Err(LabError::Failed(format!("{netns} has a cable without another end: {way}")));
            }
            sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// A route of this namespace over a port without carrier.
fn dead_way(netns: &str) -> Result<Option<String>, LabError> {
    let routes = run(system("ip").args(["-n", netns, "route", "show"]), "")?;
    Ok(routes.lines().find(|route| route.contains("linkdown")).map(|route| route.trim().to_string()))
}

/// Removes every namespace of the plan that exists, and with them every cable.
///
/// # Errors
/// [`LabError::Failed`] if one could not be removed.
pub(super) fn destroy(plan: &Plan) -> Result<(), LabError> {
    let existing = existing()?;
    let ours = plan.namespaces().into_iter().filter(|name| existing.contains(name));
    ip_batch(None, &ours.map(|name| format!("netns del {name}\n")).collect::<String>())
}

/// Names of all network namespaces of this machine.
///
/// # Errors
/// As of `ip`.
pub(super) fn existing() -> Result<BTreeSet<String>, LabError> {
    let listed = run(system("ip").args(["netns", "list"]), "")?;
    Ok(listed.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect())
}

/// Settings that a fresh namespace needs before its first link appears.
///
/// No IPv6, so that nothing speaks unasked; addresses answered for on their own port only, because a
/// dual-homed host has two in one subnet; a path without carrier is no path.
fn settle_kernel(netns: &str, is_router: bool) -> Result<(), LabError> {
    const SETTINGS: &[(&str, &str)] = &[
        ("ipv6/conf/all/disable_ipv6", "1"),
        ("ipv6/conf/default/disable_ipv6", "1"),
        ("ipv4/ip_forward", "0"),
        ("ipv4/conf/all/arp_ignore", "1"),
        ("ipv4/conf/all/arp_announce", "2"),
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/conf/default/rp_filter", "0"),
        ("ipv4/conf/all/ignore_routes_with_linkdown", "1"),
        ("ipv4/conf/default/ignore_routes_with_linkdown", "1"),
    ];
    let mut script = String::from("set -e\n");
    for (key, value) in SETTINGS {
        let value = if *key == "ipv4/ip_forward" && is_router { "1" } else { value };
        // A kernel without IPv6 has no such file, and needs none.
        let _ = writeln!(script, "[ ! -e /proc/sys/net/{key} ] || echo {value} > /proc/sys/net/{key}");
    }
    run(&mut inside(netns, "sh"), &script).map(drop)
}

/// Every cable but those of the WAN.
fn cables(plan: &Plan) -> String {
    let mut lines = String::new();
    let mut cable = |port: &str, at: &str, end: &str, of: &str| {
        let _ = writeln!(lines, "link add {port} netns {at} type veth peer name {end} netns {of}");
    };
    for site in &plan.sites {
        cable(&site.relay.name, &site.core, "eth0", &site.relay.netns);
        for switch in plan.switches_of(site.number) {
            cable(&switch.name, &site.core, "up", &switch.netns);
        }
    }
    for host in &plan.hosts {
        for leg in &host.legs {
            if let Some(switch) = plan.switch_numbered(leg.switch) {
                cable(&leg.port, &switch.netns, &leg.ifname, &host.netns);
            }
        }
    }
    lines
}

fn core(plan: &Plan, site: &Site) -> String {
    let mut lines = format!("link set dev lo up\n{BRIDGE}addr add {}/16 dev br0\n", site.gateway);
    let switches = plan.switches_of(site.number).map(|switch| switch.name.as_str());
    for port in switches.chain([site.relay.name.as_str()]) {
        let _ = writeln!(lines, "link set dev {port} master br0");
    }
    lines + &core_up(plan, site, &|_| true)
}

fn relay(site: &Site) -> String {
    format!("link set dev lo up\naddr add {}/16 dev eth0\n", site.relay.address) + &relay_up(site)
}

fn bridge(plan: &Plan, switch: &Switch) -> String {
    let mut lines =
        format!("link set dev lo up\n{BRIDGE}link set dev br0 address {}\n", switch.chassis_text());
    for port in ports(plan, switch) {
        let _ = writeln!(lines, "link set dev {port} master br0 up");
    }
    lines.push_str("link set dev br0 up\n");
    lines
}

/// Ports of a switch: the uplink first.
pub(super) fn ports(plan: &Plan, switch: &Switch) -> Vec<String> {
    let facing_hosts = plan.ports_of(switch.number).into_iter().map(|(port, _)| port.to_string());
    std::iter::once("up".to_string()).chain(facing_hosts).collect()
}

fn addresses(plan: &Plan, host: &Host) -> String {
    let mut lines = String::from("link set dev lo up\n");
    for leg in &host.legs {
        let _ = writeln!(lines, "addr add {}/16 dev {} metric {}", leg.address, leg.ifname, leg.metric);
    }
    lines + &host_up(plan, host)
}

/// Where lldpd reads a switch's chassis address from.
pub(super) const PROCESSOR_PORT: &str = "cpu0";

/// Gives a switch a port of its own with its chassis address, once. It leads nowhere.
///
/// # Errors
/// As of `ip`.
pub(super) fn give_processor_port(switch: &Switch) -> Result<(), LabError> {
    if run(system("ip").args(["-n", &switch.netns, "link", "show", PROCESSOR_PORT]), "").is_ok() {
        return Ok(());
    }
    let chassis = switch.chassis_text();
    let lines = format!(
        "link add {PROCESSOR_PORT} address {chassis} type veth peer name cpu1\n\
         link set dev {PROCESSOR_PORT} up\nlink set dev cpu1 up\n"
    );
    ip_batch(Some(&switch.netns), &lines)
}

/// Frames lost at random on the way out of switch-side ports: of the switch's, or towards one host.
///
/// A drop in the host's own namespace would come back to the sender as an error, and one on the way in
/// comes after the taps that hear LLDP: only the switch's way out looks like a bad cable.
///
/// # Errors
/// As of `nft`.
pub(super) fn lose(plan: &Plan, name: &str, permille: u16) -> Result<(), LabError> {
    for (netns, ports) in lossy_ports(plan, name) {
        let mut rules = String::new();
        for port in ports {
            let _ = write!(
                rules,
                "table netdev loss-{name} {{\n chain {port} {{\n  type filter hook egress device \"{port}\" priority 0;\n  \
                 numgen random mod 1000 < {permille} drop\n }}\n}}\n"
            );
        }
        run(inside(&netns, "nft").args(["-f", "-"]), &rules)?;
    }
    Ok(())
}

/// Ends [`lose`].
///
/// # Errors
/// As of `nft`.
pub(super) fn lose_no_more(plan: &Plan, name: &str) -> Result<(), LabError> {
    for (netns, _) in lossy_ports(plan, name) {
        run(inside(&netns, "nft").args(["-f", "-"]), &format!("delete table netdev loss-{name}\n"))?;
    }
    Ok(())
}

fn lossy_ports(plan: &Plan, name: &str) -> Vec<(String, Vec<String>)> {
    if let Some(switch) = plan.switch(name) {
        return vec![(switch.netns.clone(), ports(plan, switch))];
    }
    let legs = plan.host(name).map(|host| host.legs.as_slice()).unwrap_or_default();
    let at = |number| plan.switch_numbered(number).map(|switch| switch.netns.clone());
    legs.iter().filter_map(|leg| Some((at(leg.switch)?, vec![leg.port.clone()]))).collect()
}
