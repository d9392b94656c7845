//! Every captured log against what really happened, and against itself read in other ways. One test for each fixture and question;
//! a fixture is found because it is there.

#[path = "support/cases.rs"]
mod cases;
#[path = "support/truth.rs"]
mod truth;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use cases::Case;
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use turnaway::engine::{Engine, EngineState, Recognised};
use turnaway::grammar::{Grammar, Library};
use turnaway::model::{Attempt, Millis, Row};
use turnaway::replay::{ReplaySource, Watcher, replay};
use turnaway::source::{Follower, Sink, SourceSpec, Start};
use turnaway::store::Table;

/// When the logs are "read": lines without a stamp get this time.
const NOW: Millis = 1_800_000_000_000;

/// In how many places a log is cut to excerpts.
const EXCERPTS: usize = 40;

type Question = fn(&Case, &Library) -> Result<(), Failed>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let library = Arc::new(Library::load(None).unwrap_or_else(|error| panic!("{error}")));
    let mut trials = Vec::new();
    for case in cases::all() {
        let mut ask = |name: &str, question: Question| {
            let (case, library) = (case.clone(), Arc::clone(&library));
            trials.push(Trial::test(format!("{}::{name}", case.name), move || question(&case, &library)));
        };
        if case.truth.is_some() {
            ask("truth", rows_are_true);
            ask("excerpts", what_an_excerpt_says_for_certain_is_true);
        }
        if case.same_as.is_some() {
            ask("same_rows", rows_are_those_of_the_plain_log);
        }
        if !case.is_packed() {
            ask("splits", however_it_is_cut_the_attempts_are_the_same);
            ask("restarts", a_restart_between_lines_changes_nothing);
        }
        ask("safe", no_output_holds_a_control_character);
        ask("explain", explain_runs);
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn rows_are_true(case: &Case, library: &Library) -> Result<(), Failed> {
    let Some(path) = &case.truth else { return Ok(()) };
    let score = truth::score(&rows(case, library, Some(&case.grammar))?, &truth::read(&fs::read_to_string(path)?, case.silent));
    let known: BTreeSet<String> = case.known.iter().map(|known| known.fault.clone()).collect();
    let mut said = Vec::new();
    said.extend(score.faults.difference(&known).cloned());
    said.extend(known.difference(&score.faults).map(|fault| format!("does not occur any more, take it out of cases.toml: {fault}")));
    let (lost, allowed) = (score.lost.len(), case.lost.as_ref().map_or(0, |lost| lost.fields));
    if lost != allowed {
        said.push(format!("lost {lost} of {} revealed fields, cases.toml says {allowed}:", score.revealed));
        said.extend(score.lost.iter().map(|lost| format!("  {lost}")));
    }
    if case.known.iter().any(|known| known.why.is_empty()) || case.lost.as_ref().is_some_and(|lost| lost.why.is_empty()) {
        said.push("an exception in cases.toml has no reason".to_owned());
    }
    fail_with(said)
}

/// Lines are missing, at the beginning or after a loss that is known: rows may be missing too, but no certain field is wrong and
/// nobody is accused.
fn what_an_excerpt_says_for_certain_is_true(case: &Case, library: &Library) -> Result<(), Failed> {
    let Some(path) = &case.truth else { return Ok(()) };
    let truth = truth::read(&fs::read_to_string(path)?, case.silent);
    let grammar = grammar(case, library)?;
    let bytes = case.bytes();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut said = Vec::new();
    for cut in 0..EXCERPTS.min(lines.len()) {
        let from = (cut * lines.len()) / EXCERPTS.min(lines.len());
        for (hole, name) in [(0..from, "begins after line"), (from..from + lines.len() / 8, "a loss after line")] {
            let mut engine = Engine::new(Arc::clone(&grammar), case.options());
            let mut out = Vec::new();
            for (number, line) in lines.iter().enumerate() {
                if !hole.contains(&number) {
                    engine.line(line, NOW, &mut out, None);
                } else if number == hole.start && number > 0 {
                    engine.gap();
                }
            }
            engine.finish(&mut out);
            let mut table = Table::default();
            out.into_iter().for_each(|attempt| table.push(attempt, true));
            let seen = |line: u64| usize::try_from(line).is_ok_and(|line| !hole.contains(&(line - 1)));
            said.extend(truth::untrue(&table.into_rows(), &truth, &seen).into_iter().map(|fault| format!("{name} {from}: {fault}")));
        }
    }
    fail_with(said)
}

/// What the wrapper adds is seen in the evidence only.
fn rows_are_those_of_the_plain_log(case: &Case, library: &Library) -> Result<(), Failed> {
    let Some(plain) = &case.same_as else { return Ok(()) };
    let plain = Case { log: plain.clone(), ..case.clone() };
    let wanted = without_evidence(rows(&plain, library, Some(&case.grammar))?);
    for grammar in [Some(case.grammar.as_str()), None] {
        let got = without_evidence(rows(case, library, grammar)?);
        let here = if grammar.is_some() { "named" } else { "recognised" };
        let differs = wanted.iter().filter(|row| !got.contains(row)).map(|row| format!("{here}: missing {row:?}"));
        let differs = differs.chain(got.iter().filter(|row| !wanted.contains(row)).map(|row| format!("{here}: not wanted {row:?}")));
        fail_with(differs.collect())?;
    }
    Ok(())
}

/// The file grows by pieces of any length, and the follower is called after each of them.
fn however_it_is_cut_the_attempts_are_the_same(case: &Case, library: &Library) -> Result<(), Failed> {
    let grammar = grammar(case, library)?;
    let mut bytes = case.bytes();
    if bytes.last().is_some_and(|last| !matches!(last, b'\n' | 0)) {
        // A line that may still grow is waited for.
        bytes.push(b'\n');
    }
    let whole = followed(case, &grammar, &bytes, &[])?;
    let by_line = by_lines(case, &grammar, &bytes);
    same(&whole, &by_line, "line by line")?;
    let cuts = proptest::collection::vec(0..=bytes.len(), 0..40);
    let mut runner = TestRunner::new(Config { cases: 6, failure_persistence: None, ..Config::default() });
    let result = runner.run(&cuts, |mut cuts| {
        cuts.sort_unstable();
        let parts = followed(case, &grammar, &bytes, &cuts).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        same(&whole, &parts, "cut").map_err(|error| TestCaseError::fail(format!("{error:?}")))
    });
    result.map_err(|error| error.to_string().into())
}

/// What is open is kept and taken up by another engine, after every k lines.
fn a_restart_between_lines_changes_nothing(case: &Case, library: &Library) -> Result<(), Failed> {
    let grammar = grammar(case, library)?;
    let bytes = case.bytes();
    let whole = by_lines(case, &grammar, &bytes);
    let every: &[usize] = if bytes.len() < 30_000 { &[1, 2, 7] } else { &[11] };
    for k in every {
        let mut engine = Engine::new(Arc::clone(&grammar), case.options());
        let mut out = Vec::new();
        for (number, line) in lines(&bytes).enumerate() {
            if number % k == 0 {
                let kept = serde_json::to_vec(&engine.state())?;
                let state: EngineState = serde_json::from_slice(&kept)?;
                engine = Engine::new(Arc::clone(&grammar), case.options());
                engine.restore(state);
                if serde_json::to_vec(&engine.state())? != kept {
                    return Err(format!("what is kept before line {} is not what is taken up", number + 1).into());
                }
            }
            engine.line(line, NOW, &mut out, None);
        }
        engine.finish(&mut out);
        same(&whole, &out, &format!("restarted after every {k} lines"))?;
    }
    Ok(())
}

fn no_output_holds_a_control_character(case: &Case, library: &Library) -> Result<(), Failed> {
    let mut said = Vec::new();
    for row in rows(case, library, Some(&case.grammar))? {
        for text in row.evidence.iter().chain([&*row.reason]) {
            if let Some(c) = text.chars().find(|c| is_unsafe(*c)) {
                said.push(format!("{c:?} in {text:?}"));
            }
        }
        if row.evidence.is_empty() || row.evidence.len() > 8 || row.evidence.iter().any(|line| line.len() > 4 * 1_024 + 8) {
            said.push(format!("evidence out of bounds: {:?}", row.evidence));
        }
    }
    for format in ["table", "json", "ndjson", "csv"] {
        let (code, out, err) = turnaway(case, &["replay", "--format", format])?;
        // JSON and CSV are for programs: they carry the true text, but nothing that a terminal acts upon.
        let shown: fn(char) -> bool = if format == "table" { is_unsafe } else { char::is_control };
        let bad = out.chars().chain(err.chars()).find(|c| shown(*c) && !matches!(c, '\n') && !(format == "csv" && *c == '\r'));
        if code != Some(0) || bad.is_some() {
            said.push(format!("replay --format {format}: exit {code:?}, {bad:?}, {}", err.escape_debug()));
        }
    }
    fail_with(said)
}

fn explain_runs(case: &Case, _library: &Library) -> Result<(), Failed> {
    let (code, out, err) = turnaway(case, &["explain"])?;
    let mut said = Vec::new();
    if code != Some(0) {
        said.push(format!("exit {code:?}: {}", err.escape_debug()));
    }
    if let Some(line) = out.lines().chain(err.lines()).find(|line| line.chars().any(is_unsafe)) {
        said.push(format!("a raw control character in {line:?}"));
    }
    if !out.lines().last().is_some_and(|last| last.starts_with("# ")) {
        said.push("it does not end with the counts".to_owned());
    }
    fail_with(said)
}

fn rows(case: &Case, library: &Library, grammar: Option<&str>) -> Result<Vec<Row>, Failed> {
    let source = ReplaySource { grammar: grammar.map(str::to_owned), paths: vec![case.log.clone()], options: case.options() };
    let mut table = Table::default();
    replay(library, std::slice::from_ref(&source), NOW, &mut table, &mut Silent)?;
    Ok(table.into_rows())
}

struct Silent;

impl Watcher for Silent {
    fn recognised(&mut self, _path: &Path, _found: &Recognised) {}
    fn progress(&mut self, _path: &Path, _done: u64, _total: Option<u64>) {}
}

fn grammar(case: &Case, library: &Library) -> Result<Arc<Grammar>, Failed> {
    library.get(&case.grammar).cloned().ok_or_else(|| format!("there is no grammar {}", case.grammar).into())
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| &line[line.iter().take_while(|byte| **byte == 0).count()..])
        .filter(|line| !line.is_empty())
}

