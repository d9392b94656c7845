//! A broker's log, written by the test: events, rotations of every kind, and the whole of it as one uninterrupted log.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use turnaway::clock::{Clock as _, SystemClock};

/// A log of Mosquitto 2.0.22, which names the client in the refusal and its address in the connection's line only.
pub(crate) struct Journal {
    path: PathBuf,
    whole: Vec<u8>,
    number: u32,
    rotations: u32,
    seconds: i64,
    random: u64,
    open: Vec<String>,
}

impl Journal {
    /// A log that begins with the broker's start.
    pub(crate) fn new(dir: &Path) -> Journal {
        let seconds = SystemClock.now() / 1000;
        let mut journal =
            Journal { path: dir.join("mosquitto.log"), whole: vec![], number: 0, rotations: 0, seconds, random: 0x9e37_79b9, open: vec![] };
        journal.write(format!("{seconds}: mosquitto version 2.0.22 starting\n").as_bytes());
        journal
    }

    /// Begins the sequence of random choices.
    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = self.random.wrapping_mul(seed * 2 + 1) | 1;
    }

    /// A number below the bound (xorshift: the same sequence for the same seed).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    /// Everything that was written, in order, as if the log had never been rotated.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// Bytes now in the file.
    pub(crate) fn size(&self) -> u64 {
        fs::metadata(&self.path).unwrap().len()
    }

    /// The name of the latest client.
    pub(crate) fn last(&self) -> String {
        format!("ev-{:05}", self.number)
    }

    /// A stamp; time goes on a little with each client.
    pub(crate) fn stamp(&self) -> i64 {
        self.seconds + i64::from(self.number / 100)
    }

    /// Appends to the log.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.write_to(&self.path.clone(), bytes);
    }

    /// Appends to the log under another name, as a broker does that has not opened its log anew yet.
    pub(crate) fn write_to(&mut self, path: &Path, bytes: &[u8]) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
        self.whole.extend(bytes);
    }

    /// The lines of so many refused clients, each after so many lines of other things.
    pub(crate) fn events(&mut self, count: u32, pad: usize) -> Vec<u8> {
        let mut text = String::new();
        for _ in 0..count {
            self.number += 1;
            let (number, stamp) = (self.number, self.stamp());
            text.push_str(&format!("{stamp}: Received PUBLISH from sensor-0001 (d0, q0, r0, m0, 'a/b', ... (2 bytes))\n").repeat(pad));
            let (high, low, port) = (number / 250, 1 + number % 250, 20_000 + number);
            text.push_str(&format!("{stamp}: New connection from 127.7.{high}.{low}:{port} on port 1883.\n"));
            text.push_str(&format!("{stamp}: Client {} disconnected, not authorised.\n", self.last()));
        }
        text.into_bytes()
    }

    /// Writes the lines of so many refused clients.
    pub(crate) fn refuse(&mut self, count: u32) {
        let text = self.events(count, 0);
        self.write(&text);
    }

    /// Renames the log to `mosquitto.log.N`, N rising with each rotation; the log is then missing. Gives the new name.
    pub(crate) fn rename(&mut self) -> PathBuf {
        self.rotations += 1;
        let old = self.numbered(self.rotations);
        fs::rename(&self.path, &old).unwrap();
        old
    }

    /// Renames the log to `mosquitto.log.1` and the older ones up by one, as logrotate does.
    pub(crate) fn shift(&mut self) -> PathBuf {
        for number in (1..=self.rotations).rev() {
            fs::rename(self.numbered(number), self.numbered(number + 1)).unwrap();
        }
        self.rotations += 1;
        fs::rename(&self.path, self.numbered(1)).unwrap();
        self.numbered(1)
    }

    /// Copies the log to `mosquitto.log.N`, then empties it.
    pub(crate) fn copytruncate(&mut self) {
        self.rotations += 1;
        fs::copy(&self.path, self.numbered(self.rotations)).unwrap();
        fs::File::options().write(true).open(&self.path).unwrap().set_len(0).unwrap();
    }

    fn numbered(&self, number: u32) -> PathBuf {
        self.path.with_file_name(format!("mosquitto.log.{number}"))
    }

    /// Something that a busy broker writes, chosen at random: connections that overlap, refusals of a few clients again and
    /// again, acceptances, probes, and lines about other things. Records that belong together are written in one piece.
    pub(crate) fn busy(&mut self) -> Vec<u8> {
        self.number += 1;
        let (number, stamp) = (self.number, self.stamp());
        let client = format!("busy-{}", self.below(12));
        let text = match self.below(10) {
            0..=3 => {
                let peer = format!("127.9.{}.{}:{}", self.below(4), 1 + self.below(20), 10_000 + number);
                self.open.push(peer.clone());
                format!("{stamp}: New connection from {peer} on port 1883.\n")
            }
            4..=6 => {
                self.open.pop();
                format!("{stamp}: Client {client} disconnected, not authorised.\n")
            }
            7 => match self.open.pop() {
                Some(peer) => format!("{stamp}: New client connected from {peer} as {client} (p2, c1, k60, u'alice').\n"),
                None => format!("{stamp}: Client {client} disconnected.\n"),
            },
            8 => {
                self.open.pop();
                format!(
                    "{stamp}: Protocol error from {client}: password without username, closing connection.\n\
                     {stamp}: Client <unknown> disconnected due to protocol error.\n"
                )
            }
            _ => format!("{stamp}: Received PUBLISH from {client} (d0, q0, r0, m0, 'a/b', ... (2 bytes))\n").repeat(20),
        };
        text.into_bytes()
    }
}
