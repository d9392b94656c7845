//! `[install]`: where an installed product keeps its log and its settings, so that the daemon needs no configuration.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Table, Text};

/// What is known of a product as it is packaged. All paths are absolute; those of `paths`, `signs` and `settings` may be globs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Install {
    /// Where its log is unless its settings say otherwise.
    pub paths: Vec<String>,
    /// Files that are there when it is installed.
    pub signs: Vec<String>,
    /// Its settings.
    pub settings: Vec<String>,
    /// Beginnings of lines of the settings after which the path of a log stands.
    pub path_after: Vec<String>,
    /// Beginnings of lines of the settings that send the log elsewhere than to a file.
    pub elsewhere: Vec<String>,
    /// For products that serve much besides MQTT: what must stand in the settings for its log to be watched unasked.
    pub only_with: Vec<String>,
    /// Its units, for the journal.
    pub units: Vec<String>,
    /// What to do when it is installed and there is no log.
    pub hint: Option<String>,
}

/// `[install]`
pub(super) fn install<'s>(reader: &mut Reader<'s>, top: &mut Table<'_, 's>) -> Option<Install> {
    let value = top.take("install")?;
    let DeValue::Table(table) = value.get_ref() else {
        reader.fault(value.span(), "\"install\" is no table", "expected [install] with paths and signs");
        return None;
    };
    Some(read(reader, table, value.span()))
}

fn read<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Install {
    let mut table = reader.table(table, span, "[install]");
    let mut globs = |reader: &mut Reader<'s>, key| {
        let texts = table.texts(reader, key);
        texts.into_iter().filter_map(|text| glob(reader, text)).collect::<Vec<_>>()
    };
    let (paths, signs, settings) = (globs(reader, "paths"), globs(reader, "signs"), globs(reader, "settings"));
    let mut texts = |reader: &mut Reader<'s>, key| table.texts(reader, key).into_iter().map(|text| text.value).collect::<Vec<_>>();
    let (path_after, elsewhere) = (texts(reader, "path_after"), texts(reader, "elsewhere"));
    let (only_with, units) = (texts(reader, "only_with"), texts(reader, "units"));
    let hint = table.text(reader, "hint").map(|text| text.value);
    table.finish(reader);
    Install { paths, signs, settings, path_after, elsewhere, only_with, units, hint }
}

fn glob(reader: &mut Reader<'_>, text: Text) -> Option<String> {
    let fault = match glob::Pattern::new(&text.value) {
        Ok(_) if text.value.starts_with('/') => return Some(text.value),
        Ok(_) => "this path is not absolute".to_owned(),
        Err(error) => format!("this glob is not complete: {}", error.msg),
    };
    reader.fault(text.span, fault, "expected an absolute path or glob, like \"/var/log/mosquitto/mosquitto.log\"");
    None
}
