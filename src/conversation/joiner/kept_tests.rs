//! What an earlier release kept is read, and what is kept now reads as it did.

use serde_json::{Value, json};

use super::*;

fn context(evidence: &[&str]) -> Value {
    json!({
        "facts": {"client_id": "a", "sent": ["a", null], "client_ip": "192.0.2.7"},
        "why": {"reasons": ["other"], "if_tls": [], "words": ["no", "never"], "weight": 4},
        "evidence": evidence,
        "ts": 5, "ts_inferred": false, "made_up": false, "forgeable": false, "stack": false, "alone": true, "read_at": 6,
        "doubt": ["username", "clientId", "username"],
    })
}

#[test]
fn a_state_of_an_earlier_release_is_read() {
    let long = "\\x1b…".repeat(900);
    let kept = json!({
        "open": {
            "list": [{"facts": {"client_ip": "192.0.2.7", "client_port": 5}, "ts": 1, "number": 1, "line": long}],
            "owed": 0, "owed_by_address": {"192.0.2.8": 2}, "complete": true, "count": 1,
        },
        "lanes": {"": context(&["x"]), "main": context(&["y", "z"])},
        "accepted": context(&["opened", "accepted"]),
        "guessed": [{"mark": 1, "record": context(&["x"]), "inferred": ["ipAddress", "clientId"]}],
        "unlisted": false, "nobody_taken": false, "sessions": null,
    });
    let joiner: Joiner = serde_json::from_value(kept.clone()).unwrap();
    let again = serde_json::to_value(&joiner).unwrap();
    assert_eq!(again["open"]["list"], kept["open"]["list"]);
    assert_eq!(again["open"]["owed_by_address"], json!([["192.0.2.8", 2]]));
    for (lane, waiting) in kept["lanes"].as_object().unwrap() {
        let now = &again["lanes"][lane];
        assert_eq!(now["doubt"], json!(["clientId", "username"]), "{lane}");
        for part in ["facts", "evidence"] {
            assert_eq!(now[part], waiting[part], "{lane}");
        }
        assert_eq!(now["why"]["words"], waiting["why"]["words"], "{lane}");
    }
    for part in ["facts", "evidence"] {
        assert_eq!(again["accepted"][part], kept["accepted"][part]);
    }
    assert_eq!(again["guessed"][0]["inferred"], json!(["clientId", "ipAddress"]));
    let joiner: Joiner = serde_json::from_value(again.clone()).unwrap();
    assert_eq!(serde_json::to_value(&joiner).unwrap(), again);
}

/// Connections of a Unix socket have no address.
#[test]
fn what_is_owed_without_an_address_is_kept() {
    let mut joiner = Joiner::default();
    joiner.open.start();
    for _ in 0..3 {
        joiner.open.opened(Facts::default(), 1, Quote::new(b"opened".into()));
    }
    joiner.open.eliminate(None, 2, |_| None);
    let kept = serde_json::to_value(&joiner).unwrap();
    assert_eq!(kept["open"]["owed_by_address"], json!([[null, 1]]));
    let again: Joiner = serde_json::from_value(kept).unwrap();
    assert_eq!((again.open.len(), again.open.owed()), (3, 1));
}
