//! What each port hangs on, as a table to be read at night.

use super::paint::{Paint, column, span, wrapped};
use crate::control::shape::{Attachments, PortShape};

/// Where reasons and remedies stand, below the first column.
const INDENT: usize = 2;

/// One line for each port, and below it what is missing and what would help.
pub(super) fn table(attachments: &Attachments, paint: Paint) -> String {
    if attachments.ports.is_empty() {
        return "this host has no physical port; name its interfaces by `ports` in the configuration".into();
    }
    let head = row(["PORT", "LINK", "SWITCH", "SWITCH PORT", "BY", "AGE", "LEFT"]);
    let mut lines = vec![paint.head(head.trim_end())];
    for port in &attachments.ports {
        lines.push(line(port, paint));
        lines.extend(bond(port));
        lines.extend(wrapped(&port.reason, INDENT).into_iter().map(|line| paint.odd(&line)));
        if !port.remedy.is_empty() {
            lines.extend(wrapped(&format!("-> {}", port.remedy), INDENT));
        }
    }
    lines.join("\n")
}

fn row(fields: [&str; 7]) -> String {
    let widths = [12, 4, 22, 18, 8, 5, 5];
    fields.iter().zip(widths).map(|(field, width)| column(field, width)).collect::<Vec<_>>().join(" ")
}

fn line(port: &PortShape, paint: Paint) -> String {
    let text =
        |id: &Option<crate::control::shape::IdShape>| id.as_ref().map_or("-".into(), |id| id.text.clone());
    let switch = if port.switch_name.is_empty() { text(&port.switch) } else { port.switch_name.clone() };
    let link = if port.carrier { "up" } else { "DOWN" };
    let (age, left) = (span(port.age_s), span(port.expires_s));
    let row = row([&port.ifname, link, &switch, &text(&port.port), &port.evidence, &age, &left]);
    let row = row.trim_end();
    match (port.carrier, port.evidence.as_str()) {
        (false, _) => paint.bad(row),
        (true, "lldp" | "cdp") => paint.good(row),
        (true, _) => paint.odd(row),
    }
}

fn bond(port: &PortShape) -> Option<String> {
    let bond = port.bond.as_ref()?;
    let role = if bond.active { "active" } else { "standby" };
    let partner = if bond.partner_system.is_empty() {
        String::new()
    } else {
        format!(", partner {}", bond.partner_system)
    };
    wrapped(&format!("{role} in {} ({}){partner}", bond.ifname, bond.mode), INDENT).pop()
}

#[cfg(test)]
mod tests {
    use super::super::paint::WIDTH;
    use super::*;
    use crate::control::shape::{BondShape, IdShape};

    fn port(ifname: &str, evidence: &str) -> PortShape {
        let id = |text: &str| Some(IdShape { subtype: 5, hex: String::new(), text: text.into() });
        let known = evidence != "fallback";
        PortShape {
            ifname: ifname.into(),
            ifindex: 2,
            driver: "i40e".into(),
            carrier: true,
            switch: known.then(|| id("02:00:00:00:01:01")).flatten(),
            switch_name: if known { "sw1".into() } else { String::new() },
            port: known.then(|| id("Ethernet1/7")).flatten(),
            evidence: evidence.into(),
            age_s: known.then_some(4),
            expires_s: known.then_some(116),
            reason: if known {
                String::new()
            } else {
                format!("no LLDP heard on {ifname} (i40e): NIC firmware agent?")
            },
            remedy: if known { String::new() } else { crate::hints::remedy(ifname, "i40e") },
            bond: None,
        }
    }

    #[test]
    fn the_table_says_for_each_port_what_it_hangs_on_or_why_not_and_what_to_do() {
        let bond = BondShape {
            ifname: "bond0".into(),
            mode: "active-backup".into(),
            active: false,
            partner_system: String::new(),
        };
        let ports =
            vec![port("eth0", "lldp"), PortShape { bond: Some(bond), ..port("enp129s0f0np0", "fallback") }];
        let table = table(&Attachments { schema: 1, ports }, Paint(false));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "PORT         LINK SWITCH                 SWITCH PORT        BY       AGE   LEFT"
        );
        assert_eq!(
            lines[1],
            "eth0         up   sw1                    Ethernet1/7        lldp     4s    116s"
        );
        assert_eq!(lines[2], "enp129s0f0n~ up   -                      -                  fallback -     -");
        assert_eq!(lines[3], "  standby in bond0 (active-backup)");
        assert!(lines[4].contains("no LLDP heard on enp129s0f0np0"), "{table}");
        assert!(table.contains("-> the card's firmware") && table.contains("disable-fw-lldp on"), "{table}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "wider than a terminal:\n{table}");
        assert!(!table.contains('\u{1b}'));
    }

    #[test]
    fn a_host_without_ports_is_told_what_to_configure() {
        assert!(table(&Attachments { schema: 1, ports: vec![] }, Paint(true)).contains("`ports`"));
    }
}
