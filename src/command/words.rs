//! Flags that take one word out of a closed list.

use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use strum::VariantArray;

use crate::fingerprint::Class;
use crate::sweep::settings::Time;

/// A parser of one word out of a closed list, which also shows the list in the help.
pub(super) fn word<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + FromStr + Clone + Send + Sync + 'static + Into<&'static str> + Copy,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let words = T::VARIANTS.iter().map(|word| (*word).into());
    PossibleValuesParser::new(words.collect::<Vec<&'static str>>()).try_map(|word| T::from_str(&word))
}

/// Informational classes are never findings, so they cannot be waited for either.
pub(super) fn accusing_class() -> impl TypedValueParser<Value = Class> {
    let classes = Class::VARIANTS.iter().filter(|class| !class.is_informational());
    PossibleValuesParser::new(classes.map(<&'static str>::from)).try_map(|word| Class::from_str(&word))
}

/// `400d`, or a time as flags of a scan take it.
pub(super) fn days_or_time(text: &str) -> Result<Duration, String> {
    let time: Result<Time, serde::de::value::Error> = Time::deserialize(text.into_deserializer());
    time.map(|Time(duration)| duration).map_err(|error| error.to_string())
}
