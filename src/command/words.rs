//! Flags that take one word out of a closed list.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use strum::VariantArray;

/// A parser of one word out of a closed list, which also shows the list in the help.
pub(super) fn word<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + FromStr + Clone + Send + Sync + 'static + Into<&'static str> + Copy,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let words = T::VARIANTS.iter().map(|word| (*word).into());
    PossibleValuesParser::new(words.collect::<Vec<&'static str>>()).try_map(|word| T::from_str(&word))
}
