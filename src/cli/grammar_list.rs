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
    /// How each product is set up: where its log is, and a table of what it tells.
    Setup,
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
        ListFormat::Setup => setup(library),
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

/// A section for each product.
fn setup(library: &Library) -> String {
    let names: Vec<&str> = FIELDS.iter().map(|(_, name)| *name).collect();
    let mut out = String::new();
    for (grammar, _) in library.all() {
        let _ = writeln!(out, "## {} {}\n\nGrammar `{}`.", grammar.title, grammar.versions, grammar.name);
        if let Some(install) = &grammar.install {
            let code = |texts: &[String]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
            let lines = [
                ("Looked for unasked at", &install.paths),
                ("and where these lines of its settings say", &install.path_after),
                ("watched unasked only if its settings speak of", &install.only_with),
                ("settings", &install.settings),
                ("unit for the journal", &install.units),
            ];
            let parts: Vec<String> =
                lines.iter().filter(|(_, texts)| !texts.is_empty()).map(|(what, texts)| format!("{what} {}", code(texts))).collect();
            let _ = writeln!(out, "{}.", capital(&parts.join("; ")));
            if let Some(hint) = &install.hint {
                let _ = writeln!(out, "No log: {hint}.");
            }
        }
        let _ = writeln!(out, "\n| log | {} | for more |\n|---|{}---|", names.join(" | "), "---|".repeat(FIELDS.len()));
        for tells in &grammar.tells {
            let told: Vec<&str> = FIELDS.iter().map(|(field, _)| if tells.fields.contains(field) { "yes" } else { "" }).collect();
            let more = cell(tells.more.as_deref().unwrap_or_default());
            let _ = writeln!(out, "| {} | {} | {more} |", cell(&tells.at), told.join(" | "));
        }
        out.push('\n');
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_brokers_is_made_of_the_grammars() {
        let page = include_str!("../../docs/brokers.md");
        let (_, listed) = page.split_once("<!-- turnaway grammar list --format setup -->\n").unwrap();
        let setup = setup(&Library::load(None).unwrap());
        assert!(listed == setup, "put what `turnaway grammar list --format setup` prints at the end of docs/brokers.md");
    }
}
