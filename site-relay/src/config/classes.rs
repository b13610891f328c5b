//! How much an operator cares for which host: patterns of names, the first that fits counts.

use ringmesh_topology::id::Name;
use ringmesh_topology::verdict::Class;
use serde::Deserialize;

/// One `[[hosts]]` of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    r#match: String,
    class: Word,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Ephemeral,
    Normal,
    Critical,
}

/// Checked, in the file's order. An error is the pattern and what is wrong with it.
pub(super) fn check(entries: Vec<Entry>) -> Result<Vec<(String, Class)>, (String, &'static str)> {
    entries.into_iter().map(Entry::check).collect()
}

impl Entry {
    fn check(self) -> Result<(String, Class), (String, &'static str)> {
        let without_wildcards = self.r#match.replace(['*', '?'], "x");
        if Name::new(&without_wildcards).is_err() {
            return Err((self.r#match, "no host can have such a name"));
        }
        let class = match self.class {
            Word::Ephemeral => Class::Ephemeral,
            Word::Normal => Class::Normal,
            Word::Critical => Class::Critical,
        };
        Ok((self.r#match, class))
    }
}
