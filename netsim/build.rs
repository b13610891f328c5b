//! Puts the commit into the program that it was built from, so that a failing run names it wherever it is run.
//!
//! Without git, or outside of a working tree of this project, it is the version alone.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is made of, seen from the root of the project.
const SOURCES: [&str; 13] = [
    "Cargo.toml",
    "Cargo.lock",
    "cma/core/src",
    "netsim/Cargo.toml",
    "netsim/build.rs",
    "netsim/src",
    "probe/core/src",
    "proto/schema",
    "proto/shell/src",
    "proto/src",
    "site-relay/core/src",
    "topology/lldp-rs/src",
    "topology/src",
];

fn main() {
    let version = env!("CARGO_PKG_VERSION");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::around(&root);
    let commit = tree.as_ref().and_then(Tree::commit);
    let revision = commit.map_or(version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=RINGMESH_REVISION={revision}");
    let sources = SOURCES.iter().map(|source| root.join(source));
    let marks = tree.iter().flat_map(Tree::marks);
    // What is named and does not exist would count as changed each time.
    for path in sources.chain(marks).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// A working tree of this project.
struct Tree<'a> {
    root: &'a Path,
}

impl<'a> Tree<'a> {
    /// Sources that were unpacked inside the tree of something else are not of that tree's commit.
    fn around(root: &'a Path) -> Option<Self> {
        let tree = Self { root };
        tree.git(&["ls-files", "--error-unmatch", "netsim/build.rs"])?;
        Some(tree)
    }

    /// The commit, and whether the sources are others than it has.
    fn commit(&self) -> Option<String> {
        let commit = self.git(&["rev-parse", "--short=10", "HEAD"])?;
        // Files that git does not know build nothing.
        let changed = self
            .git(&[&["status", "--porcelain", "--untracked-files=no", "--"], SOURCES.as_slice()].concat())?;
        Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
    }

    /// What changes when another commit is checked out or made; a working tree of several has its own.
    fn marks(&self) -> Vec<PathBuf> {
        let branch = self.git(&["symbolic-ref", "--quiet", "HEAD"]);
        let names = ["HEAD", "logs/HEAD", "packed-refs"].map(str::to_owned).into_iter().chain(branch);
        let path = |name: String| Some(self.root.join(self.git(&["rev-parse", "--git-path", &name])?));
        names.filter_map(path).collect()
    }

    fn git(&self, words: &[&str]) -> Option<String> {
        let git =
            Command::new("git").arg("--no-optional-locks").arg("-C").arg(self.root).args(words).output();
        let told = git.ok().filter(|told| told.status.success())?;
        Some(String::from_utf8(told.stdout).ok()?.trim().to_owned())
    }
}
