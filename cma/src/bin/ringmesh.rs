//! `ringmesh`: the operator's command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringmesh_cma::cli::main()
}
