//! An envelope and the HTTP request in it, read in one pass.
//!
//! It knows only the form that hosts of today write. Whatever else comes, well-formed or not, is left to the two passes of
//! [`Invocation::parse`](super::Invocation::parse) and [`Invocation::http_request`](super::Invocation::http_request), which
//! also know what to say about it.

use crate::http_request::Wire;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

/// An envelope whose input of one name is an HTTP request.
pub(super) struct AtOnce<'a> {
    pub(super) request: Wire<'a>,
    /// All the others.
    pub(super) inputs: Vec<(String, &'a RawValue)>,
    pub(super) metadata: Option<&'a RawValue>,
}

/// `None` is what has to be read in two passes.
pub(super) fn read<'a>(text: &'a str, name: &str) -> Option<AtOnce<'a>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let (mut data, mut metadata) = (None, None);
    json.deserialize_map(Envelope { name, data: &mut data, metadata: &mut metadata }).ok()?;
    json.end().ok()?;
    let (request, inputs) = data?;
    Some(AtOnce { request, inputs, metadata })
}

type Data<'a> = (Wire<'a>, Vec<(String, &'a RawValue)>);

#[derive(Deserialize)]
enum Member {
    Data,
    Metadata,
    #[serde(other)]
    Other,
}

struct Envelope<'de, 'o> {
    name: &'o str,
    data: &'o mut Option<Data<'de>>,
    metadata: &'o mut Option<&'de RawValue>,
}

impl<'de> Visitor<'de> for Envelope<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(member) = members.next_key()? {
            let again = match member {
                Member::Data => self.data.replace(members.next_value_seed(Inputs { name: self.name })?).is_some(),
                Member::Metadata => self.metadata.replace(members.next_value()?).is_some(),
                Member::Other => {
                    members.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if again {
                return Err(A::Error::custom("twice the same"));
            }
        }
        Ok(())
    }
}

struct Inputs<'o> {
    name: &'o str,
}

impl<'de> DeserializeSeed<'de> for Inputs<'_> {
    type Value = Data<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Inputs<'_> {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the inputs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Data<'de>, A::Error> {
        let (mut request, mut inputs) = (None, Vec::new());
        while let Some(name) = members.next_key::<String>()? {
            if name != self.name {
                inputs.push((name, members.next_value()?));
            } else if request.replace(members.next_value_seed(Object)?).is_some() {
                return Err(A::Error::custom("twice the same"));
            }
        }
        request.map(|request| (request, inputs)).ok_or_else(|| A::Error::custom("no request"))
    }
}

/// A request that is an object, and no list of its members.
struct Object;

impl<'de> DeserializeSeed<'de> for Object {
    type Value = Wire<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Wire<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Wire<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an HTTP request")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Wire<'de>, A::Error> {
        Wire::deserialize(MapAccessDeserializer::new(members))
    }
}
