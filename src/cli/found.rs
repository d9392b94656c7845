//! The logs that nobody named: found where the grammars say that installed products keep them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::config::{ConfigArgs, SourceConfig};
use crate::daemon::Finder;
use crate::discover::Discover;
use crate::grammar::Library;
use crate::service::daemon_source;

/// Where products are looked for.
pub(super) const ROOT: &str = "/";

/// Finds logs for the daemon, and says once of each product what is missing. A product whose log is gone for now stays.
pub(super) fn finder(args: &ConfigArgs, library: Arc<Library>) -> Finder {
    let discover = Discover::new(&library, Path::new(ROOT));
    let args = args.clone();
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut is_first = true;
    Box::new(move || {
        let found = discover.look();
        for advice in found.iter().flat_map(|found| found.advice(&discover)) {
            if told.insert(advice.clone()) {
                tracing::warn!("{advice}");
            }
        }
        if std::mem::take(&mut is_first) {
            match found.iter().filter(|found| !found.paths.is_empty()).count() {
                0 => tracing::warn!("no source is configured and no known product's log was found; looking again"),
                count => tracing::info!(count, "no source is configured: watching the logs of installed products"),
            }
        }
        let watched = found.into_iter().filter(|found| !found.paths.is_empty());
        watched.map(|found| daemon_source(&SourceConfig::found(&found.name, found.paths, &args), &[], &library)).collect()
    })
}
