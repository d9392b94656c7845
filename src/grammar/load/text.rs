//! Loads `[[text]]`: what the words of a TLS library, or of a product, mean.

use std::ops::Range;

use toml::de::DeTable;

use super::words::one_reason;
use crate::grammar::diagnostic::Faults;
use crate::grammar::reader::Reader;
use crate::grammar::texts::{Texts, TlsText};

/// Reads the file of TLS texts.
///
/// # Errors
/// All faults of the file.
pub fn load_texts(file: &str, source: &str) -> Result<Texts, Faults> {
    let (mut reader, document) = Reader::document(source);
    let mut top = reader.table(document.get_ref(), document.span(), "a file of texts");
    let mut entries = Vec::new();
    for (table, span) in top.tables(&mut reader, "text") {
        let mut entry = text(&mut reader, table, span);
        entry.tls = entry.tls.or(Some(true));
        entries.push(entry);
    }
    top.finish(&mut reader);
    if reader.faults.is_empty() {
        Ok(Texts::new(entries))
    } else {
        Err(Faults { file: file.to_owned(), text: source.to_owned(), found: reader.faults })
    }
}

/// One `[[text]]`.
pub(super) fn text<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> TlsText {
    let mut table = reader.table(table, span.clone(), "a text");
    let contains: Vec<Vec<u8>> = table.texts(reader, "contains").into_iter().map(|text| text.value.into_bytes()).collect();
    if contains.is_empty() || contains.iter().any(Vec::is_empty) {
        reader.fault(span, "this text contains nothing", "expected contains = [\"…\"]");
    }
    let tls = table.flag(reader, "tls");
    let text = TlsText {
        contains,
        reasons: table.texts(reader, "reason").iter().filter_map(|text| one_reason(reader, text)).collect(),
        handshake: table.flag(reader, "handshake").unwrap_or(true),
        weight: table.number(reader, "weight", 0..=9).unwrap_or(5),
        tls,
        tls_likely: table.flag(reader, "tls_likely").unwrap_or(false),
        password_provided: table.flag(reader, "password_provided"),
    };
    table.finish(reader);
    text
}
