//! `[[output]]` and `[[hook]]`: who is told of refused attempts.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;

use super::read::{checked, name, word};
use super::value;
use crate::events::{Action, Format, HookConfig, OutputConfig, Target};
use crate::grammar::{Reader, Text};
use crate::model::Millis;

/// Defaults of a hook.
const PER_MINUTE: usize = 60;
const TIMEOUT: Millis = 10_000;
const MAX_AGE: Millis = 10 * 60_000;
/// The longest time-out: a hook that runs holds up the end of the daemon.
const LONGEST: Millis = 20_000;

/// Adds what this table says, unless something is wrong with it.
pub(super) fn output<'s>(reader: &mut Reader<'s>, entry: &DeTable<'s>, span: Range<usize>, outputs: &mut Vec<OutputConfig>) {
    let mut table = reader.table(entry, span, "this output");
    let name = table.needed(reader, "name").and_then(|text| name(reader, text));
    let to = table.needed(reader, "to");
    let format = table.text(reader, "format").and_then(|text| word(reader, &text, "format", &Format::ALL)).unwrap_or_default();
    table.finish(reader);
    let target = to.and_then(|to| checked(reader, &to, "place for events", place).map(|place| place(format)));
    add(reader, name, target, outputs);
}

/// The same for a hook.
pub(super) fn hook<'s>(reader: &mut Reader<'s>, entry: &DeTable<'s>, span: Range<usize>, outputs: &mut Vec<OutputConfig>) {
    let mut table = reader.table(entry, span.clone(), "this hook");
    let name = table.needed(reader, "name").and_then(|text| name(reader, text));
    let command = table.texts(reader, "command");
    let url = table.text(reader, "url");
    let per_minute = table.number(reader, "per_minute", 1..=60_000).unwrap_or(PER_MINUTE);
    let mut time = |reader: &mut Reader<'s>, key, default: Millis| {
        let text = table.text(reader, key)?;
        checked(reader, &text, "duration", value::duration).or(Some(default))
    };
    let timeout = time(reader, "timeout", TIMEOUT).unwrap_or(TIMEOUT);
    let max_age = time(reader, "max_age", MAX_AGE).unwrap_or(MAX_AGE);
    table.finish(reader);
    if timeout > LONGEST {
        reader.fault(
            span.clone(),
            "the time-out of this hook is too long",
            "expected at most \"20s\": a hook that runs holds up the end of the daemon",
        );
    }
    let action = match (command.first(), url) {
        (Some(program), None) if program.value.starts_with('/') && !command.iter().any(|part| part.value.contains('\0')) => {
            Some(Action::Command(command.into_iter().map(|text| text.value).collect()))
        }
        (Some(program), None) => {
            reader.fault(
                program.span.clone(),
                "this is no absolute path",
                "expected the path of a program and its arguments; there is no shell",
            );
            None
        }
        (None, Some(url)) => checked(reader, &url, "address to post to", value::http).map(Action::Post),
        (Some(_), Some(url)) => {
            reader.fault(url.span, "this hook has both a command and a url", "expected one of them");
            None
        }
        (None, None) => {
            reader.fault(span, "this hook does nothing", "expected command = [\"/path/of/program\"] or url = \"http://…\"");
            None
        }
    };
    let target = action.map(|action| {
        let timeout = Duration::from_millis(timeout.unsigned_abs());
        Target::Hook(HookConfig { action, per_minute: u32::try_from(per_minute).unwrap_or(u32::MAX), timeout, max_age })
    });
    add(reader, name, target, outputs);
}

fn add(reader: &mut Reader<'_>, name: Option<Text>, target: Option<Target>, outputs: &mut Vec<OutputConfig>) {
    let Some(name) = name else { return };
    if outputs.iter().any(|output| output.name == name.value) {
        let message = format!("another output or hook is named {:?}", name.value);
        reader.fault(name.span, message, "expected a name of its own: how far it got is kept under it");
    } else if let Some(target) = target {
        outputs.push(OutputConfig { name: name.value, target });
    }
}

type Place = Box<dyn Fn(Format) -> Target>;

fn place(text: &str) -> Result<Place, String> {
    match text {
        "stdout" => Ok(Box::new(Target::Stdout)),
        "syslog" => Ok(Box::new(Target::Syslog)),
        path if path.starts_with('/') && !path.contains('\0') && !path.ends_with('/') => {
            let path = PathBuf::from(path);
            Ok(Box::new(move |format| Target::File(path.clone(), format)))
        }
        _ => Err("expected \"stdout\", \"syslog\", or the absolute path of a file".to_owned()),
    }
}
