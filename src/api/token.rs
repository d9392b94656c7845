//! Access tokens: 256 random bits, shown once; what is kept is their SHA-256.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Role;

/// So that a token is recognised where it does not belong, by people and by secret scanners.
const PREFIX: &str = "turnaway_";

/// The SHA-256 of a token. One round is enough: what is hashed is random, not a password that someone thought up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// A hash that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token's hash has 64 hexadecimal digits, this one reads '{0}'; make a new one with `turnaway token new`")]
pub struct HashError(String);

/// A token as the configuration holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Whose it is: stands in our log when it deletes something.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Its hash, as `turnaway token new` prints it.
    pub sha256: Hash,
}

/// A token that was just made.
#[derive(Clone)]
pub struct NewToken {
    /// The secret: to be shown once and kept nowhere.
    pub secret: String,
    /// What goes into the configuration.
    pub hash: Hash,
}

impl NewToken {
    /// Makes a token from the system's random bytes; fails when there are none.
    pub fn generate() -> Result<NewToken, std::io::Error> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
        let secret = format!("{PREFIX}{}", hex(&bytes));
        let hash = Hash::of(&secret);
        Ok(NewToken { secret, hash })
    }
}

impl fmt::Debug for NewToken {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Hash {
    /// The hash of this token.
    pub fn of(secret: &str) -> Hash {
        Hash(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether they are the same, in a time that does not depend on where they differ.
    pub(super) fn same(&self, other: &Hash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::str::FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Hash, HashError> {
        let error = || HashError(text.chars().take(80).collect());
        let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>().ok_or_else(error)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        if digits.len() != 64 {
            return Err(error());
        }
        bytes.try_into().map(Hash).map_err(|_| error())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let token = NewToken::generate().unwrap();
        assert_eq!(token.secret.len(), PREFIX.len() + 64);
        assert_eq!(token.hash.to_string().parse::<Hash>().unwrap(), token.hash);
        assert_eq!(token.hash.to_string().to_uppercase().parse::<Hash>().unwrap(), token.hash);
        assert!(!format!("{token:?}").contains(&token.secret));
        assert_eq!(Hash::of("abc").to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in ["", "abc", "turnaway_0123", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66), &"é".repeat(32)] {
            assert!(text.parse::<Hash>().unwrap_err().to_string().contains("turnaway token new"), "{text}");
        }
    }

    #[test]
    fn two_tokens_differ() {
        let (a, b) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
        assert_ne!(a.secret, b.secret);
        assert!(!a.hash.same(&b.hash) && a.hash.same(&Hash::of(&a.secret)));
    }
}
