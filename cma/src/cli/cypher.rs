//! The queries for who mirrors the graph into Neo4j or another store that speaks Cypher.
//!
//! Names come in as parameters only, never as pasted text. Labels, relations and properties are those of
//! [`ringmesh_cma_core::graph::cypher`].

/// The query of that name in Cypher.
pub(crate) fn of(name: &str) -> Option<&'static str> {
    Some(match name {
        "host-ports" => include_str!("../../queries/host-ports.cypher"),
        "switch-ports" => include_str!("../../queries/switch-ports.cypher"),
        "find" => include_str!("../../queries/find.cypher"),
        "hosts-behind" => include_str!("../../queries/hosts-behind.cypher"),
        "blast-radius" => include_str!("../../queries/blast-radius.cypher"),
        "uplink-cut" => include_str!("../../queries/uplink-cut.cypher"),
        "single-points" => include_str!("../../queries/single-points.cypher"),
        "lost-redundancy" => include_str!("../../queries/lost-redundancy.cypher"),
        "rings" => include_str!("../../queries/rings.cypher"),
        "causes" => include_str!("../../queries/causes.cypher"),
        "wiring-changes" => include_str!("../../queries/wiring-changes.cypher"),
        "history" => include_str!("../../queries/history.cypher"),
        "stale" => include_str!("../../queries/stale.cypher"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ringmesh_cma_core::graph::cypher::{OF_EDGES, OF_NODES, of_label, of_relation};
    use ringmesh_cma_core::graph::{Label, Relation};
    use ringmesh_cma_core::query::catalogue;

    use super::*;

    /// The clauses, functions and words that were seen to work on the stores we know. `CALL`, `FOREACH` and the
    /// writing ones are not needed.
    const WORDS: [&str; 37] = [
        "MATCH",
        "OPTIONAL",
        "WHERE",
        "WITH",
        "RETURN",
        "ORDER",
        "BY",
        "DESC",
        "DISTINCT",
        "AS",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "NULL",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "UNWIND",
        "CONTAINS",
        "collect",
        "count",
        "sum",
        "size",
        "coalesce",
        "labels",
        "timestamp",
        "toLower",
        "toString",
        "substring",
        "datetime",
        "null",
        "true",
        "false",
    ];

    /// Words, `$parameters` and single other characters, without comments and strings.
    fn tokens(text: &str) -> Vec<String> {
        let code: String = text.lines().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n");
        let mut tokens = Vec::new();
        for (at, piece) in code.split('\'').enumerate() {
            if at % 2 == 1 {
                tokens.push("''".to_owned());
                continue;
            }
            for c in piece.chars() {
                let word = c.is_alphanumeric() || c == '_';
                match tokens.last_mut() {
                    Some(last)
                        if word && last.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') =>
                    {
                        last.push(c);
                    }
                    _ if c.is_whitespace() => tokens.push(" ".to_owned()),
                    _ => tokens.push(c.to_string()),
                }
            }
        }
        tokens.retain(|token| token != " ");
        tokens
    }

    /// What a query names.
    #[derive(Default)]
    struct Named {
        /// Variables of nodes and edges, each with the properties it may have.
        bound: BTreeMap<String, Vec<&'static str>>,
        /// Variables of rows and maps.
        rows: BTreeSet<String>,
        used: Vec<(String, String)>,
        parameters: BTreeSet<String>,
        free: BTreeSet<String>,
    }

    fn label(word: &str) -> Vec<&'static str> {
        let label = Label::ALL.into_iter().find(|label| label.word() == word);
        [OF_NODES, of_label(label.unwrap_or_else(|| panic!("no label {word}")))].concat()
    }

    fn relation(word: &str) -> Vec<&'static str> {
        let relation = Relation::ALL.into_iter().find(|relation| relation.word() == word);
        [OF_EDGES, of_relation(relation.unwrap_or_else(|| panic!("no relation {word}")))].concat()
    }

    fn any_label() -> Vec<&'static str> {
        Label::ALL.into_iter().flat_map(|label| [OF_NODES, of_label(label)].concat()).collect()
    }

    fn named(text: &str) -> Named {
        let tokens = tokens(text);
        let mut named = Named::default();
        let at = |n: usize| tokens.get(n).map_or("", String::as_str);
        let before = |n: usize| n.checked_sub(1).map_or("", at);
        let is_word = |word: &str| word.starts_with(|c: char| c.is_alphabetic());
        for n in 0..tokens.len() {
            let opens = |open: &str| at(n) == open && (!is_word(before(n)) || WORDS.contains(&before(n)));
            let (variable, colon) = if at(n + 1) == ":" { ("", n + 1) } else { (at(n + 1), n + 2) };
            if opens("(") && at(colon) == ":" {
                named.bound.insert(variable.to_owned(), label(at(colon + 1)));
            } else if opens("[") && at(colon) == ":" {
                named.bound.insert(variable.to_owned(), relation(at(colon + 1)));
            } else if at(n) == ">" && at(n + 1) == "(" && at(n + 3) == ")" {
                named.bound.entry(at(n + 2).to_owned()).or_insert_with(any_label);
            } else if at(n) == "." {
                named.used.push((before(n).to_owned(), at(n + 1).to_owned()));
            } else if at(n) == "UNWIND" {
                let alias = (n..tokens.len()).find(|n| at(*n) == "AS").map(|n| at(n + 1).to_owned());
                named.rows.extend(alias);
            }
            if let Some(parameter) = at(n).strip_prefix('$') {
                named.parameters.insert(parameter.to_owned());
            }
            if is_word(at(n)) && at(n) == at(n).to_uppercase() && at(n).len() > 1 && before(n) != ":" {
                named.free.insert(at(n).to_owned());
            }
        }
        named
    }

    #[test]
    fn every_query_is_there_in_cypher_with_the_same_argument_and_columns() {
        for query in catalogue::ALL {
            let text = of(query.name).unwrap_or_else(|| panic!("{} has no file", query.name));
            let wanted = query.argument.map(|argument| argument.parameter().to_owned());
            assert_eq!(named(text).parameters, wanted.iter().cloned().collect(), "{}", query.name);
            assert!(text.starts_with("// ") && text.ends_with('\n'), "{}: no description", query.name);
            if let Some(parameter) = wanted {
                assert!(
                    text.contains(&format!("// ${parameter}: ")),
                    "{}: ${parameter} is not told",
                    query.name
                );
            }
            let tokens = tokens(text);
            let returned = tokens.iter().rposition(|token| token == "RETURN").unwrap();
            let aliases =
                tokens[returned..].windows(2).filter(|pair| pair[0] == "AS").map(|pair| pair[1].as_str());
            assert_eq!(aliases.collect::<Vec<_>>(), query.columns, "{}", query.name);
        }
        assert_eq!(of("nosuch"), None);
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/queries")).unwrap();
        assert_eq!(folder.count(), catalogue::ALL.len(), "a file of no query");
    }

    #[test]
    fn a_query_in_cypher_names_only_what_a_mirror_writes() {
        for query in catalogue::ALL {
            let named = named(of(query.name).unwrap());
            assert!(named.bound.len() > 1 && !named.used.is_empty(), "{}", query.name);
            for (variable, property) in &named.used {
                if named.rows.contains(variable) {
                    continue;
                }
                let may = named.bound.get(variable);
                let may = may.unwrap_or_else(|| panic!("{}: what is {variable}?", query.name));
                assert!(may.contains(&property.as_str()), "{}: {variable}.{property}", query.name);
            }
            for word in &named.free {
                assert!(WORDS.contains(&word.as_str()), "{}: {word} is not in the subset", query.name);
            }
        }
    }

    #[test]
    fn the_check_sees_what_is_wrong() {
        let right =
            named("MATCH (h:Host)-[w:WIRED_TO]->(x) WHERE h.name = $host RETURN w.mark AS m, x.id AS i");
        assert_eq!(right.parameters, BTreeSet::from(["host".to_owned()]));
        assert_eq!(right.used.len(), 3);
        assert!(right.bound["h"].contains(&"class") && !right.bound["w"].contains(&"class"));
        assert!(named("CALL { MATCH (h:Host) RETURN h }").free.contains("CALL"));
        for wrong in ["MATCH (h:Hosts) RETURN h", "MATCH (h:Host)-[:WIRED]->(p) RETURN p"] {
            assert!(std::panic::catch_unwind(|| drop(named(wrong))).is_err(), "{wrong}");
        }
    }
}
