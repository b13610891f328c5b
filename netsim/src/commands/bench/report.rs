//! The report of `bench all`: what was wanted, what came out, and whether that is what was wanted.

use std::fmt::Write as _;

use ringmesh_netsim::model::World;
use serde_json::Value;

use super::change::DAY_GOAL;
use super::start::WANTED_S;

/// Medians of detection over all sizes differ by no more than this.
const SPREAD_MAX: f64 = 0.05;
/// Real time of 100,000 hosts on one core: what must be, and what is aimed at.
const GATE: f64 = 5.0;
const AIM: f64 = 10.0;
/// Octets a host may take.
const OCTETS_MAX: f64 = 1_024.0;
/// The largest world, and the one that is measured on one core.
const MILLION: u64 = 1_000_000;
const LARGE: u64 = 100_000;

/// The documents of all figures.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<Value>);

/// A text, and whether all that was wanted is so.
pub(super) struct Report {
    pub(super) text: String,
    pub(super) held: bool,
}

impl Figures {
    pub(super) fn add(&mut self, document: Value) {
        self.0.push(document);
    }

    pub(super) fn documents(&self) -> &[Value] {
        &self.0
    }

    fn find(&self, figure: &str, hosts: u64, fits: impl Fn(&Value) -> bool) -> Option<&Value> {
        self.0.iter().find(|known| known["figure"] == figure && known["hosts"] == hosts && fits(known))
    }

    fn of(&self, figure: &str, hosts: u64) -> Option<&Value> {
        self.find(figure, hosts, |_| true)
    }

    fn rate(&self, hosts: u64, cma: bool) -> Option<&Value> {
        self.find("rate", hosts, |known| known["cma"] == cma)
    }

    fn repair(&self, hosts: u64, loss: u64) -> Option<&Value> {
        self.find("repair", hosts, |known| known["loss_permille"] == loss)
    }

    fn sizes(&self) -> Vec<u64> {
        let detections = self.0.iter().filter(|known| known["figure"] == "detection");
        detections.filter_map(|known| known["hosts"].as_u64()).collect()
    }
}

/// A figure with so many digits behind the point, or a dash.
fn number(document: Option<&Value>, field: &str, digits: usize) -> String {
    let figure = document.and_then(|document| document[field].as_f64());
    figure.map_or("-".into(), |figure| format!("{figure:.digits$}"))
}

/// The lines of a report, and whether all that was wanted so far is so.
struct Lines {
    text: String,
    held: bool,
}

impl Lines {
    fn line(&mut self, words: &str) {
        let _ = writeln!(self.text, "{words}");
    }

    fn head(&mut self, title: &str, heads: &[String]) {
        self.line(&format!("\n## {title}\n\n| {} |", heads.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(heads.len())));
    }

    /// What is wanted of a figure; one that was not measured is neither met nor missed.
    fn verdict(&mut self, met: Option<bool>) -> &'static str {
        self.held &= met != Some(false);
        match met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        }
    }

    fn row(&mut self, what: &str, wanted: &str, figure: &str, met: Option<bool>) {
        let verdict = self.verdict(met);
        self.line(&format!("| {what} | {wanted} | {figure} | {verdict} |"));
    }
}

