//! The logs that are measured: made here, the same bytes for the same size and seed, with the truth about every refused client.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::emqx::Emqx;
use crate::flood;
use crate::mosquitto::Mosquitto;

/// To be raised when a generator changes: the files of the former one are then made anew.
const VERSION: u32 = 4;
/// The same for all.
pub const SEED: u64 = 1;

/// What really happened: the last refusal of each client, in seconds since the epoch, and where it came from.
pub type Truth = BTreeMap<String, (i64, String)>;

/// What a log is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Mosquitto 2.0.22 with `log_type all`: about 1 % of the lines are connects, 0.1 % refusals.
    Mosquitto,
    /// The same, as Docker's json-file driver keeps it.
    Docker,
    /// EMQX 5 at debug level, JSON, with the same shares.
    Emqx,
    /// Mosquitto, nothing but refusals, each of another client.
    Flood,
}

impl Kind {
    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Mosquitto => "mosquitto",
            Kind::Docker => "docker",
            Kind::Emqx => "emqx-json",
            Kind::Flood => "flood",
        }
    }

    /// The grammar that reads it.
    pub fn grammar(self) -> &'static str {
        if self == Kind::Emqx { "emqx" } else { "mosquitto" }
    }
}

/// One log on the disk.
#[derive(Debug, Clone)]
pub struct Log {
    /// What it is like.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
    /// What really happened.
    pub truth: Truth,
}

/// What writes lines until there are enough bytes.
pub trait Generator {
    /// Writes the lines of one event.
    fn step(&mut self, out: &mut Lines<'_>) -> io::Result<()>;
}

/// Where lines go, and the truth about them.
pub struct Lines<'a> {
    out: &'a mut dyn Write,
    docker: bool,
    /// Bytes written.
    pub bytes: u64,
    /// Lines written.
    pub lines: u64,
    /// Refusals so far.
    pub truth: Truth,
    text: String,
}

impl<'a> Lines<'a> {
    /// Lines that go here, as they are or as Docker keeps them.
    pub fn new(out: &'a mut dyn Write, docker: bool) -> Lines<'a> {
        Lines { out, docker, bytes: 0, lines: 0, truth: Truth::new(), text: String::new() }
    }

    /// Writes a line that was said at this time (milliseconds since the epoch).
    pub fn line(&mut self, millis: i64, args: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.text.clear();
        std::fmt::Write::write_fmt(&mut self.text, args).map_err(io::Error::other)?;
        let written = if self.docker {
            let stamp = jiff::Timestamp::from_millisecond(millis).map_err(io::Error::other)?;
            let escaped = self.text.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t");
            let escaped = escaped.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
            let line = format!("{{\"log\":\"{escaped}\\n\",\"stream\":\"stderr\",\"time\":\"{stamp:.9}\"}}\n");
            self.out.write_all(line.as_bytes())?;
            line.len()
        } else {
            self.text.push('\n');
            self.out.write_all(self.text.as_bytes())?;
            self.text.len()
        };
        self.bytes += written as u64;
        self.lines += 1;
        Ok(())
    }

    /// Remembers that this client was refused.
    pub fn refused(&mut self, client: &str, millis: i64, ip: impl Into<String>) {
        self.truth.insert(client.to_owned(), (millis / 1000, ip.into()));
    }
}

/// The log of this kind and about this size (a flood: this many clients), made if it is not there.
pub fn make(dir: &Path, kind: Kind, size: u64) -> io::Result<Log> {
    let stem = format!("{}-{size}-seed{SEED}-v{VERSION}", kind.name());
    let (path, known) = (dir.join(format!("{stem}.log")), dir.join(format!("{stem}.truth.tsv")));
    if !known.exists() {
        fs::create_dir_all(dir)?;
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let mut lines = Lines::new(&mut file, kind == Kind::Docker);
        match kind {
            Kind::Mosquitto | Kind::Docker => fill(&mut Mosquitto::new(SEED, size), size, &mut lines)?,
            Kind::Emqx => fill(&mut Emqx::new(SEED, size), size, &mut lines)?,
            Kind::Flood => flood::write(size, 0, &mut lines)?,
        }
        let (count, truth) = (lines.lines, lines.truth);
        file.flush()?;
        let mut text = format!("{count}\n");
        for (client, (ts, ip)) in &truth {
            text.push_str(&format!("{client}\t{ts}\t{ip}\n"));
        }
        fs::write(&known, text)?;
    }
    let text = fs::read_to_string(&known)?;
    let mut rows = text.lines();
    let lines = rows.next().and_then(|count| count.parse().ok()).ok_or_else(|| io::Error::other("a truth file is broken: delete it"))?;
    let row = |line: &str| {
        let mut columns = line.split('\t');
        Some((columns.next()?.to_owned(), (columns.next()?.parse().ok()?, columns.next()?.to_owned())))
    };
    Ok(Log { kind, bytes: fs::metadata(&path)?.len(), path, lines, truth: rows.filter_map(row).collect() })
}

fn fill(generator: &mut dyn Generator, size: u64, lines: &mut Lines<'_>) -> io::Result<()> {
    while lines.bytes < size {
        generator.step(lines)?;
    }
    Ok(())
}
