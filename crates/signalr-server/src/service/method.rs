//! A method without its types.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream, StreamExt};

use super::error::BindingError;
use super::parameters::{Given, Origin, Parameters, count};
use super::upload::Feed;
use super::{Call, MethodError, Reply};
use crate::{Arguments, Payload};

/// What becomes of a call that answers once.
pub(super) type Answer = BoxFuture<'static, Result<Payload, MethodError>>;
/// What becomes of a call that answers with a stream.
pub(super) type Opening = BoxFuture<'static, Result<Items, MethodError>>;
pub(super) type Items = BoxStream<'static, Result<Payload, MethodError>>;

type Bound<O> = Box<dyn Fn(Call, &Arguments, Vec<Feed>) -> Result<O, BindingError> + Send + Sync>;

pub(super) struct Method {
    /// How many uploads it takes.
    pub(super) uploads: usize,
    pub(super) body: Body,
}

/// Reads the parameters and gives the future of the call, which does nothing before it is polled.
pub(super) enum Body {
    Answers(Bound<Answer>),
    Streams(Bound<Opening>),
}

impl Method {
    pub(super) fn answering<P, R, F>(method: impl Fn(Call, P) -> F + Send + Sync + 'static) -> Self
    where
        P: Parameters,
        R: Reply,
        F: Future<Output = Result<R, MethodError>> + Send + 'static,
    {
        let method = Arc::new(method);
        let body = Body::Answers(Box::new(move |call, arguments, uploads| {
            let (method, parameters) = (Arc::clone(&method), bind::<P>(arguments, uploads)?);
            Ok(Box::pin(async move { method(call, parameters).await?.into_payload() }))
        }));
        Self { uploads: count::<P>(Origin::Upload), body }
    }

    pub(super) fn streaming<P, R, S, F>(method: impl Fn(Call, P) -> F + Send + Sync + 'static) -> Self
    where
        P: Parameters,
        R: Reply,
        S: Stream<Item = Result<R, MethodError>> + Send + 'static,
        F: Future<Output = Result<S, MethodError>> + Send + 'static,
    {
        let method = Arc::new(method);
        let body = Body::Streams(Box::new(move |call, arguments, uploads| {
            let (method, parameters) = (Arc::clone(&method), bind::<P>(arguments, uploads)?);
            Ok(Box::pin(async move {
                let items = method(call, parameters).await?;
                Ok(items.map(|item| item?.into_payload()).boxed())
            }))
        }));
        Self { uploads: count::<P>(Origin::Upload), body }
    }
}

fn bind<P: Parameters>(arguments: &Arguments, uploads: Vec<Feed>) -> Result<P, BindingError> {
    let mut given = Given::new(arguments, uploads, count::<P>(Origin::Argument))?;
    P::take_all(&mut given).map_err(BindingError::Value)
}

impl fmt::Debug for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Method").field("uploads", &self.uploads).finish_non_exhaustive()
    }
}
