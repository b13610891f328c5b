//! `ringmesh mirror`: the graph in a Neo4j.

use comfy_table::{Cell, Table, presets};
use ringmesh_cma_core::calendar;
use ringmesh_cma_core::documents::{MirrorCompared, MirrorOrdered, MirrorStatus};

use super::paint::{Paint, Tone, counted, harmless, wrapped};

/// In one line, for `ringmesh status`.
pub(crate) fn line(paint: &Paint, mirror: &MirrorStatus) -> String {
    let (tone, how) = match (mirror.state.as_str(), mirror.lag_changes) {
        ("in-step", Some(0)) => (Tone::Good, "in step".to_owned()),
        (state, Some(changes)) => {
            let late = calendar::span(mirror.lag_s);
            let behind = counted(changes, "change", "changes");
            (tone_of(state), format!("{}, {behind} and {late} behind", state.replace('-', " ")))
        }
        (state, None) => {
            (tone_of(state), format!("{} for {}", state.replace('-', " "), calendar::span(mirror.lag_s)))
        }
    };
    format!("mirror at {}: {}\n", harmless(&mirror.uri), paint.tone(tone, &harmless(&how)))
}

fn tone_of(state: &str) -> Tone {
    match state {
        "waiting" | "ended" => Tone::Bad,
        _ => Tone::Doubtful,
    }
}

/// How it does.
pub(crate) fn text(paint: &Paint, mirror: &MirrorStatus) -> String {
    let mut text = line(paint, mirror);
    let rows = counted(mirror.rows_written, "row", "rows");
    let compared = counted(mirror.comparisons, "comparison", "comparisons");
    text.push_str(&format!("{rows} written and {compared} of everything since the CMA started\n"));
    if mirror.exposed {
        text.push_str(&wrapped("! ", "plain text: whoever is on the way can read the password"));
    }
    if !mirror.error.is_empty() {
        let since = calendar::utc(mirror.error_ms);
        text.push_str(&wrapped("! ", &format!("since {since}: {}", mirror.error)));
        text.push_str(&wrapped("  remedy: ", &mirror.remedy));
    }
    text
}

/// Both sides, row by row.
pub(crate) fn compared(compared: &MirrorCompared) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.force_no_tty();
    table.set_header(["of", "here", "there", "the same"]);
    for row in &compared.rows {
        let same = if row.same { "yes" } else { "NO" };
        table.add_row([
            Cell::new(harmless(&row.of)),
            Cell::new(row.here),
            Cell::new(row.there),
            Cell::new(same),
        ]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let verdict = if compared.same { "holds the same" } else { "DIFFERS" };
    format!("{}\n\nthe mirror at {} {verdict}\n", lines.join("\n"), harmless(&compared.uri))
}

/// What was ordered.
pub(crate) fn ordered(ordered: &MirrorOrdered) -> String {
    format!(
        "every row of the mirror at {} is written again; `ringmesh mirror` shows how far it is\n",
        harmless(&ordered.uri)
    )
}

#[cfg(test)]
mod tests {
    use ringmesh_cma_core::documents::{MirrorRows, SCHEMA};

    use super::*;

    fn mirror(state: &str, lag_changes: Option<u64>, lag_s: u64, error: &str) -> MirrorStatus {
        MirrorStatus {
            schema: SCHEMA,
            uri: "bolt://h:7687".into(),
            exposed: true,
            state: state.into(),
            lag_changes,
            lag_s,
            rows_written: 1,
            comparisons: 2,
            error: error.into(),
            error_ms: 0,
            remedy: "start it".into(),
        }
    }

    #[test]
    fn how_far_behind_it_is_stands_in_one_line() {
        let paint = Paint { color: false, now_ms: 0 };
        let cases = [
            (mirror("in-step", Some(0), 0, ""), "mirror at bolt://h:7687: in step\n"),
            (
                mirror("waiting", Some(1), 90, "x"),
                "mirror at bolt://h:7687: waiting, 1 change and 1 min 30 s behind\n",
            ),
            (mirror("comparing", None, 5, ""), "mirror at bolt://h:7687: comparing for 5 s\n"),
        ];
        for (mirror, want) in cases {
            assert_eq!(line(&paint, &mirror), want);
        }
        let text = text(&paint, &mirror("waiting", None, 3, "no server \u{1b}[2J"));
        assert!(
            text.contains("1 row written and 2 comparisons") && text.contains("remedy: start it"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}') && text.contains("plain text"), "{text}");
    }

    #[test]
    fn a_difference_is_seen_at_once() {
        let row = |of: &str, there| MirrorRows { of: of.into(), here: 5, there, same: there == 5 };
        let rows = vec![row("Host", 5), row("WIRED_TO", 4)];
        let text = compared(&MirrorCompared { schema: SCHEMA, uri: "bolt://h:1".into(), same: false, rows });
        assert!(text.contains("NO") && text.ends_with("the mirror at bolt://h:1 DIFFERS\n"), "{text}");
    }
}
