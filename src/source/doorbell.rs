//! Says when to look. Events make the daemon quick, the timer makes it right: every result is the same without events.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::position::FileId;

/// How long to wait at most while events tell what happens.
const WITH_EVENTS: Duration = Duration::from_millis(1500);
/// How long to wait at most when some directory has no events.
const WITHOUT_EVENTS: Duration = Duration::from_millis(250);
/// File systems that say nothing about what other machines do: NFS, SMB, SMB2, CIFS, FUSE, 9p, Ceph, AFS.
const REMOTE: [u64; 8] = [0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42, 0x6573_5546, 0x0102_1997, 0x00C3_6400, 0x6B41_4653];

/// Why `wait` came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ring {
    /// Something was written, or somebody rang; otherwise the time is up.
    pub rung: bool,
    /// Something was created, renamed or removed (or events were lost): look through the globs as well.
    pub names: bool,
}

/// How a directory is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchState {
    /// The directory.
    pub dir: PathBuf,
    /// Why it is looked at by the clock only; none when events tell.
    pub polled: Option<String>,
}

/// Rings from another thread: a stream has data, the daemon shall stop.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ring: Ring,
    /// What may be written to, and the directories it is in.
    files: Vec<PathBuf>,
    dirs: Vec<PathBuf>,
    /// Directories whose watch is no longer to be trusted.
    suspect: Vec<PathBuf>,
}

impl Bell {
    /// Wakes who waits, or lets the next wait return at once.
    pub fn ring(&self) {
        self.lock().ring.rung = true;
        self.0.rung.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an event means for us. Our own opening and reading makes events, too: those ring nothing.
    fn hear(&self, event: &Event) {
        let mut state = self.lock();
        let names = match event.kind {
            _ if event.need_rescan() => true,
            EventKind::Access(_) => return,
            EventKind::Modify(ModifyKind::Data(_)) => false,
            _ => true,
        };
        if let EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) = event.kind {
            let gone: Vec<PathBuf> = event.paths.iter().filter(|path| state.dirs.contains(path)).cloned().collect();
            state.suspect.extend(gone);
        }
        // A directory of logs holds other files as well; what is written to those is not for us. Rotated files begin with the
        // name of the live one.
        let ours = |path: &PathBuf| {
            let path = path.as_os_str().as_bytes();
            state.files.iter().any(|file| path.starts_with(file.as_os_str().as_bytes()))
        };
        if names || event.paths.iter().any(ours) {
            state.ring.rung = true;
            state.ring.names |= names;
            self.0.rung.notify_all();
        }
    }
}

/// Watches directories with the system's file events.
pub struct Doorbell {
    bell: Bell,
    watcher: Result<RecommendedWatcher, String>,
    /// Each directory as it was asked for, with the real one and its identity, or why it is polled.
    dirs: HashMap<PathBuf, Result<(PathBuf, FileId), String>>,
}

impl Default for Doorbell {
    fn default() -> Doorbell {
        Doorbell::new()
    }
}

