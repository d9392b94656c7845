//! Why there is no configuration to run.

use std::fmt;
use std::path::PathBuf;

use crate::grammar::{Faults, LibraryError, render};

/// Why there is no configuration to run. All of these are the user's to mend: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Faults, all of them.
    #[error("{0}")]
    Invalid(Box<Invalid>),
}

/// All that is wrong.
#[derive(Debug, Default)]
pub struct Invalid {
    /// Faults of the file.
    pub file: Option<Faults>,
    /// Faults of the grammars.
    pub grammars: Option<LibraryError>,
    /// Faults of the command line.
    pub arguments: Vec<String>,
}

impl Invalid {
    pub(super) fn is_empty(&self) -> bool {
        self.file.is_none() && self.grammars.is_none() && self.arguments.is_empty()
    }

    fn render(&self, colour: bool) -> String {
        let mut parts = Vec::new();
        parts.extend(self.file.as_ref().map(|faults| render(faults, colour)));
        match &self.grammars {
            Some(LibraryError::Faults(files)) => parts.extend(files.iter().map(|faults| render(faults, colour))),
            Some(error) => parts.push(error.to_string()),
            None => {}
        }
        parts.extend(self.arguments.iter().map(|fault| format!("error: {fault}")));
        parts.join("\n\n")
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl ConfigError {
    /// The whole message, as a terminal with or without colours shows it. Faults have their own heading, other errors get one.
    pub fn render(&self, colour: bool) -> String {
        match self {
            ConfigError::Invalid(invalid) => invalid.render(colour),
            error => format!("error: {error}"),
        }
    }
}
