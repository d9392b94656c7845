//! Rows as they are kept over a restart: with what is neither stored nor shown of them, without which they would be others.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Row, Twin};

/// What of a row is neither stored nor shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hidden {
    peer: Option<SocketAddr>,
    upstream: Option<(Option<IpAddr>, u16)>,
    twin: Option<Box<Twin>>,
}

impl Hidden {
    /// That of this row.
    pub fn of(row: &Row) -> Hidden {
        Hidden { peer: row.peer, upstream: row.upstream, twin: row.twin.clone() }
    }

    /// Gives it back to the row.
    pub fn into(self, row: &mut Row) {
        (row.peer, row.upstream, row.twin) = (self.peer, self.upstream, self.twin);
    }
}

/// A row and what is hidden of it; earlier releases kept the row alone.
#[derive(Serialize, Deserialize)]
struct Kept<R> {
    #[serde(flatten)]
    row: R,
    #[serde(default)]
    hidden: Hidden,
}

impl<'r> Kept<&'r Row> {
    fn of(row: &'r Row) -> Kept<&'r Row> {
        Kept { row, hidden: Hidden::of(row) }
    }
}

impl Kept<Box<Row>> {
    fn whole(mut self) -> Box<Row> {
        self.hidden.into(&mut self.row);
        self.row
    }
}

/// For `#[serde(with)]`: a row that may be there.
pub mod row {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Kept, Row};

    #[allow(missing_docs, clippy::missing_errors_doc, clippy::ref_option, reason = "serde's form")]
    pub fn serialize<S: Serializer>(row: &Option<Box<Row>>, serializer: S) -> Result<S::Ok, S::Error> {
        row.as_deref().map(Kept::of).serialize(serializer)
    }

    #[allow(missing_docs, clippy::missing_errors_doc, reason = "serde's form")]
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Row>>, D::Error> {
        Ok(Option::<Kept<Box<Row>>>::deserialize(deserializer)?.map(Kept::whole))
    }
}

/// The same: rows with the text of their records.
pub mod rows {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Kept, Row};

    #[allow(missing_docs, clippy::missing_errors_doc, reason = "serde's form")]
    pub fn serialize<S: Serializer>(rows: &[(String, Box<Row>)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rows.iter().map(|(text, row)| (text, Kept::of(row))))
    }

    #[allow(missing_docs, clippy::missing_errors_doc, reason = "serde's form")]
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Box<Row>)>, D::Error> {
        let rows = Vec::<(String, Kept<Box<Row>>)>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|(text, row)| (text, row.whole())).collect())
    }
}
