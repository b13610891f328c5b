//! `ringmesh status`.

use comfy_table::{Cell, Color, Table, presets};
use ringmesh_cma_core::calendar;
use ringmesh_cma_core::documents::Status;

use super::paint::{Paint, Tone, counted, harmless, state_word, wrapped};

/// How monitoring itself does: the verdict first, then relays, counters and warnings.
pub(crate) fn text(paint: &Paint, status: &Status) -> String {
    let mut text = head(paint, status);
    if !status.relays.is_empty() {
        text.push_str(&relays(paint, status));
    }
    text.push_str(&counters(status));
    text.extend(status.mirror.as_ref().map(|mirror| super::mirror::line(paint, mirror)));
    for warning in &status.warnings {
        text.push('\n');
        text.push_str(&wrapped("! ", &format!("{}: {}", warning.code, warning.text)));
        text.push_str(&wrapped("  remedy: ", &warning.remedy));
    }
    text
}

fn head(paint: &Paint, status: &Status) -> String {
    let verdict = if status.ok { paint.tone(Tone::Good, "ok") } else { paint.tone(Tone::Bad, "NOT OK") };
    let insecure =
        if status.insecure { format!(", {}", paint.tone(Tone::Bad, "INSECURE")) } else { String::new() };
    let up = calendar::span(status.cma.uptime_s);
    let count = |label: &str| status.graph.get(label).copied().unwrap_or(0);
    let what = [
        counted(count("Site"), "site", "sites"),
        counted(count("Switch"), "switch", "switches"),
        counted(count("Host"), "host", "hosts"),
    ];
    let open = match status.incidents_open {
        0 => "no open incident".to_owned(),
        1 => "1 open incident (ringmesh incidents)".to_owned(),
        open => format!("{open} open incidents (ringmesh incidents)"),
    };
    let (nodes, most) = (status.graph.values().sum::<u64>(), status.graph_nodes_max);
    format!(
        "monitoring is {verdict}{insecure}; the CMA is up for {up}\n{}; {open}\n\
         the graph has {nodes} of at most {most} nodes\n\n",
        what.join(", ")
    )
}

fn relays(paint: &Paint, status: &Status) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Whether there is colour was decided for all outputs in one place.
    if paint.color {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    table.set_header(["site", "relay", "state", "acts", "news waiting", "heard", "version"]);
    for relay in &status.relays {
        let (tone, word) = state_word(&relay.state);
        table.add_row([
            Cell::new(harmless(&relay.site)),
            Cell::new(relay.id),
            Cell::new(harmless(&word)).fg(color(tone)),
            Cell::new(if relay.active { "yes" } else { "no" }),
            Cell::new(relay.outbox),
            Cell::new(format!("{} ago", calendar::span(relay.lag_ms / 1_000))),
            Cell::new(harmless(&relay.version)),
        ]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n\n", lines.join("\n"))
}

pub(crate) fn color(tone: Tone) -> Color {
    match tone {
        Tone::Good => Color::Green,
        Tone::Bad => Color::Red,
        Tone::Doubtful => Color::Yellow,
        Tone::Calm | Tone::Strong => Color::Reset,
    }
}

fn counters(status: &Status) -> String {
    let each: Vec<String> = status.counters.iter().map(|(name, count)| format!("{name} {count}")).collect();
    wrapped("counted by relays: ", &each.join(", "))
}
