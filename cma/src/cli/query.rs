//! `ringmesh query`: a question with its answer as a table.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use ringmesh_cma_core::calendar;
use ringmesh_cma_core::documents::SCHEMA;
use ringmesh_cma_core::query::{Answer, Argument, Cell, Query, catalogue};
use ringmesh_shell::failure::Failure;
use serde_json::json;

use super::client::Question;
use super::cypher;
use super::moment;
use super::paint::{Paint, Tone, WIDTH, harmless, state_word, wrapped};
use super::status::color;

/// How many hosts a cell names before it counts the rest; hosts-behind and blast-radius name them all.
const NAMED_MAX: usize = 8;

/// All questions, a line each.
pub(crate) fn list(as_json: bool) -> String {
    if as_json {
        let one = |query: &Query| {
            let argument = query.argument.map_or("", Argument::usage);
            json!({ "name": query.name, "argument": argument, "line": query.line, "columns": query.columns })
        };
        let queries: Vec<_> = catalogue::ALL.iter().map(one).collect();
        return format!("{:#}\n", json!({ "schema": SCHEMA, "queries": queries }));
    }
    let widest = catalogue::ALL.iter().map(|query| query.usage().len()).max().unwrap_or(0);
    let line = |query: &Query| wrapped(&format!("{:widest$}  ", query.usage()), query.line);
    let lines: String = catalogue::ALL.iter().map(line).collect();
    format!("{lines}\nringmesh query NAME [ARGUMENT] answers one; with --json for programs\n")
}

/// What is asked of the CMA; a wrong name or argument is told here.
pub(crate) fn question(name: &str, argument: Option<&str>) -> Result<Question, Failure> {
    let usage = |problem: String| Failure::usage(problem, "nothing was asked");
    let query = catalogue::find(name).map_err(|error| usage(error.to_string()))?;
    let given = argument.unwrap_or_default();
    query.check(given).map_err(|error| usage(error.to_string()))?;
    let argument = match query.argument {
        Some(Argument::Since) => moment::option(given).map(|ms| ms.to_string()),
        Some(Argument::Age) if !given.is_empty() => moment::age(given).map(|seconds| seconds.to_string()),
        Some(Argument::Host | Argument::Switch | Argument::Text | Argument::Age) | None => {
            Ok(given.to_owned())
        }
    };
    let argument = argument.map_err(|error| usage(format!("{:?}: {error}", harmless(given))))?;
    Ok(Question::Query { name: name.to_owned(), argument })
}

/// The question in Cypher.
pub(crate) fn cypher(name: &str) -> Result<&'static str, Failure> {
    let usage = |problem: String| Failure::usage(problem, "nothing was asked");
    let query = catalogue::find(name).map_err(|error| usage(error.to_string()))?;
    cypher::of(query.name).ok_or_else(|| usage(format!("{name} cannot be asked in Cypher")))
}

/// The rows as a table, and below it what has to be known to read it right.
pub(crate) fn text(paint: &Paint, answer: &Answer) -> String {
    let mut text = if answer.rows.is_empty() { "none\n".to_owned() } else { table(paint, answer) };
    if !answer.notes.is_empty() {
        text.push('\n');
    }
    text.extend(answer.notes.iter().map(|note| wrapped("  ", note)));
    text
}

