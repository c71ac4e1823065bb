//! The facts of the MCS step, which hosts without NLA answer before any logon.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Certificate, CertificateKind, Hex};
use crate::proto::gcc::{ServerCore, ServerSecurity, version_name};
use crate::proto::mcs::Answer;
use crate::proto::rdp_certificate::{Kind, RdpCertificate, RsaKey};
use crate::proto::x224::Protocols;
use crate::proto::x509;

/// The answer to an MCS Connect Initial (MS-RDPBCGR 2.2.1.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mcs {
    /// `result` of the Connect Response (T.125, 7): 0 is success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<u8>,
    /// `Reason` of a disconnect that came instead (T.125, 7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disconnect_reason: Option<u8>,
    /// `version` of the Server Core Data: the versions of RDP that it stands for, or the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// What the server says that the Connection Request offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_requested_protocols: Option<String>,
    /// `earlyCapabilityFlags` of the Server Core Data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_capability_flags: Option<u32>,
    /// `encryptionMethod` of the Server Security Data: `none`, `40bit`, `56bit`, `128bit`, `fips`, or the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_method: Option<String>,
    /// `encryptionLevel`: `none`, `low`, `client-compatible`, `high`, `fips`, or the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_level: Option<String>,
    /// `serverRandom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_random: Option<Hex>,
    /// The kind of the server's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_kind: Option<CertificateKind>,
    /// The X.509 chain, the server's own first; of a proprietary certificate the key alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// The answer as sent, at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Hex>,
}

impl Mcs {
    /// The facts of an answer, and the bytes that it was read from.
    #[must_use]
    pub fn from_answer(answer: &Answer, raw: &[u8]) -> Self {
        let mut mcs = Self { raw: Some(Hex(raw.to_vec())), ..Self::default() };
        match answer {
            Answer::ConnectResponse(response) => {
                mcs.result = response.result;
                if let Some(core) = &response.server_data.core {
                    mcs.read_core(core);
                }
                if let Some(security) = &response.server_data.security {
                    mcs.read_security(security);
                }
            }
            Answer::Disconnect { reason } => mcs.disconnect_reason = *reason,
            Answer::Unexpected => {}
        }
        mcs
    }

    fn read_core(&mut self, core: &ServerCore) {
        let name = version_name(core.version).map(ToOwned::to_owned);
        self.server_version = Some(name.unwrap_or_else(|| format!("{:#010x}", core.version)));
        self.client_requested_protocols = core.client_requested_protocols.map(|offer| Protocols(offer).to_string());
        self.early_capability_flags = core.early_capability_flags;
    }

    fn read_security(&mut self, security: &ServerSecurity) {
        /// MS-RDPBCGR 2.2.1.4.3.
        const METHODS: [(u32, &str); 5] = [(0, "none"), (1, "40bit"), (2, "128bit"), (8, "56bit"), (16, "fips")];
        const LEVELS: [(u32, &str); 5] = [(0, "none"), (1, "low"), (2, "client-compatible"), (3, "high"), (4, "fips")];
        let name = |table: &[(u32, &str)], number: u32| {
            let row = table.iter().find(|(candidate, _)| *candidate == number);
            row.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
        };
        self.encryption_method = Some(name(&METHODS, security.encryption_method));
        self.encryption_level = Some(name(&LEVELS, security.encryption_level));
        self.server_random = (!security.random.is_empty()).then(|| Hex(security.random.clone()));
        if let Some(certificate) = &security.certificate {
            self.read_certificate(certificate);
        }
    }

    fn read_certificate(&mut self, certificate: &RdpCertificate) {
        let (kind, certificates) = match &certificate.kind {
            Kind::Proprietary { key } => (CertificateKind::Proprietary, key.iter().map(bare_key).collect()),
            // It was sent root first. In a chain that breaks off the last is anybody's.
            Kind::X509 { chain, is_whole } => {
                let own_first = chain.iter().rev().filter(|_| *is_whole);
                (CertificateKind::X509, own_first.map(|der| Certificate::from_der(der)).collect())
            }
            Kind::Unread => (CertificateKind::Unread, Vec::new()),
        };
        self.certificate_kind = Some(kind);
        self.certificates = certificates;
    }
}

