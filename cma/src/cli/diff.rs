//! `ringmesh diff`: what an inventory says is cabled, against what is seen.

use std::path::Path;

use clap::ValueEnum;
use ringmesh_cma_core::documents::Tree;
use ringmesh_cma_core::export::plan::Plan;
use ringmesh_cma_core::inventory;
use ringmesh_cma_core::query::Answer;
use ringmesh_shell::failure::Failure;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inventory {
    /// NetBox's list of cables as CSV, or cables.csv as `ringmesh export netbox` writes it.
    Netbox,
}

/// The cables of a file.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let remedy = "give NetBox's list of cables, exported as CSV";
    std::fs::read_to_string(file).map_err(|error| Failure::file("FILE", file, &error, remedy))
}

/// What differs between the tree and the cables of a file.
pub(crate) fn compare(
    tree: &Tree,
    inventory: Inventory,
    file: &Path,
    cables: &str,
) -> Result<Answer, Failure> {
    let compared = match inventory {
        Inventory::Netbox => inventory::diff(&Plan::of(tree), cables),
    };
    compared.map_err(|error| Failure::usage(format!("{}: {error}", file.display()), "nothing was compared"))
}
