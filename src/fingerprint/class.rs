//! What a match says about a host, and how sure it is.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

/// The class of a fingerprint, strongest first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Class {
    /// An image that only a criminal service is reported to use.
    CriminalImage,
    /// One image filling an operator's ranges, named in a published malware pivot.
    SharedRange,
    /// A clone that several machines were found to share; no report about it is known.
    UnnamedClone,
    /// Shipped by a hosting panel or provider and shared by legitimate customers.
    PanelTemplate,
    /// A default name that unrelated machines bear.
    Generic,
    /// A training or test image.
    Lab,
}

impl Class {
    /// Whether a match of this class only informs: it never accuses, alerts or opens a case.
    #[must_use]
    pub fn is_informational(self) -> bool {
        matches!(self, Self::PanelTemplate | Self::Generic | Self::Lab)
    }

    /// Whether a fingerprint of this class must name a published source.
    #[must_use]
    pub fn needs_source(self) -> bool {
        matches!(self, Self::CriminalImage | Self::SharedRange)
    }

    /// What is asked of a customer, where something is.
    #[must_use]
    pub fn request(self) -> Option<&'static str> {
        self.needs_source().then_some("Please confirm who built the image.")
    }

    /// What may fairly be said to a customer, without the request; `name` is the family's, `source` the first report, and `mark` what the host
    /// shows, as in "the computer name".
    #[must_use]
    pub fn wording(self, name: &str, source: &str, mark: &str) -> String {
        match self {
            Self::CriminalImage => format!(
                "This host shows {mark} of {name}, an image that is reported as used by a criminal service ({source}). \
                 Independent installations do not come to it by chance."
            ),
            Self::SharedRange => format!(
                "{mark} that this host shows was reported for servers seen with malware ({source}). That is a report about \
                 the image; uninvolved tenants may use it too.",
                mark = capitalised(mark)
            ),
            Self::UnnamedClone => "This host appears to be a copy of one Windows installation that several machines \
                                   share. No report about it is known to us. This is not evidence of abuse."
                .to_owned(),
            Self::PanelTemplate => format!(
                "This host shows {mark} of a hosting template, shared by legitimate and criminal customers ({source}). Not \
                 evidence of abuse. The template was installed without generalising; whoever provides it should run \
                 sysprep on the template, not on a server in use."
            ),
            Self::Generic => {
                format!(
                    "This host shows {mark} that unrelated machines share by default ({name}). Not evidence of abuse."
                )
            }
            Self::Lab => {
                format!("This host shows {mark} of a training or test image ({name}). Not evidence of abuse.")
            }
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// How well the facts bear a match out, weakest first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    EnumMessage,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Confidence {
    /// A fact speaks against it.
    Contradicted,
    /// What is required, mostly a name, which any host can declare; nothing counts beside it.
    Weak,
    /// What is required, and an independent fact that agrees with the image; other machines may share that fact.
    Supported,
    /// Build, certificate form and a proven key agree with the image, or its own certificate is shown.
    Strong,
}
