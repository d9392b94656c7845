//! A log directory that a test plays the broker and the rotation in, and a follower that it pulls.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use turnaway::source::{Follower, LogStatus, Position, Sink, SourceSpec, Start};

/// What a follower handed over.
#[derive(Default)]
pub struct Got {
    pub text: Vec<u8>,
    pub gaps: Vec<String>,
    pub rereads: usize,
    pub logs: Vec<PathBuf>,
}

impl Sink for Got {
    fn lines(&mut self, log: &Path, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "an empty call says nothing");
        self.text.extend_from_slice(bytes);
        if self.logs.last().is_none_or(|last| last != log) {
            self.logs.push(log.to_path_buf());
        }
    }
    fn gap(&mut self, _log: &Path, why: &str) {
        self.gaps.push(why.to_owned());
    }
    fn reread(&mut self, _log: &Path) {
        self.rereads += 1;
    }
}

/// A directory with a log in it, and its follower.
pub struct Bench {
    pub dir: TempDir,
    pub spec: SourceSpec,
    follower: Option<Follower>,
    pub got: Got,
    pub now: i64,
    pub budget: usize,
    stored: String,
}

impl Bench {
    /// Follows `x.log` from its beginning. Nothing exists, nothing was looked at.
    pub fn new() -> Bench {
        Bench::following(&["x.log"], Start::Beginning)
    }

    /// Follows these names or globs.
    pub fn following(names: &[&str], start: Start) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let paths = names.iter().map(|name| dir.path().join(name).display().to_string()).collect();
        let spec = SourceSpec { start, ..SourceSpec::new("broker", paths) };
        Bench { dir, spec, follower: None, got: Got::default(), now: 1_000_000, budget: usize::MAX, stored: "[]".into() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Appends to a file, which is created if need be.
    pub fn append(&self, name: &str, text: impl AsRef<[u8]>) -> &Bench {
        self.open(name).write_all(text.as_ref()).unwrap();
        self
    }

    /// A handle to append with, as the broker keeps one.
    pub fn open(&self, name: &str) -> File {
        OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap()
    }

    pub fn rename(&self, from: &str, to: &str) -> &Bench {
        fs::rename(self.path(from), self.path(to)).unwrap();
        self
    }

    pub fn remove(&self, name: &str) -> &Bench {
        fs::remove_file(self.path(name)).unwrap();
        self
    }

    pub fn copy(&self, from: &str, to: &str) -> &Bench {
        let _ = fs::remove_file(self.path(to));
        fs::copy(self.path(from), self.path(to)).unwrap();
        self
    }

    pub fn truncate(&self, name: &str) -> &Bench {
        OpenOptions::new().write(true).open(self.path(name)).unwrap().set_len(0).unwrap();
        self
    }

    /// Compresses a file the way gzip does: the new one has its time of change, the old one goes.
    pub fn gzip(&self, name: &str) -> &Bench {
        let bytes = fs::read(self.path(name)).unwrap();
        let to = self.path(&format!("{name}.gz"));
        let mut encoder = flate2::write::GzEncoder::new(File::create(&to).unwrap(), flate2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap();
        self.take_time(name, &to)
    }

    pub fn zstd(&self, name: &str) -> &Bench {
        let bytes = fs::read(self.path(name)).unwrap();
        let to = self.path(&format!("{name}.zst"));
        fs::write(&to, ruzstd::encoding::compress_to_vec(&bytes[..], ruzstd::encoding::CompressionLevel::Fastest)).unwrap();
        self.take_time(name, &to)
    }

    fn take_time(&self, name: &str, to: &Path) -> &Bench {
        let from = self.path(name);
        let time = filetime::FileTime::from_last_modification_time(&fs::metadata(&from).unwrap());
        filetime::set_file_mtime(to, time).unwrap();
        fs::remove_file(from).unwrap();
        self
    }

    /// The way logrotate numbers: every rotated file's count goes up by one, the live file becomes `.1`.
    pub fn logrotate(&self, name: &str) -> &Bench {
        for n in (1..50).rev() {
            for end in ["", ".gz", ".zst"] {
                let from = self.path(&format!("{name}.{n}{end}"));
                if from.exists() {
                    fs::rename(from, self.path(&format!("{name}.{}{end}", n + 1))).unwrap();
                }
            }
        }
        if self.path(name).exists() {
            self.rename(name, &format!("{name}.1"));
        }
        self
    }

    /// As `logrotate`, but copies the live file to `.1` and empties it.
    pub fn copytruncate(&self, name: &str) -> &Bench {
        fs::rename(self.path(name), self.path("aside")).unwrap();
        self.logrotate(name);
        fs::rename(self.path("aside"), self.path(name)).unwrap();
        self.copy(name, &format!("{name}.1")).truncate(name)
    }

    pub fn follower(&mut self) -> &mut Follower {
        self.follower.get_or_insert_with(|| {
            let stored: Vec<Position> = serde_json::from_str(&self.stored).unwrap();
            Follower::new(self.spec.clone(), stored)
        })
    }

    /// One pass (with a budget: passes until there is no more), 1.5 s after the one before. What was handed over and the
    /// positions are stored together, as the daemon does it.
    pub fn poll(&mut self) -> &mut Bench {
        self.now += 1500;
        for _ in 0..10_000 {
            if !self.poll_once() {
                return self;
            }
        }
        panic!("polling never comes to an end");
    }

    /// One pass at the same moment; whether there is more.
    pub fn poll_once(&mut self) -> bool {
        let (now, budget) = (self.now, self.budget);
        let mut got = std::mem::take(&mut self.got);
        let more = self.follower().poll(now, budget, &mut got).more;
        self.got = got;
        self.stored = serde_json::to_string(&self.follower().positions()).unwrap();
        more
    }

    /// Lets so much time pass, with a pass at its end.
    pub fn pass(&mut self, millis: i64) -> &mut Bench {
        self.now += millis;
        self.poll()
    }

    /// The process is killed: nothing is left but what was stored.
    pub fn kill(&mut self) -> &mut Bench {
        self.follower = None;
        self
    }

    /// Forgets the files that are open and the positions that are stored.
    pub fn forget(&mut self) -> &mut Bench {
        self.stored = "[]".into();
        self.kill()
    }

    /// What was handed over since this was last asked.
    pub fn took(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.got.text)).into_owned()
    }

