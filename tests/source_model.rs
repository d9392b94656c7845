//! Random histories of a log, played on the real file system against a small model of what must come out: every line exactly
//! once and in order, except those that a destructive act took away unread, and then a gap is announced.

#![allow(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;

use proptest::prelude::*;
use support::Bench;

const LOG: &str = "x.log";

#[derive(Debug, Clone, Copy)]
enum Act {
    /// The broker writes so many lines.
    Lines(u8),
    /// The broker writes the first half of a line.
    Half,
    /// The log is renamed; the broker goes on writing to it.
    Rename,
    /// The broker opens its log again, which creates it.
    Reopen,
    /// Both at once, as often as this.
    Rotate(u8),
    CopyTruncate,
    /// The youngest rotated file is compressed, with gzip or zstd.
    Compress(bool),
    /// The log is emptied and nobody made a copy.
    Truncate,
    /// The log is deleted and the broker creates it anew.
    Recreate,
    Poll,
    /// A pass that may read only a little.
    Sip,
    /// A pass after a long time.
    Wait,
    Kill,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1..6u8).prop_map(Act::Lines),
        3 => Just(Act::Half),
        3 => Just(Act::Rename),
        3 => Just(Act::Reopen),
        2 => (1..4u8).prop_map(Act::Rotate),
        3 => Just(Act::CopyTruncate),
        2 => any::<bool>().prop_map(Act::Compress),
        1 => Just(Act::Truncate),
        1 => Just(Act::Recreate),
        6 => Just(Act::Poll),
        2 => Just(Act::Sip),
        2 => Just(Act::Wait),
        3 => Just(Act::Kill),
    ]
}

struct Play {
    bench: Bench,
    broker: File,
    /// The broker writes to a file that is no longer at the log's path.
    astray: bool,
    half: Option<usize>,
    written: usize,
    /// Lines of the file that the broker writes to.
    in_file: BTreeSet<usize>,
    /// Lines that were taken away before they were read.
    lost: BTreeSet<usize>,
    /// Some of those stood in a file that was being read: that must be noticed.
    must_notice: bool,
    destroyed: bool,
    /// The reader was running and has the broker's file open.
    open: bool,
    /// Lines of deleted files that only the reader still has.
    held: BTreeSet<usize>,
    tick: i64,
}

impl Play {
    fn new() -> Play {
        let mut bench = Bench::new();
        let broker = bench.open(LOG);
        filetime::set_file_handle_times(&broker, None, Some(filetime::FileTime::from_unix_time(4_000_000_000, 0))).unwrap();
        bench.poll();
        Play {
            bench,
            broker,
            astray: false,
            half: None,
            written: 0,
            in_file: BTreeSet::new(),
            lost: BTreeSet::new(),
            must_notice: false,
            destroyed: false,
            open: true,
            held: BTreeSet::new(),
            tick: 0,
        }
    }

    fn line(n: usize) -> String {
        // Lengths differ, so that offsets do not coincide by chance.
        format!("line {n:04} {}\n", "x".repeat(n * 7 % 23))
    }

    fn complete(&mut self) {
        if let Some(n) = self.half.take() {
            let line = Play::line(n);
            self.broker.write_all(&line.as_bytes()[5..]).unwrap();
            self.in_file.insert(n);
            self.touch();
        }
    }

    fn lines(&mut self, count: u8) {
        self.complete();
        for _ in 0..count {
            self.broker.write_all(Play::line(self.written).as_bytes()).unwrap();
            self.in_file.insert(self.written);
            self.written += 1;
        }
        self.touch();
    }

    fn reopen(&mut self) {
        self.complete();
        self.broker = self.bench.open(LOG);
        if self.astray {
            self.in_file.clear();
            self.open = false;
        }
        if self.astray {
            self.touch();
        }
        self.astray = false;
    }

    fn rename(&mut self) {
        if !self.astray {
            self.bench.logrotate(LOG);
            self.astray = true;
        }
    }

    /// The lines in the broker's file that were not delivered go away.
    fn destroy(&mut self, noticed: bool) {
        let delivered = self.delivered();
        let unread: Vec<usize> = self.in_file.iter().copied().filter(|n| !delivered.contains(n)).collect();
        let begun = self.in_file.iter().any(|n| delivered.contains(n));
        self.must_notice |= noticed && begun && !unread.is_empty();
        self.lost.extend(unread);
        self.in_file.clear();
        self.destroyed = true;
    }

