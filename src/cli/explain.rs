//! `turnaway explain`: what becomes of each line, and why.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::common::{Failure, library, options, print};
use crate::clock::Clock;
use crate::conversation::Effect;
use crate::engine::{Engine, Fate, Trace, recognise};
use crate::grammar::{Fact, Grammar};
use crate::model::{Attempt, Millis};
use crate::record::scrubbed;
use crate::replay::named;
use crate::source::{DEFAULT_MAX_LINE, Finished};
use crate::text::{display, escaped};

/// What is to be printed is kept until there is so much of it, or nothing more to read now.
const PRINTED: usize = 64 << 10;

/// What `explain` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  turnaway explain --grammar mosquitto /var/log/mosquitto/mosquitto.log | less")]
pub struct ExplainArgs {
    /// The log; `-` (or nothing) is standard input.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// The grammar, instead of recognising it.
    #[arg(long, value_name = "NAME")]
    grammar: Option<String>,
    /// Leave out the lines that no rule takes.
    #[arg(long)]
    matched: bool,
    #[command(flatten)]
    common: super::common::LogArgs,
}

/// Runs it.
///
/// # Errors
/// The log cannot be read, or no grammar fits it.
pub fn run(args: &ExplainArgs, clock: &dyn Clock) -> Result<(), Failure> {
    let library = library(args.common.grammars.as_deref())?;
    let mut options = options(&args.common)?;
    let path = args.path.clone().unwrap_or_else(|| PathBuf::from("-"));
    let mut file = Finished::open(&path, DEFAULT_MAX_LINE).map_err(|error| Failure::work(error.to_string()))?;
    let now = clock.now();
    let mut head = Vec::new();
    let mut more = true;
    while more && head.len() < 256 * 1024 {
        more = file.read(&mut |bytes| head.extend_from_slice(bytes)).map_err(|error| Failure::work(error.to_string()))?;
    }
    let grammar = match &args.grammar {
        Some(name) => named(&library, name)?,
        None => match recognise(&library, &options, &head) {
            Some(found) => {
                print(&format!("# {}: {} of the first {} lines known\n", found.grammar.title, found.known, found.of))?;
                found.grammar
            }
            None => return Err(Failure::work("no grammar fits this log; name one with --grammar to see why")),
        },
    };
    options.settings.broker = grammar.name.as_str().into();
    let mut engine = Engine::new(Arc::clone(&grammar), options);
    if let Some(written) = file.written() {
        engine.set_written(written);
    }
    let mut number = 0u64;
    let mut lines = |engine: &mut Engine, bytes: &[u8]| -> Result<(), Failure> {
        let mut text = String::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            let mut trace = Trace { only_taken: args.matched, ..Trace::default() };
            let mut out = Vec::new();
            engine.line(line, now, &mut out, Some(&mut trace));
            let ended = trace.earlier.as_ref().is_some_and(|earlier| earlier.rule.is_some());
            if !args.matched || ended || trace.rule.is_some() || !out.is_empty() {
                text.push_str(&explained(&grammar, number, line, &trace, &out));
            }
            if text.len() >= PRINTED {
                print(&text)?;
                text.clear();
            }
        }
        print(&text)
    };
    lines(&mut engine, &head)?;
    while more {
        let mut result = Ok(());
        more = file
            .read(&mut |bytes| {
                if result.is_ok() {
                    result = lines(&mut engine, bytes);
                }
            })
            .map_err(|error| Failure::work(error.to_string()))?;
        result?;
    }
    let mut out = Vec::new();
    let last = engine.finish_traced(&mut out);
    let stats = engine.stats();
    let mut end = last.as_ref().map(record).unwrap_or_default();
    for attempt in &out {
        let _ = writeln!(end, "at the end of the log\n{}", outcome(attempt));
    }
    let _ = writeln!(
        end,
        "# {} lines, {} taken by a rule: {} refused, {} accepted, {} probes",
        stats.lines, stats.matched, stats.refused, stats.accepted, stats.probes
    );
    print(&end)
}

fn explained(grammar: &Grammar, number: u64, line: &[u8], trace: &Trace, out: &[Attempt]) -> String {
    let has_secret = trace.rule.as_ref().is_some_and(|(_, facts)| facts.iter().any(|(fact, _)| *fact == Fact::Secret));
    let shown = if has_secret {
        "[a line with a secret, not shown]".to_owned()
    } else if trace.fate == Fate::GoesOn && !grammar.secrets.is_empty() {
        // Where a secret begins and ends is known only of the whole record.
        "[goes on with the record]".to_owned()
    } else {
        escaped(&scrubbed(grammar, line.strip_suffix(b"\n").unwrap_or(line)), 400)
    };
    let mut text = trace.earlier.as_deref().map(record).unwrap_or_default();
    let _ = writeln!(text, "{number}: {shown}");
    if !trace.wrapper.is_empty() && trace.wrapper != "none" {
        say(&mut text, "wrapper", &format!("{} ({})", trace.wrapper, display(&trace.stream)));
    }
    tell(&mut text, trace);
    for attempt in out {
        text.push_str(&outcome(attempt));
    }
    text
}

