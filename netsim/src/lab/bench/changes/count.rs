//! Counting the datagrams of one change. Pure.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::lab::bench::datagram::Kind;
use crate::lab::bench::report::Gate;
use crate::lab::bench::tap::Seen;

/// What the protocol's table allows for one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Limit {
    name: &'static str,
    /// Absent where the table has no such change.
    most: Option<Most>,
}

/// Datagrams at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Most {
    repair: usize,
    /// Absent where the table makes no difference: then everything is repair.
    verification: Option<usize>,
}

impl Limit {
    /// Of a change that is verified as well as repaired.
    pub(super) fn apart(name: &'static str, repair: usize, verification: usize) -> Self {
        Self { name, most: Some(Most { repair, verification: Some(verification) }) }
    }

    /// Of a change of which every datagram counts the same.
    pub(super) fn together(name: &'static str, repair: usize) -> Self {
        Self { name, most: Some(Most { repair, verification: None }) }
    }

    /// Of a change that is not in the table.
    pub(super) fn unknown(name: &'static str) -> Self {
        Self { name, most: None }
    }

    fn is_together(&self) -> bool {
        self.most.is_some_and(|most| most.verification.is_none())
    }
}

/// Datagrams by kind, each counted once: where it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    knock: usize,
    hello: usize,
    to_relay: usize,
    to_probe: usize,
    echo: usize,
    /// Of all these: between the relay and the subject, and echoes.
    with_the_subject: usize,
}

/// Whether a datagram is part of a change's cost. A kernel's answer to an echo is not ours.
pub(super) fn is_counted(seen: &Seen) -> bool {
    match seen.datagram.kind {
        Kind::Knock | Kind::Hello | Kind::ToRelay | Kind::ToProbe | Kind::Echo => seen.outgoing,
        Kind::Beat | Kind::EchoReply => false,
    }
}

impl Count {
    /// Of what was sent; `subject` are the addresses of the host that changed.
    pub(super) fn of(sent: &[&Seen], subject: &[Ipv4Addr]) -> Self {
        let mut count = Self::default();
        for seen in sent {
            let datagram = &seen.datagram;
            let slot = match datagram.kind {
                Kind::Knock => &mut count.knock,
                Kind::Hello => &mut count.hello,
                Kind::ToRelay => &mut count.to_relay,
                Kind::ToProbe => &mut count.to_probe,
                Kind::Echo => &mut count.echo,
                Kind::Beat | Kind::EchoReply => continue,
            };
            *slot += 1;
            if subject.contains(&datagram.to) || subject.contains(&datagram.from) {
                count.with_the_subject += 1;
            }
        }
        count
    }

    fn all(&self) -> usize {
        self.knock + self.hello + self.to_relay + self.to_probe + self.echo
    }
}

/// What one change cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Cost {
    /// Whose change.
    pub(super) host: String,
    /// By kind.
    pub(super) count: Count,
    /// One by one.
    pub(super) order: Vec<String>,
}

/// All rounds of one kind of change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    limit: Limit,
    rounds: Vec<Cost>,
}

impl Row {
    /// Adds a round to the row of its name.
    pub(super) fn add(rows: &mut Vec<Self>, limit: Limit, cost: Cost) {
        match rows.iter_mut().find(|row| row.limit == limit) {
            Some(row) => row.rounds.push(cost),
            None => rows.push(Self { limit, rounds: vec![cost] }),
        }
    }

