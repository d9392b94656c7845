//! What is said of a broken grammar file: the exact text, with line, column, caret and what was expected. One file for each fault.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use snapbox::{Assert, Data};
use turnaway::grammar::{Library, Texts, load, render};

#[test]
fn every_fault_is_shown_in_its_place() {
    let texts = Arc::clone(Library::load(None).unwrap_or_else(|error| panic!("{error}")).texts());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/grammar-faults");
    let mut wrong = Vec::new();
    for path in files(&folder, "toml") {
        let expected = Data::read_from(&path.with_extension("txt"), None).raw();
        let said = said_of(&path, &texts);
        assert!(said.lines().all(|line| !line.chars().any(char::is_control)), "{}: {said:?}", path.display());
        if let Err(error) = Assert::new().action_env("SNAPSHOTS").try_eq(Some(&path.display()), Data::text(said).raw(), expected) {
            wrong.push(error.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for path in files(&folder, "txt") {
        assert!(path.with_extension("toml").exists(), "{} belongs to no grammar", path.display());
    }
}

/// The faults without colour; of a grammar that loads, its warnings.
fn said_of(path: &Path, texts: &Arc<Texts>) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let faults = match load(&name, &source, texts) {
        Ok((_, warnings)) => warnings,
        Err(faults) => faults,
    };
    assert!(!faults.found.is_empty(), "{name} has no fault");
    format!("{}\n", render(&faults, false))
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == end));
    paths.sort();
    paths
}
