//! Traits: what can be concluded from one observation alone, before any fingerprint is asked.

use std::collections::BTreeMap;

use crate::observe::{KeyPossession, Ntlm, Observation};
use crate::proto::ntlm::flags;

/// Name → value; a trait that does not apply is absent.
pub type Traits = BTreeMap<String, String>;

/// One row of the closed list of traits.
pub struct Trait {
    /// Its name in records, CSV cells and conditions.
    pub name: &'static str,
    /// What it means, what it rests on, and its values.
    pub doc: &'static str,
    derive: fn(&Observation) -> Option<&'static str>,
}

/// Every trait there is.
pub static TRAITS: &[Trait] = &[
    Trait {
        name: "non_windows_stack",
        doc: "The NTLM challenge bears the marks of another implementation than Windows. `freerdp`: version 6.1.7601 \
              without a target type flag and with all names equal, as FreeRDP's and GNOME's servers send it; Windows \
              sets a target type whenever it is asked for one (MS-NLMP 2.2.2.5). `samba`: version 6.1 with build 0.",
        derive: non_windows_stack,
    },
    Trait {
        name: "key_not_possessed",
        doc: "`yes`: the handshake signature does not fit the certificate, so the certificate is somebody else's: a \
              relay or a host that copies what it saw.",
        derive: |observation| {
            let failed = observation.tls.as_ref()?.key_possession == KeyPossession::Failed;
            failed.then_some("yes")
        },
    },
];

/// The traits of one observation.
#[must_use]
pub fn derive_traits(observation: &Observation) -> Traits {
    TRAITS.iter().filter_map(|row| Some((row.name.to_owned(), (row.derive)(observation)?.to_owned()))).collect()
}

fn non_windows_stack(observation: &Observation) -> Option<&'static str> {
    let ntlm = observation.ntlm.as_ref()?;
    match ntlm.product_version.as_deref()? {
        "6.1.7601" if !has_target_type(ntlm)? && all_names_equal(ntlm)? => Some("freerdp"),
        "6.1.0" => Some("samba"),
        _ => None,
    }
}

fn has_target_type(ntlm: &Ntlm) -> Option<bool> {
    Some(ntlm.negotiate_flags? & (flags::TARGET_TYPE_DOMAIN | flags::TARGET_TYPE_SERVER) != 0)
}

/// Whether target, NetBIOS and DNS names are all sent and all the same text, domain names included.
fn all_names_equal(ntlm: &Ntlm) -> Option<bool> {
    let name = ntlm.target_name.as_ref()?;
    let others = [
        ntlm.netbios_computer_name.as_ref()?,
        ntlm.netbios_domain_name.as_ref()?,
        ntlm.dns_computer_name.as_ref()?,
        ntlm.dns_domain_name.as_ref()?,
    ];
    Some(others.iter().all(|other| other.eq_ignore_ascii_case(name)))
}
