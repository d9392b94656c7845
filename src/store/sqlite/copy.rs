//! The copy in memory beside the file: when it is made, how it stays in step, when it goes.
//!
//! It is made aside when a large table is first asked for something that the file is slow at, and goes when nobody has asked for a while. As
//! long as it is there each commit that changes rows counts up a number in the file, and hands over what it did before it ends. A reader sees
//! in its transaction which commits it has, and lets the copy go on to exactly those: page and rows are of one moment, and neither waits
//! for the other. Whatever does not add up (a failed commit, a change by another program) ends the copy, never the request: the
//! file answers.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::Connection;

use super::{Writer, lock, open, read};
use crate::model::Millis;
use crate::store::mirror::{Delta, Mirror};
use crate::store::{SortBy, StoreError};

/// Tables with fewer rows are read from the file quickly enough.
const ROWS: u64 = 100_000;

/// How long it stays when nobody asks.
const IDLE: Millis = 10 * 60 * 1000;

/// Changes that wait for it at most, in rows: they are of the time while it is made, or while readers hold it.
const WAITING: usize = 200_000;

/// Rows that are read before the memory is looked at again.
const STEP: usize = 4_096;

/// What goes on with the copy.
#[derive(Debug)]
pub(super) struct Copy {
    /// Rows from which on it is made.
    pub(super) least: u64,
    /// Bytes that it may take.
    most: u64,
    state: RwLock<Option<State>>,
    queue: Mutex<Queue>,
    is_used: AtomicBool,
    ends: AtomicBool,
    /// With so many rows it was too large.
    too_many: AtomicU64,
}

#[derive(Debug)]
struct State {
    mirror: Mirror,
    /// The commit that it is of.
    number: u64,
}

#[derive(Debug, Default)]
struct Queue {
    /// A copy is there, or being made: commits are to be handed over.
    is_open: bool,
    /// Counts the openings and closings, so that nothing of an earlier copy gets into a later one.
    generation: u64,
    /// What commits did that the copy does not have yet.
    commits: VecDeque<(u64, Vec<Delta>)>,
    rows: usize,
    /// What the writing connection says when no other program has changed the file.
    undisturbed: i64,
    /// When somebody last asked.
    used: Option<Millis>,
}

/// What became of a question.
#[derive(Debug)]
pub(super) enum Answer<T> {
    Found(T),
    /// There is no copy.
    Absent,
    /// The copy is of a later moment already.
    Later,
}

impl Copy {
    pub(super) fn new(most: u64) -> Copy {
        Copy {
            least: ROWS,
            most,
            state: RwLock::default(),
            queue: Mutex::default(),
            is_used: AtomicBool::new(false),
            ends: AtomicBool::new(false),
            too_many: AtomicU64::new(u64::MAX),
        }
    }

    /// Whether a table of this many rows is worth a copy.
    pub(super) fn is_for(&self, rows: u64) -> bool {
        let too_many = self.too_many.load(Ordering::Relaxed);
        // One that was too large is tried again when a tenth of the rows is gone.
        rows >= self.least && self.most > 0 && rows < too_many - too_many / 10
    }

    pub(super) fn is_there(&self) -> bool {
        self.read().is_some()
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.read().as_ref().map_or(0, |state| state.mirror.bytes())
    }

