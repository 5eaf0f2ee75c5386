//! From a handler's signature to what its operation takes, and to the errors that come with that.

use std::future::ready;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use http::HeaderMap;
use http::request::Parts;

use super::Operation;
use crate::app::App;
use crate::http::problem::Problem;

/// Something that a handler takes from a request.
pub trait Input {
    /// Adds to the operation what the client must send for it, and what is said when it does not.
    #[must_use]
    fn describe(operation: Operation) -> Operation {
        operation
    }

    /// Refuses a request by its head alone, before its body is read.
    fn admit(_: &mut Parts, _: &App) -> impl Future<Output = Result<(), Problem>> + Send {
        ready(Ok(()))
    }
}

/// All that a handler takes: the type that tells [`axum::handler::Handler`]s apart.
pub trait Inputs {
    /// Adds what each of them adds.
    #[must_use]
    fn describe(operation: Operation) -> Operation;

    /// Refuses the request if one of them does.
    fn admit(parts: &mut Parts, app: &App) -> impl Future<Output = Result<(), Problem>> + Send;
}

impl Inputs for ((),) {
    fn describe(operation: Operation) -> Operation {
        operation
    }

    fn admit(_: &mut Parts, _: &App) -> impl Future<Output = Result<(), Problem>> + Send {
        ready(Ok(()))
    }
}

macro_rules! inputs {
    ($($input:ident),+) => {
        impl<M, $($input: Input),+> Inputs for (M, $($input,)+) {
            fn describe(operation: Operation) -> Operation {
                $(let operation = $input::describe(operation);)+
                operation
            }

            async fn admit(parts: &mut Parts, app: &App) -> Result<(), Problem> {
                $($input::admit(parts, app).await?;)+
                Ok(())
            }
        }
    };
}

inputs! { A }
inputs! { A, B }
inputs! { A, B, C }
inputs! { A, B, C, D }
inputs! { A, B, C, D, E }

// What is not the client's to send, or is described where it is used.
impl<S> Input for State<S> {}
impl<T> Input for Extension<T> {}
impl<T> Input for Option<Extension<T>> {}
impl<T> Input for Result<Path<T>, PathRejection> {}
impl Input for HeaderMap {}
impl Input for Parts {}
impl Input for RawQuery {}
impl Input for Request {}
