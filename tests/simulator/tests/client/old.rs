//! What a client says to hosts of old: hellos without TLS 1.3, and MCS Connect Initials.

/// A `ClientHello` in one record: this version, these suites, secp256r1, `rsa_pkcs1_sha256`, `extended_master_secret` and
/// `renegotiation_info`.
pub(crate) fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let counted = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let extensions =
        b"\x00\x0A\x00\x04\x00\x02\x00\x17\x00\x0D\x00\x04\x00\x02\x04\x01\x00\x17\x00\x00\xFF\x01\x00\x01\x00";
    let body = [&version.to_be_bytes()[..], &RANDOM, &[0], &counted(&suites), &[1, 0], &counted(extensions)].concat();
    [&[22, 3, 1][..], &counted(&[&[1, 0][..], &counted(&body)].concat())].concat()
}

/// The client's random in [`hello`].
pub(crate) const RANDOM: [u8; 32] = [0x3C; 32];

/// An MCS Connect Initial with core and security data (MS-RDPBCGR 2.2.1.3), which says that this protocol was selected.
pub(crate) fn connect_initial(selected: u32) -> Vec<u8> {
    let mut core = vec![0; 216];
    core[..8].copy_from_slice(&[1, 0xC0, 216, 0, 4, 0, 8, 0]);
    core[24..30].copy_from_slice(b"t\0s\0t\0");
    core[212..].copy_from_slice(&selected.to_le_bytes());
    let security = [2, 0xC0, 12, 0, 0x1B, 0, 0, 0, 0, 0, 0, 0];
    let request = b"\x00\x08\x00\x10\x00\x01\xC0\x00Duca\x80\xE4";
    let user_data = [&b"\x00\x05\x00\x14\x7C\x00\x01\x80\xF2"[..], request, &core, &security].concat();
    let parameters =
        b"\x30\x18\x02\x01\x01\x02\x01\x01\x02\x01\x01\x02\x01\x01\x02\x01\x01\x02\x01\x01\x02\x01\x01\x02\x01\x02"
            .repeat(3);
    let user_data = [&[4, 0x81, u8::try_from(user_data.len()).unwrap()][..], &user_data].concat();
    let content = [b"\x04\x01\x01\x04\x01\x01\x01\x01\xFF", &parameters[..], &user_data].concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let tpdu = [&[2, 0xF0, 0x80, 0x7F, 0x65, 0x82][..], &length, &content].concat();
    [&[3, 0][..], &u16::try_from(4 + tpdu.len()).unwrap().to_be_bytes(), &tpdu].concat()
}
