//! A writer that rotates in every way as fast as the machine can, and a reader that is killed and started again meanwhile: no line
//! twice, and none lost unless that is said. Each round is another sequence of choices; `TURNAWAY_CHAOS=1000` plays so many.

#![allow(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]

#[path = "support/dice.rs"]
mod dice;
mod support;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use dice::Dice;
use support::Got;
use turnaway::clock::{Clock as _, SystemClock};
use turnaway::source::{Follower, Position, SourceSpec, Start};

/// Steps that the writer may be ahead of the reader.
const AHEAD: usize = 12;

#[derive(Debug, Clone, Copy)]
struct Ways {
    /// Rotated files that are kept.
    keep: u64,
    rename: bool,
    copy: bool,
    /// The first look is not waited for before the rotations begin.
    at_once: bool,
}

struct Writer {
    log: PathBuf,
    dice: Dice,
    ways: Ways,
    next: u64,
}

impl Writer {
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

    /// Makes room for a new `.1`.
    fn shift(&self) {
        let _ = fs::remove_file(self.numbered(self.ways.keep));
        for n in (1..self.ways.keep).rev() {
            let _ = fs::rename(self.numbered(n), self.numbered(n + 1));
        }
    }

    fn step(&mut self) {
        let log = self.log.clone();
        self.lines(&log);
        if self.dice.below(6) != 0 {
            return;
        }
        let copy = self.ways.copy && (!self.ways.rename || self.dice.below(2) == 0);
        self.shift();
        if copy {
            fs::copy(&log, self.numbered(1)).unwrap();
            OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
        } else {
            fs::rename(&log, self.numbered(1)).unwrap();
            if self.dice.below(3) == 0 {
                // The broker has not opened its log anew yet.
                let old = self.numbered(1);
                self.lines(&old);
            }
        }
        self.lines(&log);
    }
}

/// Plays one round, and says what is wrong with what came out.
fn round(seed: u64, ways: Ways) -> Result<usize, String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("x.log");
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let steps = 150;
    let kills: Vec<u64> = (0..12).map(|_| dice.below(steps)).collect();
    let mut writer = Writer { log: log.clone(), dice: Dice(seed.wrapping_mul(31) | 1), ways, next: 0 };
    let spec = SourceSpec { start: Start::Beginning, ..SourceSpec::new("broker", vec![log.display().to_string()]) };
    let mut follower = Some(Follower::new(spec.clone(), Vec::new()));
    let (mut got, mut stored, mut said) = (Got::default(), String::from("[]"), Vec::new());
    let mut poll = |follower: &mut Option<Follower>, got: &mut Got, later: i64| {
        let running = follower.get_or_insert_with(|| {
            let stored: Vec<Position> = serde_json::from_str(&stored).unwrap();
            Follower::new(spec.clone(), stored)
        });
        let (gaps, rereads) = (got.gaps.len(), got.rereads);
        let before = stored.clone();
        running.poll(SystemClock.now() + later, usize::MAX, got);
        stored = serde_json::to_string(&running.positions()).unwrap();
        if got.gaps.len() > gaps || got.rereads > rereads {
            said.push(format!("{:?} rereads {}\n  from {before}\n  to {stored}", &got.gaps[gaps..], got.rereads - rereads));
        }
    };
    writer.lines(&log);
    if !ways.at_once {
        poll(&mut follower, &mut got, 0);
    }
    let (step, done) = mpsc::sync_channel(AHEAD);
    let thread = std::thread::spawn(move || {
        for _ in 0..steps {
            writer.step();
            if step.send(()).is_err() {
                break;
            }
        }
        writer.next
    });
    let mut count = 0;
    while done.recv().is_ok() {
        count += 1;
        if kills.contains(&count) {
            follower = None;
            // While it is down, some more is written.
            let down = dice.below(AHEAD as u64);
            count += (0..down).take_while(|_| done.recv().is_ok()).count() as u64;
        }
        poll(&mut follower, &mut got, 0);
    }
    let written = thread.join().unwrap();
    for pass in 0..5 {
        poll(&mut follower, &mut got, pass * 3_000);
    }
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    for line in String::from_utf8_lossy(&got.text).lines() {
        *seen.entry(line[5..12].parse().map_err(|_| format!("a torn line: {line}"))?).or_default() += 1;
    }
    let twice: Vec<u64> = seen.iter().filter(|(_, count)| **count > 1).map(|(line, _)| *line).collect();
    let lost: Vec<u64> = (0..written).filter(|line| !seen.contains_key(line)).collect();
    let told = got.gaps.len();
    // What was rotated away before anybody looked for the first time leaves no trace.
    let unknown = ways.at_once && lost.iter().zip(0..).all(|(line, n)| *line == n);
    if !twice.is_empty() || (!lost.is_empty() && told == 0 && !unknown) {
        return Err(format!("seed {seed} {ways:?}: twice {twice:?}, lost {lost:?}, said:\n{}", said.join("\n")));
    }
    Ok(lost.len())
}

#[test]
fn no_line_twice_and_none_lost_in_silence() {
    let rounds: u64 = std::env::var("TURNAWAY_CHAOS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let (mut wrong, mut lost) = (Vec::new(), 0);
    let first: u64 = std::env::var("TURNAWAY_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for seed in first..first + rounds {
        for keep in [3, 1000] {
            for (rename, copy) in [(true, false), (false, true), (true, true)] {
                for at_once in [false, true] {
                    match round(seed, Ways { keep, rename, copy, at_once }) {
                        // Nothing was taken away.
                        Ok(count) if keep == 1000 && count > 0 => {
                            wrong.push(format!("seed {seed}: {count} lines lost though all files are there"))
                        }
                        Ok(count) => lost += count,
                        Err(why) => wrong.push(why),
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} rounds are wrong ({lost} lines were lost and said so)\n{}", wrong.len(), wrong.join("\n\n"));
}
