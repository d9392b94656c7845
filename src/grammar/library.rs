//! The grammars that the program knows: those built in, and those of a directory, which add to them or stand in their place.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::diagnostic::Faults;
use super::literal;
use super::load::{load, load_rules, load_texts};
use super::pattern::Pattern;
use super::product::Grammar;
use super::texts::Texts;

/// The texts of the built-in grammars.
const TEXTS: &[&str] = include!(concat!(env!("OUT_DIR"), "/grammars.rs"));
/// Of each the name, a line feed, the top of its text, and a NUL: what is looked at of all, whichever are needed.
const HEADS: &str = include_str!(concat!(env!("OUT_DIR"), "/heads.txt"));
const TLS_FILE: &str = "texts/tls.toml";
const TLS_TEXTS: &str = include_str!("../../grammars/texts/tls.toml");

/// All grammars, by name.
#[derive(Debug)]
pub struct Library {
    entries: Vec<Entry>,
    texts: Arc<Texts>,
    texts_print: u64,
}

/// One grammar. Those built in are read when they are asked for: a daemon needs few of them, and of those no samples.
#[derive(Debug)]
struct Entry {
    name: String,
    origin: Origin,
    source: &'static str,
    /// The beginning of it, up to the first table.
    top: &'static str,
    /// The longest texts of `detect`, once they were asked for.
    telling: OnceLock<Option<Vec<Vec<u8>>>>,
    /// Tells another file's text from this one; a built-in one's cannot be another, and to look at all of them costs memory.
    print: Option<u64>,
    grammar: OnceLock<Option<Arc<Grammar>>>,
    /// The same with its samples, of a built-in one.
    whole: OnceLock<Option<Arc<Grammar>>>,
}

impl Entry {
    fn grammar(&self, texts: &Arc<Texts>) -> Option<&Arc<Grammar>> {
        self.grammar.get_or_init(|| self.read(load_rules, texts)).as_ref()
    }

    fn whole(&self, texts: &Arc<Texts>) -> Option<&Arc<Grammar>> {
        match self.origin {
            Origin::Embedded => self.whole.get_or_init(|| self.read(load, texts)).as_ref(),
            Origin::File(_) => self.grammar(texts),
        }
    }

    /// The grammar, which is not kept if it was not asked for by name.
    fn passing(&self, texts: &Arc<Texts>) -> Option<Arc<Grammar>> {
        self.grammar.get().cloned().unwrap_or_else(|| self.read(load_rules, texts))
    }

    /// Whether a record may stand in this text that only this product writes. Of a grammar that was not read yet only the top of its
    /// file is, because reading all of them takes longer than reading many a log.
    fn may_tell(&self, text: &[u8]) -> bool {
        if self.grammar.get().is_some() {
            return true;
        }
        let literals = || Some(detect(self.top)?.iter().map(literal::longest).collect());
        let literals = self.telling.get_or_init(literals).as_ref();
        literals.is_none_or(|literals: &Vec<Vec<u8>>| literals.iter().any(|literal| memchr::memmem::find(text, literal).is_some()))
    }

    fn read(&self, load: Loader, texts: &Arc<Texts>) -> Option<Arc<Grammar>> {
        match load(&self.name, self.source, texts) {
            Ok((grammar, _)) => Some(Arc::new(grammar)),
            Err(faults) => {
                // The tests read every one of them.
                tracing::error!(grammar = self.name, %faults, "a built-in grammar is broken; please report this");
                None
            }
        }
    }
}

type Loader = fn(&str, &str, &Arc<Texts>) -> Result<(Grammar, Faults), Faults>;

/// Where a grammar came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built into the program.
    Embedded,
    /// A file of the operator's.
    File(PathBuf),
}

