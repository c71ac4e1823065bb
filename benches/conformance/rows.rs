//! The behaviours.

use std::time::Duration;

use simulator::{
    AvFault, Certificate, Encryption, Envelope, GccFault, Host, Key, LegacyTls, MCS_DISCONNECT, Mcs, PROTOCOL_HYBRID,
    Reply, Script, ServerData, Stage, StringForm, TlsVersions, Twist,
};

/// A behaviour in words, and the host that shows it.
pub(crate) type Simulated = (&'static str, Host);

const NAME: &str = "WIN-7K2QF0B3M1D";

/// What a server of the rig is.
pub(crate) fn real(server: &'static str) -> &'static str {
    match server {
        "xrdp-negotiate" => "xrdp, `security_layer=negotiate`",
        "xrdp-tls" => "xrdp, `tls`",
        "xrdp-rdp" => "xrdp, `rdp`: classic RDP whatever is asked",
        "xrdp-tls10" => "xrdp, TLS 1.0 with RSA key exchange only",
        "xrdp-tls11" => "xrdp, TLS 1.0 and 1.1",
        "xrdp-tls12-rsa" => "xrdp, TLS 1.2 with RSA key exchange only",
        "shadow-nla" => "FreeRDP shadow, `/sec:nla`",
        "shadow-tls" => "FreeRDP shadow, `/sec:tls`",
        "shadow-rdp" => "FreeRDP shadow, `/sec:rdp`: refuses, then classic RDP",
        "shadow-negotiate" => "FreeRDP shadow, negotiating, without NLA",
        "shadow-ext" => "FreeRDP shadow, `/sec:ext`: refuses everything",
        "shadow-nla-clone" => "FreeRDP shadow named like a cloned image",
        "weston" => "weston, ECDSA",
        "gnome" => "gnome-remote-desktop (nmap: `rdp-ntlm-info` alone)",
        "openssl-cbc" => "OpenSSL, TLS 1.2 with CBC only",
        "openssl-dhe" => "OpenSSL, TLS 1.2 with DHE only",
        "openssl-rsa1024" => "OpenSSL, RSA-1024",
        "openssl-sha1" => "OpenSSL, certificate signed with SHA-1",
        "openssl-ecdsa-cbc" => "OpenSSL, ECDSA with CBC only",
        "openssl-tls10-dhe" => "OpenSSL, TLS 1.0 with DHE only",
        "openssl-tls10-rsa1024-sha1" => "OpenSSL, TLS 1.0, RSA-1024, SHA-1",
        other => other,
    }
}

/// All simulated hosts, by kind.
pub(crate) fn sections() -> Vec<(&'static str, Vec<Simulated>)> {
    vec![
        ("Simulated: Windows and those that pass for it", honest()),
        ("Simulated: certificates", certificates()),
        ("Simulated: old TLS and no NLA", old()),
        ("Simulated: what goes wrong before TLS", before_tls()),
        ("Simulated: what goes wrong in TLS, CredSSP and MCS", within()),
    ]
}

fn windows() -> Host {
    Host::windows(NAME, 20348)
}

fn template() -> Certificate {
    Certificate::windows(NAME)
}

fn honest() -> Vec<Simulated> {
    vec![
        ("Windows, build 20348, NLA", windows()),
        ("Windows, build 7601, NLA without HYBRID_EX", Host::windows(NAME, 7601)),
        ("Windows, build 26100, NLA", Host::windows(NAME, 26100)),
        ("A domain member", windows().domain("corp.example.com")),
        ("NLA required, refused with 5 until it alone is offered", windows().refusing_unless(5, 3)),
        ("TLS required, refused with 1 until it alone is offered", windows().without_nla().refusing_unless(1, 1)),
        ("Inconsistent flags, refused with 4", windows().refusing(4)),
        ("TLS without NLA", windows().without_nla()),
        ("FreeRDP's NTLM: 6.1.7601, five equal names", Host::freerdp("LAB")),
        ("IronRDP's NTLM: 10.0.17763, empty names", Host::ironrdp()),
        (
            "A relay: HYBRID whatever is offered, lengths longer than needed",
            windows().script(Script::Select(PROTOCOL_HYBRID)).envelope(Envelope::LongLengths),
        ),
        ("A relay: the certificate of another machine", windows().key_possession(false)),
        (
            "A honeypot: HYBRID, then bytes that are no TLS",
            windows().script(Script::PlainText(vec![0, 1, 0, 4, 0, 1, 0, 0, 5, 0x2E])),
        ),
        (
            "A honeypot: TLS 1.2 by RSA key exchange, X.509 version 1, serial 0",
            Host::windows(NAME, 17763)
                .without_nla()
                .certificate(template().version1().serial(&[0]))
                .legacy(LegacyTls::tls12_rsa().without_clock()),
        ),
        ("NTLM one byte per record", windows().fragmented()),
        ("NTLM names in OEM characters", windows().oem_names()),
        ("NTLM without a version", windows().without_version()),
        ("Slow: 400 ms before each answer", windows().delay(Duration::from_millis(400))),
    ]
}

fn certificates() -> Vec<Simulated> {
    let with = |certificate: Certificate| Host::windows(NAME, 17763).certificate(certificate);
    vec![
        ("X.509 version 1", with(template().version1())),
        ("Expired", with(template().not_before(1_500_000_000))),
        ("Signed with SHA-1", with(template().sha1())),
        ("RSA-1024", with(template().key(Key::rsa1024(3)))),
        ("A BMPString name", with(template().form(StringForm::Bmp))),
        ("A date that does not parse", with(template().not_before_octets(b"99never9999Z"))),
        ("An empty serial number", with(template().serial(&[]))),
        ("A negative serial number", with(template().serial(&[0x80, 1]))),
        ("No certificate at all", with(Certificate::bytes(b"this is no certificate".to_vec(), Key::rsa2048(1)))),
        ("Issued by an authority", with(template().issued_by("Example CA", "rdp.example.com"))),
        ("A chain of 70 KB", with(template().chain_of(70_000))),
        ("A chain of 10,000 empty entries", with(template().and_empty_entries(10_000))),
        ("TLS 1.3 only", windows().tls_versions(TlsVersions::Only13)),
    ]
}

fn old() -> Vec<Simulated> {
    let speaking = |tls: LegacyTls| Host::windows(NAME, 7601).without_nla().legacy(tls);
    let classic = |bare: bool| Host::windows(NAME, 3790).classic(bare);
    vec![
        ("SSL 3.0, RC4", speaking(LegacyTls::sslv3())),
        ("TLS 1.0, RSA key exchange; others get an alert", speaking(LegacyTls::tls10_rsa())),
        ("The same; others get a reset", speaking(LegacyTls::tls10_rsa().reply(Reply::Reset))),
        ("The same; others get a close", speaking(LegacyTls::tls10_rsa().reply(Reply::Close))),
        ("TLS 1.0, RSA key exchange, with NLA", Host::windows(NAME, 7601).legacy(LegacyTls::tls10_rsa())),
        ("TLS 1.0, DHE of 1024 bits", speaking(LegacyTls::tls10_dhe())),
        ("TLS 1.1, ECDHE", speaking(LegacyTls::tls11())),
        ("TLS 1.2, RSA key exchange only", speaking(LegacyTls::tls12_rsa())),
        ("TLS 1.2, ECDHE with CBC only", speaking(LegacyTls::tls12_ecdhe())),
        ("The same, signed with another key", speaking(LegacyTls::tls12_ecdhe()).key_possession(false)),
        ("A cipher suite that nobody offers", speaking(LegacyTls { suite: 0, ..LegacyTls::tls10_rsa() })),
        ("Classic RDP, bare confirm, a bare key", classic(true)),
        ("Classic RDP, selected, a bare key", classic(false)),
        ("Classic RDP, an X.509 chain", classic(true).certificate(template()).encryption(Encryption::x509(template()))),
    ]
}

fn before_tls() -> Vec<Simulated> {
    let scripted = Host::scripted;
    vec![
        ("Silence", Host::silent()),
        ("A reset on the request", windows().reset_after(Stage::Requested)),
        ("An SSH banner", scripted(Script::Banner(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()))),
        ("An HTTP answer", scripted(Script::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()))),
        ("An endless banner", scripted(Script::EndlessBanner(b"spam ".to_vec()))),
        ("64 bytes of 0xFF", scripted(Script::Garbage(vec![0xFF; 64]))),
        ("Half a confirm", scripted(Script::HalfConfirm)),
        ("A confirm that claims 65,535 bytes", scripted(Script::TpktLength(0xFFFF))),
        ("A confirm that claims 5 bytes", scripted(Script::TpktLength(5))),
        ("A confirm at one byte a second", scripted(Script::Drip(Duration::from_secs(1)))),
        ("An endless confirm at one byte a second", scripted(Script::Tarpit(Duration::from_secs(1)))),
        ("An MCS disconnect as confirm", scripted(Script::McsDisconnect)),
        ("A protocol that does not exist", scripted(Script::Select(0xDEAD_BEEF))),
        ("RDSTLS, which was not offered", windows().script(Script::Select(4))),
    ]
}

fn within() -> Vec<Simulated> {
    let twisted = |twist: Twist| Host::windows(NAME, 7601).without_nla().legacy(LegacyTls::tls12_rsa().twist(twist));
    let answering = |mcs: Mcs| Host::windows(NAME, 7601).classic(true).mcs(mcs);
    let lying = |fault: GccFault| answering(Mcs::Response(ServerData::windows(7601).fault(fault)));
    vec![
        ("A reset on the ClientHello", windows().reset_after(Stage::Hello)),
        ("Silence on the ClientHello", windows().silent_after(Stage::Hello)),
        ("A reset after TLS", windows().reset_after(Stage::Handshaken)),
        ("Silence on the NTLM NEGOTIATE", windows().silent_after(Stage::Negotiated)),
        ("A CredSSP error in place of the challenge", windows().credssp_error(0xC000_006D)),
        ("Zeros in place of CredSSP", windows().ts_request(vec![0; 300])),
        ("A TSRequest that claims 2 GB", windows().ts_request(vec![0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0])),
        ("AV pairs that claim too much", windows().av_fault(AvFault::TooLong)),
        ("AV pairs without an end", windows().av_fault(AvFault::Unterminated)),
        ("Names that are no UTF-16", windows().av_fault(AvFault::InvalidUtf16)),
        ("An alert right behind the challenge", windows().trailer(b"\x15\x03\x03\0\x02\x02\x28".to_vec())),
        ("An old flight in records of one byte", twisted(Twist::Warnings).legacy(LegacyTls::tls12_rsa().fragment(1))),
        ("An old flight with warnings in between", twisted(Twist::Warnings)),
        ("An old flight with HelloRequests in between", twisted(Twist::HelloRequests)),
        ("An old flight that breaks off", twisted(Twist::BreakOff(4))),
        ("An old flight without an end", twisted(Twist::Unfinished)),
        ("A Certificate message of 16 MB", twisted(Twist::HugeCertificate)),
        ("An SSL 2.0 answer", twisted(Twist::Sslv2)),
        ("A ServerHello for TLS 1.3 that nobody asked for", twisted(Twist::Tls13)),
        ("A downgrade marker", twisted(Twist::Downgrade(0))),
        ("Empty records without an end", twisted(Twist::EmptyRecords)),
        ("Warnings without an end", twisted(Twist::EndlessWarnings)),
        ("MCS never answered", answering(Mcs::Silence)),
        ("MCS answered with a disconnect", answering(Mcs::Raw(MCS_DISCONNECT.to_vec()))),
        ("MCS answered with garbage", answering(Mcs::Raw(vec![0xFF; 64]))),
        ("GCC: a block longer than the packet", lying(GccFault::BlockTooLong)),
        ("GCC: a random of 4 GB", lying(GccFault::RandomTooLong)),
        ("GCC: a chain of four thousand million", lying(GccFault::EndlessChain)),
    ]
}
