//! `turnaway grammar`: list, show, test.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::common::{Failure, library, print};
use crate::grammar::{Faults, Library, Origin, load, render};
use crate::grammar_test::test;

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
    /// Lists the grammars.
    List,
    /// Prints a grammar's file.
    Show {
        /// The grammar.
        name: String,
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
        What::List => list(&library(args.grammars.as_deref())?),
        What::Show { name } => show(&library(args.grammars.as_deref())?, name),
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

fn list(library: &Library) -> Result<(), Failure> {
    let mut text = String::new();
    let width = library.all().map(|(grammar, _)| grammar.name.len()).max().unwrap_or_default().max(7);
    let _ = writeln!(text, "{:width$}  {:28}  {:16}  RULES  SAMPLES  FROM", "GRAMMAR", "PRODUCT", "VERSIONS");
    for (grammar, origin) in library.all() {
        let from = match origin {
            Origin::Embedded => "built in".to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        let _ = writeln!(
            text,
            "{:width$}  {:28}  {:16}  {:5}  {:7}  {from}",
            grammar.name,
            grammar.title,
            grammar.versions,
            grammar.rules.len(),
            grammar.samples.len()
        );
    }
    print(&text)
}

fn show(library: &Library, name: &str) -> Result<(), Failure> {
    crate::replay::named(library, name)?;
    let origin = library.all().find(|(grammar, _)| grammar.name == name).map(|(_, origin)| origin);
    match origin {
        Some(Origin::File(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::work(format!("cannot read {}: {error}", path.display())))?;
            print(&text)
        }
        _ => print(Library::embedded_source(name).unwrap_or_default()),
    }
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
    let _ = writeln!(text, "{name}: {good} of {} samples pass", grammar.samples.len());
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
