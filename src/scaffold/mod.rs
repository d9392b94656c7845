//! Makes the beginning of a grammar from a log: the header that its lines have, and a rule for each kind of line that speaks of a
//! failure. The author says what they mean; the file loads and its sample passes from the first minute on.

mod header;
mod template;

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::grammar::{Texts, load};
use crate::grammar_test;
use crate::wrapper::{Piece, Unwrapper};

/// Lines of the log that are looked at.
const LINES: usize = 20_000;
/// Kinds of lines that become rules.
const MOST_RULES: usize = 12;

/// A grammar in the making.
#[derive(Debug, Clone)]
pub struct Scaffold {
    /// The grammar's file.
    pub grammar: String,
    /// The lines that its rules were made from, out of their wrappers.
    pub lines: String,
}

/// Makes a grammar of this name from the beginning of a log.
pub fn scaffold(name: &str, log: &[u8], texts: &Arc<Texts>) -> Scaffold {
    let lines = unwrapped(log);
    let header = header::of(&lines);
    let mut kinds: Vec<(template::Template, &str)> = Vec::new();
    for line in &lines {
        let Some(message) = header.message(line) else { continue };
        if let Some(template) = template::of(message)
            && !kinds.iter().any(|(known, _)| known.pattern == template.pattern)
            && kinds.len() < MOST_RULES
        {
            kinds.push((template, line));
        }
    }
    let sample: String = kinds.iter().map(|(_, line)| format!("{line}\n")).collect();
    let head = head(name, &header.pattern);
    let mut rules = String::new();
    for (number, (template, _)) in kinds.iter().enumerate() {
        let _ = write!(rules, "\n{}", rule(number + 1, template));
    }
    if kinds.is_empty() {
        rules.push_str(NO_RULES);
    }
    let without = format!("{head}{rules}\n{}", sample_of(&sample, "[]"));
    // The rows that these rules give now, so that the sample passes and a change shows.
    let rows = load(name, &without, texts).ok().and_then(|(grammar, _)| rows(&Arc::new(grammar))).unwrap_or_else(|| "[]".to_owned());
    Scaffold { grammar: format!("{head}{rules}\n{}", sample_of(&sample, &rows)), lines: sample }
}

fn unwrapped(log: &[u8]) -> Vec<String> {
    let mut unwrapper = Unwrapper::new(TimeZone::UTC);
    let mut lines = Vec::new();
    for line in log.split(|byte| *byte == b'\n').take(LINES) {
        if let Piece::Whole(whole) = unwrapper.line(line.strip_suffix(b"\r").unwrap_or(line), 0)
            && let Ok(text) = std::str::from_utf8(whole.text)
            && !text.chars().any(char::is_control)
        {
            lines.push(text.to_owned());
        }
    }
    lines
}

fn head(name: &str, header: &str) -> String {
    format!(
        r#"# What this product is, and what each of its versions and log levels tells of a refused client.

format   = 1
name     = "{name}"
title    = "{name}"
versions = "?"

# Records that only this product writes: an unknown log is recognised by them.
detect = []

# What stands before the message.
header = [{}]

# What the log tells at each level, and the setting that tells more.
[[tells]]
at = "default"
fields = ["ts", "reason"]
more = "?"
"#,
        quoted(header)
    )
}

fn rule(number: usize, template: &template::Template) -> String {
    let refused = template.refused;
    let (outcome, reason) = if refused { ("refused", "reason = [\"other\"]\n") } else { ("nothing", "") };
    let words = if refused { format!("words = {}\n", quoted(&template.words)) } else { String::new() };
    let which =
        if template.several_addresses { "# Which address is the client's? Capture that as {client_ip}:{client_port}.\n" } else { "" };
    format!(
        "{which}# Is this a refused connect? Whose? Capture {{client_id}} and {{username}} where they stand, and name the reason.\n[[rule]]\nname = \"line-{number}\"\nmatch = {}\noutcome = \"{outcome}\"\n{reason}{words}",
        quoted(&template.pattern)
    )
}

const NO_RULES: &str = r#"
# No line speaks of a failure: take a log in which a client was refused.
[[rule]]
name = "example"
match = "client {client_id} from {client_ip}:{client_port} refused: {words}"
outcome = "refused"
reason = ["other"]
"#;

fn sample_of(lines: &str, rows: &str) -> String {
    let lines = lines.replace("'''", "''");
    format!("[[sample]]\nwhy = \"the lines that the rules were made from\"\nlog = '''\n{lines}'''\nrows = {rows}\n")
}

fn rows(grammar: &Arc<crate::grammar::Grammar>) -> Option<String> {
    let rows = grammar_test::rows(grammar, grammar.samples.first()?).ok()?;
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let address = row.ip_address.map(|ip| format!(", ipAddress = \"{ip}\"")).unwrap_or_default();
            format!("{{ clientId = {}{address}, reasonCode = \"{}\" }}", quoted(&row.client_id), row.reason_code)
        })
        .collect();
    Some(format!("[{}]", rows.join(", ")))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Library;

    #[test]
    fn a_log_becomes_a_grammar_that_loads_and_whose_sample_passes() {
        let log = b"2026-11-23 14:38:14.009 [info] <12> listener started\n\
            2026-11-23 14:38:15.100 [warn] <13> client 'pump-1' at 192.0.2.7:5001 refused: bad password\n\
            2026-11-23 14:38:16.100 [warn] <14> client 'pump-2' at 192.0.2.8:5002 refused: bad password\n\
            2026-11-23 14:38:17.100 [info] <15> client 'pump-3' at 192.0.2.9:5003 accepted\n";
        let library = Library::load(None).unwrap();
        let made = scaffold("mybroker", log, library.texts());
        let (grammar, faults) =
            load("mybroker.toml", &made.grammar, library.texts()).unwrap_or_else(|faults| panic!("{faults}\n{}", made.grammar));
        assert!(faults.found.iter().all(|fault| fault.warning));
        assert_eq!(grammar_test::test(&Arc::new(grammar)), [], "{}", made.grammar);
        assert!(made.grammar.contains("{client_ip}:{client_port}"), "{}", made.grammar);
        assert!(made.grammar.contains("ipAddress = \"192.0.2.7\""), "{}", made.grammar);
    }

    #[test]
    fn any_log_gives_a_grammar_that_loads() {
        let library = Library::load(None).unwrap();
        for log in [
            &b""[..],
            b"\xff\x00\n",
            b"refused {braces} \"quotes\" '''\n",
            b"{\"a\": \"refused\"}\n",
            b"[2026-11-23 14:53:17,364] :: ERROR - {refused}\n",
        ] {
            let made = scaffold("x", log, library.texts());
            assert!(load("x.toml", &made.grammar, library.texts()).is_ok(), "{}", made.grammar);
        }
    }
}
