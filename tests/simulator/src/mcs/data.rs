//! What GCC carries (T.124; MS-RDPBCGR 2.2.1.3.2 to 2.2.1.4.4): the client's core and security data, the server's own with its
//! certificate.

use ring::rand::{SecureRandom, SystemRandom};

use super::ConnectInitial;
use crate::certificate::Certificate;
use crate::key::Key;

/// `ConnectData` under the object identifier of T.124.
const T124: [u8; 7] = [0, 5, 0, 20, 124, 0, 1];
/// `conferenceCreateRequest` with user data alone under the client's key.
const CREATE_REQUEST: &[u8] = b"\x00\x08\x00\x10\x00\x01\xC0\x00Duca";
/// `conferenceCreateResponse`: node 31219, tag 1, success, user data under the server's key. Windows says 42 in the length
/// before it, whatever follows.
const CREATE_RESPONSE: &[u8] = b"\x2A\x14\x76\x0A\x01\x01\x00\x01\xC0\x00McDn";

const CS_CORE: u16 = 0xC001;
const CS_SECURITY: u16 = 0xC002;
const SC_CORE: u16 = 0x0C01;
const SC_SECURITY: u16 = 0x0C02;
const SC_NET: u16 = 0x0C03;
/// Places in Client Core Data behind its header.
const CLIENT_NAME: std::ops::Range<usize> = 20..52;
const SELECTED_PROTOCOL: std::ops::Range<usize> = 208..212;

/// `RNS_UD_SC_EDGE_ACTIONS_SUPPORTED_V1` and `RNS_UD_SC_DYNAMIC_DST_SUPPORTED`.
const EARLY_CAPABILITIES: u32 = 3;

/// What a Connect Response says.
#[derive(Debug, Clone)]
pub struct ServerData {
    /// `result`: 0 is success.
    pub result: u8,
    /// `version` of the core data: `0x0008_0004` up to Windows 8.1.
    pub version: u32,
    /// Encryption and certificate; `None` for what goes with the host's security: nothing under TLS, otherwise 128 bits and
    /// the key of the host's certificate.
    pub encryption: Option<Encryption>,
    /// A length that lies.
    pub fault: Option<GccFault>,
}

/// Security data.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// `encryptionMethod`: 0 none, 1 40 bit, 2 128 bit, 8 56 bit, 16 FIPS.
    pub method: u32,
    /// `encryptionLevel`: 0 none, 1 low, 2 client compatible, 3 high, 4 FIPS.
    pub level: u32,
    /// Random and certificate; `None` where there is no encryption.
    pub identity: Option<Identity>,
}

/// What a host without TLS shows of itself.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A proprietary certificate (2.2.1.4.3.1.1): this key, without a name. Its signature is noise: the key that signs such
    /// certificates is published, so the signature proves nothing and clients need not look at it.
    Proprietary(Key),
    /// The chain of this certificate, root first (2.2.1.4.3.1.2), as a licence server's customers have it.
    X509(Box<Certificate>),
}

/// A length in the server's data that lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GccFault {
    /// The security block claims 65,535 octets.
    BlockTooLong,
    /// The security block claims two octets, less than its own header.
    BlockTooShort,
    /// The random claims four thousand million octets.
    RandomTooLong,
    /// The certificate claims four thousand million octets.
    CertificateTooLong,
    /// The user data claims 16,383 octets.
    UserDataTooLong,
    /// The certificate is a chain that claims four thousand million certificates.
    EndlessChain,
    /// The key of a proprietary certificate claims 65,535 octets.
    KeyTooLong,
}

impl Encryption {
    /// 128 bits, client compatible, with a proprietary certificate.
    #[must_use]
    pub fn proprietary(key: Key) -> Self {
        Self { method: 2, level: 2, identity: Some(Identity::Proprietary(key)) }
    }

    /// 128 bits, client compatible, with a chain.
    #[must_use]
    pub fn x509(certificate: Certificate) -> Self {
        Self { method: 2, level: 2, identity: Some(Identity::X509(Box::new(certificate))) }
    }

    /// None, because TLS encrypts.
    pub(crate) fn none() -> Self {
        Self { method: 0, level: 0, identity: None }
    }
}

impl ServerData {
    /// What a Windows of about this build says. The specification ties versions to no builds.
    #[must_use]
    pub fn windows(build: u16) -> Self {
        let version = match build {
            ..10_240 => 0x0008_0004,
            10_240..17_763 => 0x0008_0008,
            17_763..20_348 => 0x0008_000C,
            _ => 0x0008_0010,
        };
        Self { result: 0, version, encryption: None, fault: None }
    }

    /// This encryption, whatever the security.
    #[must_use]
    pub fn encryption(self, encryption: Encryption) -> Self {
        Self { encryption: Some(encryption), ..self }
    }

    /// A length that lies.
    #[must_use]
    pub fn fault(self, fault: GccFault) -> Self {
        Self { fault: Some(fault), ..self }
    }
}

