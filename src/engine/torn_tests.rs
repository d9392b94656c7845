//! Records that a client's line feeds tear, and refusals that several records tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use super::{Engine, Options};
use crate::grammar::{Texts, load};
use crate::model::{Attempt, Field, Row};

const GRAMMAR: &str = r#"
format = 1
name = "torn"
title = "Torn"
detect = ["[{_}] refused: {_}"]
header = ["{time:%Y-%m-%d %H:%M:%S} {thread} {message}"]
keys = ["client-id"]

[record]
continues = "unstamped"

[[multiline]]
first = "[{_}"
unless = ["[{_}]{_}"]
whole = ["[{client_id}] refused: {client_id} said {_}", "[{_}] {_:word}"]
max_lines = 4

[[rule]]
name = "refused"
match = "[{client_id}] refused: {client_id} said {words}"
outcome = "refused"
reason = ["other"]

[[rule]]
name = "told-again"
match = "[{client_id}] confirmed: {client_ip}"
outcome = "refused"
reason = ["other"]
words = "again"
repeats = true

[[rule]]
name = "full"
match = "[{client_id}] full"
outcome = "refused"
admitted = true
reason = ["other"]
words = "full"

[[rule]]
name = "accepted"
match = "[{client_id}] accepted"
outcome = "accepted"

[[sample]]
log = "2026-11-23 15:00:00 t [a] accepted"
rows = []
"#;

fn attempts(log: &str) -> Vec<Attempt> {
    let (grammar, _) = load("torn.toml", GRAMMAR, &Arc::new(Texts::default())).unwrap();
    let mut engine = Engine::new(Arc::new(grammar), Options::default());
    let mut out = Vec::new();
    engine.feed(log.as_bytes(), 0, &mut out);
    engine.finish(&mut out);
    out
}

fn refused(log: &str) -> Vec<Row> {
    attempts(log).into_iter().filter_map(|attempt| if let Attempt::Refused(row) = attempt { Some(*row) } else { None }).collect()
}

#[test]
fn a_record_that_a_line_feed_tore_is_put_together_and_what_follows_is_doubted() {
    let rows = refused(
        "2026-11-23 15:00:00 t [a\n2026-11-23 15:00:01 u [v] refused: v said no] refused: a\n2026-11-23 15:00:01 u [v] refused: v said no said yes\n2026-11-23 15:00:02 t [b] refused: b said no\n",
    );
    let names: Vec<_> = rows.iter().map(|row| row.client_id.as_str()).collect();
    assert_eq!(names, ["a\n2026-11-23 15:00:01 u [v] refused: v said no", "b"]);
    assert!(rows[0].inferred.contains(&Field::ClientId));
    assert!(rows[1].inferred.contains(&Field::ClientId));
}

#[test]
fn a_record_whose_end_does_not_come_hides_nobody() {
    let rows = refused("2026-11-23 15:00:00 t [a\n2026-11-23 15:00:01 t [b] refused: b said no\n");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].client_id, "b");
    assert!(rows[0].inferred.contains(&Field::ClientId));
}

#[test]
fn a_carriage_return_inside_is_the_clients() {
    let rows = refused("2026-11-23 15:00:00 t [a\r\nb] refused: a\r\nb said no\n2026-11-23 15:00:01 t [c] refused: c said no\n");
    assert_eq!(rows[0].client_id, "a\r\nb");
    assert_eq!(&*rows[0].reason, "Other: no");
    assert_eq!(rows[1].client_id, "c");
}

#[test]
fn a_refusal_is_repeated_by_another_rule_only() {
    let again = "2026-11-23 15:00:01 t [a] confirmed: 192.0.2.7\n";
    let attempts = attempts(&format!("2026-11-23 15:00:00 t [a] refused: a said no\n{again}{again}"));
    assert!(matches!(&attempts[..], [Attempt::Refused(_), Attempt::Revised(row), Attempt::Refused(_)] if row.ip_address.is_some()));
}

#[test]
fn an_acceptance_just_after_a_limit_is_the_same_attempts() {
    let attempts = attempts("2026-11-23 15:00:00 t [a] full\n2026-11-23 15:00:00 t [a] accepted\n2026-11-23 15:00:01 t [a] accepted\n");
    assert!(matches!(&attempts[..], [Attempt::Refused(_), Attempt::Accepted(..)]));
}
