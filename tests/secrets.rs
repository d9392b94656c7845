//! No password that a client sent gets out: not into a row, its evidence or `explain`, whatever the product printed of it.
//!
//! `fixtures/secrets.txt` holds the passwords of the clients in the captured logs. They are looked for as text and in the ways in
//! which products dump packets: hexadecimal, and decimal bytes.

#[path = "support/cases.rs"]
mod cases;

use std::collections::BTreeMap;
use std::process::Command;

/// A password in every way in which a product might print it.
fn forms(password: &str) -> Vec<String> {
    let hex: String = password.bytes().map(|byte| format!("{byte:02x}")).collect();
    let spaced: Vec<String> = password.bytes().map(|byte| format!("{byte:02x}")).collect();
    let decimal: Vec<String> = password.bytes().map(|byte| byte.to_string()).collect();
    vec![password.to_owned(), hex.to_uppercase(), hex, spaced.join(" "), decimal.join(","), decimal.join(", ")]
}

fn run(case: &cases::Case, command: &[&str]) -> String {
    let mut run = Command::new(env!("CARGO_BIN_EXE_turnaway"));
    run.args(command).args(["--timezone", &case.timezone, "--grammar", &case.grammar]).arg(&case.log);
    let done = run.output().unwrap_or_else(|error| panic!("{}: {error}", case.name));
    assert!(done.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&done.stderr));
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[test]
fn no_password_gets_out() {
    let passwords: Vec<&str> = include_str!("../fixtures/secrets.txt").lines().collect();
    let (mut leaks, mut printed) = (Vec::new(), BTreeMap::new());
    for case in cases::all().iter().filter(|case| case.truth.is_some() && !case.is_packed()) {
        let log = String::from_utf8_lossy(&case.bytes()).into_owned();
        let rows = run(case, &["replay", "--format", "ndjson"]);
        let explained = run(case, &["explain"]);
        for password in &passwords {
            for form in forms(password) {
                if log.contains(&form) {
                    *printed.entry(case.grammar.clone()).or_insert(0) += 1;
                }
                for (what, text) in [("rows", &rows), ("explain", &explained)] {
                    if let Some(at) = text.find(&form) {
                        let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                        let line: String = text[from..].chars().take(200).collect();
                        leaks.push(format!("{}: {what} shows {form:?}: {line}", case.name));
                    }
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    // The test would find nothing in logs that hold nothing.
    assert!(printed.len() >= 4, "only these products' fixtures print passwords: {printed:?}");
}
