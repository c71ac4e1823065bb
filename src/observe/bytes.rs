//! Bytes that are written as text.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes written as lower-case hexadecimal.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

/// Bytes written as base64 with padding (RFC 4648, section 4).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

macro_rules! written_as {
    ($bytes:ident, $encoding:expr) => {
        impl fmt::Display for $bytes {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&$encoding.encode(&self.0))
            }
        }

        impl fmt::Debug for $bytes {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}({self})", stringify!($bytes))
            }
        }

        impl Serialize for $bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $bytes {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $encoding.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
            }
        }
    };
}

written_as!(Hex, HEXLOWER_PERMISSIVE);
written_as!(Base64, BASE64);
