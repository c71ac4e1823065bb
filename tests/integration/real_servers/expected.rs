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
    /// Whether TLS is to follow, always with a self-signed certificate; it is TLS 1.3 but for what `old` says.
    pub(crate) tls: bool,
    /// TLS that is older than 1.3, as it was configured.
    pub(crate) old: Option<OldTls>,
    /// Common name of the certificate, where TLS follows.
    pub(crate) common_name: Option<&'static str>,
    /// What is in the NTLM challenge, where CredSSP follows.
    pub(crate) ntlm: Option<Ntlm>,
    /// What is in the MCS Connect Response, where there is no NLA: `encryptionMethod`, and the kind of certificate.
    pub(crate) mcs: Option<(&'static str, Option<&'static str>)>,
}

/// What a server of an old TLS was told to speak.
#[derive(Debug)]
pub(crate) struct OldTls {
    /// In the words of records.
    pub(crate) version: &'static str,
    /// IANA's name of the one suite, or of the one that is chosen from those offered.
    pub(crate) cipher_suite: &'static str,
    /// Whether rustls cannot complete the handshake, so that only the flight in clear shows the certificate.
    pub(crate) clear: bool,
    /// What the signature over the key exchange is worth: none is sent with RSA key exchange, and ring verifies neither MD5
    /// with SHA-1 nor PSS of 1024 bits.
    pub(crate) key_possession: &'static str,
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

static EXPECTED: [Expected; 21] = [
    tls("xrdp-negotiate", 0x1234, 0x01, "xrdp-negotiate"),
    tls("xrdp-tls", 0x1234, 0x01, "xrdp-tls"),
    // Says RDP to every request.
    Expected {
        src_ref: 0x1234,
        flags: 0x01,
        selected: Some(RDP),
        mcs: Some(("128bit", Some("proprietary"))),
        ..nothing("xrdp-rdp")
    },
    old(xrdp("xrdp-tls10"), "TLSv1.0", "TLS_RSA_WITH_AES_128_CBC_SHA", "not-tested"),
    old(xrdp("xrdp-tls11"), "TLSv1.1", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "unsupported"),
    old(xrdp("xrdp-tls12-rsa"), "TLSv1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384", "not-tested"),
    nla("shadow-nla", "LAB-NLA", "LAB-NLA"),
    tls("shadow-tls", 0, 0x03, "LAB-TLS"),
    // Encrypts nothing, although nothing else does.
    Expected { failure: Some(SSL_NOT_ALLOWED_BY_SERVER), mcs: Some(("none", None)), ..nothing("shadow-rdp") },
    tls("shadow-negotiate", 0, 0x03, "LAB-NEGO"),
    // Says this to every request, one for SSL too.
    Expected { failure: Some(SSL_REQUIRED_BY_SERVER), ..nothing("shadow-ext") },
    nla("shadow-nla-clone", "WIN-BUNS25TD77J", "WIN-BUNS25TD77J"),
    tls("weston", 0, 0x01, "weston"),
    nla("gnome", "gnome", "LAB-GNOME"),
    old(openssl("openssl-cbc"), "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "proven"),
    old(openssl("openssl-dhe"), "TLSv1.2", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "proven"),
    handshake(old(openssl("openssl-rsa1024"), "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "unsupported")),
    handshake(old(openssl("openssl-sha1"), "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "proven")),
    old(openssl("openssl-ecdsa-cbc"), "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "proven"),
    old(openssl("openssl-tls10-dhe"), "TLSv1.0", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "unsupported"),
    old(openssl("openssl-tls10-rsa1024-sha1"), "TLSv1.0", "TLS_RSA_WITH_AES_128_CBC_SHA", "not-tested"),
];

const fn nothing(server: &'static str) -> Expected {
    Expected {
        server,
        src_ref: 0,
        flags: 0,
        selected: None,
        failure: None,
        tls: false,
        old: None,
        common_name: None,
        ntlm: None,
        mcs: None,
    }
}

const fn tls(server: &'static str, src_ref: u16, flags: u8, common_name: &'static str) -> Expected {
    let (selected, common_name) = (Some(SSL), Some(common_name));
    // Under TLS there is nothing left to encrypt.
    Expected { src_ref, flags, selected, tls: true, common_name, mcs: Some(("none", None)), ..nothing(server) }
}

const fn xrdp(server: &'static str) -> Expected {
    tls(server, 0x1234, 0x01, server)
}

/// What the front in front of it says.
const fn openssl(server: &'static str) -> Expected {
    tls(server, 1, 0, server)
}

const fn old(
    server: Expected,
    version: &'static str,
    cipher_suite: &'static str,
    key_possession: &'static str,
) -> Expected {
    Expected { old: Some(OldTls { version, cipher_suite, clear: true, key_possession }), mcs: None, ..server }
}

/// Old, but rustls speaks it.
const fn handshake(server: Expected) -> Expected {
    match server.old {
        Some(old) => Expected { old: Some(OldTls { clear: false, ..old }), ..server },
        None => server,
    }
}

/// FreeRDP's CredSSP and NTLM, which GNOME uses too; it claims to be Windows 7, whatever it runs on.
const fn nla(server: &'static str, common_name: &'static str, every_name: &'static str) -> Expected {
    let (product_version, revision) = ("6.1.7601", 15);
    let ntlm = Some(Ntlm { every_name, product_version, revision, flags: NEGOTIATE_FLAGS | 0x0080_0000 });
    Expected { selected: Some(HYBRID), ntlm, mcs: None, ..tls(server, 0, 0x03, common_name) }
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