    /// Of the change.
    pub(super) fn name(&self) -> &'static str {
        self.limit.name
    }

    /// A line of the table.
    pub(super) fn cells(&self) -> Vec<String> {
        let kinds: [fn(&Count) -> usize; 5] =
            [|c| c.knock, |c| c.hello, |c| c.to_relay, |c| c.to_probe, |c| c.echo];
        let mut cells = vec![self.limit.name.to_string(), self.rounds.len().to_string()];
        cells.extend(kinds.map(|kind| self.span(kind)));
        let number = |most: Option<usize>| most.map_or_else(String::new, |most| most.to_string());
        cells
            .extend([self.span(|count| self.repair(count)), number(self.limit.most.map(|most| most.repair))]);
        let verified =
            if self.limit.is_together() { String::new() } else { self.span(|c| c.with_the_subject) };
        cells.extend([verified, number(self.limit.most.and_then(|most| most.verification))]);
        cells
    }

    /// Its promises beside the dearest round.
    pub(super) fn gates(&self) -> Vec<Gate> {
        let gate = |what: &str, value: &dyn Fn(&Count) -> usize, most: usize| {
            let (_, measured) = self.ends(value);
            Gate {
                what: format!("{}, {what}, the dearest of {}", self.limit.name, self.rounds.len()),
                wanted: format!("<= {most}"),
                measured: measured.to_string(),
                met: measured <= most,
                goal: false,
            }
        };
        let Some(most) = self.limit.most else { return Vec::new() };
        let repair = gate("datagrams to repair", &|count| self.repair(count), most.repair);
        let verified = |most| gate("to verify", &|count: &Count| count.with_the_subject, most);
        std::iter::once(repair).chain(most.verification.map(verified)).collect()
    }

    /// What the first round said, in the order said.
    pub(super) fn first_in_order(&self) -> String {
        let Some(first) = self.rounds.first() else { return String::new() };
        format!("- {} of {}: {}\n", self.limit.name, first.host, first.order.join("; "))
    }

    fn repair(&self, count: &Count) -> usize {
        let verification = if self.limit.is_together() { 0 } else { count.with_the_subject };
        count.all() - verification
    }

    fn ends(&self, value: impl Fn(&Count) -> usize) -> (usize, usize) {
        let values = self.rounds.iter().map(|cost| value(&cost.count));
        values.fold((usize::MAX, 0), |(least, most), value| (least.min(value), most.max(value)))
    }

    fn span(&self, value: impl Fn(&Count) -> usize) -> String {
        match self.ends(value) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least}..{most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::datagram::Datagram;

    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    const DEAD: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
    const LEFT: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
    const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 3);

    fn sent(kind: Kind, from: Ipv4Addr, to: Ipv4Addr) -> Seen {
        Seen { at_us: 0, place: 0, outgoing: true, datagram: Datagram { kind, from, to, octets: 60, id: 0 } }
    }

    /// The death of the protocol's table, word by word.
    fn death() -> Vec<Seen> {
        let mut wire = vec![sent(Kind::ToRelay, LEFT, RELAY), sent(Kind::ToRelay, RIGHT, RELAY)];
        wire.extend([sent(Kind::ToProbe, RELAY, DEAD); 3]);
        wire.extend([sent(Kind::Echo, RELAY, DEAD); 2]);
        wire.extend([LEFT, RIGHT].map(|to| sent(Kind::ToProbe, RELAY, to)));
        wire.push(sent(Kind::ToRelay, LEFT, RELAY));
        wire
    }

    fn row(limit: Limit, wire: &[Seen]) -> Row {
        let counted: Vec<&Seen> = wire.iter().filter(|seen| is_counted(seen)).collect();
        let cost = Cost { host: "h1".into(), count: Count::of(&counted, &[DEAD]), order: Vec::new() };
        Row { limit, rounds: vec![cost] }
    }

    #[test]
    fn a_death_as_the_table_has_it_is_five_to_repair_and_five_to_verify() {
        let row = row(Limit::apart("death", 5, 6), &death());
        assert_eq!(row.cells()[2..], ["0", "0", "3", "5", "2", "5", "5", "5", "6"]);
        assert!(row.gates().iter().all(|gate| gate.met));
    }

    #[test]
    fn one_datagram_too_many_misses_the_promise_it_belongs_to() {
        let met = |more: Seen| -> Vec<bool> {
            let wire: Vec<Seen> = death().into_iter().chain([more, more]).collect();
            row(Limit::apart("death", 5, 6), &wire).gates().iter().map(|gate| gate.met).collect()
        };
        assert_eq!(met(sent(Kind::ToRelay, RIGHT, RELAY)), [false, true]);
        assert_eq!(met(sent(Kind::ToProbe, RELAY, DEAD)), [true, false]);
        assert_eq!(met(sent(Kind::Beat, LEFT, RIGHT)), [true, true]);
        let received = Seen { outgoing: false, ..sent(Kind::ToRelay, RIGHT, RELAY) };
        assert_eq!(met(received), [true, true], "counted where it is sent, and only there");
    }

    #[test]
    fn rounds_of_one_change_share_a_row_and_the_dearest_decides() {
        let limit = Limit::together("leave", 5);
        let mut rows = Vec::new();
        for more in [0, 1] {
            let wire = vec![sent(Kind::ToRelay, DEAD, RELAY); 5 + more];
            Row::add(&mut rows, limit, row(limit, &wire).rounds.remove(0));
        }
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].cells()[7..], ["5..6", "5", "", ""]);
        assert!(!rows[0].gates()[0].met);
        let unknown = row(Limit::unknown("other"), &death());
        assert_eq!(unknown.cells()[7..], ["5", "", "5", ""]);
        assert_eq!(unknown.gates(), []);
    }
}
