//! The network itself: namespaces, bridges and cables, and what faults do to them.
//!
//! Cables are made directly between namespaces, so nothing ever appears in the caller's own. A host's
//! power acts on the host's ends of its cables, a switch's power on the switch's ends: two faults at once
//! never heal each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::command::{inside, ip_batch, run, system};
use super::error::LabError;
use super::plan::{CMA_ADDRESS, CMA_GATEWAY, GATEWAY_ADDRESS, Host, Plan, RELAY_ADDRESS, Switch};

/// A bridge that forwards from the first frame on and knows no group it must first learn.
const BRIDGE: &str = "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n";

/// Builds it all. What a failed build leaves is taken away by [`destroy`].
///
/// # Errors
/// [`LabError::NotPermitted`] or [`LabError::Failed`] with `ip`'s own words.
pub(super) fn build(plan: &Plan) -> Result<(), LabError> {
    let namespaces = plan.namespaces();
    ip_batch(None, &namespaces.iter().map(|name| format!("netns add {name}\n")).collect::<String>())?;
    for name in &namespaces {
        settle_kernel(name)?;
    }
    ip_batch(None, &cables(plan))?;
    ip_batch(Some(&plan.netns("core")), &core(plan))?;
    for switch in &plan.switches {
        ip_batch(Some(&switch.netns), &bridge(plan, switch))?;
    }
    for host in &plan.hosts {
        ip_batch(Some(&host.netns), &addresses(host))?;
    }
    let relay = format!(
        "link set dev lo up\naddr add {RELAY_ADDRESS}/16 dev eth0\nlink set dev eth0 up\n\
                         route add default via {GATEWAY_ADDRESS}\n"
    );
    ip_batch(Some(&plan.netns("relay")), &relay)?;
    let cma = format!(
        "link set dev lo up\naddr add {CMA_ADDRESS}/24 dev eth0\nlink set dev eth0 up\n\
                       route add default via {CMA_GATEWAY}\n"
    );
    ip_batch(Some(&plan.netns("cma")), &cma)
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
fn settle_kernel(netns: &str) -> Result<(), LabError> {
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
        let value = if *key == "ipv4/ip_forward" && netns.ends_with("core") { "1" } else { value };
        // A kernel without IPv6 has no such file, and needs none.
        let _ = writeln!(script, "[ ! -e /proc/sys/net/{key} ] || echo {value} > /proc/sys/net/{key}");
    }
    run(&mut inside(netns, "sh"), &script).map(drop)
}

fn cables(plan: &Plan) -> String {
    let mut lines = String::new();
    let core = plan.netns("core");
    let mut cable = |port: &str, at: &str, end: &str, of: &str| {
        let _ = writeln!(lines, "link add {port} netns {at} type veth peer name {end} netns {of}");
    };
    cable("relay", &core, "eth0", &plan.netns("relay"));
    cable("cma", &core, "eth0", &plan.netns("cma"));
    for switch in &plan.switches {
        cable(&switch.name, &core, "up", &switch.netns);
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

fn core(plan: &Plan) -> String {
    let mut lines =
        format!("link set dev lo up\n{BRIDGE}link set dev br0 up\naddr add {GATEWAY_ADDRESS}/16 dev br0\n");
    let ports = plan.switches.iter().map(|switch| switch.name.as_str()).chain(["relay"]);
    for port in ports {
        let _ = writeln!(lines, "link set dev {port} master br0 up");
    }
    let _ = write!(lines, "addr add {CMA_GATEWAY}/24 dev cma\nlink set dev cma up\n");
    lines
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

fn ports(plan: &Plan, switch: &Switch) -> Vec<String> {
    let facing_hosts = plan.ports_of(switch.number).into_iter().map(|(port, _)| port.to_string());
    std::iter::once("up".to_string()).chain(facing_hosts).collect()
}

fn addresses(host: &Host) -> String {
    let mut lines = String::from("link set dev lo up\n");
    for leg in &host.legs {
        let _ = writeln!(lines, "addr add {}/16 dev {} metric {}", leg.address, leg.ifname, leg.metric);
    }
    lines + &host_up(host)
}

/// Taking a port down takes its routes away; the addresses stay.
fn host_up(host: &Host) -> String {
    let mut lines = String::new();
    for leg in &host.legs {
        let _ = write!(
            lines,
            "link set dev {port} up\nroute replace default via {GATEWAY_ADDRESS} dev {port} metric {metric}\n",
            port = leg.ifname,
            metric = leg.metric
        );
    }
    lines
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

/// Every cable of a host at its own end.
///
/// # Errors
/// As of `ip`.
pub(super) fn power_host(host: &Host, on: bool) -> Result<(), LabError> {
    if on {
        return ip_batch(Some(&host.netns), &host_up(host));
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
    ip_batch(Some(&plan.netns("core")), &format!("link set dev {} {word}\n", switch.name))?;
    if on && !powered {
        return Ok(());
    }
    ip_batch(Some(&switch.netns), &format!("link set dev up {word}\n"))
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
