//! `turnaway grammar`: list, show, test, new.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::common::{Failure, library, print};
use super::grammar_list::ListFormat;
use crate::grammar::{Faults, Library, Origin, load, render};
use crate::grammar_test::test;
use crate::scaffold::scaffold;
use crate::source::{DEFAULT_MAX_LINE, Finished};
use crate::text::display;

/// How much of a log a new grammar is made from.
const NEW_HEAD: usize = 4 << 20;

/// What `grammar` takes.
#[derive(Debug, Args)]
pub struct GrammarArgs {
    #[command(subcommand)]
    what: What,
    /// A directory of further grammars, instead of /etc/turnaway/grammars.
    #[arg(long, value_name = "DIR", global = true)]
    grammars: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the grammars: products, versions, and which fields of a row each log can fill at which level.
    List {
        /// How to print it.
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Begins a grammar from a log of a product that is not known yet.
    #[command(after_help = "Example:
  turnaway grammar new mybroker --log /var/log/mybroker.log
  turnaway grammar test mybroker/mybroker.toml")]
    New {
        /// The grammar's name: small letters, digits and hyphens.
        name: String,
        /// A log in which clients were refused; `-` is standard input.
        #[arg(long, value_name = "PATH")]
        log: PathBuf,
        /// Where to put it: a folder NAME with NAME.toml and a fixture is made there.
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Prints a grammar's file.
    Show {
        /// The grammar.
        name: String,
        /// Print the texts instead that its logs are searched for: all other lines are passed over unread.
        #[arg(long)]
        texts: bool,
    },
    /// Checks grammar files and runs the samples that they carry; without a file, all known grammars.
    #[command(after_help = "Example:
  turnaway grammar test /etc/turnaway/grammars/mybroker.toml")]
    Test {
        /// Grammar files.
        files: Vec<PathBuf>,
    },
}

/// Runs it.
///
/// # Errors
/// A grammar is broken, or a sample fails.
pub fn run(args: &GrammarArgs) -> Result<(), Failure> {
    match &args.what {
        What::List { format } => print(&super::grammar_list::render(&library(args.grammars.as_deref())?, *format)),
        What::New { name, log, dir } => new(&library(args.grammars.as_deref())?, name, log, dir),
        What::Show { name, texts: true } => show_texts(&library(args.grammars.as_deref())?, name),
        What::Show { name, texts: false } => show(&library(args.grammars.as_deref())?, name),
        What::Test { files } if files.is_empty() => {
            let library = library(args.grammars.as_deref()).map_err(|error| Failure::work(error.to_string()))?;
            let mut text = String::new();
            let mut failed = 0;
            for (grammar, _) in library.all() {
                failed += samples(&mut text, &grammar.name, None, grammar);
            }
            done(text, failed)
        }
        What::Test { files } => files_test(files),
    }
}

/// Writes a new grammar and the fixture that goes with it. What is there already stays.
fn new(library: &Library, name: &str, log: &Path, dir: &Path) -> Result<(), Failure> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err(Failure::usage(format!("\"{}\" is no name for a grammar: use small letters, digits and hyphens", display(name))));
    }
    let mut file = Finished::open(log, DEFAULT_MAX_LINE).map_err(|error| Failure::work(error.to_string()))?;
    let mut head = Vec::new();
    while head.len() < NEW_HEAD
        && file.read(&mut |bytes| head.extend_from_slice(bytes)).map_err(|error| Failure::work(error.to_string()))?
    {}
    let made = scaffold(name, &head, library.texts());
    let folder = dir.join(name);
    std::fs::create_dir(&folder)
        .map_err(|error| Failure::work(format!("cannot make {}: {error}; choose another --dir", folder.display())))?;
    let cases = format!("grammar = \"{name}\"\ntimezone = \"UTC\"\ntls_ports = []\n");
    let version = folder.join("fixture").join("version");
    let write = |path: PathBuf, text: &str| {
        std::fs::write(&path, text).map_err(|error| Failure::work(format!("cannot write {}: {error}", path.display())))
    };
    std::fs::create_dir_all(&version).map_err(|error| Failure::work(format!("cannot make {}: {error}", version.display())))?;
    let grammar = folder.join(format!("{name}.toml"));
    write(grammar.clone(), &made.grammar)?;
    write(folder.join("fixture").join("cases.toml"), &cases)?;
    write(version.join("first.log"), &made.lines)?;
    let (file, log) = (grammar.display(), log.display());
    print(&format!(
        "{file}: {} rules from {log}\nNow say what each of its lines means, and run:\n  turnaway grammar test {file}\n  turnaway explain --grammars {} --grammar {name} {log}\n",
        made.grammar.matches("[[rule]]").count(),
        folder.display()
    ))
}

