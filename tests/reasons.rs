//! Every documented reason comes out of a captured log: a row says it, and the client's own account agrees.

#[path = "support/cases.rs"]
mod cases;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use turnaway::engine::Engine;
use turnaway::grammar::Library;
use turnaway::model::{Family, Reason};

#[test]
fn all_thirteen_documented_reasons_come_out_of_captured_logs() {
    let library = Library::load(None).unwrap_or_else(|error| panic!("{error}"));
    let mut said = BTreeSet::new();
    for case in cases::all().iter().filter(|case| !case.is_packed()) {
        let Some(truth) = &case.truth else { continue };
        let truth = std::fs::read_to_string(truth).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        // What each attempt failed for: one reason, or those of several providers that answered it.
        let really: Vec<BTreeSet<String>> = truth
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|attempt| {
                let mut reasons: Vec<Value> = attempt["reasons_in_tbmq_row"].as_array().cloned().unwrap_or_default();
                reasons.push(attempt["documented_reason"].clone());
                reasons.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            })
            .collect();
        let grammar = library.get(&case.grammar).unwrap_or_else(|| panic!("{}: no grammar {}", case.name, case.grammar));
        let mut engine = Engine::new(Arc::clone(grammar), case.options());
        let mut out = Vec::new();
        engine.feed(&case.bytes(), 1_800_000_000_000, &mut out);
        engine.finish(&mut out);
        for attempt in out {
            let turnaway::model::Attempt::Refused(row) = attempt else { continue };
            let named: Vec<Reason> = row.alternatives.iter().copied().chain([row.reason_code]).collect();
            // Exactly: it names no reason that was not one.
            if really.iter().any(|reasons| named.iter().all(|reason| reasons.contains(reason.code()))) {
                said.extend(named);
            }
        }
    }
    let missing: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| reason.family() != Family::Other && !said.contains(reason))
        .map(|reason| reason.code())
        .collect();
    assert!(missing.is_empty(), "no captured log gives these reasons: {missing:?}");
}