/// All of it.
pub(super) fn of(figures: &Figures, about: &[(&'static str, String)]) -> Report {
    let mut lines = Lines { text: String::new(), held: true };
    lines.line(
        "# Virtual time at size\n\nWritten by `ringmesh-netsim bench all` (`scripts/bench` runs it); not to be edited. \
         Each figure is of executed events,\nnone of represented ones: an event is a datagram delivered or a deadline \
         fired. A switch has 40 hosts, two of them\ndelegates; sites have up to 40,000 hosts. Heartbeats are carried as \
         they were meant (`--wire typed`), all else as sealed\noctets. *Datagrams* leave out heartbeats.",
    );
    detection(figures, &mut lines);
    rate(figures, &mut lines);
    start(figures, &mut lines);
    repair(figures, &mut lines);
    lines.line("\n## Where\n\n|  |  |\n|---|---|");
    about.iter().for_each(|(what, said)| lines.line(&format!("| {what} | {said} |")));
    Report { text: lines.text, held: lines.held }
}

fn detection(figures: &Figures, lines: &mut Lines) {
    let sizes = figures.sizes();
    let heads = ["from a death to its incident at the CMA".to_owned(), "wanted".to_owned()].into_iter();
    let heads = heads.chain(sizes.iter().map(|hosts| format!("{hosts} hosts"))).chain([String::new()]);
    lines.head("Detection", &heads.collect::<Vec<_>>());
    let all = || sizes.iter().map(|hosts| figures.of("detection", *hosts));
    let medians: Vec<f64> = all().filter_map(|known| known?["p50_ms"].as_f64()).collect();
    let (least, most) = medians.iter().fold((f64::MAX, 0.0_f64), |(a, b), p50| (a.min(*p50), b.max(*p50)));
    let even = (medians.len() > 1).then_some(most <= least * (1.0 + SPREAD_MAX));
    let longest: Vec<f64> = all().filter_map(|known| known?["max_ms"].as_f64()).collect();
    let rows = [
        ("median, ms", "within 5 % over all sizes", "p50_ms", 0, even),
        ("99 %, ms", "", "p99_ms", 0, None),
        (
            "the longest, ms",
            "<= 4000",
            "max_ms",
            0,
            (!longest.is_empty()).then(|| longest.iter().all(|ms| *ms <= 4_000.0)),
        ),
        ("deaths", "", "deaths", 0, None),
        (
            ".. without an incident of their own",
            "0",
            "missing",
            0,
            Some(all().all(|known| known.is_some_and(|known| known["missing"] == 0))),
        ),
        ("datagrams a death", "", "datagrams_per_death", 2, None),
        ("datagrams a host and second at rest, with beats", "", "datagrams_per_host_per_second", 3, None),
    ];
    for (what, wanted, field, digits, met) in rows {
        let cells: String = all().map(|known| format!(" {} |", number(known, field, digits))).collect();
        let verdict = lines.verdict(met.filter(|_| !sizes.is_empty()));
        lines.line(&format!("| {what} | {wanted} |{cells} {verdict} |"));
    }
}

fn rate(figures: &Figures, lines: &mut Lines) {
    lines.head("Rate and memory, at rest", &["what", "wanted", "figure", ""].map(str::to_owned));
    let factor = |known: Option<&Value>| known.and_then(|known| known["realtime_factor"].as_f64());
    let (large, million) = (figures.rate(LARGE, true), figures.rate(MILLION, true));
    let gate = factor(large).map(|factor| factor >= GATE);
    let aim = factor(large).map(|factor| factor >= AIM);
    let real = factor(million).map(|factor| factor >= 1.0);
    let x = |known| format!("{} x", number(known, "realtime_factor", 2));
    lines.row("100,000 hosts, one thread: times real time", ">= 5", &x(large), gate);
    let aimed = aim.map_or("", |aim| if aim { "reached" } else { "not reached" });
    lines.row(".. aim", ">= 10", aimed, None);
    lines.row("1,000,000 hosts, two threads: times real time", ">= 1", &x(million), real);
    let worlds = [
        ("10,000 hosts", figures.rate(10_000, true)),
        ("100,000 hosts, no CMA", figures.rate(LARGE, false)),
        ("100,000 hosts", large),
        ("1,000,000 hosts", million),
    ];
    for (world, known) in worlds.into_iter().filter(|(_, known)| known.is_some()) {
        lines.row(&format!("{world}: events a second"), "", &number(known, "events_per_second", 0), None);
        let cpu = number(known, "events_per_cpu_second", 0);
        lines.row(&format!("{world}: events a CPU second"), "", &cpu, None);
        let octets = known.and_then(|known| known["bytes_per_host"].as_f64());
        let met = octets.filter(|_| known == million || world.ends_with("CMA"));
        let met = met.map(|octets| octets <= OCTETS_MAX);
        let wanted = if met.is_some() { "<= 1024" } else { "" };
        let figure = number(known, "bytes_per_host", 0);
        lines.row(&format!("{world}: octets a host, at most"), wanted, &figure, met);
    }
    bytes(figures, lines);
    lines.line(
        "\nOctets are resident memory at the peak, the start included, of everything: hosts, relays with their rosters, \
         queues,\nand where there is one the CMA with its graph and history, which takes the difference to the world \
         without.",
    );
}

/// Where the octets of a host are: what each part of a world adds, and what stands in one place.
fn bytes(figures: &Figures, lines: &mut Lines) {
    let (hosts, all) = (figures.rate(LARGE, false), figures.rate(LARGE, true));
    let of = |known: Option<&Value>, field: &str| known.and_then(|known| known[field].as_f64());
    let (built, peak) = (of(hosts, "bytes_per_host_built"), of(hosts, "bytes_per_host"));
    let running = peak.zip(built).map(|(peak, built)| peak - built);
    let cma = of(all, "bytes_per_host").zip(peak).map(|(all, peak)| all - peak);
    let parts = [
        ("the network, and hosts on which nothing runs", built),
        ("probes, relays with rosters and news that wait, queues", running),
        ("the CMA: graph, history, picture", cma),
    ];
    for (part, octets) in parts.into_iter().filter_map(|(part, octets)| Some((part, octets?))) {
        lines.row(&format!("100,000 hosts: octets a host of {part}"), "", &format!("{octets:.0}"), None);
    }
    for (what, octets) in World::sizes() {
        lines.row(&format!("{what}, in place"), "", &octets.to_string(), None);
    }
}

fn start(figures: &Figures, lines: &mut Lines) {
    lines.head("Everything starts at once", &["what", "wanted", "figure", ""].map(str::to_owned));
    for (hosts, wanted) in [(LARGE, Some(WANTED_S)), (MILLION, None)] {
        let known = figures.of("start", hosts);
        let seconds = known.and_then(|known| known["monitored_s"].as_f64());
        let Some(seconds) = seconds else { continue };
        let met = wanted.map(|wanted| seconds <= wanted);
        let words = wanted.map_or(String::new(), |wanted| format!("<= {wanted:.0} s"));
        lines.row(
            &format!("{hosts} hosts on 25 relays: all monitored, virtual time"),
            &words,
            &format!("{seconds:.1} s"),
            met,
        );
        lines.row(".. CPU", "", &format!("{} s", number(known, "cpu_seconds", 1)), None);
        lines.row(".. wall", "", &format!("{} s", number(known, "wall_seconds", 1)), None);
        lines.row(".. datagrams a host", "", &number(known, "datagrams_per_host", 2), None);
    }
}

fn repair(figures: &Figures, lines: &mut Lines) {
    lines.head("Repair", &["what", "wanted", "figure", ""].map(str::to_owned));
    let cases = [
        ("1,000,000 hosts", figures.repair(MILLION, 0), true),
        ("100,000 hosts", figures.repair(LARGE, 0), true),
        ("100,000 hosts, 0.1 % lost", figures.repair(LARGE, 1), false),
    ];
    for (world, known, wanted) in
        cases.into_iter().filter_map(|(world, known, wanted)| Some((world, known?, wanted)))
    {
        let whole = |field: &str| number(Some(known), field, 0);
        let changes = format!(
            "{} deaths, {} returns in {} s",
            whole("deaths"),
            whole("returns"),
            whole("window_seconds")
        );
        lines.row(&format!("{world}: changes, none two in a ring"), "", &changes, None);
        lines.row(".. datagrams", "", &whole("datagrams"), None);
        let purposes = known["by_purpose"].as_object().into_iter().flatten();
        let purposes: Vec<String> = purposes.map(|(purpose, count)| format!("{purpose} {count}")).collect();
        lines.row(".. by purpose", "", &purposes.join(", "), None);
        if known["anyway"].as_u64() != Some(0) {
            lines.row(".. that come without any change", "", &whole("anyway"), None);
        }
        lines.row(".. a change", "", &number(Some(known), "datagrams_per_change", 2), None);
        let day = known["derived_day_of_500_failures"].as_f64();
        let met = day.filter(|_| wanted).map(|day| day < DAY_GOAL);
        let words = if wanted { "< 10000" } else { "" };
        lines.row(
            ".. derived: a day of 500 failures, each a death and a return",
            words,
            &whole("derived_day_of_500_failures"),
            met,
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detected(hosts: u64, p50: f64) -> Value {
        json!({ "figure": "detection", "hosts": hosts, "p50_ms": p50, "max_ms": 3_500.0, "missing": 0 })
    }

    fn report(documents: &[Value]) -> Report {
        of(&Figures(documents.to_vec()), &[("build", "release".into())])
    }

    #[test]
    fn what_is_not_as_wanted_is_missed_and_what_was_not_measured_is_neither() {
        let rate = |factor: f64, octets: u64| {
            json!({
                "figure": "rate", "hosts": 1_000_000, "cma": true, "realtime_factor": factor, "bytes_per_host": octets,
            })
        };
        let cases = [
            (vec![], true, "nothing was measured"),
            (vec![detected(50, 3_000.0), detected(1_000, 3_100.0)], true, "3 % apart"),
            (vec![detected(50, 3_000.0), detected(1_000, 3_200.0)], false, "7 % apart"),
            (vec![rate(1.1, 1_000)], true, "real time"),
            (vec![rate(0.9, 1_000)], false, "slower than real time"),
            (vec![rate(1.1, 1_100)], false, "too large"),
        ];
        for (documents, held, case) in cases {
            let told = report(&documents);
            assert_eq!(told.held, held, "{case}: {}", told.text);
            assert_eq!(told.text.contains("**missed**"), !held, "{case}");
        }
    }
}
