//! Bytes as text in a snapshot: JSON has no bytes, and an array of numbers is four times as long.

use serde::{Deserialize, Deserializer, Serializer};

/// Each byte as the character of that number.
pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    serializer.serialize_str(&text)
}

/// The other way round. Characters that no byte stands for are dropped.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.chars().filter_map(|letter| u8::try_from(u32::from(letter)).ok()).collect())
}
