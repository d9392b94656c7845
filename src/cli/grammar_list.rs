//! `turnaway grammar list`: what each grammar's log can tell.

use std::fmt::Write as _;

use clap::ValueEnum;

use crate::grammar::{Grammar, Library, Origin};
use crate::model::Field;

/// How the grammars are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// For a terminal.
    Text,
    /// Tables for a document.
    Markdown,
}

/// The fields of a row that a log may or may not tell, with short names.
const FIELDS: [(Field, &str); 7] = [
    (Field::ClientId, "client ID"),
    (Field::IpAddress, "address"),
    (Field::Ts, "time"),
    (Field::Username, "username"),
    (Field::PasswordProvided, "password"),
    (Field::TlsUsed, "TLS"),
    (Field::Reason, "reason"),
];

/// All grammars.
pub(super) fn render(library: &Library, format: ListFormat) -> String {
    match format {
        ListFormat::Text => text(library),
        ListFormat::Markdown => markdown(library),
    }
}

fn text(library: &Library) -> String {
    let mut out = String::new();
    for (grammar, origin) in library.all() {
        let from = match origin {
            Origin::Embedded => "built in".to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        let (rules, samples) = (grammar.rules.len(), grammar.samples.len());
        let _ = writeln!(out, "{}  {} {}  ({rules} rules, {samples} samples, {from})", grammar.name, grammar.title, grammar.versions);
        for tells in &grammar.tells {
            let told: Vec<&str> = FIELDS.iter().filter(|(field, _)| tells.fields.contains(field)).map(|(_, name)| *name).collect();
            let missing: Vec<&str> = FIELDS.iter().filter(|(field, _)| !tells.fields.contains(field)).map(|(_, name)| *name).collect();
            let _ = writeln!(out, "    {}", tells.at);
            let _ = writeln!(out, "        tells     {}", told.join(", "));
            if !missing.is_empty() {
                let _ = writeln!(out, "        never     {}", missing.join(", "));
            }
            if let Some(more) = &tells.more {
                let _ = writeln!(out, "        for more  {more}");
            }
        }
    }
    out
}

fn markdown(library: &Library) -> String {
    let names: Vec<&str> = FIELDS.iter().map(|(_, name)| *name).collect();
    let mut out = format!("| product | log | {} | for more |\n|---|---|{}---|\n", names.join(" | "), "---|".repeat(FIELDS.len()));
    for (grammar, _) in library.all() {
        for (index, tells) in grammar.tells.iter().enumerate() {
            let told: Vec<&str> = FIELDS.iter().map(|(field, _)| if tells.fields.contains(field) { "yes" } else { "" }).collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                product(grammar, index),
                cell(&tells.at),
                told.join(" | "),
                cell(tells.more.as_deref().unwrap_or_default())
            );
        }
    }
    out
}

/// The product stands once for all its levels.
fn product(grammar: &Grammar, index: usize) -> String {
    if index > 0 {
        return String::new();
    }
    format!("{} {} (`{}`)", grammar.title, grammar.versions, grammar.name)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
