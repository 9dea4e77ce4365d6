//! What a method takes: the arguments of the call, and the streams that its client uploads.
//!
//! The two come on different ways: an upload has no place among the arguments on the wire, so a method may declare both
//! in any order (signalr-protocol 4.9).

use std::vec::IntoIter;

use serde::de::DeserializeOwned;

use super::error::BindingError;
use super::upload::{Feed, Upload};
use crate::{Arguments, Payload};

/// Something that a method takes: whatever serde deserialises, a [`Payload`] for a value as it came in, an [`Upload`]
/// for a stream. Not meant to be implemented elsewhere.
pub trait Parameter: Sized + Send + 'static {
    #[doc(hidden)]
    const ORIGIN: Origin = Origin::Argument;
    #[doc(hidden)]
    fn take(given: &mut Given) -> Result<Self, serde_json::Error>;
}

/// Everything that a method takes: a tuple of up to eight [`Parameter`]s. Not meant to be implemented elsewhere.
pub trait Parameters: Sized + Send + 'static {
    #[doc(hidden)]
    const ORIGINS: &'static [Origin];
    #[doc(hidden)]
    fn take_all(given: &mut Given) -> Result<Self, serde_json::Error>;
}

/// On which way a parameter comes.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Argument,
    Upload,
}

/// What a client has given and no parameter has taken yet. There is enough of it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Given {
    arguments: IntoIter<Payload>,
    uploads: IntoIter<Feed>,
}

impl Given {
    /// Counts the arguments.
    pub(super) fn new(arguments: &Arguments, uploads: Vec<Feed>, expected: usize) -> Result<Self, BindingError> {
        let arguments = arguments.split();
        if arguments.len() != expected {
            return Err(BindingError::Count { given: arguments.len(), expected });
        }
        Ok(Self { arguments: arguments.into_iter(), uploads: uploads.into_iter() })
    }

    fn argument(&mut self) -> Payload {
        self.arguments.next().expect("as many arguments as there are parameters for")
    }

    pub(super) fn upload(&mut self) -> Feed {
        self.uploads.next().expect("as many uploads as there are parameters for")
    }
}

impl<T: DeserializeOwned + Send + 'static> Parameter for T {
    fn take(given: &mut Given) -> Result<Self, serde_json::Error> {
        given.argument().deserialize()
    }
}

impl Parameter for Payload {
    fn take(given: &mut Given) -> Result<Self, serde_json::Error> {
        Ok(given.argument())
    }
}

impl<T: DeserializeOwned + Send + 'static> Parameter for Upload<T> {
    const ORIGIN: Origin = Origin::Upload;

    fn take(given: &mut Given) -> Result<Self, serde_json::Error> {
        Ok(Self::from(given.upload()))
    }
}

macro_rules! parameters {
    ($($parameter:ident)*) => {
        impl<$($parameter: Parameter),*> Parameters for ($($parameter,)*) {
            const ORIGINS: &'static [Origin] = &[$($parameter::ORIGIN),*];

            fn take_all(_given: &mut Given) -> Result<Self, serde_json::Error> {
                Ok(($($parameter::take(_given)?,)*))
            }
        }
    };
}

parameters!();
parameters!(A);
parameters!(A B);
parameters!(A B C);
parameters!(A B C D);
parameters!(A B C D E);
parameters!(A B C D E F);
parameters!(A B C D E F G);
parameters!(A B C D E F G H);

/// How many of `P` come on that way.
pub(super) fn count<P: Parameters>(origin: Origin) -> usize {
    P::ORIGINS.iter().filter(|from| **from == origin).count()
}
