//! What each server of the rig says, measured with a prober that is not rdprint.
//!
//! Debian 12: xrdp 0.9.21, FreeRDP 2.11.7, weston 10.0.1, gnome-remote-desktop 43.3.

/// One server's answer to an X.224 request for SSL, HYBRID and `HYBRID_EX` (0x0B), and what follows it.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The name of the [`Server`](super::Server).
    pub(crate) server: &'static str,
    /// SRC-REF of the X.224 Connection Confirm.
    pub(crate) src_ref: u16,
    /// Flags of the `RDP_NEG_RSP` or `RDP_NEG_FAILURE`.
    pub(crate) flags: u8,
    /// `selectedProtocol` of an `RDP_NEG_RSP`.
    pub(crate) selected: Option<u32>,
    /// `failureCode` of an `RDP_NEG_FAILURE`.
    pub(crate) failure: Option<u32>,
    /// Whether TLS is to follow. It is TLS 1.3 everywhere, with a self-signed certificate.
    pub(crate) tls: bool,
    /// Common name of the certificate, where TLS follows.
    pub(crate) common_name: Option<&'static str>,
    /// What is in the NTLM challenge, where CredSSP follows.
    pub(crate) ntlm: Option<Ntlm>,
}

/// What an NTLM CHALLENGE says. Among its AV pairs are a timestamp, and no DNS tree name.
#[derive(Debug)]
pub(crate) struct Ntlm {
    /// Target name, NetBIOS and DNS name of computer and domain: all the same.
    pub(crate) every_name: &'static str,
    /// Major, minor and build, as nmap prints them.
    pub(crate) product_version: &'static str,
    /// `NTLMRevisionCurrent`.
    pub(crate) revision: u8,
    /// `NegotiateFlags` in answer to a NEGOTIATE with [`NEGOTIATE_FLAGS`]: those, and `TARGET_INFO`.
    pub(crate) flags: u32,
}

/// The `NegotiateFlags` that were sent; nmap sends the same.
pub(crate) const NEGOTIATE_FLAGS: u32 = 0xE208_82B7;

const RDP: u32 = 0;
const SSL: u32 = 1;
const HYBRID: u32 = 2;
const SSL_REQUIRED_BY_SERVER: u32 = 1;
const SSL_NOT_ALLOWED_BY_SERVER: u32 = 2;

/// Every server of the rig.
pub(crate) fn expected() -> &'static [Expected] {
    &EXPECTED
}

static EXPECTED: [Expected; 11] = [
    tls("xrdp-negotiate", 0x1234, 0x01, "xrdp-negotiate"),
    tls("xrdp-tls", 0x1234, 0x01, "xrdp-tls"),
    // Says RDP to every request.
    Expected { src_ref: 0x1234, flags: 0x01, selected: Some(RDP), ..nothing("xrdp-rdp") },
    nla("shadow-nla", "LAB-NLA", "LAB-NLA"),
    tls("shadow-tls", 0, 0x03, "LAB-TLS"),
    Expected { failure: Some(SSL_NOT_ALLOWED_BY_SERVER), ..nothing("shadow-rdp") },
    tls("shadow-negotiate", 0, 0x03, "LAB-NEGO"),
    // Says this to every request, one for SSL too.
    Expected { failure: Some(SSL_REQUIRED_BY_SERVER), ..nothing("shadow-ext") },
    nla("shadow-nla-clone", "WIN-BUNS25TD77J", "WIN-BUNS25TD77J"),
    tls("weston", 0, 0x01, "weston"),
    nla("gnome", "gnome", "LAB-GNOME"),
];

const fn nothing(server: &'static str) -> Expected {
    Expected { server, src_ref: 0, flags: 0, selected: None, failure: None, tls: false, common_name: None, ntlm: None }
}

const fn tls(server: &'static str, src_ref: u16, flags: u8, common_name: &'static str) -> Expected {
    let (selected, common_name) = (Some(SSL), Some(common_name));
    Expected { src_ref, flags, selected, tls: true, common_name, ..nothing(server) }
}

/// FreeRDP's CredSSP and NTLM, which GNOME uses too; it claims to be Windows 7, whatever it runs on.
const fn nla(server: &'static str, common_name: &'static str, every_name: &'static str) -> Expected {
    let (product_version, revision) = ("6.1.7601", 15);
    let ntlm = Some(Ntlm { every_name, product_version, revision, flags: NEGOTIATE_FLAGS | 0x0080_0000 });
    Expected { selected: Some(HYBRID), ntlm, ..tls(server, 0, 0x03, common_name) }
}

/// The table against what the servers of this machine told the rig and nmap, without rdprint.
#[test]
fn real_servers_answer_as_the_table_says() {
    let rig = super::Rig::start();
    assert_eq!(rig.servers().len(), EXPECTED.len());
    for row in expected() {
        let server = rig.server(row.server);
        let (kind, code) = match (row.selected, row.failure) {
            (Some(protocol), None) => (2, protocol),
            (None, Some(code)) => (3, code),
            _ => panic!("{} must have either a selected protocol or a failure", row.server),
        };
        let mut confirm = vec![3, 0, 0, 19, 14, 0xD0, 0, 0];
        confirm.extend(row.src_ref.to_be_bytes());
        confirm.extend([0, kind, row.flags, 8, 0]);
        confirm.extend(code.to_le_bytes());
        assert_eq!(server.confirm, confirm, "{}", row.server);

        let Some(ntlm) = &row.ntlm else { continue };
        let seen = server.nmap_ntlm();
        let tail = || format!("{}: nmap saw {seen:?}; the end of the server's log:\n{}", row.server, server.log_tail());
        for key in
            ["Target_Name", "NetBIOS_Domain_Name", "NetBIOS_Computer_Name", "DNS_Domain_Name", "DNS_Computer_Name"]
        {
            assert_eq!(seen.get(key).map(String::as_str), Some(ntlm.every_name), "{key} of {}", tail());
        }
        assert_eq!(seen.get("Product_Version").map(String::as_str), Some(ntlm.product_version), "{}", tail());
        assert!(seen.contains_key("System_Time") && !seen.contains_key("DNS_Tree_Name"), "{}", tail());
    }
}
