//! Commits: what all of them have to do besides their own work.

use rusqlite::{Transaction, TransactionBehavior};

use super::{SqliteStore, Writer, copy, lock};
use crate::model::{ClientKey, Millis};
use crate::store::mirror::Delta;
use crate::store::{StoreError, Touched};

impl SqliteStore {
    /// Does something in one transaction. An error, also one of the commit itself, leaves everything as it was. `work` notes what it
    /// does to rows if it is given a place for that.
    pub(super) fn write<T>(
        &self,
        writer: &mut Writer,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>, Option<&mut Vec<Delta>>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = writer.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut deltas = self.copy.recorder(&transaction);
            let done = work(&transaction, deltas.as_mut())?;
            let mut number = None;
            if let Some(deltas) = deltas.filter(|deltas| !deltas.is_empty()) {
                match copy::count_up(&transaction) {
                    Ok(next) => {
                        self.copy.announce(next, deltas);
                        number = Some(next);
                    }
                    // Reading fast is not worth a failed commit.
                    Err(_) => self.copy.close(),
                }
            }
            // Before the caller hears of it: who asks afterwards must not get an older total.
            let committed = self.totals.change(|| transaction.commit());
            match (number, &committed) {
                (Some(number), Ok(())) => self.copy.settle(number),
                (Some(_), Err(_)) => self.copy.close(),
                (None, _) => {}
            }
            committed.map(|()| done)
        };
        run().map_err(|source| StoreError::sqlite(&self.path, doing, source))
    }

    /// Removes rows, as many as `count` finds in what `work` says, and has that on the disk before it returns, whatever happens to the machine
    /// afterwards.
    pub(super) fn remove_durably<T>(
        &self,
        doing: &'static str,
        count: impl FnOnce(&T) -> u64,
        work: impl FnOnce(&Transaction<'_>, Option<&mut Vec<Delta>>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        let error = |source| StoreError::sqlite(&self.path, doing, source);
        writer.conn.pragma_update(None, "synchronous", "FULL").map_err(error)?;
        let done = self.write(&mut writer, doing, work);
        // Left at FULL, later commits would be slow and still right: no reason to fail what has been done.
        if let Err(source) = writer.conn.pragma_update(None, "synchronous", "NORMAL") {
            tracing::warn!(path = %self.path.display(), %source, "cannot go back to fast commits");
        }
        if let Ok(gone) = &done {
            writer.rows = writer.rows.saturating_sub(count(gone));
            self.totals.set_rows(writer.rows);
        }
        done
    }

    /// Tells those who watch that these rows changed. Called with the writer's lock, so in the order of the commits.
    pub(super) fn tell(&self, keys: Vec<ClientKey>, now: Millis) {
        self.feed.push(keys.into_iter().map(Touched::Row), now);
    }
}

/// Notes for the copy that these rows went.
pub(super) fn note(deltas: Option<&mut Vec<Delta>>, gone: Option<&[ClientKey]>) {
    if let (Some(deltas), Some(gone)) = (deltas, gone) {
        deltas.extend(gone.iter().cloned().map(Delta::Removed));
    }
}