/// The client's data in the user data of a Connect Initial.
pub(super) fn parse_create_request(user_data: &[u8]) -> Option<ConnectInitial> {
    let mut rest = user_data.strip_prefix(&T124)?;
    let mut request = per(&mut rest)?.strip_prefix(CREATE_REQUEST)?;
    let mut blocks = per(&mut request)?;
    if !rest.is_empty() || !request.is_empty() {
        return None;
    }
    let (mut core, mut security) = (None, None);
    while !blocks.is_empty() {
        let (&[kind_low, kind_high, low, high], _) = blocks.split_first_chunk::<4>()?;
        let (block, after) = blocks.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
        blocks = after;
        match u16::from_le_bytes([kind_low, kind_high]) {
            CS_CORE if core.is_none() => core = Some(block.get(4..)?),
            CS_SECURITY if security.is_none() => security = Some(block.get(4..)?),
            CS_CORE | CS_SECURITY => return None,
            _ => {}
        }
    }
    let core = core?;
    let name = core.get(CLIENT_NAME)?.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit));
    let name: Vec<u16> = name.take_while(|&unit| unit != 0).collect();
    let word = |octets: &[u8]| Some(u32::from_le_bytes(octets.try_into().ok()?));
    Some(ConnectInitial {
        client_name: String::from_utf16(&name).ok()?,
        selected: core.get(SELECTED_PROTOCOL).and_then(word),
        encryption_methods: word(security?.get(..4)?)?,
    })
}

/// What a length determinant in one or two octets (X.691 10.9) counts.
fn per<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = match **input {
        [length @ 0..0x80, ref after @ ..] => (usize::from(length), after),
        [high @ 0x80..0xC0, low, ref after @ ..] => (usize::from(high & 0x3F) << 8 | usize::from(low), after),
        _ => return None,
    };
    let (content, rest) = after.split_at_checked(length)?;
    *input = rest;
    Some(content)
}

/// The user data of a Connect Response. `requested` is what the Connection Request asked for.
pub(super) fn create_response(data: &ServerData, requested: u32) -> Vec<u8> {
    // Version, clientRequestedProtocols, earlyCapabilityFlags.
    let core = block(SC_CORE, &[data.version, requested, EARLY_CAPABILITIES].map(u32::to_le_bytes).concat());
    // The channel of input and output, and no others.
    let network = block(SC_NET, &[0xEB, 3, 0, 0]);
    let encryption = data.encryption.clone().unwrap_or_else(Encryption::none);
    let mut security = block(SC_SECURITY, &security(&encryption, data.fault));
    match data.fault {
        Some(GccFault::BlockTooLong) => security[2..4].fill(0xFF),
        Some(GccFault::BlockTooShort) => security[2..4].copy_from_slice(&[2, 0]),
        _ => {}
    }
    let blocks = [core, network, security].concat();
    let length = if data.fault == Some(GccFault::UserDataTooLong) { 0x3FFF } else { blocks.len() };
    let length = (0x8000 | u16::try_from(length).unwrap()).to_be_bytes();
    [&T124[..], CREATE_RESPONSE, &length, &blocks].concat()
}

fn block(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + content.len()).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
}

fn security(encryption: &Encryption, fault: Option<GccFault>) -> Vec<u8> {
    let mut out = [encryption.method, encryption.level].map(u32::to_le_bytes).concat();
    let Some(identity) = &encryption.identity else { return out };
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).unwrap();
    let mut certificate = match identity {
        Identity::Proprietary(key) => proprietary(*key),
        Identity::X509(certificate) => chain(certificate),
    };
    let mut lengths = [random.len(), certificate.len()].map(|length| u32::try_from(length).unwrap());
    match fault {
        Some(GccFault::RandomTooLong) => lengths[0] = u32::MAX,
        Some(GccFault::CertificateTooLong) => lengths[1] = u32::MAX,
        Some(GccFault::EndlessChain) => certificate[..8].copy_from_slice(&[2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
        Some(GccFault::KeyTooLong) => certificate[14..16].fill(0xFF),
        _ => {}
    }
    out.extend(lengths.map(u32::to_le_bytes).concat());
    out.extend(random);
    out.extend(certificate);
    out
}

/// A proprietary certificate (2.2.1.4.3.1.1). Numbers have their least significant octet first and eight octets of padding.
fn proprietary(key: Key) -> Vec<u8> {
    let mut modulus = key.modulus();
    modulus.reverse();
    let octets = u32::try_from(modulus.len()).unwrap();
    // keylen, bitlen, datalen, pubExp.
    let numbers = [octets + 8, octets * 8, octets - 1, 65_537].map(u32::to_le_bytes).concat();
    let blob = [&b"RSA1"[..], &numbers, &modulus, &[0; 8]].concat();
    let mut noise = [0; 64];
    SystemRandom::new().fill(&mut noise).unwrap();
    let signature = [&noise[..], &[0; 8]].concat();
    // dwVersion, dwSigAlgId, dwKeyAlgId; then BB_RSA_KEY_BLOB and BB_RSA_SIGNATURE_BLOB.
    [[1, 1, 1].map(u32::to_le_bytes).concat(), blob16(6, &blob), blob16(8, &signature)].concat()
}

fn blob16(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
}

/// An X.509 certificate chain (2.2.1.4.3.1.2), marked as temporary: the server's own certificate is the last.
fn chain(certificate: &Certificate) -> Vec<u8> {
    let chain = certificate.chain();
    let count = u32::try_from(chain.len()).unwrap();
    let mut out = [0x8000_0002, count].map(u32::to_le_bytes).concat();
    for der in chain.iter().rev() {
        out.extend(u32::try_from(der.len()).unwrap().to_le_bytes());
        out.extend(der);
    }
    out.resize(out.len() + 8 + 4 * chain.len(), 0);
    out
}
