//! The system's time zone.
//!
//! jiff finds it by name in its database, for which it lists all zones that the system has: 100 KiB that a process keeps, for one of them.
//! The file of the zone is where `/etc/localtime` points to, and the name is in its path.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::tz::TimeZone;

/// What names the system's zone.
const LOCALTIME: &str = "/etc/localtime";
/// The folder of zones, in the path of each.
const FOLDER: &str = "zoneinfo/";

/// The system's time zone. What the environment says, and whatever is not a link to a file of the system's zones, is left to jiff.
pub(crate) fn system_zone() -> TimeZone {
    let is_set = |name| std::env::var_os(name).is_some();
    let found = if is_set("TZ") || is_set("TZDIR") { None } else { linked(Path::new(LOCALTIME)) };
    found.map_or_else(TimeZone::system, shared)
}

/// The zone that this link points to.
fn linked(link: &Path) -> Option<TimeZone> {
    let target: PathBuf = std::fs::read_link(link).ok()?;
    let (_, name) = target.to_str()?.rsplit_once(FOLDER)?;
    TimeZone::tzif(name, &std::fs::read(link).ok()?).ok()
}

/// The same one for all that ask, until the system has another.
fn shared(zone: TimeZone) -> TimeZone {
    static LAST: Mutex<Option<TimeZone>> = Mutex::new(None);
    let Ok(mut last) = LAST.lock() else { return zone };
    last.take_if(|last| *last != zone);
    last.get_or_insert(zone).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_its_zone() {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = dir.path().join(FOLDER).join("Europe");
        std::fs::create_dir_all(&folder).expect("a folder");
        let (file, link) = (folder.join("Berlin"), dir.path().join("localtime"));
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert_eq!(linked(&link), None, "no file");
        std::fs::write(&file, "no zone").expect("a file");
        assert_eq!(linked(&link), None, "no zone");
        // Version 2 of the format, with nothing but the rule: RFC 9636, section 3.
        let header = |types: u8, names: u8| [&b"TZif2"[..], &[0; 34], &[types], &[0, 0, 0, names]].concat();
        let block = [header(1, 4), vec![0; 6], b"CET\0".to_vec()].concat();
        std::fs::write(&file, [block.clone(), block, b"\nCET-1CEST,M3.5.0,M10.5.0/3\n".to_vec()].concat()).expect("a file");
        let zone = linked(&link).expect("a zone");
        assert_eq!(zone.iana_name(), Some("Europe/Berlin"));
        let summer = jiff::civil::date(2026, 7, 1).at(12, 0, 0, 0);
        assert_eq!(zone.to_ambiguous_timestamp(summer).offset(), jiff::tz::AmbiguousOffset::Unambiguous { offset: jiff::tz::offset(2) });
        std::fs::remove_file(&link).expect("removed");
        std::fs::write(&link, "no link").expect("a file");
        assert_eq!(linked(&link), None);
    }

    #[test]
    fn it_is_what_the_library_finds() {
        assert_eq!(system_zone(), TimeZone::system());
    }
}
