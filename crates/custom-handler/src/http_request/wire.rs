//! The request as the host writes it, read in place.
//!
//! A `Cow` of serde is always a copy unless it is a field by itself, so text has a type of its own here.

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Wire<'a> {
    #[serde(default, borrow)]
    pub(super) url: Text<'a>,
    #[serde(default, borrow)]
    pub(super) method: Text<'a>,
    #[serde(default, borrow)]
    pub(super) query: Pairs<'a>,
    #[serde(default, borrow)]
    pub(super) headers: Pairs<'a>,
    #[serde(default, borrow)]
    pub(super) params: Pairs<'a>,
    #[serde(default, borrow)]
    pub(super) body: Option<&'a RawValue>,
}

/// Text, in place where it has no escapes.
#[derive(Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// A name and the first of its values.
type Pair<'a> = (Text<'a>, Option<Text<'a>>);

/// An object of texts or lists of texts, or JSON text of one: older hosts sent `Query` as a string (functions-host 2.4).
#[derive(Default)]
pub(super) struct Pairs<'a>(pub(super) Vec<Pair<'a>>);

/// A text, the first of a list of texts, or null.
struct First<'a>(Option<Text<'a>>);

/// The text of a JSON string, or the JSON text of anything else, in case a host parsed the body after all.
pub(super) fn body_text(raw: &RawValue) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    match raw.get() {
        "null" => Ok(None),
        text if text.starts_with('"') => serde_json::from_str(text).map(|Text(text)| Some(text)),
        text => Ok(Some(Cow::Borrowed(text))),
    }
}

impl Text<'_> {
    fn into_owned<'b>(self) -> Text<'b> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace;
        impl<'de> Visitor<'de> for InPlace {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(InPlace)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = First<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<First<'de>, E> {
                Ok(First(Some(Text(Cow::Borrowed(text)))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<First<'de>, E> {
                Ok(First(Some(Text(Cow::Owned(text.to_owned())))))
            }

            fn visit_unit<E: Error>(self) -> Result<First<'de>, E> {
                Ok(First(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<First<'de>, A::Error> {
                let first = texts.next_element()?;
                while texts.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings, or JSON text of one")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, First(value))) = members.next_entry()? {
                    if pairs.is_empty() {
                        // As many as a browser sends headers.
                        pairs.reserve_exact(16);
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }

            fn visit_unit<E: Error>(self) -> Result<Pairs<'de>, E> {
                Ok(Pairs::default())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Pairs<'de>, E> {
                let Pairs(pairs) = serde_json::from_str(text).map_err(E::custom)?;
                let owned = |(name, value): Pair<'_>| (name.into_owned(), value.map(Text::into_owned));
                Ok(Pairs(pairs.into_iter().map(owned).collect()))
            }
        }
        deserializer.deserialize_any(Object)
    }
}