    fn delivered(&self) -> Vec<usize> {
        let text = String::from_utf8(self.bench.got.text.clone()).unwrap();
        let number = |line: &str| {
            let n: usize = line[5..9].parse().unwrap();
            assert_eq!(format!("{line}\n"), Play::line(n), "a line came out damaged");
            n
        };
        text.lines().map(number).collect()
    }

    /// A millisecond passes between two acts; the file system's own clock is too coarse to show it.
    fn touch(&mut self) {
        self.tick += 1;
        let time = filetime::FileTime::from_unix_time(4_000_000_000 + self.tick / 1000, (self.tick % 1000) as u32 * 1_000_000);
        filetime::set_file_handle_times(&self.broker, None, Some(time)).unwrap();
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Lines(count) => self.lines(count),
            Act::Half => {
                self.complete();
                self.broker.write_all(&Play::line(self.written).as_bytes()[..5]).unwrap();
                self.half = Some(self.written);
                self.written += 1;
                self.touch();
            }
            Act::Rename => self.rename(),
            Act::Reopen => self.reopen(),
            Act::Rotate(times) => {
                for _ in 0..times {
                    self.lines(1);
                    self.rename();
                    self.reopen();
                    self.lines(1);
                }
            }
            Act::CopyTruncate => {
                self.complete();
                if !self.astray {
                    self.bench.copytruncate(LOG);
                    self.in_file.clear();
                    self.touch();
                    let copy = filetime::FileTime::from_unix_time(4_000_000_000 + self.tick / 1000, (self.tick % 1000) as u32 * 1_000_000);
                    filetime::set_file_mtime(self.bench.path("x.log.1"), copy).unwrap();
                    self.touch();
                }
            }
            Act::Compress(gzip) => {
                // Only what nobody writes to any more.
                if !self.astray && self.bench.path("x.log.1").exists() {
                    match gzip {
                        true => drop(self.bench.gzip("x.log.1")),
                        false => drop(self.bench.zstd("x.log.1")),
                    }
                }
            }
            Act::Truncate => {
                self.complete();
                if !self.astray {
                    self.destroy(true);
                    self.bench.truncate(LOG);
                    self.touch();
                }
            }
            Act::Recreate => {
                self.complete();
                if !self.astray {
                    // What the reader has open, it reads to the end.
                    match self.open {
                        true => {
                            self.held.append(&mut self.in_file);
                            self.destroyed = true;
                        }
                        false => self.destroy(true),
                    }
                    self.bench.remove(LOG);
                    self.astray = true;
                    self.reopen();
                }
            }
            Act::Poll => {
                self.bench.poll();
                self.open = true;
                self.held.clear();
            }
            Act::Sip => {
                self.bench.budget = 1;
                self.bench.now += 1500;
                self.bench.poll_once();
                self.bench.budget = usize::MAX;
                // With an old file before it, the present one may not be open yet.
                self.open |= !self.astray;
            }
            Act::Wait => {
                self.complete();
                self.bench.pass(60_000);
                self.open = true;
                self.held.clear();
            }
            Act::Kill => {
                self.bench.kill();
                self.open = false;
                let delivered = self.delivered();
                self.held.retain(|n| !delivered.contains(n));
                self.lost.append(&mut self.held);
            }
        }
    }

    fn end(&mut self) {
        self.complete();
        self.bench.poll();
        self.bench.pass(60_000).kill().pass(60_000);
        let delivered = self.delivered();
        let expected: Vec<usize> = (0..self.written).filter(|n| !self.lost.contains(n)).collect();
        let without_lost: Vec<usize> = delivered.iter().copied().filter(|n| !self.lost.contains(n)).collect();
        assert_eq!(without_lost, expected, "gaps: {:?}", self.bench.got.gaps);
        assert!(delivered.is_sorted_by(|a, b| a < b), "{delivered:?}");
        let missing = delivered.len() < self.written;
        assert!(!missing || !self.must_notice || !self.bench.got.gaps.is_empty(), "a loss was not noticed");
        assert!(self.destroyed || self.bench.got.gaps.is_empty(), "a gap where there is none: {:?}", self.bench.got.gaps);
        assert_eq!(self.bench.got.rereads, 0);
    }
}

fn run(acts: &[Act]) {
    let mut play = Play::new();
    for act in acts {
        play.act(*act);
    }
    play.end();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_line_once_and_in_order(acts in prop::collection::vec(act(), 1..40)) {
        run(&acts);
    }
}
