//! The CONNECT packet, where a product prints its bytes (MQTT 3.1, 3.1.1 and 5).
//!
//! Only client ID, username and whether there is a password are read; the password itself is not.

/// What a CONNECT says of its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password_provided: bool,
}

/// Reads the packet; none when it is no CONNECT or was cut off before its credentials.
pub(crate) fn connect(packet: &[u8]) -> Option<Connect> {
    let [0x10, rest @ ..] = packet else { return None };
    let mut input = Input(rest);
    input.variable()?;
    let name = input.string()?;
    if name != b"MQTT" && name != b"MQIsdp" {
        return None;
    }
    let level = input.byte()?;
    let flags = input.byte()?;
    input.take(2)?;
    if level >= 5 {
        let properties = input.variable()?;
        input.take(properties)?;
    }
    let client_id = std::str::from_utf8(input.string()?).ok()?.to_owned();
    if flags & 0x04 != 0 {
        if level >= 5 {
            let properties = input.variable()?;
            input.take(properties)?;
        }
        input.string()?;
        input.string()?;
    }
    let username = if flags & 0x80 != 0 { Some(std::str::from_utf8(input.string()?).ok()?.to_owned()) } else { None };
    Some(Connect { client_id, username, password_provided: flags & 0x40 != 0 })
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.take(2)?;
        self.take(usize::from(len[0]) << 8 | usize::from(len[1]))
    }

    /// The variable byte integer of the standard: seven bits a byte, four bytes at the most.
    fn variable(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_tells_who_it_is_from_and_not_the_password() {
        let mut packet = vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xc2, 0, 60, 0, 2, b'p', b'1', 0, 3, b'o', b'p', b's', 0, 1, b'x'];
        packet[1] = (packet.len() - 2) as u8;
        let found = connect(&packet).unwrap();
        assert_eq!(found, Connect { client_id: "p1".into(), username: Some("ops".into()), password_provided: true });
        for cut in 0..16 {
            assert_eq!(connect(&packet[..cut]), None);
        }
        assert_eq!(connect(b"GET / HTTP/1.1"), None);
    }
}
