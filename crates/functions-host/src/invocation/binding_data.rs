//! What a trigger knows, by name: for `Metadata`, and for binding expressions (functions-host 2.4, 5).
//!
//! Easily missed: it is written into every envelope, but few functions have an expression that asks for it. So the large objects stay where they
//! are until they are written, and values that can be looked into are made only for the first expression.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use jiff::{Timestamp, tz::TimeZone};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{HttpCall, header_values, text};
use crate::encoding::Encoded;
use crate::header_names::canonical_name;
use crate::newtonsoft::{looks_like_json, plain_text};

/// Trigger data by name; names differ by more than letter case.
#[derive(Debug, Default)]
pub(crate) struct BindingData {
    entries: Vec<(Cow<'static, str>, Datum)>,
    values: OnceLock<Map<String, Value>>,
}

/// One entry. It serialises as `Metadata` has it.
#[derive(Debug)]
enum Datum {
    Value(Value),
    /// The object `Query`: of repeated parameters the last value.
    Query(Arc<HttpCall>),
    /// The object `Headers`: repeated ones joined.
    Headers(Arc<HttpCall>),
    Sys(Sys),
}

/// The binding data `sys`, which every invocation has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Sys {
    /// The function's name.
    pub(crate) method_name: String,
    #[serde(serialize_with = "seven_digits")]
    pub(crate) utc_now: Timestamp,
    pub(crate) rand_guid: Uuid,
}

impl BindingData {
    /// What a call gives: members of the body, query and route parameters, then the objects.
    pub(crate) fn of_call(call: &Arc<HttpCall>, sys: Sys, zone: &TimeZone) -> BindingData {
        let mut data = BindingData::default();
        for (name, value) in body_members(call, zone) {
            data.set(name.into(), Datum::Value(value));
        }
        for (name, values) in call.query_parameters() {
            if !name.eq_ignore_ascii_case("code") {
                data.set(name.into(), Datum::Value(values.last().cloned().into()));
            }
        }
        for (name, value) in &call.route_values {
            data.set(name.clone().into(), Datum::Value(value.clone().into()));
        }
        for (name, object) in [("Query", Datum::Query(Arc::clone(call))), ("Headers", Datum::Headers(Arc::clone(call)))]
        {
            // A body member or parameter of that name keeps its place.
            if data.place_of(name).is_none() {
                data.entries.push((name.into(), object));
            }
        }
        data.set("sys".into(), Datum::Sys(sys));
        data
    }

    /// What a trigger gives that has nothing but these values.
    pub(crate) fn of_values(values: Map<String, Value>, sys: Sys) -> BindingData {
        let entries = values.into_iter().filter(|(name, _)| name != "sys");
        let mut entries: Vec<_> = entries.map(|(name, value)| (name.into(), Datum::Value(value))).collect();
        entries.push(("sys".into(), Datum::Sys(sys)));
        BindingData { entries, values: OnceLock::new() }
    }

    /// What binding expressions look into.
    pub(crate) fn values(&self) -> &Map<String, Value> {
        let value = |datum: &Datum| match datum {
            Datum::Value(value) => value.clone(),
            object => serde_json::to_value(object).expect("objects of texts are JSON"),
        };
        self.values.get_or_init(|| {
            self.entries.iter().map(|(name, datum)| (name.clone().into_owned(), value(datum))).collect()
        })
    }

    /// Writes what goes into `Metadata`: no nulls, and nothing that is named after a trigger.
    pub(super) fn write<M: serde::ser::SerializeMap>(
        &self,
        metadata: &mut M,
        is_replaced: impl Fn(&str) -> bool,
    ) -> Result<(), M::Error> {
        for (name, datum) in &self.entries {
            let is_trigger =
                name.get(name.len().saturating_sub(7)..).is_some_and(|end| end.eq_ignore_ascii_case("trigger"));
            if !matches!(datum, Datum::Value(Value::Null)) && !is_trigger && !is_replaced(name) {
                metadata.serialize_entry(name, datum)?;
            }
        }
        Ok(())
    }

    /// The name that came first stays.
    fn set(&mut self, name: Cow<'static, str>, datum: Datum) {
        match self.place_of(&name) {
            Some(place) => self.entries[place].1 = datum,
            None => self.entries.push((name, datum)),
        }
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Datum::Value(value) => Encoded(value).serialize(serializer),
            Datum::Query(call) => {
                let parameters = call.query_parameters();
                serializer.collect_map(parameters.iter().map(|(name, values)| (name, values.last())))
            }
            Datum::Headers(call) => {
                let mut map = serializer.serialize_map(None)?;
                for name in call.headers.keys() {
                    let mut values = header_values(&call.headers, name);
                    let first = values.next().unwrap_or_default();
                    let joined = values.fold(first, |joined, next| (joined.into_owned() + "," + &next).into());
                    map.serialize_entry(canonical_name(name.as_str()), &joined)?;
                }
                map.end()
            }
            Datum::Sys(sys) => sys.serialize(serializer),
        }
    }
}

/// Cut, as .NET prints a time.
fn seven_digits<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.7}"))
}

/// The top-level members of a JSON-object body: objects stay, arrays and nulls are left out, the rest becomes text.
fn body_members(call: &HttpCall, zone: &TimeZone) -> impl Iterator<Item = (String, Value)> {
    let body = call.body.as_deref().map(text).filter(|body| looks_like_json(body));
    let members: Option<Map<String, Value>> = body.and_then(|body| serde_json::from_str(&body).ok());
    let members = members.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null() && !value.is_array());
    members.map(|(name, value)| {
        let value = if value.is_object() { value } else { plain_text(&value, zone).into() };
        (name, value)
    })
}