fn table(paint: &Paint, answer: &Answer) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    if paint.color {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    let columns: Vec<&str> =
        answer.columns.iter().map(String::as_str).filter(|column| is_shown(answer, column)).collect();
    table.set_header(columns.iter().map(|column| heading(column)));
    for row in &answer.rows {
        let cell = |column: &&str| row.get(*column).map_or_else(|| cell("", &"".into()), |c| cell(column, c));
        table.add_row(columns.iter().map(cell));
    }
    for (at, _) in columns.iter().enumerate().filter(|(_, column)| is_whole(column)) {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

/// Ids are for programs where a name stands beside them; a column in which nothing stands is no news.
fn is_shown(answer: &Answer, column: &str) -> bool {
    let named = column.strip_suffix("_id").is_some_and(|name| answer.columns.iter().any(|c| c == name));
    let says = |cell: &Cell| match cell {
        Cell::Flag(_) | Cell::Number(_) => true,
        Cell::Text(text) => !text.is_empty(),
        Cell::List(list) => !list.is_empty(),
    };
    !named && answer.rows.iter().filter_map(|row| row.get(column)).any(says)
}

/// Short words that are read at a glance, and not if they are broken in two.
fn is_whole(column: &str) -> bool {
    ["state", "evidence", "loses", "kind"].contains(&column) || column.ends_with("_s")
}

/// `age_s` as `age`, `also_on` as `also on`.
fn heading(column: &str) -> String {
    let bare = column.strip_suffix("_ms").or_else(|| column.strip_suffix("_s")).unwrap_or(column);
    harmless(&bare.replace('_', " "))
}

fn cell(column: &str, cell: &Cell) -> comfy_table::Cell {
    let text = match cell {
        Cell::Flag(true) => "yes".to_owned(),
        Cell::Flag(false) => "NO".to_owned(),
        Cell::Number(ms) if column.ends_with("_ms") => calendar::utc(*ms),
        Cell::Number(seconds) if column.ends_with("_s") => calendar::span(*seconds),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::List(list) if column == "hosts" && list.len() > NAMED_MAX => {
            format!(
                "{} and {} more",
                list.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", "),
                list.len() - NAMED_MAX
            )
        }
        Cell::List(list) => list.join(", "),
    };
    let (tone, word) = match (column, text.as_str()) {
        ("state", state) => state_word(state),
        ("loses", "every way") => (Tone::Bad, "EVERY WAY".to_owned()),
        ("loses", "redundancy" | "perhaps every way") | ("evidence", "cache") => (Tone::Doubtful, text),
        (_, _) => (Tone::Calm, text),
    };
    comfy_table::Cell::new(harmless(&word)).fg(color(tone))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn answer(columns: &[&str], rows: &[&[Cell]]) -> Answer {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let row = |cells: &&[Cell]| columns.iter().cloned().zip(cells.iter().cloned()).collect();
        let rows: Vec<BTreeMap<String, Cell>> = rows.iter().map(row).collect();
        let (query, notes) = ("find".to_owned(), vec!["a note of many words ".repeat(9)]);
        Answer { schema: SCHEMA, query, argument: String::new(), at_ms: 0, columns, rows, notes }
    }

    #[test]
    fn a_table_stays_within_eighty_columns_and_moves_no_cursor() {
        let hosts: Vec<String> = (0..60).map(|n| format!("host-{n}")).collect();
        let long = "x".repeat(100);
        let answer = answer(
            &["switch", "switch_id", "age_s", "hosts", "state", "empty", "port"],
            &[
                &[
                    "\u{1b}[2Jsw1".into(),
                    "id".into(),
                    90_u64.into(),
                    hosts.into(),
                    "down".into(),
                    "".into(),
                    long.as_str().into(),
                ],
                &[
                    "sw2".into(),
                    "id".into(),
                    1_u64.into(),
                    Vec::new().into(),
                    "up".into(),
                    "".into(),
                    "p1".into(),
                ],
            ],
        );
        let plain = text(&Paint { color: false, now_ms: 0 }, &answer);
        assert!(plain.lines().all(|line| line.chars().count() <= WIDTH), "{plain}");
        assert!(
            !plain.contains('\u{1b}') && !plain.contains("switch id") && !plain.contains("empty"),
            "{plain}"
        );
        for word in ["age", "1 min 30 s", "DOWN", "host-7", "52", "sw2"] {
            assert!(plain.contains(word), "{word}: {plain}");
        }
        assert!(!plain.contains("host-8"), "{plain}");
        let color = text(&Paint { color: true, now_ms: 0 }, &answer);
        assert!(color.contains('\u{1b}') && color.contains("DOWN"), "{color}");
    }

    #[test]
    fn every_query_is_listed_within_eighty_columns() {
        let text = list(false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for query in catalogue::ALL {
            assert!(text.contains(&query.usage()), "{}", query.name);
        }
        let json: serde_json::Value = serde_json::from_str(&list(true)).unwrap();
        assert_eq!(
            (&json["schema"], json["queries"].as_array().unwrap().len()),
            (&json!(1), catalogue::ALL.len())
        );
    }

    #[test]
    fn what_cannot_be_asked_is_told_before_anybody_is_asked() {
        let cases = [
            ("nosuch", None, "no query is called \"nosuch\""),
            ("host-ports", None, "give `ringmesh query host-ports [SITE/]HOST`"),
            ("rings", Some("h1"), "give `ringmesh query rings`"),
            ("wiring-changes", Some("yesterday"), "no moment is written so"),
            ("stale", Some("30"), "no age is written so"),
        ];
        for (name, argument, want) in cases {
            let refused = question(name, argument).err().unwrap();
            assert!(refused.exit_code() == 2 && refused.to_string().contains(want), "{name}: {refused}");
        }
        let Ok(Question::Query { argument, .. }) = question("stale", Some("2h")) else {
            panic!("no question")
        };
        assert_eq!(argument, "7200");
    }
}
