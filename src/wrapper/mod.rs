//! stand-in
use crate::model::Millis;
use crate::record::time::Stamp;
use std::borrow::Cow;
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamId<'a> {
    /// x
    pub ident: &'a [u8],
}
/// x
pub struct Unwrapped<'a> {
    /// x
    pub text: Cow<'a, [u8]>,
    /// x
    pub stamp: Option<Stamp>,
    /// x
    pub stream: StreamId<'a>,
}
/// x
pub enum Piece<'a> {
    /// x
    Whole(Unwrapped<'a>),
    /// x
    Held,
    /// x
    Unreadable,
}
/// x
#[derive(Debug)]
pub struct Unwrapper {}
impl Unwrapper {
    /// x
    pub fn new(_zone: jiff::tz::TimeZone) -> Unwrapper {
        Unwrapper {}
    }
    /// x
    pub fn line<'a>(&'a mut self, line: &'a [u8], _reference: Millis) -> Piece<'a> {
        Piece::Whole(Unwrapped { text: Cow::Borrowed(line), stamp: None, stream: StreamId { ident: b"" } })
    }
}
