//! Sets of the row's fields.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Field;

/// A set of fields, in memory one byte; written as the list of their names, in the order of the row.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// No field.
    pub const NONE: Fields = Fields(0);

    /// Whether no field is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Whether this field is in it.
    pub fn has(self, field: Field) -> bool {
        self.0 & bit(field) != 0
    }

    /// Puts a field in.
    pub fn insert(&mut self, field: Field) {
        self.0 |= bit(field);
    }

    /// Puts a field in where this is so.
    pub fn insert_if(&mut self, is_so: bool, field: Field) {
        self.0 |= if is_so { bit(field) } else { 0 };
    }

    /// Takes a field out.
    pub fn remove(&mut self, field: Field) {
        self.0 &= !bit(field);
    }

    /// Leaves only the fields of which this is so.
    pub fn retain(&mut self, is_so: impl Fn(Field) -> bool) {
        *self = self.iter().filter(|field| is_so(*field)).collect();
    }

    /// The fields in it, in the order of the row.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let first = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            Field::ALL.get(first).copied()
        })
    }
}

fn bit(field: Field) -> u8 {
    1 << field as u8
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl std::ops::BitOr for Fields {
    type Output = Fields;

    fn bitor(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Fields {
    fn bitor_assign(&mut self, other: Fields) {
        self.0 |= other.0;
    }
}

impl Extend<Field> for Fields {
    fn extend<I: IntoIterator<Item = Field>>(&mut self, fields: I) {
        fields.into_iter().for_each(|field| self.insert(field));
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Fields {
        let mut set = Fields::NONE;
        set.extend(fields);
        set
    }
}

impl<const N: usize> From<[Field; N]> for Fields {
    fn from(fields: [Field; N]) -> Fields {
        fields.into_iter().collect()
    }
}

impl From<Fields> for Vec<Field> {
    fn from(fields: Fields) -> Vec<Field> {
        let mut list = Vec::with_capacity(fields.0.count_ones() as usize);
        list.extend(fields.iter());
        list
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        Ok(Vec::<Field>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_written_as_the_list_that_it_was_before() {
        let list = r#"["username","clientId","username"]"#;
        let mut set: Fields = serde_json::from_str(list).unwrap();
        assert_eq!(set, Fields::from([Field::ClientId, Field::Username]));
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["clientId","username"]"#);
        set.remove(Field::ClientId);
        set.insert_if(false, Field::Ts);
        assert_eq!(Vec::from(set), [Field::Username]);
        assert_eq!(Field::ALL.iter().copied().collect::<Fields>().iter().collect::<Vec<_>>(), Field::ALL);
    }
}
