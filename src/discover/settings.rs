//! The settings of an installed product, as lines: just enough to find where it logs to.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::source::logs_of;

/// More of one file is not read.
const MOST: u64 = 1 << 20;
/// More files are not read.
const FILES: usize = 200;

/// The lines that are no comments.
#[derive(Debug, Default)]
pub(super) struct Settings {
    files: Vec<(PathBuf, String)>,
}

impl Settings {
    /// Reads what can be read of these paths and globs.
    pub(super) fn read(patterns: impl Iterator<Item = String>) -> Settings {
        let paths = patterns.flat_map(|pattern| logs_of(&pattern)).take(FILES);
        Settings { files: paths.filter_map(|path| Some((path.clone(), text(&path)?))).collect() }
    }

    fn lines(&self) -> impl Iterator<Item = (&PathBuf, &str)> {
        let lines = self.files.iter().flat_map(|(path, text)| text.lines().map(move |line| (path, line.trim())));
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']) && !line.starts_with("//"))
    }

    /// The paths that stand after one of these beginnings.
    pub(super) fn values(&self, beginnings: &[String]) -> Vec<String> {
        let value = |line: &str| {
            let rest = beginnings.iter().find_map(|beginning| line.strip_prefix(beginning.as_str()))?;
            let word = rest.split_whitespace().next()?.trim_matches(['"', '\'', ';']);
            Some(word.to_owned()).filter(|word| word.starts_with('/') && !word.starts_with("/dev/"))
        };
        // A name with a character of globs in it is no glob here.
        self.lines().filter_map(|(_, line)| value(line)).filter(|path| !path.contains(['*', '?', '['])).collect()
    }

    /// The first line with one of these beginnings, and its file.
    pub(super) fn line(&self, beginnings: &[String]) -> Option<(PathBuf, String)> {
        let mut lines = self.lines().filter(|(_, line)| beginnings.iter().any(|beginning| line.starts_with(beginning.as_str())));
        lines.next().map(|(path, line)| (path.clone(), line.chars().take(120).collect()))
    }

    /// Whether one of these texts stands in a line.
    pub(super) fn speak_of(&self, texts: &[String]) -> bool {
        self.lines().any(|(_, line)| texts.iter().any(|text| line.contains(text.as_str())))
    }
}

fn text(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
