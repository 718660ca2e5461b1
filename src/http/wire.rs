//! A connection's stream as hyper sees it.
//!
//! hyper answers a broken HTTP/1 head by itself, with a status and no body, and hangs up on a slow
//! one without a word. Here it reads and writes as it would on the stream, except that words of its
//! own, which belong to no request, are kept back, and that the stream outlives it: who lent it can
//! then say what was wrong.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// One end of a stream that is lent; the stream is back when the other ends are gone.
pub(super) struct Wire<S>(Arc<Mutex<Line<S>>>);

/// The stream, and what has passed on it.
struct Line<S> {
    stream: S,
    /// How many requests are being answered.
    running: watch::Receiver<usize>,
    /// A request came whose response is not written to its end.
    answering: bool,
    /// Bytes came that are no request yet.
    head_begun: bool,
    /// Frames are spoken, where hyper's own words are part of the protocol.
    is_http2: bool,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, running: watch::Receiver<usize>) -> Self {
        let (answering, head_begun, is_http2) = Default::default();
        Self(Arc::new(Mutex::new(Line { stream, running, answering, head_begun, is_http2 })))
    }

    /// Another end of the same stream.
    pub(super) fn end(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// A head is complete; what is written from now on answers it.
    pub(super) fn request_begins(&self) {
        let mut line = self.lock();
        line.answering = true;
        line.head_begun = false;
    }

    /// Whether HTTP/1 is spoken and every head that came is answered to its end.
    pub(super) fn awaits_head(&self) -> bool {
        let line = self.lock();
        !line.answering && !line.is_http2
    }

    /// Whether something came since the last request that is no request yet.
    pub(super) fn head_begun(&self) -> bool {
        self.lock().head_begun
    }

    /// The stream, when this is its only end.
    pub(super) fn into_stream(self) -> Option<S> {
        let line = Arc::into_inner(self.0)?.into_inner();
        Some(line.unwrap_or_else(PoisonError::into_inner).stream)
    }

    fn lock(&self) -> MutexGuard<'_, Line<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Line<S> {
    /// Whether these bytes are to be written: those that answer a request, and HTTP/2's frames.
    fn passes(&mut self, bytes: &[u8]) -> bool {
        self.is_http2 |= !self.answering && !bytes.is_empty() && !bytes.starts_with(b"HTTP/1.");
        self.answering || self.is_http2
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut line = self.lock();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut line.stream).poll_read(cx, buffer);
        let came = buffer.filled().len() > before;
        line.head_begun |= came && !line.answering;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut line = self.lock();
        let first = slices.iter().find(|slice| !slice.is_empty());
        if first.is_some_and(|bytes| !line.passes(bytes)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut line.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut line = self.lock();
        let flushed = Pin::new(&mut line.stream).poll_flush(cx);
        // hyper flushes when it has handed on all it had; nothing running has nothing to add.
        if matches!(flushed, Poll::Ready(Ok(()))) && *line.running.borrow() == 0 {
            line.answering = false;
        }
        flushed
    }

    /// Leaves the stream open: the last word is not hyper's.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
