//! The daemon's stream of changes (server-sent events), as the commands read it.

use serde::Deserialize;

use crate::model::{ClientKey, Identity, Row};

/// Bytes of one event: a row with all its evidence is far smaller.
const EVENT_BYTES: usize = 1 << 20;

/// What the stream says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The stream stands: what changes from here on is told.
    Ready,
    /// A row was made or replaced.
    Changed(Box<Row>),
    /// A row went.
    Removed(ClientKey),
    /// All rows went.
    Cleared,
    /// Something changed that is not told: the table is to be read again.
    Reset,
}

/// A removed row, as the API names it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    client_id: String,
    identity: Identity,
    broker: String,
}

/// Cuts the stream's bytes into events.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    name: String,
    data: String,
}

impl Reader {
    /// Takes the next bytes; gives the events that are complete with them.
    ///
    /// # Errors
    /// What the bytes are instead of our events.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8(line).map_err(|_| "the stream is no UTF-8".to_owned())?;
                    events.extend(self.take(line.trim_end_matches('\r'))?);
                }
                byte if self.line.len() + self.data.len() < EVENT_BYTES => self.line.push(*byte),
                _ => return Err(format!("an event is longer than {EVENT_BYTES} bytes")),
            }
        }
        Ok(events)
    }

    fn take(&mut self, line: &str) -> Result<Option<Event>, String> {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            return event(&name, &data);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            // A comment, the place, the time to wait: nothing that we use.
            _ => {}
        }
        Ok(None)
    }
}

/// Names that we do not know are for later versions.
fn event(name: &str, data: &str) -> Result<Option<Event>, String> {
    let wrong = |error: serde_json::Error| format!("the event {name:?} is not as expected: {error}");
    Ok(match name {
        "ready" => Some(Event::Ready),
        "changed" => Some(Event::Changed(serde_json::from_str(data).map_err(wrong)?)),
        "removed" => {
            let Gone { client_id, identity, broker } = serde_json::from_str(data).map_err(wrong)?;
            Some(Event::Removed(ClientKey { broker: broker.into(), identity, client_id }))
        }
        "cleared" => Some(Event::Cleared),
        "reset" => Some(Event::Reset),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> ClientKey {
        ClientKey { broker: "m".into(), identity: Identity::ClientId, client_id: id.to_owned() }
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let stream = "retry: 3000\n\nevent: ready\ndata: {}\nid: a-1\n\n: still here\n\nevent: removed\r\ndata: {\"clientId\":\"ü\",\
                      \"identity\":\"client-id\",\"broker\":\"m\"}\r\n\r\nevent: novel\ndata: x\n\nevent: cleared\ndata: {}\n\nevent: reset\ndata: {}\n\n";
        let expected = || vec![Event::Ready, Event::Removed(key("ü")), Event::Cleared, Event::Reset];
        assert_eq!(Reader::default().push(stream.as_bytes()).unwrap(), expected());
        for size in [1, 2, 3, 7, 50] {
            let mut reader = Reader::default();
            let events: Vec<Event> = stream.as_bytes().chunks(size).flat_map(|bytes| reader.push(bytes).unwrap()).collect();
            assert_eq!(events, expected(), "{size}");
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_said_and_never_kept() {
        assert!(Reader::default().push(b"event: changed\ndata: {}\n\n").unwrap_err().contains("\"changed\" is not as expected"));
        assert!(Reader::default().push(b"\xff\n").unwrap_err().contains("UTF-8"));
        let mut reader = Reader::default();
        assert!((0..3).any(|_| reader.push(&[b'x'; EVENT_BYTES / 2]).is_err()));
        let mut reader = Reader::default();
        assert!((0..5000).any(|_| reader.push(format!("data: {}\n", "x".repeat(1000)).as_bytes()).is_err()));
    }
}