/// Why the grammars could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Faults in one or more files.
    #[error("{}", .0.iter().map(|faults| faults.to_string()).collect::<Vec<_>>().join("\n\n"))]
    Faults(Vec<Faults>),
    /// The directory or a file of it could not be read.
    #[error("cannot read the grammars in {path}: {source}; check the path and its permissions")]
    Read {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Library {
    /// The built-in grammars, then those of the directory, if there is one. A file of the directory stands in the place of
    /// the grammar whose `name` it has, and its `texts/tls.toml` in that of the shared texts of TLS libraries.
    ///
    /// # Errors
    /// All faults of all files together.
    pub fn load(directory: Option<&Path>) -> Result<Library, LibraryError> {
        let own_texts = directory.map(|directory| directory.join(TLS_FILE)).filter(|path| path.is_file());
        let (file, source) = match &own_texts {
            Some(path) => (path.display().to_string(), read(path)?),
            None => (TLS_FILE.to_owned(), TLS_TEXTS.to_owned()),
        };
        let texts = Arc::new(load_texts(&file, &source).map_err(|faults| LibraryError::Faults(vec![faults]))?);
        let mut library = Library { entries: Vec::new(), texts, texts_print: print(&source) };
        let mut broken = Vec::new();
        for (name, top, source) in embedded() {
            library.put(Entry {
                name: name.to_owned(),
                origin: Origin::Embedded,
                source,
                top,
                telling: OnceLock::new(),
                print: None,
                grammar: OnceLock::new(),
                whole: OnceLock::new(),
            });
        }
        for path in directory.map(toml_files).transpose()?.unwrap_or_default() {
            let source = read(&path)?;
            match load(&path.display().to_string(), &source, &library.texts) {
                Ok((grammar, _)) => library.put(Entry {
                    name: grammar.name.clone(),
                    origin: Origin::File(path),
                    print: Some(print(&source)),
                    source: "",
                    top: "",
                    telling: OnceLock::new(),
                    grammar: OnceLock::from(Some(Arc::new(grammar))),
                    whole: OnceLock::new(),
                }),
                Err(faults) => broken.push(faults),
            }
        }
        if broken.is_empty() { Ok(library) } else { Err(LibraryError::Faults(broken)) }
    }

    /// The grammar of this name; of a built-in one without its samples.
    pub fn get(&self, name: &str) -> Option<&Arc<Grammar>> {
        self.entries.iter().find(|entry| entry.name == name)?.grammar(&self.texts)
    }

    /// All grammars with their samples and origins, by name.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<Grammar>, &Origin)> {
        self.entries.iter().filter_map(|entry| Some((entry.whole(&self.texts)?, &entry.origin)))
    }

    /// All grammars, one after the other; those that were not asked for by name are not kept.
    pub fn each(&self) -> impl Iterator<Item = Arc<Grammar>> + '_ {
        self.entries.iter().filter_map(|entry| entry.passing(&self.texts))
    }

    /// The grammars of which a record may stand in this text that only their product writes, and those of which not.
    pub fn by_telling(&self, text: &[u8]) -> (impl Iterator<Item = Arc<Grammar>> + '_, impl Iterator<Item = Arc<Grammar>> + '_) {
        let (telling, others): (Vec<&Entry>, Vec<&Entry>) = self.entries.iter().partition(|entry| entry.may_tell(text));
        let read = |entry: &Entry| entry.passing(&self.texts);
        (telling.into_iter().filter_map(read), others.into_iter().filter_map(read))
    }

    /// Their names with their origins, by name; none of them is read for this.
    pub fn names(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), &entry.origin))
    }

    /// Whether the grammar of this name reads the same in both.
    pub fn agrees(&self, other: &Library, name: &str) -> bool {
        let print =
            |library: &Library| library.entries.iter().find(|entry| entry.name == name).map(|entry| (library.texts_print, entry.print));
        print(self).is_some() && print(self) == print(other)
    }

    /// The shared texts of TLS libraries.
    pub fn texts(&self) -> &Arc<Texts> {
        &self.texts
    }

    /// The text of a built-in grammar's file.
    pub fn embedded_source(name: &str) -> Option<&'static str> {
        embedded().find(|(known, ..)| *known == name).map(|(.., source)| source)
    }

    /// One of the same name takes the place of an earlier one.
    fn put(&mut self, entry: Entry) {
        match self.entries.binary_search_by(|known| known.name.cmp(&entry.name)) {
            Ok(index) => self.entries[index] = entry,
            Err(index) => self.entries.insert(index, entry),
        }
    }
}

/// The built-in grammars: name, top, whole text.
fn embedded() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    HEADS.split_terminator('\0').filter_map(|head| head.split_once('\n')).zip(TEXTS).map(|((name, top), text)| (name, top, *text))
}

fn print(text: &str) -> u64 {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = std::hash::DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The patterns of `detect` in the top of a grammar's file.
fn detect(top: &str) -> Option<Vec<Pattern>> {
    let top: toml::Table = top.parse().ok()?;
    let texts = top.get("detect")?.as_array()?;
    texts.iter().map(|text| Pattern::parse(text.as_str()?).ok()).collect()
}

fn read(path: &Path) -> Result<String, LibraryError> {
    std::fs::read_to_string(path).map_err(|source| LibraryError::Read { path: path.to_owned(), source })
}

fn toml_files(directory: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let wrong = |source| LibraryError::Read { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_every_file_holds_all_that_detects() {
        assert_eq!(embedded().count(), TEXTS.len());
        let library = Library::load(None).unwrap_or_else(|_| panic!("broken"));
        for (name, top, source) in embedded() {
            assert!(!top.is_empty() && source.starts_with(top), "{name}");
            let patterns = detect(top).unwrap_or_default();
            assert_eq!(Some(patterns.len()), library.get(name).map(|grammar| grammar.detect.len()), "{name}");
        }
    }

    #[test]
    fn nothing_but_samples_follows_the_first_one() {
        let library = Library::load(None).unwrap_or_else(|_| panic!("broken"));
        for (whole, _) in library.all() {
            let Some(rules) = library.get(&whole.name) else { panic!("{}", whole.name) };
            assert!(rules.samples.is_empty() && !whole.samples.is_empty());
            let mut same = format!("{whole:?}");
            let from = same.find("samples: [Sample").unwrap_or_else(|| panic!("{}", whole.name));
            let to = same[from..].find("], texts: Texts").unwrap_or_else(|| panic!("{}", whole.name));
            same.replace_range(from..from + to, "samples: [");
            assert_eq!(format!("{rules:?}"), same, "{}", whole.name);
        }
    }
}
