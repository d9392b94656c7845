//! The wrappers by name.

use std::fmt::{Display, Formatter, Result};

use serde::{Deserialize, Serialize};

/// One wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// `Nov 23 15:05:52 host ident[1]: text`, as rsyslog and `journalctl -o short` write it.
    SyslogTraditional,
    /// The same with an ISO 8601 stamp.
    SyslogIso,
    /// RFC 5424.
    Syslog5424,
    /// Nothing but `<6>`.
    Priority,
    /// `journalctl -o short-full`, `with-unit` or `short-unix`.
    Journal,
    /// `journalctl -o json`.
    JournalJson,
    /// Docker's json-file driver.
    DockerJson,
    /// `docker logs -t`.
    DockerStamp,
    /// What Kubernetes' container runtimes write.
    Cri,
    /// `kubectl logs --prefix`.
    Kubectl,
    /// docker compose, docker service logs, podman-compose.
    Compose,
    /// Home Assistant's view of the journal.
    HomeAssistant,
}

impl Layer {
    /// A name for people.
    pub fn name(self) -> &'static str {
        match self {
            Layer::SyslogTraditional => "syslog RFC 3164",
            Layer::SyslogIso => "syslog with ISO stamp",
            Layer::Syslog5424 => "syslog RFC 5424",
            Layer::Priority => "syslog priority",
            Layer::Journal => "journalctl",
            Layer::JournalJson => "journalctl JSON",
            Layer::DockerJson => "Docker json-file",
            Layer::DockerStamp => "docker logs -t",
            Layer::Cri => "Kubernetes CRI",
            Layer::Kubectl => "kubectl prefix",
            Layer::Compose => "docker compose prefix",
            Layer::HomeAssistant => "Home Assistant journal",
        }
    }

    /// Layers that stand for each other in one log: rsyslog's format may change within a file when the system is upgraded.
    pub(super) fn family(self) -> Family {
        match self {
            Layer::SyslogTraditional | Layer::SyslogIso | Layer::Syslog5424 | Layer::Journal | Layer::HomeAssistant => Family::Syslog,
            Layer::Priority => Family::Priority,
            Layer::JournalJson => Family::JournalJson,
            Layer::DockerJson => Family::DockerJson,
            Layer::DockerStamp => Family::DockerStamp,
            Layer::Cri => Family::Cri,
            Layer::Kubectl | Layer::Compose => Family::Prefix,
        }
    }
}

/// What is learned as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Family {
    Syslog = 1,
    Priority = 2,
    JournalJson = 4,
    DockerJson = 8,
    DockerStamp = 16,
    Cri = 32,
    Prefix = 64,
}

/// Some of the families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Families(u8);

impl Families {
    pub(super) const ALL: Families = Families(0x7f);
    /// Those that split texts.
    pub(super) const SPLITTING: Families = Families(Family::DockerJson as u8 | Family::Cri as u8);

    /// Those that do not say who wrote a line.
    pub(super) const NAMELESS: Families = Families(Families::SPLITTING.0 | Family::DockerStamp as u8 | Family::Priority as u8);

    pub(super) fn has(self, family: Family) -> bool {
        self.0 & family as u8 != 0
    }

    pub(super) fn add(&mut self, family: Family) {
        self.0 |= family as u8;
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn overlaps(self, others: Families) -> bool {
        self.0 & others.0 != 0
    }

    pub(super) fn within(self, others: Families) -> bool {
        self.0 & !others.0 == 0
    }
}

/// The wrappers of one line, the outermost first: at most three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Kind {
    layers: [Option<Layer>; Kind::DEEPEST],
}

impl Kind {
    pub(super) const DEEPEST: usize = 3;

    /// The wrappers, the outermost first.
    pub fn layers(&self) -> impl Iterator<Item = Layer> + '_ {
        self.layers.iter().copied().flatten()
    }

    /// The line had none.
    pub fn is_bare(&self) -> bool {
        self.depth() == 0
    }

    pub(super) fn depth(&self) -> usize {
        self.layers().count()
    }

    /// With one more inside; a full one stays as it is.
    pub(super) fn with(mut self, layer: Layer) -> Kind {
        if let Some(free) = self.layers.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(layer);
        }
        self
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.is_bare() {
            return f.write_str("none");
        }
        for (index, layer) in self.layers().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            f.write_str(layer.name())?;
        }
        Ok(())
    }
}