    /// Polls, and checks what came, and that nothing was lost.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Bench {
        self.poll();
        self.expect_taken(text)
    }

    /// Checks what came already.
    #[track_caller]
    pub fn expect_taken(&mut self, text: &str) -> &mut Bench {
        let took = self.took();
        let status = self.status();
        assert_eq!(took, text, "gaps: {:?}, status: {status:#?}", self.got.gaps);
        assert!(self.got.gaps.is_empty(), "{:?}", self.got.gaps);
        assert_eq!(self.got.rereads, 0);
        self
    }

    /// Polls, and checks what came, and that loss was announced so often.
    #[track_caller]
    pub fn expect_gap(&mut self, text: &str) -> &mut Bench {
        self.poll();
        let took = self.took();
        assert_eq!(took, text, "gaps: {:?}", self.got.gaps);
        assert_eq!(std::mem::take(&mut self.got.gaps).len(), 1);
        self
    }

    pub fn status(&mut self) -> Vec<LogStatus> {
        self.follower().status()
    }
}

/// The lines from `from` to before `to`: `line 000`, each with its end.
pub fn lines(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("line {n:03}\n")).collect()
}

/// All orders in which the steps of two sequences can be interleaved, as choices of the sequence to step next.
pub fn interleavings(left: usize, right: usize) -> Vec<Vec<bool>> {
    let mut open: VecDeque<(Vec<bool>, usize, usize)> = [(Vec::new(), left, right)].into();
    let mut all = Vec::new();
    while let Some((order, left, right)) = open.pop_front() {
        if left == 0 && right == 0 {
            all.push(order);
            continue;
        }
        for (which, l, r) in [(true, left.checked_sub(1), Some(right)), (false, Some(left), right.checked_sub(1))] {
            if let (Some(l), Some(r)) = (l, r) {
                open.push_back(([order.clone(), vec![which]].concat(), l, r));
            }
        }
    }
    all
}
