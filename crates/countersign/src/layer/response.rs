//! The body of a guarded response.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of the service inside, or the guard's own answer: so that a guard stands before any
    /// service, whatever its bodies are.
    #[derive(Debug)]
    pub struct GuardBody<B> {
        #[pin]
        content: Content<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ContentProjection]
    enum Content<B> {
        Inner { #[pin] body: B },
        Answer { bytes: Option<Bytes> },
    }
}

impl<B> GuardBody<B> {
    pub(super) fn inner(body: B) -> Self {
        Self { content: Content::Inner { body } }
    }

    pub(super) fn answer(bytes: Bytes) -> Self {
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        Self { content: Content::Answer { bytes } }
    }
}

impl<B> Body for GuardBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().content.project() {
            ContentProjection::Inner { body } => body.poll_frame(context),
            ContentProjection::Answer { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Inner { body } => body.is_end_stream(),
            Content::Answer { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Inner { body } => body.size_hint(),
            Content::Answer { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Buf::remaining) as u64)
            }
        }
    }
}