/// A key without a certificate around it. Its hash is that of the `SubjectPublicKeyInfo` that a certificate would hold, so
/// that equal keys are equal wherever they are shown.
fn bare_key(key: &RsaKey) -> Certificate {
    let spki = x509::rsa_public_key_info(&key.modulus, key.exponent);
    Certificate {
        spki_sha256: Some(Hex(Sha256::digest(&spki).to_vec())),
        public_key_algorithm: Some("rsaEncryption".to_owned()),
        public_key_bits: u32::try_from(key.bits).ok(),
        ..Certificate::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::gcc::ServerData;
    use crate::proto::mcs::ConnectResponse;

    fn read(certificate: RdpCertificate) -> Mcs {
        let core =
            ServerCore { version: 0x0008_0004, client_requested_protocols: Some(3), early_capability_flags: None };
        let security = ServerSecurity {
            encryption_method: 2,
            encryption_level: 7,
            random: vec![9; 32],
            certificate: Some(certificate),
        };
        let server_data = ServerData { core: Some(core), security: Some(security), blocks: vec![] };
        let response = ConnectResponse { result: Some(0), server_data };
        Mcs::from_answer(&Answer::ConnectResponse(Box::new(response)), &[3, 0])
    }

    #[test]
    fn numbers_have_their_names_or_stay_numbers() {
        let mcs = read(RdpCertificate { raw: vec![], is_temporary: false, kind: Kind::Unread });
        assert_eq!(mcs.server_version.as_deref(), Some("5.0-8.1"));
        assert_eq!(mcs.client_requested_protocols.as_deref(), Some("ssl|hybrid"));
        assert_eq!((mcs.encryption_method.as_deref(), mcs.encryption_level.as_deref()), (Some("128bit"), Some("0x7")));
        assert_eq!((mcs.certificate_kind, mcs.certificates.len()), (Some(CertificateKind::Unread), 0));
        assert_eq!(mcs.raw, Some(Hex(vec![3, 0])));
    }

    #[test]
    fn a_bare_key_has_the_hash_that_a_certificate_around_it_has() {
        // A modulus whose highest bit is set, as that of every real key.
        let modulus: Vec<u8> = (0..=255).rev().collect();
        let key = RsaKey { modulus, exponent: 65537, bits: 2048 };
        let spki = x509::rsa_public_key_info(&key.modulus, key.exponent);
        let read_back = x509::rsa_key(x509::public_key(&spki).unwrap().key).unwrap();
        assert_eq!((read_back.modulus, read_back.exponent), (&key.modulus[..], &[1, 0, 1][..]));
        // As every certificate holds it: a key of 2,048 bits takes 294 octets.
        assert_eq!(spki.len(), 294);
        let kind = Kind::Proprietary { key: Some(key) };
        let mcs = read(RdpCertificate { raw: vec![], is_temporary: false, kind });
        let leaf = &mcs.certificates[0];
        assert_eq!(leaf.spki_sha256, Some(Hex(Sha256::digest(&spki).to_vec())));
        assert_eq!((leaf.public_key_bits, leaf.machine_name()), (Some(2048), None));
    }

    #[test]
    fn the_host_s_own_certificate_comes_first() {
        let chain = |is_whole| {
            let kind = Kind::X509 { chain: vec![b"root".to_vec(), b"own".to_vec()], is_whole };
            read(RdpCertificate { raw: vec![], is_temporary: false, kind })
        };
        assert_eq!(chain(true).certificates[0].der.as_ref().unwrap().0, b"own");
        let cut = chain(false);
        assert_eq!((cut.certificate_kind, cut.certificates.len()), (Some(CertificateKind::X509), 0));
    }
}
