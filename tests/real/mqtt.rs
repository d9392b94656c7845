//! MQTT packets as bytes, right ones and wrong ones.

/// A CONNECT packet. Every field goes on the wire as it stands, whatever the specification says of it.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) name: Vec<u8>,
    pub(crate) level: u8,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) client_id: Vec<u8>,
    pub(crate) will: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) username: Option<Vec<u8>>,
    pub(crate) password: Option<Vec<u8>>,
    /// Flags other than those that follow from the fields.
    pub(crate) flags: Option<u8>,
}

impl Connect {
    /// MQTT 3.1.1, without username and password.
    pub(crate) fn new(client_id: impl AsRef<[u8]>) -> Connect {
        Connect {
            name: b"MQTT".to_vec(),
            level: 4,
            clean: true,
            keep_alive: 60,
            client_id: client_id.as_ref().to_vec(),
            will: None,
            username: None,
            password: None,
            flags: None,
        }
    }

    /// MQTT 3.1.
    pub(crate) fn v31(self) -> Connect {
        Connect { name: b"MQIsdp".to_vec(), level: 3, ..self }
    }

    /// MQTT 5.
    pub(crate) fn v5(self) -> Connect {
        Connect { level: 5, ..self }
    }

    pub(crate) fn name(self, name: impl AsRef<[u8]>) -> Connect {
        Connect { name: name.as_ref().to_vec(), ..self }
    }

    pub(crate) fn level(self, level: u8) -> Connect {
        Connect { level, ..self }
    }

    pub(crate) fn username(self, username: impl AsRef<[u8]>) -> Connect {
        Connect { username: Some(username.as_ref().to_vec()), ..self }
    }

    pub(crate) fn password(self, password: impl AsRef<[u8]>) -> Connect {
        Connect { password: Some(password.as_ref().to_vec()), ..self }
    }

    pub(crate) fn will(self, topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Connect {
        Connect { will: Some((topic.as_ref().to_vec(), payload.as_ref().to_vec())), ..self }
    }

    pub(crate) fn flags(self, flags: u8) -> Connect {
        Connect { flags: Some(flags), ..self }
    }

    /// The bytes.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut body = field(&self.name);
        body.push(self.level);
        let has = |there: bool, bit: u8| if there { bit } else { 0 };
        let flags = has(self.clean, 2) | has(self.will.is_some(), 4) | has(self.password.is_some(), 64) | has(self.username.is_some(), 128);
        body.push(self.flags.unwrap_or(flags));
        body.extend(self.keep_alive.to_be_bytes());
        if self.level == 5 {
            body.push(0);
        }
        body.extend(field(&self.client_id));
        if let Some((topic, payload)) = &self.will {
            if self.level == 5 {
                body.push(0);
            }
            body.extend(field(topic));
            body.extend(field(payload));
        }
        for text in [&self.username, &self.password].into_iter().flatten() {
            body.extend(field(text));
        }
        packet(0x10, &body)
    }
}

/// SUBSCRIBE to one topic.
pub(crate) fn subscribe(topic: &[u8]) -> Vec<u8> {
    packet(0x82, &[&[0, 1], &field(topic)[..], &[0]].concat())
}

/// UNSUBSCRIBE from one topic.
pub(crate) fn unsubscribe(topic: &[u8]) -> Vec<u8> {
    packet(0xa2, &[&[0, 2], &field(topic)[..]].concat())
}

/// DISCONNECT.
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

fn field(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap();
        left /= 128;
        bytes.push(if left > 0 { low | 128 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}
