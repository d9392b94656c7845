//! Finds the logs of installed products without any configuration, by what the grammars say of each (`[install]`).
//!
//! A product whose log is there is watched. One that is installed and has no log, or none that can be read, is named, together
//! with what would help. Products that serve much besides MQTT (terminators, mostly) are watched unasked only where their
//! settings speak of MQTT: else a web server's failed handshakes would be told as clients of a broker.

mod settings;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::grammar::{Install, Library};
use crate::source::logs_of;
use settings::Settings;

/// What the grammars say of installed products. Reading all grammars takes a moment, so it is done once.
#[derive(Debug)]
pub struct Discover {
    root: PathBuf,
    products: Vec<Product>,
}

#[derive(Debug)]
struct Product {
    name: String,
    title: String,
    install: Install,
}

/// A product that is installed on this machine, or whose log is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The grammar's name.
    pub name: String,
    /// The product's name.
    pub title: String,
    /// Paths and globs to watch: each leads to a file at the moment. Empty: there is nothing to watch.
    pub paths: Vec<String>,
    /// What stands in the way of more.
    pub missing: Vec<Missing>,
}

/// Why a log is not watched, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A log, or its directory, is there and this user may not read it.
    Unreadable(PathBuf),
    /// It is installed and no log was found.
    NoLog,
    /// Its settings name this log, which is not there.
    NotYet(String),
    /// A line of the settings sends the log elsewhere: the file and the line.
    Elsewhere(PathBuf, String),
    /// The settings do not speak of MQTT, so what it serves may be something else.
    NotForMqtt,
}

impl Found {
    /// What was found missing, in sentences, with what would help.
    pub fn advice(&self, discover: &Discover) -> Vec<String> {
        let product = discover.products.iter().find(|product| product.name == self.name);
        let install = product.map(|product| &product.install);
        let hint = install.and_then(|install| install.hint.clone()).unwrap_or_else(|| "name its log in a [[source]]".to_owned());
        let journal = install.and_then(|install| install.units.first()).map_or_else(String::new, |unit| format!(" (its unit is {unit})"));
        let title = &self.title;
        let say = |missing: &Missing| match missing {
            Missing::Unreadable(path) => format!(
                "{title}: {} cannot be read by this user: add the service's user to the file's group, or `setfacl -m u:USER:rX {}`",
                path.display(),
                path.display()
            ),
            Missing::NoLog => format!("{title} is installed{journal} and no log of it was found: {hint}"),
            Missing::NotYet(path) => {
                format!("{title} is installed{journal} and logs to {path}, which is not there: it has not run yet, or may not write there")
            }
            Missing::Elsewhere(path, line) => {
                format!("{title} sends its log elsewhere ({}: `{line}`){journal}: {hint}; or name a journal source", path.display())
            }
            Missing::NotForMqtt => {
                format!(
                    "{title} is installed and its settings do not speak of MQTT: name its log in a [[source]] if clients come through it"
                )
            }
        };
        self.missing.iter().map(say).collect()
    }
}

impl Discover {
    /// Looks under `root` (`/`, but for tests) for the products of these grammars.
    pub fn new(library: &Library, root: &Path) -> Discover {
        let product = |grammar: std::sync::Arc<crate::grammar::Grammar>| {
            let install = grammar.install.clone()?;
            Some(Product { name: grammar.name.clone(), title: grammar.title.clone(), install })
        };
        Discover { root: root.to_owned(), products: library.each().filter_map(product).collect() }
    }

    /// The products that are looked for.
    pub fn products(&self) -> impl Iterator<Item = (&str, &Install)> {
        self.products.iter().map(|product| (product.name.as_str(), &product.install))
    }

    /// What is there now, by the grammars' names. A product that is not installed is not part of it.
    pub fn look(&self) -> Vec<Found> {
        self.products.iter().filter_map(|product| self.product(product)).collect()
    }

    /// The paths to watch of each product that has any.
    pub fn sources(&self) -> BTreeMap<String, Vec<String>> {
        self.look().into_iter().filter(|found| !found.paths.is_empty()).map(|found| (found.name, found.paths)).collect()
    }

    fn at(&self, path: &str) -> String {
        self.root.join(path.trim_start_matches('/')).display().to_string()
    }

    fn product(&self, product: &Product) -> Option<Found> {
        let install = &product.install;
        let settings = Settings::read(install.settings.iter().map(|path| self.at(path)));
        let told: Vec<String> = settings.values(&install.path_after).into_iter().map(|path| self.at(&path)).collect();
        let named = told.first().cloned();
        let mut patterns: Vec<String> = install.paths.iter().map(|path| self.at(path)).collect();
        patterns.extend(told);
        let mut seen = std::collections::BTreeSet::new();
        patterns.retain(|pattern| seen.insert(pattern.clone()));
        let (mut paths, mut missing) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match state(&pattern) {
                State::Absent => {}
                State::Readable => paths.push(pattern),
                // It is watched all the same: it may become readable.
                State::Unreadable(path) => {
                    missing.push(Missing::Unreadable(path));
                    paths.push(pattern);
                }
            }
        }
        let installed = !paths.is_empty() || install.signs.iter().any(|sign| exists(&self.at(sign)));
        if !installed {
            return None;
        }
        if !install.only_with.is_empty() && !settings.speak_of(&install.only_with) {
            (paths, missing) = (Vec::new(), vec![Missing::NotForMqtt]);
        } else if let Some((path, line)) = settings.line(&install.elsewhere) {
            missing.push(Missing::Elsewhere(path, line));
        } else if paths.is_empty() {
            missing.push(named.map_or(Missing::NoLog, Missing::NotYet));
        }
        Some(Found { name: product.name.clone(), title: product.title.clone(), paths, missing })
    }
}

enum State {
    Absent,
    Readable,
    Unreadable(PathBuf),
}

/// What a path or glob leads to.
fn state(pattern: &str) -> State {
    let logs = logs_of(pattern);
    let opened = |path: &PathBuf| std::fs::File::open(path).map(|_| ()).map_err(|error| (path.clone(), error));
    let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    let files: Vec<_> = logs.iter().filter(|path| !path.is_dir()).map(opened).collect();
    if let Some(Err((path, _))) = files.iter().find(|file| matches!(file, Err((_, error)) if denied(error))) {
        return State::Unreadable(path.clone());
    }
    if files.iter().any(Result::is_ok) {
        return State::Readable;
    }
    // A glob finds nothing in a directory that cannot be listed.
    let folder = Path::new(pattern).parent().filter(|_| pattern.contains(['*', '?', '[']));
    match folder.map(std::fs::read_dir) {
        Some(Err(error)) if denied(&error) => State::Unreadable(Path::new(pattern).parent().unwrap_or(Path::new("/")).to_owned()),
        _ => State::Absent,
    }
}

fn exists(pattern: &str) -> bool {
    logs_of(pattern).iter().any(|path| path.exists()) || glob::glob(pattern).is_ok_and(|mut paths| paths.any(|path| path.is_ok()))
}

#[cfg(test)]
mod tests;