impl Doorbell {
    /// A doorbell. Without file events (no inotify, no instances left) it works by the clock alone.
    pub fn new() -> Doorbell {
        let bell = Bell::default();
        let hearing = bell.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => hearing.hear(&event),
            // Whatever it is, something may have been missed.
            Err(_) => hearing.hear(&Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)),
        });
        let watcher = watcher.map_err(|error| format!("no file events: {error}"));
        Doorbell { bell, watcher, dirs: HashMap::new() }
    }

    /// A doorbell that works by the clock alone.
    pub fn without_events() -> Doorbell {
        Doorbell { bell: Bell::default(), watcher: Err("file events are switched off".into()), dirs: HashMap::new() }
    }

    /// For those who ring from elsewhere.
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Watches exactly these directories, and in them writing to these files. To be called after each pass: it tries again
    /// what could not be watched, and renews what was replaced.
    pub fn watch(&mut self, dirs: &[PathBuf], files: &[PathBuf]) {
        let suspect = std::mem::take(&mut self.bell.lock().suspect);
        let stale: Vec<PathBuf> = self.dirs.iter().filter(|(dir, _)| !dirs.contains(dir)).map(|(dir, _)| dir.clone()).collect();
        for dir in stale {
            if let Some(Ok((real, _))) = self.dirs.remove(&dir)
                && !self.dirs.values().any(|other| matches!(other, Ok((also, _)) if *also == real))
            {
                self.unwatch(&real);
            }
        }
        for dir in dirs {
            let now = fs::canonicalize(dir).and_then(|real| Ok((FileId::of(&fs::metadata(&real)?), real)));
            let state = match (now, self.dirs.get(dir)) {
                (Ok((id, real)), Some(Ok((watched, known)))) if real == *watched && id == *known && !suspect.contains(&real) => continue,
                (Ok((id, real)), before) => {
                    let renew = before.is_some_and(Result::is_ok);
                    if renew {
                        self.unwatch(&real);
                    }
                    let watched = self.watch_one(&real).map(|()| (real, id));
                    if watched.is_ok() {
                        // What happened before the watch began made no event.
                        let mut state = self.bell.lock();
                        state.ring = Ring { rung: true, names: true };
                    }
                    watched
                }
                (Err(error), _) => Err(error.to_string()),
            };
            self.dirs.insert(dir.clone(), state);
        }
        let real = |file: &PathBuf| {
            let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            match (self.dirs.get(dir), file.file_name()) {
                (Some(Ok((real, _))), Some(name)) => real.join(name),
                _ => file.clone(),
            }
        };
        let files = files.iter().map(real).collect();
        let mut state = self.bell.lock();
        state.files = files;
        state.dirs = self.dirs.values().flatten().map(|(real, _)| real.clone()).collect();
    }

    fn watch_one(&mut self, real: &Path) -> Result<(), String> {
        let watcher = self.watcher.as_mut().map_err(|why| why.clone())?;
        if let Ok(stat) = rustix::fs::statfs(real)
            && REMOTE.contains(&(u64::try_from(stat.f_type).unwrap_or_default() & 0xFFFF_FFFF))
        {
            return Err("a network file system tells no events".into());
        }
        watcher.watch(real, RecursiveMode::NonRecursive).map_err(|error| match error.kind {
            notify::ErrorKind::MaxFilesWatch => "no file events: the limit fs.inotify.max_user_watches is reached".to_owned(),
            _ => format!("no file events: {error}"),
        })
    }

    fn unwatch(&mut self, real: &Path) {
        if let Ok(watcher) = &mut self.watcher {
            // It may be gone already.
            let _ = watcher.unwatch(real);
        }
    }

    /// How each directory is watched.
    pub fn state(&self) -> Vec<WatchState> {
        let state = |(dir, state): (&PathBuf, &Result<_, String>)| WatchState { dir: dir.clone(), polled: state.as_ref().err().cloned() };
        let mut all: Vec<WatchState> = self.dirs.iter().map(state).collect();
        all.sort_by(|a, b| a.dir.cmp(&b.dir));
        all
    }

    /// How long to wait at most: 1.5 s, but 250 ms when a directory that exists tells no events.
    pub fn patience(&self) -> Duration {
        let blind = self.dirs.iter().any(|(dir, state)| state.is_err() && dir.is_dir());
        if blind { WITHOUT_EVENTS } else { WITH_EVENTS }
    }

    /// Waits until something happens, for at most this long. What happened before the call counts.
    pub fn wait(&self, timeout: Duration) -> Ring {
        let quiet = |state: &mut State| !state.ring.rung;
        let waited = self.bell.0.rung.wait_timeout_while(self.bell.lock(), timeout, quiet);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, Flag, MetadataKind, RenameMode};

    fn heard(event: Event) -> Ring {
        let doorbell = Doorbell::without_events();
        doorbell.bell.lock().files = vec![PathBuf::from("/l/x.log")];
        doorbell.bell.hear(&event);
        doorbell.bell.lock().ring
    }

    #[test]
    fn only_what_may_bring_lines_rings() {
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let (none, rung, names) = (Ring::default(), Ring { rung: true, names: false }, Ring { rung: true, names: true });
        let cases = [
            (data, "/l/x.log", rung),
            // A line that comes late to the rotated file.
            (data, "/l/x.log.1", rung),
            (data, "/l/other", none),
            // Our own reading.
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), "/l/x.log", none),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), "/l/x.log", none),
            (EventKind::Create(CreateKind::File), "/l/y.log", names),
            (EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/l/x.log.1", names),
            // Permission granted.
            (EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), "/l/x.log", names),
        ];
        for (kind, path, expected) in cases {
            assert_eq!(heard(Event::new(kind).add_path(PathBuf::from(path))), expected, "{kind:?} {path}");
        }
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(heard(overflow), names);
    }

    #[test]
    fn a_ring_before_the_wait_counts_once() {
        let doorbell = Doorbell::without_events();
        doorbell.bell().ring();
        assert!(doorbell.wait(Duration::from_secs(60)).rung);
        assert!(!doorbell.wait(Duration::ZERO).rung);
    }

    #[test]
    fn without_events_the_clock_ticks_faster_and_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let mut doorbell = Doorbell::without_events();
        let missing = dir.path().join("missing");
        doorbell.watch(std::slice::from_ref(&missing), &[]);
        assert_eq!(doorbell.patience(), WITH_EVENTS, "nothing can happen in a directory that does not exist");
        doorbell.watch(&[missing, dir.path().to_path_buf()], &[]);
        assert_eq!(doorbell.patience(), WITHOUT_EVENTS);
        assert!(doorbell.state().iter().all(|state| state.polled.is_some()));
    }
}
