//! TBMQ's login: its clients send a username and a password and get a JSON Web Token (RFC 7519, HS256) that says how long it is good.
//!
//! The password is one of our tokens; the username is not looked at. What we give out stands for that token as long as the configuration
//! has it, with the role that the configuration says at that moment. The key is made anew at each start: then clients log in again.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::auth::Role;
use super::token::TokenConfig;
use crate::model::Millis;

/// How long an access token is good, in seconds; TBMQ's.
const ACCESS: i64 = 9_000;
/// How long it can be renewed, in seconds; TBMQ's.
const REFRESH: i64 = 604_800;
/// Longer ones are none of ours.
const LONGEST: usize = 2_048;
/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Signs and reads the tokens of this run.
#[derive(Clone)]
pub(super) struct Sessions([u8; 64]);

/// The answer to a login.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pair {
    token: String,
    refresh_token: String,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Access,
    Refresh,
}

/// Why a token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    Foreign,
    Expired,
}

/// What the token says; `sub`, `scopes`, `userId` and the times are what TBMQ's clients look at.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    sub: String,
    user_id: String,
    scopes: Vec<String>,
    enabled: bool,
    iss: String,
    iat: i64,
    exp: i64,
    /// Which of our tokens was the password: its hash, so that another one with the same name is another one.
    key: String,
}

impl Sessions {
    /// With a key that nobody knows.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new() -> std::io::Result<Sessions> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Sessions(key))
    }

    /// Tokens for who showed this one.
    pub(super) fn pair(&self, token: &TokenConfig, now: Millis) -> Pair {
        Pair { token: self.sign(token, Use::Access, now), refresh_token: self.sign(token, Use::Refresh, now) }
    }

    /// Which of the tokens this stands for: the hash of its hash.
    pub(super) fn read(&self, text: &str, wanted: Use, now: Millis) -> Result<String, Invalid> {
        let (signed, signature) =
            Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| text.rsplit_once('.')).ok_or(Invalid::Foreign)?;
        let ours = base64(&self.mac(signed.as_bytes()));
        if !bool::from(ours.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(Invalid::Foreign);
        }
        let claims = signed.split_once('.').and_then(|(_, claims)| unbase64(claims)).ok_or(Invalid::Foreign)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Invalid::Foreign)?;
        let is_refresh = claims.scopes.iter().any(|scope| scope == "REFRESH_TOKEN");
        if is_refresh != (wanted == Use::Refresh) {
            return Err(Invalid::Foreign);
        }
        if now / 1000 >= claims.exp { Err(Invalid::Expired) } else { Ok(claims.key) }
    }

    fn sign(&self, token: &TokenConfig, purpose: Use, now: Millis) -> String {
        let iat = now / 1000;
        let scope = match (purpose, token.role) {
            (Use::Refresh, _) => "REFRESH_TOKEN",
            // TBMQ has one role that may see and delete unauthorized clients, and its page looks for this name.
            (Use::Access, Role::Auditor | Role::Operator) => "SYS_ADMIN",
        };
        let claims = Claims {
            sub: token.name.clone(),
            user_id: token.name.clone(),
            scopes: vec![scope.to_owned()],
            enabled: true,
            iss: "turnaway".to_owned(),
            iat,
            exp: iat + if purpose == Use::Access { ACCESS } else { REFRESH },
            key: key(token),
        };
        let signed = format!("{HEADER}.{}", base64(&serde_json::to_vec(&claims).unwrap_or_default()));
        let signature = base64(&self.mac(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// HMAC-SHA-256 (RFC 2104); the key has the length of a block.
    fn mac(&self, text: &[u8]) -> [u8; 32] {
        let pad = |byte: u8| self.0.map(|key| key ^ byte);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
    }
}

impl std::fmt::Debug for Sessions {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// What a session names its token by. Not the hash that the configuration holds, which nobody need see.
pub(super) fn key(token: &TokenConfig) -> String {
    base64(&Sha256::digest(token.sha256.to_string().as_bytes()))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for URLs without padding (RFC 4648, 5).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let value = three.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digits = (0..=three.len()).map(|at| char::from(DIGITS[(value >> (18 - 6 * at) & 63) as usize]));
        text.extend(digits);
    }
    text
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.as_bytes().chunks(4) {
        let mut value = 0u32;
        for digit in four {
            value = value << 6 | u32::try_from(DIGITS.iter().position(|other| other == digit)?).ok()?;
        }
        value <<= 6 * (4 - four.len());
        bytes.extend((1..four.len()).map(|at| (value >> (24 - 8 * at)) as u8));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NewToken;

    fn token() -> TokenConfig {
        TokenConfig { name: "ann".to_owned(), role: Role::Auditor, sha256: NewToken::generate().unwrap().hash }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("\u{ff}\u{fe}?", "w7_Dvj8")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
            assert_eq!(unbase64(coded).unwrap(), plain.as_bytes());
        }
        assert_eq!(unbase64("a+b"), None);
        assert_eq!(unbase64(HEADER).unwrap(), b"{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    }

    #[test]
    fn the_signature_is_hmac_sha_256() {
        // RFC 4231, case 2; a key that is shorter than a block is filled up with zeros.
        let mut key = [0; 64];
        key[..4].copy_from_slice(b"Jefe");
        let mac = Sessions(key).mac(b"what do ya want for nothing?");
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_session_is_good_for_its_use_and_time_and_run() {
        let (sessions, token) = (Sessions::new().unwrap(), token());
        let pair = sessions.pair(&token, 1_000_000);
        let read = |text: &str, wanted, now| sessions.read(text, wanted, now);
        assert_eq!(read(&pair.token, Use::Access, 1_000_000), Ok(key(&token)));
        assert_eq!(read(&pair.refresh_token, Use::Refresh, 1_000_000), Ok(key(&token)));
        assert_eq!(read(&pair.token, Use::Refresh, 1_000_000), Err(Invalid::Foreign));
        assert_eq!(read(&pair.refresh_token, Use::Access, 1_000_000), Err(Invalid::Foreign));
        assert_eq!(read(&pair.token, Use::Access, 1_000_000 + ACCESS * 1000), Err(Invalid::Expired));
        assert_eq!(Sessions::new().unwrap().read(&pair.token, Use::Access, 0), Err(Invalid::Foreign));
        // Every change of a letter is seen.
        for at in 0..pair.token.len() {
            let mut other = pair.token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(other == pair.token || read(&other, Use::Access, 0).is_err(), "{at}");
        }
        for text in ["", ".", "..", "a.b.c", &"x".repeat(5_000)] {
            assert_eq!(read(text, Use::Access, 0), Err(Invalid::Foreign));
        }
    }
}
