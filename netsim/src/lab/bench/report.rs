//! What a measurement tells: tables for people, the same as JSON, and gates that were met or missed. Pure.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::machine::Machine;

/// One promise beside what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Gate {
    /// What it is about.
    pub(super) what: String,
    /// What was promised.
    pub(super) wanted: String,
    /// What was measured.
    pub(super) measured: String,
    /// Whether it holds.
    pub(super) met: bool,
    /// An aim: to miss it is told, and is no failure.
    pub(super) goal: bool,
}

impl Gate {
    /// An aim that something is at most so much. What could not be measured fails all the same.
    pub(super) fn aim_at_most(what: &str, measured: f64, most: f64, digits: usize, unit: &str) -> Self {
        let gate = Self::at_most(what, measured, most, digits, unit);
        Self { wanted: format!("goal {}", gate.wanted), goal: measured.is_finite(), ..gate }
    }

    /// Whether a command that measured it may end well.
    pub(super) fn holds(&self) -> bool {
        self.met || self.goal
    }

    /// A promise that something is at most so much.
    pub(super) fn at_most(what: &str, measured: f64, most: f64, digits: usize, unit: &str) -> Self {
        Self {
            what: what.into(),
            wanted: format!("<= {most} {unit}"),
            measured: format!("{measured:.digits$} {unit}"),
            met: measured <= most,
            goal: false,
        }
    }

    /// A promise that something is at least so much.
    pub(super) fn at_least(what: &str, measured: f64, least: f64, digits: usize, unit: &str) -> Self {
        Self {
            what: what.into(),
            wanted: format!(">= {least} {unit}"),
            measured: format!("{measured:.digits$} {unit}"),
            met: measured >= least,
            goal: false,
        }
    }

    /// A promise that something never happens.
    pub(super) fn none(what: &str, count: usize) -> Self {
        let met = count == 0;
        Self { what: what.into(), wanted: "0".into(), measured: count.to_string(), met, goal: false }
    }
}

/// One part of a measurement.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Section {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// Its heading.
    pub(super) title: String,
    /// Markdown below the heading.
    #[serde(skip)]
    pub(super) text: String,
    /// What was promised of it.
    pub(super) gates: Vec<Gate>,
    /// Every single value.
    pub(super) data: Value,
}

impl Section {
    /// A part that could not be measured: no figure, and a gate that is missed.
    pub(super) fn not_measured(name: &'static str, why: &str) -> Self {
        let gate = Gate {
            what: format!("{name} measured"),
            wanted: "yes".into(),
            measured: "no".into(),
            met: false,
            goal: false,
        };
        Self {
            name,
            title: format!("{name}: not measured"),
            text: format!("{why}\n"),
            gates: vec![gate],
            data: Value::Null,
        }
    }
}

/// Everything that one command measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// Of this shape.
    pub(super) schema: u32,
    /// The heading.
    pub(super) title: String,
    /// Which command writes it.
    pub(super) by: String,
    /// Whether every gate is met.
    pub(super) ok: bool,
    /// On what.
    pub(super) machine: Machine,
    /// Of the lab: what was measured on.
    pub(super) network: String,
    /// Of every random choice.
    pub(super) seed: u64,
    /// In the order measured.
    pub(super) sections: Vec<Section>,
}

impl Report {
    /// For people, in Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "# {}\n\nWritten by `{}`; not to be edited. Real programs in network namespaces of one machine.\n\n",
            self.title, self.by
        );
        let mut facts = self.machine.rows();
        facts.push(("network", self.network.clone()));
        facts.push(("seed", self.seed.to_string()));
        let rows: Vec<Vec<String>> =
            facts.into_iter().map(|(what, value)| vec![what.into(), value]).collect();
        text += &table(&["", ""], &rows);
        text += "\n## Gates\n\n";
        text += &table(&["what", "wanted", "measured", ""], &self.gates());
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n{}", section.title, section.text);
        }
        text
    }

    fn gates(&self) -> Vec<Vec<String>> {
        let row = |gate: &Gate| {
            let end = match (gate.met, gate.goal) {
                (true, _) => "met",
                (false, true) => "goal missed",
                (false, false) => "**missed**",
            };
            vec![gate.what.clone(), gate.wanted.clone(), gate.measured.clone(), end.into()]
        };
        self.sections.iter().flat_map(|section| &section.gates).map(row).collect()
    }
}

/// A Markdown table. A bar in a cell would be one column more.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let line =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let mut text = line(&mut heading.iter().map(|cell| cell.to_string()));
    text += &format!("|{}\n", "---|".repeat(heading.len()));
    for row in rows {
        text += &line(&mut row.iter().map(|cell| cell.replace('|', "\\|")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_met_at_its_limit_and_missed_above_it_or_by_no_number_at_all() {
        assert!(Gate::at_most("x", 3.2, 3.2, 2, "s").met);
        assert!(!Gate::at_most("x", 3.21, 3.2, 2, "s").met);
        assert!(!Gate::at_most("x", f64::NAN, 3.2, 2, "s").met);
        assert!(!Gate::at_most("x", f64::INFINITY, 3.2, 2, "s").met);
        assert!(
            Gate::at_least("x", 0.9, 0.9, 1, "/s").met && !Gate::at_least("x", f64::NAN, 0.9, 1, "/s").met
        );
        assert!(Gate::none("x", 0).met && !Gate::none("x", 1).met);
        let goal = Gate::aim_at_most("x", 4.0, 3.0, 0, "s");
        assert_eq!((goal.met, goal.holds(), goal.wanted.as_str()), (false, true, "goal <= 3 s"));
        assert!(!Gate::aim_at_most("x", f64::NAN, 3.0, 0, "s").holds());
        assert!(Section::not_measured("kills", "no lab").gates.iter().all(|gate| !gate.met));
    }

    #[test]
    fn a_bar_in_a_cell_adds_no_column() {
        assert_eq!(
            table(&["a", "b"], &[vec!["x|y".into(), "z".into()]]),
            "| a | b |\n|---|---|\n| x\\|y | z |\n"
        );
    }
}
