//! How one host comes to differ from another.

use std::time::Duration;

use super::{Farewell, Host, Ntlm, Refusal, Security};
use crate::certificate::Certificate;
use crate::journal::Stage;
use crate::legacy::LegacyTls;
use crate::mcs::{Encryption, Mcs};
use crate::ntlm::{AvFault, Challenge, Flags, OEM, UNICODE, VERSION};
use crate::script::Script;
use crate::tls::TlsVersions;
use crate::tsrequest::Envelope;

impl Host {
    /// The same host as a member of a domain: qualified DNS name and common name, a tree, another target.
    #[must_use]
    pub fn domain(mut self, dns_domain: &str) -> Self {
        if let Ntlm::Challenge(challenge) = self.ntlm {
            let challenge = challenge.domain(dns_domain);
            self.certificate = self.certificate.rename(&challenge.dns_computer);
            self.ntlm = Ntlm::Challenge(challenge);
        }
        self
    }

    /// Another certificate.
    #[must_use]
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self { certificate, ..self }
    }

    /// Whether the handshake is signed with the certificate's key, or with another as if the certificate were stolen.
    #[must_use]
    pub fn key_possession(self, key_possession: bool) -> Self {
        Self { key_possession, ..self }
    }

    /// TLS alone: no NLA, hence no NTLM.
    #[must_use]
    pub fn without_nla(self) -> Self {
        Self { security: Security::Tls, ..self }
    }

    /// RDP's own security alone, confirmed in eleven bytes (`bare`) or by an `RDP_NEG_RSP` with `PROTOCOL_RDP`.
    #[must_use]
    pub fn classic(self, bare: bool) -> Self {
        Self { security: Security::Classic { bare }, ..self }
    }

    /// Answers every request with this failure code.
    #[must_use]
    pub fn refusing(self, code: u32) -> Self {
        Self { refusal: Some(Refusal { code, unless: None }), ..self }
    }

    /// Answers with this failure code until exactly `wanted` is requested.
    #[must_use]
    pub fn refusing_unless(self, code: u32, wanted: u32) -> Self {
        Self { refusal: Some(Refusal { code, unless: Some(wanted) }), ..self }
    }

    /// Does this instead of a negotiation, or around it: see [`Script`].
    #[must_use]
    pub fn script(self, script: Script) -> Self {
        Self { script: Some(script), ..self }
    }

    /// Thinks so long before each answer.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Speaks these versions of TLS.
    #[must_use]
    pub fn tls_versions(self, tls: TlsVersions) -> Self {
        Self { tls, ..self }
    }

    /// Closes in good order once this stage is reached.
    #[must_use]
    pub fn close_after(self, stage: Stage) -> Self {
        Self { ending: Some((stage, Farewell::Close)), ..self }
    }

    /// Resets the connection once this stage is reached.
    #[must_use]
    pub fn reset_after(self, stage: Stage) -> Self {
        Self { ending: Some((stage, Farewell::Reset)), ..self }
    }

    /// Falls silent once this stage is reached.
    #[must_use]
    pub fn silent_after(self, stage: Stage) -> Self {
        Self { ending: Some((stage, Farewell::Silence)), ..self }
    }

    /// TLS of old, as far as it is in clear.
    #[must_use]
    pub fn legacy(self, legacy: LegacyTls) -> Self {
        Self { legacy: Some(legacy), ..self }
    }

    /// How an MCS Connect Initial is answered.
    #[must_use]
    pub fn mcs(self, mcs: Mcs) -> Self {
        Self { mcs, ..self }
    }

    /// Encryption and certificate of its Connect Response; nothing, where it answers otherwise.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        if let Mcs::Response(data) = &mut self.mcs {
            data.encryption = Some(encryption);
        }
        self
    }

    /// A clock that is so many milliseconds ahead.
    #[must_use]
    pub fn ntlm_skew(self, milliseconds: i64) -> Self {
        self.challenge(|challenge| challenge.skew_ms = Some(milliseconds))
    }

    /// The target name in single bytes instead of UTF-16, whatever the client asked.
    #[must_use]
    pub fn oem_names(self) -> Self {
        self.challenge(|challenge| {
            if let Flags::Negotiated(flags) = challenge.flags {
                challenge.flags = Flags::Fixed(flags & !UNICODE | OEM);
            }
        })
    }

    /// No version, and no flag that says there were one.
    #[must_use]
    pub fn without_version(self) -> Self {
        self.challenge(|challenge| {
            if let Flags::Negotiated(flags) = &mut challenge.flags {
                *flags &= !VERSION;
            }
        })
    }

    /// A broken list of AV pairs.
    #[must_use]
    pub fn av_fault(self, fault: AvFault) -> Self {
        self.challenge(|challenge| challenge.fault = Some(fault))
    }

    /// Any change to the fields of the challenge; nothing, where it is raw.
    #[must_use]
    pub fn challenge(mut self, change: impl FnOnce(&mut Challenge)) -> Self {
        if let Ntlm::Challenge(challenge) = &mut self.ntlm {
            change(challenge);
        }
        self
    }

    /// Any bytes as the challenge, the same every time.
    #[must_use]
    pub fn ntlm_raw(self, message: Vec<u8>) -> Self {
        Self { ntlm: Ntlm::Raw(message), ..self }
    }

    /// How the challenge is wrapped.
    #[must_use]
    pub fn envelope(self, envelope: Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// Any bytes in place of the `TSRequest`.
    #[must_use]
    pub fn ts_request(self, bytes: Vec<u8>) -> Self {
        self.envelope(Envelope::Raw(bytes))
    }

    /// An `errorCode` in place of a challenge.
    #[must_use]
    pub fn credssp_error(self, status: u32) -> Self {
        self.envelope(Envelope::ErrorCode(status))
    }

    /// The `TSRequest` goes out one byte per TLS record.
    #[must_use]
    pub fn trailer(self, bytes: Vec<u8>) -> Self {
        Self { trailer: Some(bytes), ..self }
    }

    /// See [`Host::fragmented`].
    #[must_use]
    pub fn fragmented(self) -> Self {
        Self { fragmented: true, ..self }
    }
}
