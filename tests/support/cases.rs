//! Finds the fixtures by walking `fixtures/`, with what their `cases.toml` says of each.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Deserialize;
use turnaway::conversation::Settings;
use turnaway::engine::Options;

/// One captured log.
#[derive(Debug, Clone)]
pub struct Case {
    /// `mosquitto/2.0.22/basic-default`
    pub name: String,
    /// The name of the grammar.
    pub grammar: String,
    pub log: PathBuf,
    pub truth: Option<PathBuf>,
    /// The plain log whose rows this one gives too.
    pub same_as: Option<PathBuf>,
    pub timezone: String,
    pub tls_ports: Vec<u16>,
    /// The broker refuses without an answer.
    pub silent: bool,
    pub known: Vec<Known>,
    pub lost: Option<Lost>,
}

/// A difference from the truth that is explained.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub fault: String,
    pub why: String,
}

/// How many revealed fields a case may lack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    pub fields: usize,
    pub why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    grammar: String,
    timezone: String,
    #[serde(default)]
    tls_ports: Vec<u16>,
    #[serde(default)]
    silent: bool,
    wrapped: Option<Wrapped>,
    #[serde(default)]
    case: BTreeMap<String, Told>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    of: String,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    timezone: Option<String>,
    #[serde(default)]
    known: Vec<Known>,
    lost: Option<Lost>,
}

impl Case {
    /// What the engine is told.
    pub fn options(&self) -> Options {
        let zone = TimeZone::get(&self.timezone).unwrap_or_else(|_| panic!("{}: no time zone {}", self.name, self.timezone));
        Options {
            settings: Settings { broker: self.grammar.as_str().into(), tls_ports: self.tls_ports.clone(), ..Settings::default() },
            zone,
            time_format: None,
            proxies: Vec::new(),
        }
    }

    /// The log's bytes, as they stand in the file.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.log).unwrap_or_else(|error| panic!("{}: {error}", self.log.display()))
    }

    /// Whether the file must be unpacked to be read.
    pub fn is_packed(&self) -> bool {
        self.log.extension().is_some_and(|end| end != "log")
    }
}

/// All of them, by name.
pub fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut cases = Vec::new();
    for folder in listed(&root).into_iter().filter(|folder| folder.join("cases.toml").is_file()) {
        product(&folder, &mut cases);
    }
    cases
}

fn product(folder: &Path, cases: &mut Vec<Case>) {
    let file = folder.join("cases.toml");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let product: Product = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut unknown: BTreeSet<&String> = product.case.keys().collect();
    let case = |name: String, log: PathBuf| Case {
        name: format!("{}/{name}", last(folder)),
        grammar: product.grammar.clone(),
        log,
        truth: None,
        same_as: None,
        timezone: product.timezone.clone(),
        tls_ports: product.tls_ports.clone(),
        silent: product.silent,
        known: Vec::new(),
        lost: None,
    };
    for version in listed(folder).into_iter().filter(|path| path.is_dir()) {
        for path in listed(&version) {
            let Some(stem) = last(&path).strip_suffix(".truth.jsonl").map(str::to_owned) else { continue };
            let name = format!("{}/{stem}", last(&version));
            unknown.remove(&name);
            let told = product.case.get(&name).cloned().unwrap_or_default();
            let mut case = case(name, version.join(format!("{stem}.log")));
            case.truth = Some(path);
            case.timezone = told.timezone.unwrap_or(case.timezone);
            (case.known, case.lost) = (told.known, told.lost);
            cases.push(case);
        }
    }
    assert!(unknown.is_empty(), "{}: there are no such cases: {unknown:?}", file.display());
    if let Some(wrapped) = &product.wrapped {
        let logs = listed(&folder.join("wrapped")).into_iter().filter(|path| last(path).contains(".log"));
        cases.extend(logs.map(|path| Case {
            same_as: Some(folder.join(format!("{}.log", wrapped.of))),
            ..case(format!("wrapped/{}", last(&path)), path)
        }));
    }
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().unwrap_or_default();
    paths.sort();
    paths
}

fn last(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
