//! Events at the end of a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Format;
use super::deliver::{Deliver, Delivered, lines};
use crate::store::StoredEvent;

/// A file that is appended to. When it was moved away or removed a new one is made: no signal is needed for rotation.
pub(super) struct FileOutput {
    path: PathBuf,
    format: Format,
    open: Option<File>,
}

impl FileOutput {
    pub(super) fn new(path: PathBuf, format: Format) -> FileOutput {
        FileOutput { path, format, open: None }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let is_same = |file: &File| -> io::Result<bool> {
            let (ours, theirs) = (file.metadata()?, std::fs::metadata(&self.path)?);
            Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
        };
        let mut file = match self.open.take().filter(|file| is_same(file).unwrap_or(false)) {
            Some(file) => file,
            None => open(&self.path)?,
        };
        // An error leaves the file closed: what it ends in is looked at when it is opened again.
        file.write_all(text)?;
        if file.metadata()?.is_file() {
            file.sync_data()?;
        }
        self.open = Some(file);
        Ok(())
    }
}

/// Opens it at its end, and ends a line that was left half written.
fn open(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path).map(|meta| meta.file_type());
    if kind.as_ref().is_ok_and(|kind| kind.is_fifo()) {
        return Err(io::Error::other("this is a FIFO; expected a file"));
    }
    let is_device = kind.is_ok_and(|kind| kind.is_char_device());
    let mut file = OpenOptions::new().read(!is_device).append(true).create(true).mode(0o640).open(path)?;
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

impl Deliver for FileOutput {
    fn deliver(&mut self, events: &[StoredEvent]) -> Result<Delivered, String> {
        let text = lines(self.format, events);
        self.write(&text).map_err(|error| format!("cannot write to {}: {error}", self.path.display()))?;
        Ok(Delivered { done: events.len(), ..Delivered::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::tests::event;
    use super::*;

    #[test]
    fn it_goes_on_after_rotation_and_ends_what_a_crash_left_half_written() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("events"), dir.path().join("events.1"));
        std::fs::write(&path, "{\"half").unwrap();
        let mut output = FileOutput::new(path.clone(), Format::Json);
        output.deliver(&[event("a", None)]).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("{\"half\n{\"time\"") && first.ends_with("\n"), "{first}");
        std::fs::rename(&path, &old).unwrap();
        output.deliver(&[event("b", None), event("c", None)]).unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), first);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        // A copy was made and the file was emptied.
        File::create(&path).unwrap();
        output.deliver(&[event("d", None)]).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\"time\""));
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let error = FileOutput::new(dir.path().join("none/events"), Format::Json).deliver(&[event("a", None)]).unwrap_err();
        assert!(error.contains("none/events: No such file"), "{error}");
    }
}
