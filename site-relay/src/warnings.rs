//! What somebody should look at: logged once, and shown in `status` for as long as it lasts.

use std::collections::BTreeMap;

use ringmesh_proto::news::Warning;

/// All that is wrong now, by code.
#[derive(Debug, Default)]
pub(crate) struct Warnings(BTreeMap<String, Warning>);

impl Warnings {
    /// Something is wrong; replaces what was said under its code.
    pub(crate) fn raise(&mut self, warning: Warning) {
        if self.0.get(&warning.code) == Some(&warning) {
            return;
        }
        tracing::warn!(code = warning.code, "{}; {}", warning.text, warning.remedy);
        self.0.insert(warning.code.clone(), warning);
    }

    /// That is over.
    pub(crate) fn clear(&mut self, code: &str) {
        if let Some(warning) = self.0.remove(code) {
            tracing::info!(code, "over: {}", warning.text);
        }
    }

    /// What the raised state of a code is now: a warning, or nothing any more.
    pub(crate) fn set(&mut self, code: &str, warning: Option<Warning>) {
        match warning {
            Some(warning) => self.raise(warning),
            None => self.clear(code),
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Warning> {
        self.0.values()
    }
}
