//! Whether the rings that the operator sees are the rings that the cables call for. Pure.

use std::collections::BTreeSet;

use super::operator::{SiteTree, SwitchTree, Tree};
use super::plan::{Plan, Site, Switch};

/// What is still missing until the relay of every site is connected and every host is in the ring of each
/// switch it hangs on, on the right port, by what the switch itself announced, and in no fallback ring.
/// `None` when nothing is.
pub fn missing_for_switch_rings(plan: &Plan, tree: &Tree) -> Option<String> {
    let fallback: BTreeSet<&str> = fallback_members(tree).collect();
    if let Some(host) = plan.hosts.iter().find(|host| fallback.contains(host.name.as_str())) {
        return Some(format!("{} is still in a fallback ring", host.name));
    }
    plan.sites.iter().find_map(|site| missing_in(plan, site, tree))
}

/// What is still missing until every host is in a fallback ring. `None` when nothing is.
pub fn missing_for_fallback_rings(plan: &Plan, tree: &Tree) -> Option<String> {
    let members: BTreeSet<&str> = fallback_members(tree).collect();
    let outside = plan.hosts.iter().find(|host| !members.contains(host.name.as_str()))?;
    Some(format!("{} is in no fallback ring", outside.name))
}

fn fallback_members(tree: &Tree) -> impl Iterator<Item = &str> {
    let rings = tree.sites.iter().flat_map(|site| &site.fallback_rings);
    rings.flat_map(|ring| &ring.members).map(String::as_str)
}

fn missing_in(plan: &Plan, site: &Site, tree: &Tree) -> Option<String> {
    let Some(seen) = tree.sites.iter().find(|seen| seen.id == site.name) else {
        return Some(format!("site {} is not known", site.name));
    };
    if seen.state != "up" {
        return Some(format!("site {} is {:?}, not up", site.name, seen.state));
    }
    plan.switches_of(site.number).find_map(|switch| missing_on(plan, switch, seen))
}

fn missing_on(plan: &Plan, switch: &Switch, site: &SiteTree) -> Option<String> {
    let Some(seen) = site.switches.iter().find(|seen| seen.name == switch.name) else {
        return Some(format!("{} is not known", switch.name));
    };
    let wanted: BTreeSet<&str> = plan.hosts_on(switch.number).map(|host| host.name.as_str()).collect();
    let members: BTreeSet<&str> =
        seen.rings.iter().flat_map(|ring| &ring.members).map(String::as_str).collect();
    if members != wanted {
        return Some(format!("the ring of {} is {}, not {}", switch.name, list(&members), list(&wanted)));
    }
    plan.ports_of(switch.number).into_iter().find_map(|(port, host)| missing_port(seen, port, host))
}

fn missing_port(seen: &SwitchTree, port: &str, host: &str) -> Option<String> {
    match seen.ports.iter().find(|known| known.port == port) {
        None => Some(format!("port {port} of {} is not known", seen.name)),
        Some(known) if known.host != host => {
            Some(format!("port {port} of {} has {}, not {host}", seen.name, known.host))
        }
        Some(known) if known.evidence != "lldp" => {
            Some(format!("{host} on {} is known by {}, not lldp", seen.name, known.evidence))
        }
        Some(_) => None,
    }
}

fn list(names: &BTreeSet<&str>) -> String {
    format!("[{}]", names.iter().copied().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::operator::{FallbackRing, PortTree, RingTree};
    use super::super::size::Size;
    use super::*;

    fn whole(plan: &Plan) -> Tree {
        let switch = |switch: &Switch| SwitchTree {
            name: switch.name.clone(),
            ports: plan.ports_of(switch.number).into_iter().map(|(port, host)| known(port, host)).collect(),
            rings: vec![RingTree { members: plan.hosts_on(switch.number).map(|h| h.name.clone()).collect() }],
        };
        let site = |site: &Site| SiteTree {
            id: site.name.clone(),
            state: "up".into(),
            switches: plan.switches_of(site.number).map(switch).collect(),
            fallback_rings: Vec::new(),
        };
        Tree { sites: plan.sites.iter().map(site).collect() }
    }

    fn known(port: &str, host: &str) -> PortTree {
        PortTree { port: port.into(), host: host.into(), evidence: "lldp".into() }
    }

    #[test]
    fn rings_are_formed_only_when_every_member_port_and_evidence_is_right() {
        let plan = Plan::new("x", &Size::default().into());
        assert_eq!(missing_for_switch_rings(&plan, &whole(&plan)), None);
        type Spoil = fn(&mut SiteTree);
        let cases: &[(&str, Spoil)] = &[
            ("sw1 is not known", |site| drop(site.switches.remove(0))),
            ("the ring of sw2", |site| drop(site.switches[1].rings[0].members.pop())),
            ("the ring of sw1", |site| site.switches[0].rings[0].members.push("h5".into())),
            ("port p2 of sw1 has h3", |site| site.switches[0].ports[1].host = "h3".into()),
            ("h2 on sw1 is known by cache", |site| site.switches[0].ports[1].evidence = "cache".into()),
            ("port p1 of sw1 is not known", |site| drop(site.switches[0].ports.remove(0))),
            ("h4 is still in a fallback", |site| site.fallback_rings.push(fallback(&["h4"]))),
            ("site lab is \"unknown\", not up", |site| site.state = "unknown".into()),
            ("site lab is not known", |site| site.id = "s1".into()),
        ];
        for (want, spoil) in cases {
            let mut tree = whole(&plan);
            spoil(&mut tree.sites[0]);
            let said = missing_for_switch_rings(&plan, &tree).unwrap_or_default();
            assert!(said.starts_with(want), "{want}: {said:?}");
        }
        assert!(missing_for_switch_rings(&plan, &Tree::default()).is_some());
    }

    #[test]
    fn the_rings_of_every_site_must_be_there_and_under_its_own_name() {
        let plan = Plan::new("x", &Size::default().of_sites(2).unwrap().into());
        let mut tree = whole(&plan);
        assert_eq!(missing_for_switch_rings(&plan, &tree), None);
        let moved = tree.sites[1].switches.remove(0);
        tree.sites[0].switches.push(moved);
        assert_eq!(missing_for_switch_rings(&plan, &tree).unwrap(), "sw3 is not known");
        tree.sites.truncate(1);
        assert_eq!(missing_for_switch_rings(&plan, &tree).unwrap(), "site s2 is not known");
    }

    fn fallback(members: &[&str]) -> FallbackRing {
        FallbackRing { reason: String::new(), members: members.iter().map(|name| name.to_string()).collect() }
    }

    #[test]
    fn a_fallback_ring_must_hold_every_host() {
        let plan = Plan::new("x", &Size::new(1, 3, 0).unwrap().into());
        let tree = |members: &[&str]| Tree {
            sites: vec![SiteTree { fallback_rings: vec![fallback(members)], ..SiteTree::default() }],
        };
        assert_eq!(missing_for_fallback_rings(&plan, &tree(&["h1", "h2", "h3"])), None);
        assert_eq!(
            missing_for_fallback_rings(&plan, &tree(&["h1", "h2"])).unwrap(),
            "h3 is in no fallback ring"
        );
    }
}
