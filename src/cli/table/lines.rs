//! Rows as lines of JSON, written from their packed form: a flood has hundreds of thousands of them, of which little more than the
//! client and a few numbers differ from row to row. What they have in common is written once and copied.

use std::io::{self, Write};

use super::json::put_text;
use crate::model::{Field, Identity};
use crate::store::{Form, Places, Text, View, Why, put_address};

/// So many bytes are handed on at once.
const PIECE: usize = 256 << 10;

/// What is written again and again.
#[derive(Default)]
pub(super) struct Lines {
    /// What was not handed on.
    text: Vec<u8>,
    digits: itoa::Buffer,
    whys: Kept<Vec<u8>>,
    brokers: Kept<Vec<u8>>,
    forms: Kept<Form>,
}

/// By number.
struct Kept<T>(Vec<Option<T>>);

impl<T> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept(Vec::new())
    }
}

impl<T> Kept<T> {
    #[inline]
    fn get(&mut self, number: usize, make: impl FnOnce() -> T) -> &T {
        if number >= self.0.len() {
            self.0.resize_with(number + 1, || None);
        }
        self.0[number].get_or_insert_with(make)
    }
}

impl Lines {
    /// Writes one object, as serde writes a row, armoured, and the end of its line.
    pub(super) fn write(&mut self, out: &mut dyn Write, row: &View<'_>) -> io::Result<()> {
        self.object(row);
        if self.text.len() >= PIECE { self.finish(out) } else { Ok(()) }
    }

    /// Hands on what is left.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    fn object(&mut self, row: &View<'_>) {
        let Lines { text: line, digits, whys, brokers, forms } = self;
        let mut places = Places::default();
        put(line, "{\"clientId\":\"");
        places.client = within(line, |line| put_text(line, row.client_id));
        put(line, "\",\"ipAddress\":");
        match row.ip_address {
            Some(address) => {
                line.push(b'"');
                places.address = within(line, |line| put_address(line, address));
                put(line, "\",\"ts\":");
            }
            None => put(line, "null,\"ts\":"),
        }
        let ts = within(line, |line| put(line, digits.format(row.ts)));
        match row.username {
            Some(username) => {
                put(line, ",\"username\":\"");
                put_text(line, username);
                line.push(b'"');
            }
            None => put(line, ",\"username\":null"),
        }
        match row.why {
            Text::Kept(number, _) => {
                // Each with the nine ways in which the two flags before it can stand.
                let number = (number * 3 + state(row.password_provided)) * 3 + state(row.tls_used);
                line.extend_from_slice(whys.get(number, || made(|line| why(line, row))));
            }
            Text::Own(_) => why(line, row),
        }
        match row.broker {
            Text::Kept(number, _) => {
                // There are four identities.
                let number = number << 2 | row.identity as usize;
                line.extend_from_slice(brokers.get(number, || made(|line| broker(line, row.identity, row.broker.bytes()))));
            }
            Text::Own(text) => broker(line, row.identity, text),
        }
        put(line, if row.attempts == 1 { "1" } else { digits.format(row.attempts) });
        put(line, ",\"firstTs\":");
        if row.first_ts == row.ts {
            line.extend_from_within(ts);
        } else {
            put(line, digits.format(row.first_ts));
        }
        let mut evidence = row.evidence.clone();
        let mut before = ",\"evidence\":[\"";
        while let Some(text) = evidence.next() {
            put(line, before);
            let begin = line.len();
            match text {
                Text::Kept(number, form) => forms.get(number, || form.written(put_text)).write(line, &places, evidence.values()),
                Text::Own(text) => put_text(line, text),
            }
            places.before = begin;
            before = "\",\"";
        }
        put(line, if before.starts_with(',') { ",\"evidence\":[]}\n" } else { "\"]}\n" });
    }
}

/// From the flags before the reason to what is not certain.
fn why(line: &mut Vec<u8>, row: &View<'_>) {
    let why = Why::read(row.why.bytes());
    put(line, ",\"passwordProvided\":");
    put(line, flag(row.password_provided));
    put(line, ",\"tlsUsed\":");
    put(line, flag(row.tls_used));
    put(line, ",\"reason\":\"");
    put_text(line, why.reason);
    put(line, "\",\"reasonCode\":\"");
    put(line, why.code.code());
    put(line, "\",\"alternatives\":");
    list(line, why.alternatives().map(|reason| reason.code()));
    put(line, ",\"inferred\":");
    list(line, why.inferred().map(Field::name));
}

