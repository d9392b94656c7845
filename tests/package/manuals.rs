//! Writes what packages need besides the program: man pages, completions for shells. `cargo run --example manuals -- DIR`

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use turnaway::cli::arguments::command;

#[path = "config_page.rs"]
mod config_page;

fn main() -> std::io::Result<()> {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: manuals DIR");
        std::process::exit(2);
    };
    fs::create_dir_all(&dir)?;
    let mut whole = command();
    whole.build();
    pages(&whole, "turnaway", &dir)?;
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/turnaway.toml"))?;
    fs::write(dir.join("turnaway.toml.5"), config_page::page(&example))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command(), "turnaway", &dir)?;
    }
    Ok(())
}

/// A page for the command and one for each of its subcommands.
fn pages(command: &clap::Command, name: &str, dir: &Path) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(command.clone().name(&*name.to_owned().leak()));
    let mut text = Vec::new();
    page.render(&mut text)?;
    if name == "turnaway" {
        text.extend_from_slice(b".SH \"SEE ALSO\"\nturnaway.toml(5), /usr/share/doc/turnaway\n");
    }
    fs::write(dir.join(format!("{name}.1")), text)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        pages(sub, &format!("{name}-{}", sub.get_name()), dir)?;
    }
    Ok(())
}