fn show(library: &Library, name: &str) -> Result<(), Failure> {
    crate::replay::named(library, name)?;
    let origin = library.names().find(|(known, _)| *known == name).map(|(_, origin)| origin);
    match origin {
        Some(Origin::File(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::work(format!("cannot read {}: {error}", path.display())))?;
            print(&text)
        }
        _ => print(Library::embedded_source(name).unwrap_or_default()),
    }
}

fn show_texts(library: &Library, name: &str) -> Result<(), Failure> {
    let grammar = crate::replay::named(library, name)?;
    let texts = crate::engine::literals(&grammar).map_err(|written| {
        let written = display(written);
        Failure::work(format!("every line of its logs is looked at, because \"{written}\" has no text of four bytes or more to look for"))
    })?;
    let mut out = String::new();
    texts.iter().for_each(|text| {
        let _ = writeln!(out, "{}", String::from_utf8_lossy(text));
    });
    print(&out)?;
    // The texts alone stand on standard output, for rg -F -f.
    for lines in crate::engine::looked_at(&grammar) {
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("and lines with {lines}\n"));
    }
    Ok(())
}

fn files_test(files: &[PathBuf]) -> Result<(), Failure> {
    let texts = Arc::clone(Library::load(None)?.texts());
    let colour = std::io::IsTerminal::is_terminal(&std::io::stdout()) && std::env::var_os("NO_COLOR").is_none();
    let mut text = String::new();
    let mut failed = 0;
    for path in files {
        let file = path.display().to_string();
        let source = match std::fs::read_to_string(path) {
            Ok(source) => source,
            Err(error) => {
                let _ = writeln!(text, "{file}: cannot be read: {error}");
                failed += 1;
                continue;
            }
        };
        match load(&file, &source, &texts) {
            Err(faults) => {
                failed += faults.found.iter().filter(|fault| !fault.warning).count();
                let _ = writeln!(text, "{}\n", render(&faults, colour));
            }
            Ok((grammar, warnings)) => {
                if !warnings.found.is_empty() {
                    let _ = writeln!(text, "{}\n", render(&warnings, colour));
                }
                failed += samples(&mut text, &file, Some(&warnings), &Arc::new(grammar));
            }
        }
    }
    done(text, failed)
}

fn samples(text: &mut String, name: &str, source: Option<&Faults>, grammar: &Arc<crate::grammar::Grammar>) -> usize {
    let failures = test(grammar);
    for failure in &failures {
        let line =
            source.and_then(|file| file.text.get(..failure.span.start)).map(|before| format!(":{}", before.matches('\n').count() + 1));
        let _ =
            writeln!(text, "{name}{}: sample {} failed ({})\n{}", line.unwrap_or_default(), failure.number, failure.why, failure.differs);
    }
    let good = grammar.samples.len() - failures.len();
    let looked = match crate::engine::searched_for(grammar) {
        Some(texts) => format!("logs are searched for {texts} texts"),
        None => "every line of a log is looked at".to_owned(),
    };
    let _ = writeln!(text, "{name}: {looked}, {good} of {} samples pass", grammar.samples.len());
    failures.len()
}

fn done(text: String, failed: usize) -> Result<(), Failure> {
    print(&text)?;
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::work(format!("{failed} failed; `turnaway explain` shows line by line what becomes of a log")))
    }
}
