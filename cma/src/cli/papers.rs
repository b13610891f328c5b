//! Completions and manual pages, made from the definitions of the command itself.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::aot;
use clap_mangen::Man;

use super::arguments::{Arguments, Shell};
use ringmesh_shell::failure::{Failure, Kind};

const REMEDY: &str = "give a folder that you may write";

/// What a shell needs to complete the command.
pub(crate) fn completions(shell: Shell) -> Result<String, Failure> {
    let shell = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    let mut out = Vec::new();
    aot::generate(shell, &mut Arguments::command(), "ringmesh", &mut out);
    text(out)
}

/// The page of the command itself.
pub(crate) fn page() -> Result<String, Failure> {
    let mut out = Vec::new();
    let rendered = Man::new(Arguments::command()).render(&mut out);
    rendered.map_err(|error| odd(&error))?;
    text(out)
}

/// The pages of the command and of each of its subcommands, as files.
pub(crate) fn pages(folder: &Path) -> Result<(), Failure> {
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error| Failure::file("--out", folder, &error, REMEDY))
}

fn text(out: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(out).map_err(|error| odd(&error))
}

fn odd(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::OutOfReach, format!("the text could not be made: {error}"), "tell whoever built this")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subcommands() -> Vec<String> {
        let command = Arguments::command();
        let names = command.get_subcommands().filter(|command| !command.is_hide_set());
        names.map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn every_subcommand_and_option_is_completed_in_every_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = completions(shell).unwrap();
            for name in subcommands() {
                assert!(text.contains(&name), "{shell:?}: {name}");
            }
            assert!(text.contains("svg") && text.contains("socket"), "{shell:?}");
        }
    }

    #[test]
    fn every_subcommand_has_a_page_and_stands_in_that_of_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("man/man1");
        pages(&out).unwrap();
        let main = std::fs::read_to_string(out.join("ringmesh.1")).unwrap();
        assert!(main.contains("Ends with 0 if all is well"), "{main}");
        for name in subcommands() {
            let page = std::fs::read_to_string(out.join(format!("ringmesh-{name}.1"))).unwrap();
            assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{page}");
            assert!(main.contains(&format!("ringmesh\\-{name}(1)")), "{name}: {main}");
            assert!(page.contains("\\-\\-socket"), "{name}: {page}");
        }
        // Those of a subcommand have pages of their own.
        let command = Arguments::command();
        let below = command.get_subcommands().map(|command| command.get_subcommands().count()).sum::<usize>();
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), subcommands().len() + below + 1);
    }

    #[test]
    fn what_no_folder_can_be_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = pages(&file).unwrap_err();
        assert!(refused.exit_code() == 2 && refused.to_string().contains("give a folder"), "{refused}");
    }
}
