//! Rows as JSON.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::model::Row;
use crate::text::is_unsafe;

/// One array, one field per line.
pub(super) fn array(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let mut before = "[\n  ";
    for row in rows {
        let object = serde_json::to_string_pretty(row)?.replace('\n', "\n  ");
        write!(out, "{before}{}", armoured(&object))?;
        before = ",\n  ";
    }
    writeln!(out, "{}", if rows.is_empty() { "[]" } else { "\n]" })
}

/// One object per line.
pub(super) fn lines(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    rows.iter().try_for_each(|row| writeln!(out, "{}", armoured(&serde_json::to_string(row)?)))
}

/// The same JSON, with what a terminal would act upon written as escapes. Outside of strings only line ends can be such.
fn armoured(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)) {
        return json.into();
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_unsafe(c) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text.into()
}