/// The record that ended before a line.
fn record(trace: &Trace) -> String {
    let mut text = trace.earlier.as_deref().map(record).unwrap_or_default();
    let _ = writeln!(text, "    = the record: {}", display(trace.message.get(..400).unwrap_or(&trace.message)));
    tell(&mut text, trace);
    text
}

fn say(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "    {name:9} {value}");
}

/// Header, time, rule, facts, and what came of it.
fn tell(text: &mut String, trace: &Trace) {
    if let Some(header) = &trace.header {
        say(text, "header", header);
    }
    if let Some((ts, inferred)) = trace.ts {
        say(text, "time", &format!("{}{}", time(ts), if inferred { " (deduced)" } else { "" }));
    }
    if let Some((rule, facts)) = &trace.rule {
        say(text, "rule", rule);
        for (fact, value) in facts {
            say(text, "", &format!("{} = {}", fact.name(), display(value)));
        }
    }
    let fate = match &trace.fate {
        Fate::NoHeader => "passed over: no header of the grammar fits, or the text after it is not the broker's",
        Fate::NoRule => "passed over: no rule fits",
        Fate::Part => "part of a longer line or record: waits for the rest",
        Fate::GoesOn => "goes on with the record before it",
        Fate::NotTheBrokers => "passed over: the collector's own line, or text that it left out",
        Fate::ClientsWords => "passed over: the broker repeats what the client wrote",
        Fate::Taken(effect) => effect_text(effect),
    };
    say(text, "so", fate);
    if let Some((rule, at, pattern)) = &trace.nearest {
        say(text, "nearest", &format!("{rule} fits the first {at} bytes: {pattern}"));
    }
}

fn effect_text(effect: &Effect) -> &str {
    match effect {
        Effect::Opened => "a connection is open",
        Effect::Held => "says more about the record that follows",
        Effect::Refused(how) => how,
        Effect::Accepted => "the client connected: its row goes",
        Effect::AcceptedUnclear => "a client connected whose name cannot be told for certain: no row goes",
        Effect::Probe => "a connection ended without a word: a probe, counted, no row",
        Effect::Session => "a session ended: no failed connect",
        Effect::Restart => "the broker started: no earlier connection is open",
        Effect::Missing => {
            "the log says that it leaves lines out, refusals among them perhaps: joins by elimination are inferred from here on"
        }
        Effect::Incomplete => "connections are not all listed from here on: joins by elimination are inferred",
        Effect::Known => "says more about an attempt that is known",
        Effect::Proxied => "a terminator handed the connection on: the broker's log tells the rest",
        Effect::Torn => "a stranger's line feed tore this record: what follows is doubted",
        Effect::Nothing => "concerns nobody who failed",
    }
}

fn outcome(attempt: &Attempt) -> String {
    match attempt {
        Attempt::Refused(row) => {
            let mut text = format!("    REFUSED   {} ({})", display(&row.client_id), row.identity.code());
            if let Some(address) = row.ip_address {
                let _ = write!(text, " from {address}");
            }
            let _ = writeln!(text, ": {}", row.reason);
            if !row.inferred.is_empty() {
                let fields: Vec<String> =
                    row.inferred.iter().filter_map(|field| serde_json::to_value(field).ok()?.as_str().map(str::to_owned)).collect();
                let _ = writeln!(text, "    inferred  {}", fields.join(", "));
            }
            text
        }
        Attempt::Revised(row) => {
            let address = row.ip_address.map(|address| address.to_string()).unwrap_or_default();
            format!("    KNOWN NOW {}: the address of its last refusal is {address}, for certain\n", display(&row.client_id))
        }
        Attempt::Proxied(link) => {
            let address = link.client_ip.map_or_else(|| "?".to_owned(), |address| address.to_string());
            let port = link.upstream_port.map_or_else(String::new, |port| format!(" by the terminator's port {port}"));
            format!("    HANDED ON {address}{port}\n")
        }
        Attempt::Ended(..) => String::new(),
        Attempt::Accepted(key, _) => format!("    ACCEPTED  {}\n", display(&key.client_id)),
    }
}

fn time(ts: Millis) -> String {
    jiff::Timestamp::from_millisecond(ts).map_or_else(|_| ts.to_string(), |time| time.to_string())
}
