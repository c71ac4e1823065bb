//! What the server says: the Connection Confirm (MS-RDPBCGR 2.2.1.2) and the NTLM CHALLENGE (MS-NLMP 2.2.1.2), each
//! as a Windows Server 2022 in a workgroup writes it.

use jiff::Timestamp;

use super::Host;
use crate::proto::x224::Protocols;

/// What such a server grants to a client that asks as rdprint does (MS-NLMP 2.2.2.5): Unicode, target, signing,
/// sealing, NTLM, always sign, target type server, extended session security, target info, version, 128 bit, key
/// exchange, 56 bit.
const FLAGS: u32 = 0xE28A_8235;
/// Where the payload begins, behind the VERSION structure.
const CHALLENGE_HEADER: u32 = 56;
/// Nobody will ever answer it, so it need not be random.
const SERVER_CHALLENGE: &[u8; 8] = b"selftest";

const MSV_AV_EOL: u16 = 0;
const MSV_AV_NB_COMPUTER_NAME: u16 = 1;
const MSV_AV_NB_DOMAIN_NAME: u16 = 2;
const MSV_AV_DNS_COMPUTER_NAME: u16 = 3;
const MSV_AV_DNS_DOMAIN_NAME: u16 = 4;
const MSV_AV_TIMESTAMP: u16 = 7;

/// 100 ns in a microsecond, and microseconds from 1601-01-01, where a FILETIME begins, to 1970-01-01 (MS-DTYP 2.3.3).
const TICKS_PER_MICROSECOND: i64 = 10;
const FILETIME_TO_UNIX_MICROSECONDS: i64 = 11_644_473_600_000_000;

/// A Connection Confirm with the `RDP_NEG_RSP` that selects `protocol`; source reference and flags are Windows's.
pub(super) fn connection_confirm(protocol: Protocols) -> Vec<u8> {
    // TPKT: version 3, 19 bytes. X.224: 14 bytes follow, Connection Confirm, no destination, source 0x1234, class 0.
    let mut packet = vec![3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0];
    // RDP_NEG_RSP: type 2, flags, 8 bytes, selectedProtocol.
    packet.extend_from_slice(&[2, 0x1F, 8, 0]);
    packet.extend_from_slice(&protocol.0.to_le_bytes());
    packet
}

/// The CHALLENGE of a workgroup server: every name it has is the computer's, and its clock is right.
pub(super) fn challenge(host: &Host) -> Vec<u8> {
    let name: Vec<u8> = host.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let target_info = [
        av_pair(MSV_AV_NB_DOMAIN_NAME, &name),
        av_pair(MSV_AV_NB_COMPUTER_NAME, &name),
        av_pair(MSV_AV_DNS_DOMAIN_NAME, &name),
        av_pair(MSV_AV_DNS_COMPUTER_NAME, &name),
        av_pair(MSV_AV_TIMESTAMP, &filetime(Timestamp::now()).to_le_bytes()),
        av_pair(MSV_AV_EOL, &[]),
    ]
    .concat();
    let [build_low, build_high] = host.build.to_le_bytes();
    let fields: [&[u8]; 9] = [
        b"NTLMSSP\0\x02\0\0\0",
        &field(&name, CHALLENGE_HEADER),
        &FLAGS.to_le_bytes(),
        SERVER_CHALLENGE,
        // Reserved.
        &[0; 8],
        &field(&target_info, CHALLENGE_HEADER + u32::from(length(&name))),
        // Version 10.0, NTLM revision 15 (MS-NLMP 2.2.2.10).
        &[10, 0, build_low, build_high, 0, 0, 0, 15],
        &name,
        &target_info,
    ];
    fields.concat()
}

/// An AV pair (MS-NLMP 2.2.2.1).
fn av_pair(id: u16, value: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes(), &length(value).to_le_bytes(), value].concat()
}

/// Length, allocated length and offset of a value in the payload.
fn field(value: &[u8], offset: u32) -> Vec<u8> {
    let length = length(value).to_le_bytes();
    [&length[..], &length, &offset.to_le_bytes()].concat()
}

/// Names have at most 15 characters here, so nothing comes near the limit.
fn length(value: &[u8]) -> u16 {
    u16::try_from(value.len()).unwrap_or(u16::MAX)
}

fn filetime(time: Timestamp) -> i64 {
    (time.as_microsecond() + FILETIME_TO_UNIX_MICROSECONDS) * TICKS_PER_MICROSECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ntlm::{Version, decode_challenge};
    use crate::proto::x224::{Answer, Negotiation, decode_answer};

    #[test]
    fn the_confirm_reads_as_windows_writes_it() {
        let (answer, anomalies) = decode_answer(&connection_confirm(Protocols::HYBRID_EX));
        let negotiation = Negotiation::Response { flags: 0x1F, selected: Protocols::HYBRID_EX };
        assert_eq!((answer, anomalies), (Answer::Confirm { src_ref: 0x1234, negotiation }, vec![]));
    }

    #[test]
    fn the_challenge_reads_as_windows_writes_it() {
        let message = challenge(&Host { name: "WIN-BUNS25TD77J", build: 20348 });
        let (challenge, anomalies) = decode_challenge(&message).unwrap();
        let name = Some("WIN-BUNS25TD77J".to_owned());
        assert_eq!(anomalies, vec![]);
        assert_eq!((&challenge.target_name, &challenge.netbios_computer_name), (&name, &name));
        assert_eq!((&challenge.dns_computer_name, &challenge.dns_domain_name), (&name, &name));
        assert_eq!(challenge.version, Some(Version { major: 10, minor: 0, build: 20348, revision: 15 }));
        assert_eq!(message.len(), 56 + 30 + 4 * 34 + 12 + 4);
        assert_eq!(filetime(Timestamp::UNIX_EPOCH), 116_444_736_000_000_000);
    }
}
