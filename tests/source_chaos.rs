//! A writer that rotates in every way, and a reader that is killed and started again meanwhile: no line twice, and none lost unless
//! that is said by the look that passes over it, or before. Each round is another sequence of choices; `TURNAWAY_CHAOS=1000` plays so many.

#![allow(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]

#[path = "support/dice.rs"]
mod dice;
mod support;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use dice::Dice;
use support::Got;
use turnaway::clock::{Clock as _, SystemClock};
use turnaway::source::{Follower, Position, SourceSpec, Start};

/// Acts that the writer may be ahead of the reader.
const AHEAD: usize = 24;
/// Acts of a round.
const ACTS: u64 = 300;

#[derive(Debug, Clone, Copy)]
struct Ways {
    /// Rotated files that are kept.
    keep: u64,
    rename: bool,
    copy: bool,
    /// The first look is not waited for before the rotations begin.
    at_once: bool,
}

/// What the writer does next, each one a single change of the directory or of a file.
enum Act {
    Lines,
    /// The oldest goes.
    Remove,
    /// `.n` becomes `.n+1`.
    Shift(u64),
    Create,
    Copy,
    Empty,
    Rename,
    /// The broker has not opened its log anew yet.
    LateLines,
}

struct Writer {
    log: PathBuf,
    dice: Dice,
    ways: Ways,
    next: u64,
    planned: VecDeque<Act>,
}

impl Writer {
    fn new(log: &Path, seed: u64, ways: Ways) -> Writer {
        Writer { log: log.to_path_buf(), dice: Dice(seed.wrapping_mul(31) | 1), ways, next: 0, planned: VecDeque::new() }
    }

    fn numbered(&self, n: u64) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.log.display()))
    }

    fn lines(&mut self, to: &Path) {
        let mut text = String::new();
        for _ in 0..=self.dice.below(3) {
            text.push_str(&format!("line {:07} {}\n", self.next, "x".repeat((self.next * 7 % 61) as usize)));
            self.next += 1;
        }
        OpenOptions::new().append(true).create(true).open(to).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn plan(&mut self) {
        self.planned.push_back(Act::Lines);
        if self.dice.below(6) != 0 {
            return;
        }
        let there = (1..self.ways.keep).take_while(|n| self.numbered(*n).exists()).count() as u64;
        let copy = self.ways.copy && (!self.ways.rename || self.dice.below(2) == 0);
        self.planned.push_back(Act::Remove);
        self.planned.extend((1..=there).rev().map(Act::Shift));
        match copy {
            true => self.planned.extend([Act::Create, Act::Copy, Act::Empty]),
            false => self.planned.push_back(Act::Rename),
        }
        if !copy && self.dice.below(3) == 0 {
            self.planned.push_back(Act::LateLines);
        }
        self.planned.push_back(Act::Lines);
    }

    fn act(&mut self) {
        if self.planned.is_empty() {
            self.plan();
        }
        let (log, youngest) = (self.log.clone(), self.numbered(1));
        match self.planned.pop_front() {
            Some(Act::Lines) => self.lines(&log),
            Some(Act::Remove) => drop(fs::remove_file(self.numbered(self.ways.keep))),
            Some(Act::Shift(n)) => fs::rename(self.numbered(n), self.numbered(n + 1)).unwrap(),
            Some(Act::Create) => drop(File::create(youngest).unwrap()),
            Some(Act::Copy) => drop(fs::copy(&log, youngest).unwrap()),
            Some(Act::Empty) => OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap(),
            Some(Act::Rename) => fs::rename(&log, youngest).unwrap(),
            Some(Act::LateLines) => self.lines(&youngest),
            None => {}
        }
    }

    fn acts(&mut self, count: u64) {
        for _ in 0..count {
            self.act();
        }
    }

    /// Ends what is begun; returns how many lines were written.
    fn end(&mut self) -> u64 {
        self.acts(self.planned.len() as u64);
        self.next
    }
}

/// One look of the reader: how many lines it knew of afterwards, how often it said that something is lost.
struct Look {
    up_to: u64,
    gaps: usize,
}

struct Reader {
    spec: SourceSpec,
    running: Option<Follower>,
    stored: String,
    got: Got,
    looks: Vec<Look>,
    said: Vec<String>,
}

impl Reader {
    fn new(log: &Path) -> Reader {
        let spec = SourceSpec { start: Start::Beginning, ..SourceSpec::new("broker", vec![log.display().to_string()]) };
        Reader { spec, running: None, stored: "[]".into(), got: Got::default(), looks: Vec::new(), said: Vec::new() }
    }

    fn look(&mut self, later: i64) {
        let running = self.running.get_or_insert_with(|| {
            let stored: Vec<Position> = serde_json::from_str(&self.stored).unwrap();
            Follower::new(self.spec.clone(), stored)
        });
        let (gaps, rereads, before) = (self.got.gaps.len(), self.got.rereads, self.stored.clone());
        running.poll(SystemClock.now() + later, usize::MAX, &mut self.got);
        self.stored = serde_json::to_string(&running.positions()).unwrap();
        let up_to = self.lines().max().map_or(0, |line| line + 1);
        self.looks.push(Look { up_to, gaps: self.got.gaps.len() - gaps });
        if self.got.gaps.len() > gaps || self.got.rereads > rereads {
            let gaps = &self.got.gaps[gaps..];
            self.said.push(format!("{gaps:?} rereads {}\n  from {before}\n  to {}", self.got.rereads - rereads, self.stored));
        }
    }

