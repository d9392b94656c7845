//! How far a file was read, and the proof that it is still the same file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The length in bytes of the stretches that prove a file's identity.
pub(crate) const PROOF: usize = 256;

/// A file as the file system names it. The system reuses inode numbers, so this alone proves nothing about a closed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

impl FileId {
    pub(crate) fn of(meta: &Metadata) -> FileId {
        FileId { device: meta.dev(), inode: meta.ino() }
    }
}

/// The time of the last change, in nanoseconds since the epoch.
pub(crate) fn modified(meta: &Metadata) -> i64 {
    meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec())
}

/// The time when the file was last renamed, linked, or written, in nanoseconds since the epoch.
pub(crate) fn touched(meta: &Metadata) -> i64 {
    meta.ctime().saturating_mul(1_000_000_000).saturating_add(meta.ctime_nsec())
}

/// The length and the hash of some bytes: log text itself never goes into a position.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// How many bytes.
    pub len: u16,
    /// The first half of their SHA-256 in hexadecimal digits; empty for no bytes.
    pub hash: String,
}

impl Mark {
    /// The mark of these bytes (at most 65,535).
    pub(crate) fn of(bytes: &[u8]) -> Mark {
        let Ok(len) = u16::try_from(bytes.len()) else { return Mark::default() };
        if len == 0 {
            return Mark::default();
        }
        let digest = Sha256::digest(bytes);
        Mark { len, hash: digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Whether these are the bytes.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        usize::from(self.len) == bytes.len() && *self == Mark::of(bytes)
    }

    /// Whether some bytes begin with the marked ones, of which there is at least one.
    pub(crate) fn begins(&self, bytes: &[u8]) -> bool {
        self.len > 0 && bytes.get(..usize::from(self.len)).is_some_and(|start| self.holds(start))
    }
}

/// What proves that the bytes before an offset are those that were read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// Bytes handed over, up to the end of the last whole line.
    pub offset: u64,
    /// The first bytes of the file, at most 256 and never beyond the offset.
    pub head: Mark,
    /// The last bytes before the offset, at most 256.
    pub marker: Mark,
}

/// What a position is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No file: this configured path or glob was started once, so that whatever appears under it is read from its beginning.
    Pattern,
    /// A file that is being followed.
    Open,
    /// A rotated file that was read to its end and left.
    Done,
}

/// One file's position. A log has one for its live file and one for each rotated file that is still of interest; all of them
/// are stored together, in the transaction that stores the rows that came from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The live path of the log (for a pattern, the pattern).
    #[serde(with = "path_text")]
    pub log: PathBuf,
    /// What it is about.
    pub kind: Kind,
    /// Place among the positions of its log, the oldest file first.
    pub order: u32,
    /// The file, as the file system named it.
    pub file: FileId,
    /// How far it was read, with the proof.
    pub proof: Proof,
    /// The bytes that follow are the rest of a line that was too long.
    pub skipping: bool,
    /// The file's size when it was last looked at.
    pub size: u64,
    /// The file's time of last change, in nanoseconds since the epoch.
    pub modified: i64,
}

impl Position {
    /// The position that says that a configured path or glob was started.
    pub(crate) fn pattern(pattern: &str) -> Position {
        Position {
            log: PathBuf::from(pattern),
            kind: Kind::Pattern,
            order: 0,
            file: FileId::default(),
            proof: Proof::default(),
            skipping: false,
            size: 0,
            modified: 0,
        }
    }
}

/// A path as text without loss: bytes that are not UTF-8, and `%`, are written as `%XX`.
mod path_text {
    use std::ffi::OsString;
    use std::fmt::Write;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        for chunk in path.as_os_str().as_bytes().utf8_chunks() {
            text.push_str(&chunk.valid().replace('%', "%25"));
            for byte in chunk.invalid() {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(from)?;
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let escaped = (byte == b'%')
                .then(|| after.get(..2).and_then(|two| std::str::from_utf8(two).ok()))
                .flatten()
                .and_then(|two| u8::from_str_radix(two, 16).ok());
            bytes.push(escaped.unwrap_or(byte));
            rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
        }
        Ok(PathBuf::from(OsString::from_vec(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_mark_holds_for_its_bytes_only() {
        let mark = Mark::of(b"abc");
        assert!(mark.holds(b"abc"));
        assert!(mark.begins(b"abcd"));
        assert!(!mark.holds(b"abcd"));
        assert!(!mark.holds(b"abd"));
        assert!(!mark.begins(b"ab"));
        assert!(Mark::of(b"").holds(b""));
        assert!(!Mark::of(b"").begins(b"abc"), "no bytes prove nothing");
    }

    #[test]
    fn a_position_survives_json_with_any_path() {
        for path in [&b"/var/log/a b.log"[..], b"/x/100%.log", b"/x/\xff\xfe%41.log", "/x/\u{e9}.log".as_bytes()] {
            let position = Position { log: PathBuf::from(OsStr::from_bytes(path)), ..Position::pattern("") };
            let json = serde_json::to_string(&position).unwrap();
            assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), position);
        }
    }
}
