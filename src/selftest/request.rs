//! What the server must be told: whether a client's messages are what rdprint promises to send, and no more.

use std::ops::Range;

use crate::proto::x224::Protocols;
use crate::proto::{credssp, ntlm};

/// A Connection Request (MS-RDPBCGR 2.2.1.1): where its code stands, and the code.
const CODE_AT: usize = 5;
const CONNECTION_REQUEST: u8 = 0xE0;
/// How a NEGOTIATE begins, and where the fields of its two names stand (MS-NLMP 2.2.1.1).
const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0";
const NAME_FIELDS: Range<usize> = 16..32;

/// Whether this is a Connection Request whose last eight bytes, `RDP_NEG_REQ` (MS-RDPBCGR 2.2.1.1.1), offer `wanted`.
pub(super) fn offers(request: &[u8], wanted: Protocols) -> bool {
    let Some([1, _flags, 8, 0, offered @ ..]) = request.last_chunk::<8>() else { return false };
    request.get(CODE_AT) == Some(&CONNECTION_REQUEST) && Protocols(u32::from_le_bytes(*offered)).contains(wanted)
}

/// Whether this is a `TSRequest` with a NEGOTIATE that carries no name of a domain or workstation. A request that says
/// anything beside, such as `authInfo`, differs from the one that is written with this token alone.
pub(super) fn is_negotiate(request: &[u8]) -> bool {
    let Some((decoded, _anomalies)) = credssp::decode(request) else { return false };
    let [token] = decoded.tokens.as_slice() else { return false };
    let names_nobody = token.get(NAME_FIELDS).is_some_and(|fields| fields.iter().all(|octet| *octet == 0));
    token.starts_with(NEGOTIATE)
        && token.len() == ntlm::negotiate().len()
        && names_nobody
        && request == credssp::encode(token)
}
