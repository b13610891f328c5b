//! What a capture file says: the decoder by itself.

use std::path::Path;
use std::process::ExitCode;

use super::{BAD_USAGE, print};
use crate::capture;

/// Prints each frame of a capture file as JSON.
pub fn decode(path: &Path) -> ExitCode {
    let frames = match capture::frames(path) {
        Ok(frames) => frames,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(BAD_USAGE);
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    print(&lldp_rs::json::capture(&name, frames.iter().map(|frame| &**frame)));
    ExitCode::SUCCESS
}
