//! A program built without a mirror.

use ringmesh_cma_core::documents::{MirrorCompared, MirrorOrdered, MirrorStatus, Status};
use ringmesh_shell::failure::Failure;
use tokio::sync::{mpsc, watch};

use super::{Asked, Refused};
use crate::driver::Input;

/// What there is none of.
#[derive(Clone, Debug)]
enum Nothing {}

/// There is none.
#[derive(Clone, Debug)]
pub struct Target(Nothing);

impl Target {
    pub(crate) fn new(_: Asked) -> Result<Self, Refused> {
        let what = "is given, and this program was built without the feature neo4j".to_owned();
        Err(("[neo4j]", what, "build ringmesh-cma with its default features, or take the table out"))
    }
}

/// There is none.
#[derive(Clone)]
pub(crate) struct Mirror(Nothing);

impl Mirror {
    pub(crate) fn start(
        target: &Target,
        _: &str,
        _: String,
        _: watch::Receiver<u64>,
        _: mpsc::Sender<Input>,
    ) -> Result<Self, Failure> {
        match target.0 {}
    }

    pub(crate) fn tell(&self, _: &mut Status) {
        match self.0 {}
    }

    pub(crate) fn status(&self) -> MirrorStatus {
        match self.0 {}
    }

    pub(crate) async fn compare(&self) -> Result<MirrorCompared, String> {
        match self.0 {}
    }

    pub(crate) async fn resync(&self) -> Result<MirrorOrdered, String> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_a_mirror_is_told_that_none_is_built_in() {
        let asked = Asked {
            uri: "bolt://h".into(),
            user: String::new(),
            password: String::new(),
            ca_file: None,
            database: String::new(),
            batch: 1,
        };
        let (key, what, remedy) = Target::new(asked).unwrap_err();
        assert!(key == "[neo4j]" && what.contains("without the feature neo4j") && remedy.contains("build"));
    }
}
