//! Names for sources that the command line gives without one.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::LogArg;
use crate::source::JOURNAL;

/// A name for each log: its grammar, or else its file's stem; a number follows where a name is taken.
pub(super) fn names(logs: &[LogArg]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    logs.iter()
        .map(|log| {
            let base = log.grammar.clone().unwrap_or_else(|| stem(&log.path));
            let numbered = (2..=logs.len() + 1).map(|number| format!("{base}-{number}"));
            let name = std::iter::once(base.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(base);
            taken.insert(name.clone());
            name
        })
        .collect()
}

/// The file's name without extension and wildcards, or that of a directory above it.
fn stem(path: &str) -> String {
    if path == "-" {
        return "stdin".to_owned();
    }
    // Of what the journal is asked for, the unit or the value.
    let path = path.strip_prefix(JOURNAL).map_or(path, |what| what.split_once('=').map_or(what, |(_, value)| value));
    let without_extension = Path::new(path).with_extension("");
    let parts = without_extension.iter().rev().filter_map(|part| part.to_str()).map(clean);
    parts.into_iter().find(|part| !part.is_empty()).unwrap_or_else(|| "log".to_owned())
}

/// What is left when wildcards and what cannot be shown are gone; at most 60 bytes, so that a number fits behind it.
fn clean(part: &str) -> String {
    let mut name = String::new();
    for c in part.chars().filter(|c| !matches!(c, '*' | '?' | '[' | ']' | '/') && !crate::text::is_unsafe(*c)) {
        if name.len() + c.len_utf8() > 60 {
            break;
        }
        name.push(c);
    }
    name.trim_matches(|c: char| matches!(c, '-' | '_' | '.') || c.is_whitespace()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_log_gets_a_name_of_its_own() {
        let logs = [
            "/var/log/mosquitto/mosquitto.log",
            "mosquitto=/x",
            "mosquitto-2.log",
            "/var/log/emqx/*.log",
            "-",
            "emqx=-",
            "/",
            "*",
            "a\u{1b}[31m.log",
            "..",
            "journal:mosquitto.service",
            "journal:CONTAINER_NAME=broker",
        ];
        let logs: Vec<LogArg> = logs.iter().map(|log| log.parse().unwrap()).collect();
        let expected = [
            "mosquitto",
            "mosquitto-2",
            "mosquitto-2-2",
            "emqx",
            "stdin",
            "emqx-2",
            "log",
            "log-2",
            "a31m",
            "log-3",
            "mosquitto-3",
            "broker",
        ];
        assert_eq!(names(&logs), expected);
    }
}
