//! GCC Conference Create Request and Response (T.124 in packed encoding rules) and the data blocks in them
//! (MS-RDPBCGR 2.2.1.3.2 to 2.2.1.3.5, 2.2.1.4.2 to 2.2.1.4.4).

use super::Anomaly;
use super::rdp_certificate::RdpCertificate;
use super::reader::Reader;
use super::x224::Protocols;

/// `ConnectData` with the object identifier of T.124.
const T124: [u8; 7] = [0, 5, 0, 20, 124, 0, 1];
/// `ConnectGCCPDU`: the choice `conferenceCreateResponse`.
const CREATE_RESPONSE: u8 = 0x14;
/// The client's and the server's `h221NonStandard` keys.
const CLIENT_KEY: &[u8; 4] = b"Duca";
const SERVER_KEY: &[u8; 4] = b"McDn";

/// Data block types (MS-RDPBCGR 2.2.1.3.1).
const CS_CORE: u16 = 0xC001;
const CS_SECURITY: u16 = 0xC002;
const CS_CLUSTER: u16 = 0xC004;
const SC_CORE: u16 = 0x0C01;
const SC_SECURITY: u16 = 0x0C02;
const BLOCK_HEADER: usize = 4;
/// Blocks that are looked at; servers send three to five.
const MAX_BLOCKS: usize = 16;

/// `encryptionMethods`: 40, 128 and 56 bits and FIPS, so that every server finds its own among them.
const ALL_METHODS: u32 = 0x1B;
/// `REDIRECTION_SUPPORTED` with `REDIRECTION_VERSION3`, as clients have sent it since Windows XP.
const CLUSTER_FLAGS: u32 = 0x09;
/// UTF-16 units of `clientName` before its terminating null.
const CLIENT_NAME: usize = 15;

/// The request with the blocks that servers insist on: core, cluster and security data, and no channels.
pub(super) fn conference_create_request(client_name: &str, selected: Protocols) -> Vec<u8> {
    let security = [ALL_METHODS.to_le_bytes(), [0; 4]].concat();
    let cluster = [CLUSTER_FLAGS.to_le_bytes(), [0; 4]].concat();
    let blocks = [
        block(CS_CORE, &client_core_data(client_name, selected)),
        block(CS_CLUSTER, &cluster),
        block(CS_SECURITY, &security),
    ]
    .concat();
    // conferenceCreateRequest with user data only: conference "1", neither locked nor listed, terminated automatically,
    // one set of user data under a key of the client's.
    let head = [&[0, 8, 0, 0x10, 0, 1, 0xC0, 0][..], CLIENT_KEY].concat();
    let user_data = [&per_length(blocks.len())[..], &blocks].concat();
    [&T124[..], &per_length(head.len() + user_data.len()), &head, &user_data].concat()
}

/// Client Core Data (2.2.1.3.2) up to `serverSelectedProtocol`.
fn client_core_data(client_name: &str, selected: Protocols) -> Vec<u8> {
    let mut name: Vec<u16> = client_name.encode_utf16().take(CLIENT_NAME).collect();
    name.resize(CLIENT_NAME + 1, 0);
    [
        // version: RDP 5.0 to 8.1.
        &0x0008_0004_u32.to_le_bytes()[..],
        // desktopWidth, desktopHeight: 1024 x 768.
        &[0, 4, 0, 3],
        // colorDepth (8 bit, overruled below), SASSequence.
        &[0x01, 0xCA, 0x03, 0xAA],
        // keyboardLayout: US English; clientBuild: that of the NEGOTIATE message.
        &0x0409_u32.to_le_bytes(),
        &17763_u32.to_le_bytes(),
        &name.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        // keyboardType: 101 or 102 keys; keyboardSubType; keyboardFunctionKey.
        &[4, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0],
        // imeFileName.
        &[0; 64],
        // postBeta2ColorDepth, clientProductId, serialNumber.
        &[0x01, 0xCA, 1, 0, 0, 0, 0, 0],
        // highColorDepth: 16; supportedColorDepths: 24, 16 and 15; earlyCapabilityFlags: tell errors.
        &[16, 0, 7, 0, 1, 0],
        // clientDigProductId, connectionType, pad1octet.
        &[0; 66],
        &selected.0.to_le_bytes(),
    ]
    .concat()
}

/// A data block: `TS_UD_HEADER` and its content.
fn block(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(BLOCK_HEADER + content.len()).unwrap_or(u16::MAX);
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
}

/// A length determinant of two octets (X.691, 10.9), which is allowed for short ones too.
fn per_length(length: usize) -> [u8; 2] {
    let length = u16::try_from(length).unwrap_or(u16::MAX).min(0x3FFF);
    (0x8000 | length).to_be_bytes()
}

/// What a server says of itself before encryption begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerData {
    /// Server Core Data.
    pub core: Option<ServerCore>,
    /// Server Security Data.
    pub security: Option<ServerSecurity>,
    /// The types of all blocks, in their order, at most 16.
    pub blocks: Vec<u16>,
}

/// Server Core Data (2.2.1.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerCore {
    /// `version`; its name is [`version_name`].
    pub version: u32,
    /// `clientRequestedProtocols`: what the server says that the Connection Request offered.
    pub client_requested_protocols: Option<u32>,
    /// `earlyCapabilityFlags`.
    pub early_capability_flags: Option<u32>,
}

