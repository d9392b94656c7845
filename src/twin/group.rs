//! Which log files are one broker's.

use std::path::Path;

use crate::grammar::Grammar;

/// A log file, and the grammar that reads it.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    /// None: it is to be recognised.
    pub grammar: Option<&'a Grammar>,
    /// The file.
    pub path: &'a Path,
}

/// Which of these files are logs of one broker: files of one broker get one number, that of the first of them.
///
/// Where a product writes several logs (`logs` in its grammar), one of each kind are one broker's. Where there are several of a
/// kind, those that stand side by side are: in one directory, under names that differ in the kind only. Other products write one
/// log, so each file is a broker's of its own.
pub fn brokers(shelves: &[Shelf<'_>]) -> Vec<usize> {
    let kinds: Vec<Option<Kind>> = shelves.iter().map(Kind::of).collect();
    let mut numbers: Vec<usize> = (0..shelves.len()).collect();
    for at in 0..shelves.len() {
        let Some(kind) = &kinds[at] else { continue };
        let others = || kinds.iter().enumerate().filter_map(|(other, kind)| Some((other, kind.as_ref()?)));
        let family = || others().filter(|(_, other)| other.grammar == kind.grammar);
        let unique = family().all(|(one, kind)| family().all(|(other, same)| one == other || kind.log != same.log));
        let beside = |other: &Kind| unique || (other.place == kind.place && other.log != kind.log);
        let first = family().take_while(|(other, _)| *other < at).find(|(_, other)| beside(other));
        if let Some((first, _)) = first {
            let taken =
                (first..at).any(|other| numbers[other] == numbers[first] && kinds[other].as_ref().is_some_and(|one| one.log == kind.log));
            if !taken {
                numbers[at] = numbers[first];
            }
        }
    }
    numbers
}

/// Which of its product's logs a file is.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    grammar: String,
    log: usize,
    /// Its directory, and what is left of its name.
    place: (std::path::PathBuf, String),
}

impl Kind {
    fn of(shelf: &Shelf<'_>) -> Option<Kind> {
        let grammar = shelf.grammar.filter(|grammar| grammar.logs.len() > 1)?;
        let name = shelf.path.file_name()?.to_string_lossy().into_owned();
        let stems = grammar.logs.iter().map(|log| log.split_once('.').map_or(log.as_str(), |(stem, _)| stem)).enumerate();
        let (log, stem) = stems.filter(|(_, stem)| name.contains(stem)).max_by_key(|(_, stem)| (name.rfind(stem), stem.len()))?;
        let directory = shelf.path.parent().map(Path::to_owned).unwrap_or_default();
        Some(Kind { grammar: grammar.name.clone(), log, place: (directory, name.replacen(stem, "", 1)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Library;

    fn numbers(paths: &[(&str, &str)]) -> Vec<usize> {
        let library = Library::load(None).unwrap();
        let grammars: Vec<_> = paths.iter().map(|(grammar, _)| library.get(grammar).cloned()).collect();
        let shelves = paths.iter().zip(&grammars).map(|((_, path), grammar)| Shelf { grammar: grammar.as_deref(), path: Path::new(path) });
        brokers(&shelves.collect::<Vec<_>>())
    }

    #[test]
    fn the_two_logs_of_a_product_are_one_brokers() {
        assert_eq!(numbers(&[("hivemq", "/a/event.log"), ("hivemq", "/a/hivemq.log")]), [0, 0]);
        assert_eq!(numbers(&[("hivemq", "hivemq.log"), ("mosquitto", "m.log"), ("hivemq", "/x/event-1.log.gz")]), [0, 1, 0]);
        assert_eq!(numbers(&[("hivemq", "east.event.log"), ("hivemq", "east.hivemq.log"), ("hivemq", "west.event.log")]), [0, 0, 2]);
        let two = [("hivemq", "/a/event.log"), ("hivemq", "/b/hivemq.log"), ("hivemq", "/b/event.log"), ("hivemq", "/a/hivemq.log")];
        assert_eq!(numbers(&two), [0, 1, 1, 0]);
    }

    #[test]
    fn logs_of_which_a_product_has_one_are_brokers_of_their_own() {
        assert_eq!(numbers(&[("mosquitto", "/a/mosquitto.log"), ("mosquitto", "/b/mosquitto.log")]), [0, 1]);
        assert_eq!(numbers(&[("hivemq", "/a/event.log"), ("hivemq", "/b/event.log")]), [0, 1]);
        assert_eq!(numbers(&[("hivemq", "/a/one.log"), ("hivemq", "/b/event.log"), ("none", "c.log")]), [0, 1, 2]);
    }
}
