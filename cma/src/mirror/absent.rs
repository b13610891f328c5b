//! A program built without a mirror.

use ringmesh_cma_core::documents::{MirrorCompared, MirrorOrdered, MirrorStatus, Status};
use ringmesh_shell::failure::Failure;
use tokio::sync::{mpsc, watch};

use super::{Asked, Refused};
use crate::driver::Input;

/// There is none.
#[derive(Clone, Debug)]
pub enum Target {}

impl Target {
    pub(crate) fn new(asked: Asked) -> Result<Self, Refused> {
        // Nothing of it is looked at.
        let Asked { uri: _, user: _, password: _, ca_file: _, database: _, batch: _ } = asked;
        let what = "is given, and this program was built without the feature neo4j".to_owned();
        Err(("[neo4j]", what, "build ringmesh-cma with its default features, or take the table out"))
    }
}

/// There is none.
#[derive(Clone)]
pub(crate) enum Mirror {}

impl Mirror {
    pub(crate) fn start(
        target: &Target,
        _: &str,
        _: String,
        _: watch::Receiver<u64>,
        _: mpsc::Sender<Input>,
    ) -> Result<Self, Failure> {
        match *target {}
    }

    pub(crate) fn tell(&self, _: &mut Status) {
        match *self {}
    }

    pub(crate) fn status(&self) -> MirrorStatus {
        match *self {}
    }

    pub(crate) async fn compare(&self) -> Result<MirrorCompared, String> {
        match *self {}
    }

    pub(crate) async fn resync(&self) -> Result<MirrorOrdered, String> {
        match *self {}
    }
}
