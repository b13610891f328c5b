//! `ringmesh export`: the wiring for other tools.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ringmesh_cma_core::documents::Tree;
use ringmesh_cma_core::export::plan::Plan;
use ringmesh_cma_core::export::{NetBox, dot, graphml, netbox, netjson};
use ringmesh_shell::failure::{Failure, Kind};

use super::paint::harmless;

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A NetJSON network graph.
    Netjson,
    /// GraphML, for yEd, Gephi or NetworkX.
    Graphml,
    /// For Graphviz: ringmesh export dot | dot -Tsvg
    Dot,
    /// Three CSV files for NetBox's import: devices, interfaces, cables. Wants --out.
    Netbox,
}

/// Writes a tree in a format; what goes to standard output is returned, and what was left out is said on `told`.
pub(crate) fn write(
    tree: &Tree,
    format: Format,
    out: Option<&Path>,
    told: &mut impl std::io::Write,
) -> Result<String, Failure> {
    let plan = Plan::of(tree);
    let text = match format {
        Format::Netjson => netjson(&plan).map_err(|error| {
            Failure::new(
                Kind::OutOfReach,
                format!("the text could not be made: {error}"),
                "tell whoever built this",
            )
        })?,
        Format::Graphml => graphml(&plan),
        Format::Dot => dot(&plan),
        Format::Netbox => {
            let folder = out.ok_or_else(|| {
                Failure::usage("netbox is three files", "name a folder for them with --out DIR")
            })?;
            let files = netbox(&plan);
            for line in &files.left_out {
                // Whoever closed standard error does not want to know.
                let _ = writeln!(told, "ringmesh: {}", harmless(line));
            }
            return write_netbox(&files, folder);
        }
    };
    let Some(file) = out.filter(|file| *file != Path::new("-")) else { return Ok(text) };
    put(file, &text)?;
    Ok(String::new())
}

fn write_netbox(files: &NetBox, folder: &Path) -> Result<String, Failure> {
    let remedy = "give a folder that you may write";
    std::fs::create_dir_all(folder).map_err(|error| Failure::file("--out", folder, &error, remedy))?;
    let mut said = String::from("import these into NetBox in this order:\n");
    for (name, text) in [
        ("devices.csv", &files.devices),
        ("interfaces.csv", &files.interfaces),
        ("cables.csv", &files.cables),
    ] {
        let file: PathBuf = folder.join(name);
        put(&file, text)?;
        said.push_str(&format!("  {}\n", file.display()));
    }
    Ok(said)
}

fn put(file: &Path, text: &str) -> Result<(), Failure> {
    let remedy = "give a file in a folder that you may write";
    std::fs::write(file, text).map_err(|error| Failure::file("--out", file, &error, remedy))
}