fn broker(line: &mut Vec<u8>, identity: Identity, name: &[u8]) {
    put(line, ",\"identity\":\"");
    put(line, identity.code());
    put(line, "\",\"broker\":\"");
    put_text(line, name);
    put(line, "\",\"attempts\":");
}

/// Names in which nothing is to be escaped.
fn list(line: &mut Vec<u8>, names: impl Iterator<Item = &'static str>) {
    put(line, "[");
    for (at, name) in names.enumerate() {
        put(line, if at > 0 { ",\"" } else { "\"" });
        put(line, name);
        put(line, "\"");
    }
    put(line, "]");
}

fn put(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

fn state(flag: Option<bool>) -> usize {
    flag.map_or(0, |flag| 1 + usize::from(flag))
}

fn flag(flag: Option<bool>) -> &'static str {
    flag.map_or("null", |flag| if flag { "true" } else { "false" })
}

fn made(make: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut text = Vec::new();
    make(&mut text);
    text
}

/// Where that stands which is added.
fn within(line: &mut Vec<u8>, add: impl FnOnce(&mut Vec<u8>)) -> std::ops::Range<usize> {
    let begin = line.len();
    add(line);
    begin..line.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::table::json;
    use crate::model::{Reason, Row};

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~]{0,24}", "\\PC{0,12}", "[\\x00-\\x1f\"\\\\\x7fé\u{9b}\u{202e}\u{e0041}]{0,12}"]
    }

    /// What stands in lines of evidence: the row's own names, stamps, numbers.
    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            text(),
            Just("\u{1}".to_owned()),
            Just("\u{2}".to_owned()),
            "0{0,2}[0-9]{1,20}",
            Just("2026-11-26T01:31:05Z ".to_owned())
        ]
    }

    prop_compose! {
        fn rows()(
            texts in (text(), text(), text()), username in proptest::option::of(text()),
            ip_address in proptest::option::of(any::<std::net::IpAddr>()), numbers in any::<(i64, u64, i64)>(), same in any::<bool>(),
            flags in any::<(Option<bool>, Option<bool>)>(), reasons in proptest::sample::subsequence(Reason::ALL.to_vec(), 1..5),
            inferred in proptest::sample::subsequence(vec![Field::ClientId, Field::IpAddress, Field::Ts, Field::TlsUsed], 0..4),
            identity in proptest::sample::select(vec![Identity::ClientId, Identity::Certificate, Identity::Username, Identity::Address]),
            evidence in proptest::collection::vec(proptest::collection::vec(part(), 0..5), 0..4),
        ) -> Row {
            let (client_id, reason, broker) = texts;
            let address = ip_address.map(|ip| ip.to_string()).unwrap_or_default();
            let line = |parts: Vec<String>| parts.concat().replace('\u{1}', &client_id).replace('\u{2}', &address);
            let evidence = evidence.into_iter().map(line).collect();
            Row {
                client_id, ip_address, ts: numbers.0, username, password_provided: flags.0, tls_used: flags.1, reason: reason.into(),
                reason_code: reasons[0], alternatives: reasons[1..].into(), inferred, identity, broker: broker.into(), attempts: numbers.1,
                first_ts: if same { numbers.0 } else { numbers.2 }, evidence, peer: None, upstream: None, twin: None,
            }
        }
    }

    proptest! {
        #[test]
        fn a_line_is_what_serde_writes_armoured(rows in proptest::collection::vec(rows(), 1..5)) {
            let mut out = Vec::new();
            json::lines(&mut out, rows.iter())?;
            let mut serdes = String::new();
            for row in &rows {
                serdes += &json::armoured(&serde_json::to_string(row)?);
                serdes += "\n";
            }
            prop_assert_eq!(String::from_utf8_lossy(&out), serdes);
            for (row, line) in rows.into_iter().zip(out.split(|byte| *byte == b'\n')) {
                prop_assert_eq!(serde_json::from_slice::<Row>(line)?, row);
            }
        }
    }
}