    fn kill(&mut self) {
        self.running = None;
    }

    /// The numbers of the lines that came.
    fn lines(&self) -> impl Iterator<Item = u64> {
        // A line that is torn is no number.
        str::from_utf8(&self.got.text).unwrap().lines().map(|line| line[5..12].parse().unwrap())
    }

    /// Says what is wrong with what came out of so many lines, or how many are lost.
    fn judge(&self, written: u64, ways: Ways) -> Result<usize, String> {
        let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
        for line in self.lines() {
            *seen.entry(line).or_default() += 1;
        }
        let twice: Vec<u64> = seen.iter().filter(|(_, count)| **count > 1).map(|(line, _)| *line).collect();
        let lost: Vec<u64> = (0..written).filter(|line| !seen.contains_key(line)).collect();
        let mut silent = lost.clone();
        let (mut from, mut gaps) = (0, 0);
        for look in &self.looks {
            // One that brought nothing, as files were being renamed, may have told what the next one passes over.
            gaps += look.gaps;
            if look.up_to <= from {
                continue;
            }
            // What was rotated away before anybody looked for the first time leaves no trace. And where files are renamed as well as
            // emptied, one of which nothing was read and that was renamed may have been emptied before: nobody can tell.
            if gaps > 0 || (from == 0 && ways.at_once) || (ways.rename && ways.copy) {
                silent.retain(|line| !(from..look.up_to).contains(line));
            }
            (from, gaps) = (look.up_to, 0);
        }
        let false_alarm = ways.keep == 1000 && !self.got.gaps.is_empty();
        if !twice.is_empty() || !silent.is_empty() || false_alarm {
            let said = self.said.join("\n");
            return Err(format!("{ways:?}: twice {twice:?}, lost {lost:?}, in silence {silent:?}, said:\n{said}"));
        }
        Ok(lost.len())
    }

    /// The last looks, after the writer has ended.
    fn end(&mut self) {
        (0..5).for_each(|pass| self.look(pass * 3_000));
    }
}

/// Plays one round: the reader looks after so many acts as the dice say.
fn round(seed: u64, ways: Ways) -> Result<usize, String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("x.log");
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut writer, mut reader) = (Writer::new(&log, seed, ways), Reader::new(&log));
    writer.lines(&log);
    if !ways.at_once {
        reader.look(0);
    }
    let mut acts = 0;
    while acts < ACTS {
        let most = [2, 6, 30][dice.below(3) as usize];
        let mut count = dice.below(most) + 1;
        if dice.below(12) == 0 {
            reader.kill();
            count += dice.below(6 * AHEAD as u64);
        }
        writer.acts(count);
        acts += count;
        reader.look(0);
    }
    let written = writer.end();
    reader.end();
    reader.judge(written, ways)
}

/// The same with a writer that does not wait for the reader, so that the acts fall into the middle of a look.
fn race(seed: u64, ways: Ways) -> Result<usize, String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("x.log");
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let kills: Vec<u64> = (0..12).map(|_| dice.below(ACTS)).collect();
    let (mut writer, mut reader) = (Writer::new(&log, seed, ways), Reader::new(&log));
    writer.lines(&log);
    if !ways.at_once {
        reader.look(0);
    }
    let (act, done) = mpsc::sync_channel(AHEAD);
    let thread = std::thread::spawn(move || {
        for _ in 0..ACTS {
            writer.act();
            if act.send(()).is_err() {
                break;
            }
        }
        writer.end()
    });
    let mut count = 0;
    while done.recv().is_ok() {
        count += 1;
        if kills.contains(&count) {
            reader.kill();
            // While it is down, some more is written.
            let down = dice.below(AHEAD as u64);
            count += (0..down).take_while(|_| done.recv().is_ok()).count() as u64;
        }
        reader.look(0);
    }
    let written = thread.join().unwrap();
    reader.end();
    reader.judge(written, ways)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

fn play(rounds: u64, round: fn(u64, Ways) -> Result<usize, String>) {
    let (mut wrong, mut lost) = (Vec::new(), 0);
    let first = number("TURNAWAY_CHAOS_SEED", 1);
    for seed in first..first + number("TURNAWAY_CHAOS", rounds) {
        for keep in [3, 1000] {
            for (rename, copy) in [(true, false), (false, true), (true, true)] {
                for at_once in [false, true] {
                    match round(seed, Ways { keep, rename, copy, at_once }) {
                        // Nothing was taken away.
                        Ok(count) if keep == 1000 && count > 0 => {
                            wrong.push(format!("seed {seed}: {count} lines lost though all files are there"))
                        }
                        Ok(count) => lost += count,
                        Err(why) => wrong.push(format!("seed {seed} {why}")),
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} rounds are wrong ({lost} lines were lost and said so)\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn no_line_twice_and_none_lost_in_silence() {
    play(10, round);
}

#[test]
fn no_line_twice_and_none_lost_in_silence_whatever_happens_during_a_look() {
    play(3, race);
}