/// Server Security Data (2.2.1.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSecurity {
    /// `encryptionMethod`: 0 none, 1 40 bit, 2 128 bit, 8 56 bit, 16 FIPS.
    pub encryption_method: u32,
    /// `encryptionLevel`: 0 none, 1 low, 2 client compatible, 3 high, 4 FIPS.
    pub encryption_level: u32,
    /// `serverRandom`; 32 octets where there is encryption.
    pub random: Vec<u8>,
    /// `serverCertificate`, where there is encryption.
    pub certificate: Option<RdpCertificate>,
}

/// The versions of RDP that a `version` of Server Core Data stands for.
#[must_use]
pub fn version_name(version: u32) -> Option<&'static str> {
    const SINCE_10: [&str; 13] =
        ["10.0", "10.1", "10.2", "10.3", "10.4", "10.5", "10.6", "10.7", "10.8", "10.9", "10.10", "10.11", "10.12"];
    match version {
        0x0008_0001 => Some("4.0"),
        0x0008_0004 => Some("5.0-8.1"),
        _ => SINCE_10.get(usize::try_from(version.checked_sub(0x0008_0005)?).ok()?).copied(),
    }
}

/// Decodes the user data of an MCS Connect Response, as far as it can be understood.
pub(super) fn decode_create_response(user_data: &[u8], anomalies: &mut Vec<Anomaly>) -> ServerData {
    let mut data = ServerData::default();
    let mut reader = Reader::new(user_data);
    let is_whole = enter(&mut reader).and_then(|is_length_true| {
        decode_blocks(reader, &mut data, anomalies)?;
        is_length_true.then_some(())
    });
    if is_whole.is_none() {
        anomalies.push(Anomaly::GccMalformed);
    }
    data
}

/// Goes to the data blocks, cutting off what follows them. Returns whether the length before them was true.
fn enter(reader: &mut Reader<'_>) -> Option<bool> {
    if reader.array()? != T124 {
        return None;
    }
    // Windows writes 42 here whatever follows (MS-RDPBCGR 4.1.4), and clients ignore it.
    let _connect_pdu_length = read_per_length(reader)?;
    if reader.u8()? != CREATE_RESPONSE {
        return None;
    }
    let _node_id = reader.u16_be()?;
    let tag_length = usize::from(reader.u8()?);
    let _tag = reader.bytes(tag_length)?;
    let (_result, _sets, _has_key) = (reader.u8()?, reader.u8()?, reader.u8()?);
    // The key's length, less the four octets that it must have.
    if reader.u8()? != 0 || reader.array()? != *SERVER_KEY {
        return None;
    }
    let length = read_per_length(reader)?;
    let is_length_true = reader.rest().len() == length;
    *reader = Reader::new(reader.at_most(length));
    Some(is_length_true)
}

/// A length determinant below 16,384; longer ones come in fragments, which no server needs.
fn read_per_length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.u8()?;
    match first {
        0..0x80 => Some(usize::from(first)),
        0x80..0xC0 => Some(usize::from(first & 0x3F) << 8 | usize::from(reader.u8()?)),
        _ => None,
    }
}

fn decode_blocks(mut reader: Reader<'_>, data: &mut ServerData, anomalies: &mut Vec<Anomaly>) -> Option<()> {
    for _ in 0..MAX_BLOCKS {
        if reader.is_empty() {
            return Some(());
        }
        let (kind, length) = (reader.u16_le()?, usize::from(reader.u16_le()?));
        data.blocks.push(kind);
        let content_length = length.checked_sub(BLOCK_HEADER)?;
        let mut content = Reader::new(reader.at_most(content_length));
        let is_cut = content.rest().len() < content_length;
        match kind {
            SC_CORE if data.core.is_none() => data.core = Some(decode_core(&mut content)?),
            SC_SECURITY if data.security.is_none() => data.security = Some(decode_security(&mut content, anomalies)?),
            // Channels and multitransport say nothing about the machine; a block that comes twice is not read again.
            _ => {}
        }
        if is_cut {
            return None;
        }
    }
    reader.is_empty().then_some(())
}

fn decode_core(content: &mut Reader<'_>) -> Option<ServerCore> {
    Some(ServerCore {
        version: content.u32_le()?,
        client_requested_protocols: content.u32_le(),
        early_capability_flags: content.u32_le(),
    })
}

fn decode_security(content: &mut Reader<'_>, anomalies: &mut Vec<Anomaly>) -> Option<ServerSecurity> {
    let mut security = ServerSecurity {
        encryption_method: content.u32_le()?,
        encryption_level: content.u32_le()?,
        random: Vec::new(),
        certificate: None,
    };
    // Without encryption the block ends here.
    if content.is_empty() {
        return Some(security);
    }
    if decode_key_material(content, &mut security, anomalies).is_none() {
        anomalies.push(Anomaly::GccMalformed);
    }
    Some(security)
}

/// The second half of the security data. A random that is cut is left out, a certificate that is cut is kept.
fn decode_key_material(
    content: &mut Reader<'_>,
    security: &mut ServerSecurity,
    anomalies: &mut Vec<Anomaly>,
) -> Option<()> {
    let random_length = usize::try_from(content.u32_le()?).ok()?;
    let certificate_length = usize::try_from(content.u32_le()?).ok()?;
    security.random = content.bytes(random_length)?.to_vec();
    let certificate = content.at_most(certificate_length);
    let is_cut = certificate.len() < certificate_length;
    if !certificate.is_empty() {
        let (certificate, found) = RdpCertificate::decode(certificate);
        security.certificate = Some(certificate);
        anomalies.extend(found);
    }
    (content.is_empty() && !is_cut).then_some(())
}