fn by_lines(case: &Case, grammar: &Arc<Grammar>, bytes: &[u8]) -> Vec<Attempt> {
    let mut engine = Engine::new(Arc::clone(grammar), case.options());
    let mut out = Vec::new();
    for line in lines(bytes) {
        engine.line(line, NOW, &mut out, None);
    }
    engine.finish(&mut out);
    out
}

/// The attempts of a log that is written in these pieces and followed meanwhile.
fn followed(case: &Case, grammar: &Arc<Grammar>, bytes: &[u8], cuts: &[usize]) -> Result<Vec<Attempt>, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("broker.log");
    let spec = SourceSpec { start: Start::Beginning, ..SourceSpec::new("broker", vec![path.display().to_string()]) };
    let mut follower = Follower::new(spec, Vec::new());
    let mut fed = Fed { engine: Engine::new(Arc::clone(grammar), case.options()), out: Vec::new(), gaps: Vec::new() };
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    let mut polled = NOW;
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        file.write_all(&bytes[from..to])?;
        from = to;
        polled += 100;
        while follower.poll(polled, usize::MAX, &mut fed).more {}
        // No time passes for the engine: a record that waits for its neighbour goes on waiting.
        fed.engine.tick(NOW, &mut fed.out);
    }
    fed.engine.finish(&mut fed.out);
    if !fed.gaps.is_empty() {
        return Err(format!("the follower lost lines: {:?}", fed.gaps).into());
    }
    Ok(fed.out)
}

