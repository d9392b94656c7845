//! The body of an answer: whole, or made while it is sent.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// The body of every answer.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it.
    Whole(Full<Bytes>),
    /// Pieces, as they are made. An error breaks the connection, so that nobody takes what was sent for all.
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

/// Where the pieces of a body go. Waits while the caller has not taken the piece before; fails when the caller is gone.
pub(super) type Pieces = mpsc::Sender<io::Result<Bytes>>;

impl Body {
    /// A body that is all here.
    pub(super) fn whole(bytes: Bytes) -> Body {
        Body::Whole(Full::new(bytes))
    }

    /// A body, and where its pieces go. Only one waits: a caller who reads slowly costs the memory of two pieces.
    pub(super) fn pieces() -> (Pieces, Body) {
        let (pieces, body) = mpsc::channel(1);
        (pieces, Body::Pieces(body))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Body::Whole(whole) => Pin::new(whole).poll_frame(context).map_err(|never: Infallible| match never {}),
            Body::Pieces(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(whole) => whole.is_end_stream(),
            Body::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(whole) => whole.size_hint(),
            Body::Pieces(_) => SizeHint::default(),
        }
    }
}
