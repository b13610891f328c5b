//! What a tour tells people: a line for each step while it runs, a table at the end.

use crate::lab::text::{Paint, Style, table, tell};

use super::record::{Record, Tour};

/// Tells of a tour on standard error while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    style: Style,
    loud: bool,
}

impl Progress {
    /// For people.
    pub fn on_stderr() -> Self {
        Self { style: Style::of_stderr(), loud: true }
    }

    /// Says nothing.
    pub fn silent() -> Self {
        Self { style: Style::of_stderr(), loud: false }
    }

    /// What is being done now.
    pub fn doing(&self, text: &str) {
        self.say(&self.style.paint(Paint::Faint, &format!("   .. {text}")));
    }

    /// How a step ended, with everything that is wrong about it.
    pub fn done(&self, record: &Record) {
        let mark = if record.ok {
            self.style.paint(Paint::Good, "   ok")
        } else {
            self.style.paint(Paint::Bad, " FAIL")
        };
        self.say(&format!("{mark} {}", outcome(record)));
        for problem in &record.problems {
            self.say(&self.style.paint(Paint::Bad, &format!("      {problem}")));
        }
    }

    /// Anything else worth a line.
    pub fn note(&self, text: &str) {
        self.say(text);
    }

    fn say(&self, line: &str) {
        if self.loud {
            tell(line);
        }
    }
}

fn outcome(record: &Record) -> String {
    let mut text = format!("{:<19} {:<4}", record.name, record.subject);
    if record.seconds >= 0.0 {
        text += &format!(" {:>5.2} s", record.seconds);
    }
    if !record.verdict.is_empty() {
        text += &format!("  {}", verdicts(record));
    }
    text
}

fn verdicts(record: &Record) -> String {
    if record.verdict == record.verdict_after_heal {
        return record.verdict.clone();
    }
    let or_dash = |word: &str| if word.is_empty() { "-".to_string() } else { word.to_string() };
    format!("{} -> {}", or_dash(&record.verdict), or_dash(&record.verdict_after_heal))
}

/// The table at the end of a tour: 80 columns, but for a verdict with alternatives and for the longest name of
/// a step between sites.
pub fn summary(tour: &Tour) -> String {
    let style = Style::of_stdout();
    let rows: Vec<Vec<String>> = tour.steps.iter().map(row).collect();
    let heading = ["", "step", "who", "opened", "limit", "closed", "inc", "page", "verdict"];
    let plain = table(&heading, &rows);
    let mut text = String::new();
    for (n, line) in plain.lines().enumerate() {
        let good = n.checked_sub(1).and_then(|n| tour.steps.get(n)).map(|step| step.ok);
        text += &match good {
            None => style.paint(Paint::Strong, line),
            Some(true) => line.to_string(),
            Some(false) => style.paint(Paint::Bad, line),
        };
        text.push('\n');
    }
    let good = tour.steps.iter().filter(|step| step.ok).count();
    let verdict = format!("{good} of {} steps as wanted\n", tour.steps.len());
    text + &style.paint(if tour.ok { Paint::Good } else { Paint::Bad }, &verdict)
}

fn row(record: &Record) -> Vec<String> {
    let span = |seconds: f64| if seconds < 0.0 { "-".into() } else { format!("{seconds:.2}") };
    let limit = if record.seconds_max > 0.0 { format!("{:.1}", record.seconds_max) } else { "-".into() };
    let verdict = if record.verdict.is_empty() && record.verdict_after_heal.is_empty() {
        "-".into()
    } else {
        verdicts(record)
    };
    vec![
        if record.ok { "ok" } else { "FAIL" }.into(),
        record.name.clone(),
        record.subject.clone(),
        span(record.seconds),
        limit,
        span(record.close_seconds),
        record.incidents_opened.to_string(),
        record.pages.to_string(),
        verdict,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_row_of_a_good_tour_fits_80_columns() {
        let record = Record {
            name: "planned-stop".into(),
            subject: "h10".into(),
            verdict: "HostOrCable".into(),
            verdict_after_heal: "HostDown".into(),
            seconds: 2.9,
            seconds_max: 4.0,
            close_seconds: 12.3,
            incidents_opened: 1,
            pages: 1,
            ok: true,
            ..Record::default()
        };
        let tour = Tour { schema: 1, sites: 1, switches: 2, hosts: 8, ok: true, steps: vec![record] };
        let text = summary(&tour);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("HostOrCable -> HostDown") && text.contains("1 of 1 steps"), "{text}");
    }
}
