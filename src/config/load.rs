//! Loads the configuration of this machine.

use std::io;
use std::path::{Path, PathBuf};

use super::args::ConfigArgs;
use super::error::ConfigError;
use super::model::Config;
use super::read::Raw;
use crate::grammar::{Diagnostic, Library};

/// The file that is read when the command line names none.
pub const DEFAULT_FILE: &str = "/etc/turnaway/turnaway.toml";

/// The directory of additional grammars; it need not be there.
pub const DEFAULT_GRAMMARS: &str = "/etc/turnaway/grammars";

/// The little of a file system that loading needs, so that tests need none.
pub trait Files {
    /// The text of a file.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Whether this is a directory.
    fn is_dir(&self, path: &Path) -> bool;
}

/// The machine's own files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

/// A configuration, and the grammars that it names.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The grammars, built in and its own.
    pub library: Library,
    /// The file; none when everything stands on the command line, or when no file was named and the default one is not there.
    pub file: Option<PathBuf>,
}

/// Loads what the command line asks for: its file, or the default one, which need not be there; no file at all when it names logs
/// and no file.
///
/// # Errors
/// The file that it names is not there, cannot be read, or something in it, in the grammars or on the command line is wrong.
pub fn load(args: &ConfigArgs, files: &dyn Files) -> Result<Loaded, ConfigError> {
    let file = match &args.config {
        Some(path) => Some(path.clone()),
        // A quick look at a log must not use the installed daemon's database.
        None if !args.logs.is_empty() => None,
        None => Some(PathBuf::from(DEFAULT_FILE)),
    };
    let mut raw = file.as_deref().map(|path| read(path, path == Path::new(DEFAULT_FILE), files)).transpose()?.flatten();
    let file = file.filter(|_| raw.is_some());
    let directory = grammars(raw.as_mut(), files);
    let (library, names) = match Library::load(directory.as_deref()) {
        Ok(library) => {
            let names = library.names().map(|(name, _)| name.to_owned()).collect();
            (Some(library), Ok(names))
        }
        Err(error) => (None, Err(error)),
    };
    let mut config = Raw::check(raw, args, names)?;
    config.grammars = directory;
    // Without a library the check above has failed.
    let library = library.ok_or_else(|| ConfigError::Invalid(Box::default()))?;
    Ok(Loaded { config, library, file })
}

/// None: it is the default file, and not there.
fn read(path: &Path, is_default: bool, files: &dyn Files) -> Result<Option<Raw>, ConfigError> {
    match files.read(path) {
        Ok(text) => Ok(Some(Raw::read(&path.display().to_string(), &text))),
        Err(error) if is_default && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

/// The directory of grammars: the file's, which must be there, or the default one, if it is there.
fn grammars(raw: Option<&mut Raw>, files: &dyn Files) -> Option<PathBuf> {
    let Some((raw, text)) = raw.and_then(|raw| raw.grammars.clone().map(|text| (raw, text))) else {
        return Some(PathBuf::from(DEFAULT_GRAMMARS)).filter(|path| files.is_dir(path));
    };
    let path = PathBuf::from(&text.value);
    if files.is_dir(&path) {
        return Some(path);
    }
    if path != Path::new(DEFAULT_GRAMMARS) {
        raw.faults.push(Diagnostic {
            span: text.span,
            message: format!("there is no directory {:?}", text.value),
            expected: "make it, or remove this line".to_owned(),
            warning: false,
        });
    }
    None
}