struct Fed {
    engine: Engine,
    out: Vec<Attempt>,
    gaps: Vec<String>,
}

impl Sink for Fed {
    fn lines(&mut self, _log: &Path, bytes: &[u8]) {
        self.engine.feed(bytes, NOW, &mut self.out);
    }
    fn gap(&mut self, _log: &Path, why: &str) {
        self.gaps.push(why.to_owned());
    }
    fn reread(&mut self, _log: &Path) {
        self.gaps.push("read again".to_owned());
    }
}

/// Runs the program on the case's log.
fn turnaway(case: &Case, command: &[&str]) -> Result<(Option<i32>, String, String), Failed> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_turnaway"));
    program.args(command).args(["--timezone", &case.timezone, "--grammar", &case.grammar]);
    for port in &case.tls_ports {
        program.args(["--tls-port", &port.to_string()]);
    }
    let done = program.arg(&case.log).output()?;
    Ok((done.status.code(), String::from_utf8(done.stdout)?, String::from_utf8(done.stderr)?))
}

fn same(wanted: &[Attempt], got: &[Attempt], how: &str) -> Result<(), Failed> {
    match wanted.iter().zip(got).position(|(one, two)| one != two) {
        Some(at) => Err(format!("{how}: attempt {at} is\n{:?}\nshould be\n{:?}", got[at], wanted[at]).into()),
        None if wanted.len() != got.len() => Err(format!("{how}: {} attempts, should be {}", got.len(), wanted.len()).into()),
        None => Ok(()),
    }
}

fn without_evidence(rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter().map(|row| Row { evidence: Default::default(), ..row }).collect()
}

/// What a terminal or a page would act upon, or not show.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn fail_with(said: Vec<String>) -> Result<(), Failed> {
    if said.is_empty() { Ok(()) } else { Err(said.join("\n").into()) }
}