    /// Somebody asks something that the copy is for.
    pub(super) fn ask_for(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// Lets it go when nobody has asked for a while.
    pub(super) fn tick(&self, now: Millis) {
        let mut queue = lock(&self.queue);
        if !queue.is_open {
            return;
        }
        let is_used = self.is_used.swap(false, Ordering::Relaxed);
        let used = queue.used.filter(|used| *used <= now && !is_used);
        match used {
            Some(used) if now - used >= IDLE => {
                drop(queue);
                self.close();
            }
            Some(_) => {}
            None => queue.used = Some(now),
        }
    }

    /// The store is closed: whoever makes the copy may stop.
    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Throws the copy away, also one that is being made.
    pub(super) fn close(&self) {
        let old = {
            let mut state = self.write();
            let mut queue = lock(&self.queue);
            let generation = queue.generation + 1;
            *queue = Queue { generation, ..Queue::default() };
            state.take()
        };
        drop(old);
    }

    /// Where a commit notes what it does; none: nobody wants to know. Asked by who holds the writer, after its transaction has begun.
    pub(super) fn recorder(&self, conn: &Connection) -> Option<Vec<Delta>> {
        let undisturbed = {
            let queue = lock(&self.queue);
            queue.is_open.then_some(queue.undisturbed)?
        };
        if data_version(conn).ok() != Some(undisturbed) {
            self.close();
            return None;
        }
        Some(Vec::new())
    }

    /// What the commit with this number is about to do. It may be seen in the file from here on.
    pub(super) fn announce(&self, number: u64, deltas: Vec<Delta>) {
        let mut queue = lock(&self.queue);
        queue.rows += deltas.len();
        queue.commits.push_back((number, deltas));
    }

    /// A commit is done: the copy goes on, unless readers hold it. Then it does so later.
    pub(super) fn settle(&self, number: u64) {
        let mut is_lost = lock(&self.queue).rows > WAITING;
        if let Ok(mut state) = self.state.try_write()
            && let Some(state) = state.as_mut()
        {
            is_lost = !self.catch_up(state, number) || self.is_too_large(&state.mirror);
        }
        if is_lost {
            self.close();
        }
    }

    /// Whether the copy could go on to this commit, as far as it is not there already.
    fn catch_up(&self, state: &mut State, number: u64) -> bool {
        let commits: Vec<(u64, Vec<Delta>)> = {
            let mut queue = lock(&self.queue);
            let ready = queue.commits.iter().take_while(|(later, _)| *later <= number).count();
            let commits: Vec<_> = queue.commits.drain(..ready).collect();
            queue.rows -= commits.iter().map(|(_, deltas)| deltas.len()).sum::<usize>();
            commits
        };
        for (next, deltas) in commits {
            if next <= state.number {
                continue;
            }
            if next != state.number + 1 || deltas.iter().any(|delta| state.mirror.apply(delta).is_err()) {
                return false;
            }
            state.number = next;
        }
        true
    }

    /// Asks the copy as it is after the commit with this number, which the asker's transaction sees.
    pub(super) fn at<T>(&self, number: u64, ask: impl Fn(&Mirror) -> T) -> Answer<T> {
        loop {
            match &*self.read() {
                None => return Answer::Absent,
                Some(state) if state.number == number => return Answer::Found(ask(&state.mirror)),
                Some(state) if state.number > number => return Answer::Later,
                Some(_) => {}
            }
            let mut state = self.write();
            let Some(there) = state.as_mut() else { return Answer::Absent };
            // A commit that was made and not handed over: somebody else's.
            let is_lost = !self.catch_up(there, number) || there.number < number;
            drop(state);
            if is_lost {
                self.close();
                return Answer::Absent;
            }
        }
    }

    /// Looks whether another program has changed the file, unless a commit is being made, which looks itself.
    pub(super) fn check(&self, writer: &Mutex<Writer>) {
        let Ok(writer) = writer.try_lock() else { return };
        let queue = lock(&self.queue);
        let is_disturbed = queue.is_open && data_version(&writer.conn).ok() != Some(queue.undisturbed);
        drop(queue);
        if is_disturbed {
            self.close();
        }
    }

    /// Makes the copy: the work of a thread of its own.
    pub(super) fn make(&self, writer: &Mutex<Writer>, path: &Path) {
        if let Err(source) = self.try_make(writer, path) {
            self.close();
            let error = StoreError::sqlite(path, "read the table into memory", source);
            tracing::warn!(%error, "pages of a large table stay slow");
        }
    }

    fn try_make(&self, writer: &Mutex<Writer>, path: &Path) -> rusqlite::Result<()> {
        // Between two commits: from here on each is handed over.
        let generation = {
            let writer = lock(writer);
            // A number that no reader has seen: what was written while nobody counted is not to be mistaken for this.
            count_up(&writer.conn)?;
            let mut queue = lock(&self.queue);
            let generation = queue.generation + 1;
            *queue = Queue { is_open: true, generation, undisturbed: data_version(&writer.conn)?, ..Queue::default() };
            generation
        };
        let mut conn = open::reader(path).map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
        let transaction = conn.transaction()?;
        let number = number(&transaction)?;
        let mut mirror = Mirror::default();
        let mut statement = transaction.prepare(read::ENTRIES)?;
        let mut rows = statement.query([])?;
        let mut fits = true;
        while let Some(row) = rows.next()?.filter(|_| fits) {
            fits = mirror.add(&read::entry(row)?).is_ok();
            if mirror.len().is_multiple_of(STEP) {
                fits &= !self.is_too_large(&mirror);
                if self.ends.load(Ordering::Relaxed) || lock(&self.queue).generation != generation {
                    return Ok(());
                }
            }
        }
        if !fits {
            self.is_too_large(&mirror);
            self.close();
            return Ok(());
        }
        mirror.added_by_time();
        let mut state = self.write();
        if lock(&self.queue).generation == generation {
            *state = Some(State { mirror, number });
        }
        Ok(())
    }

    /// Makes an order of the copy, likewise.
    pub(super) fn make_order(&self, sort: SortBy) {
        let begun = self.read().as_ref().and_then(|state| {
            let needed = state.mirror.len() * size_of::<u32>();
            let fits = (state.mirror.bytes() + needed) as u64 <= self.most;
            fits.then(|| state.mirror.begin_order(sort)).flatten()
        });
        let Some(snapshot) = begun else { return };
        let (maker, order) = (snapshot.maker(), snapshot.sorted(sort));
        drop(snapshot);
        if let Some(state) = &*self.read() {
            state.mirror.end_order(sort, maker, order);
        }
    }

    fn is_too_large(&self, mirror: &Mirror) -> bool {
        let is_too_large = mirror.bytes() as u64 > self.most;
        if is_too_large {
            self.too_many.store(mirror.len() as u64, Ordering::Relaxed);
        }
        is_too_large
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<State>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<State>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which commits this transaction sees.
pub(super) fn number(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT number FROM revision")?.query_row([], |row| row.get(0))
}

/// Another commit. Returns its number.
pub(super) fn count_up(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("UPDATE revision SET number = number + 1 RETURNING number")?.query_row([], |row| row.get(0))
}

/// Changes when another connection has written.
fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
