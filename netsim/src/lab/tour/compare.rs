//! Whether a CMA knows after its death what it knew before. Pure.

use serde_json::Value;

/// What an operator can see: `ringmesh tree` and `ringmesh incidents --all`.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) tree: Value,
    pub(super) incidents: Value,
}

impl Known {
    /// The first thing that is not what it was; `None` where everything is.
    pub(super) fn difference(&self, after: &Self) -> Option<String> {
        let tree = || difference("", &self.tree, &after.tree).map(|what| format!("tree: {what}"));
        difference("", &self.incidents, &after.incidents).or_else(tree)
    }
}

/// News tells a time as an age: its stamp moves by as much as the news took.
const MOMENT_MS: u64 = 1_000;

fn difference(path: &str, before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let absent: Vec<&String> = new.keys().filter(|key| !old.contains_key(*key)).collect();
            // Ages grow whatever happens, and so does the moment that is shown.
            let shown = |key: &&String| *key != "age_s" && !(path.is_empty() && *key == "at_ms");
            let mut keys = old.keys().chain(absent).filter(shown);
            keys.find_map(|key| {
                let at =
                    |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                difference(&path, &at(old), &at(new))
            })
        }
        (Value::Array(old), Value::Array(new)) if old.len() != new.len() => {
            Some(format!("{path}: {} of them became {}", old.len(), new.len()))
        }
        (Value::Array(old), Value::Array(new)) => {
            let mut pairs = old.iter().zip(new).enumerate();
            pairs.find_map(|(n, (old, new))| difference(&format!("{path}[{n}]"), old, new))
        }
        (before, after) if before == after || are_one_moment(path, before, after) => None,
        (before, after) => Some(format!("{path}: {} became {}", shown(before), shown(after))),
    }
}

fn are_one_moment(path: &str, before: &Value, after: &Value) -> bool {
    let moved = before.as_u64().zip(after.as_u64()).map(|(before, after)| before.abs_diff(after));
    path.ends_with("_ms") && moved.is_some_and(|moved| moved <= MOMENT_MS)
}

/// A value on one line, and never a whole record.
fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= MOST {
        return text;
    }
    text.chars().take(MOST).chain("..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_counts_but_ages_and_the_first_difference_is_named_by_its_place() {
        let tree = json!({"sites": [{"id": "s1", "state": "up", "ports": [{"port": "p1", "age_s": 4}]}]});
        let known = |tree: Value| Known { tree, incidents: json!({"incidents": []}) };
        let before = known(tree.clone());
        let cases = [
            ("/sites/0/ports/0/age_s", json!(900), None),
            ("/sites/0/state", json!("unknown"), Some("tree: sites[0].state: \"up\" became \"unknown\"")),
            ("/sites/0/ports", json!([]), Some("tree: sites[0].ports: 1 of them became 0")),
            ("/sites/0/ports/0/port", json!(null), Some("tree: sites[0].ports[0].port: \"p1\" became null")),
        ];
        for (at, value, want) in cases {
            let mut changed = tree.clone();
            *changed.pointer_mut(at).unwrap() = value;
            assert_eq!(before.difference(&known(changed)).as_deref(), want, "{at}");
        }
        let more = Known { incidents: json!({"incidents": [{}]}), ..before.clone() };
        assert_eq!(before.difference(&more).unwrap(), "incidents: 0 of them became 1");
        let grown = known(json!({"sites": tree["sites"], "new": 1}));
        assert_eq!(before.difference(&grown).unwrap(), "tree: new: null became 1");
    }

    #[test]
    fn a_time_may_move_by_a_moment_and_a_number_by_nothing() {
        let cases = [
            ("hosts[0].since_ms", 5_000, 6_000, true),
            ("hosts[0].since_ms", 6_000, 5_000, true),
            ("hosts[0].since_ms", 5_000, 6_001, false),
            ("relays[0].id", 1, 2, false),
        ];
        for (path, before, after, same) in cases {
            assert_eq!(
                difference(path, &json!(before), &json!(after)).is_none(),
                same,
                "{path} {before} {after}"
            );
        }
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let long = json!("x".repeat(80));
        let said = difference("tree", &long, &Value::Null).unwrap();
        assert!(said.ends_with("x.. became null") && said.len() < 90, "{said}");
    }
}
