//! Names the service behind an answer that is not RDP.

/// The protocol that these first bytes look like, by its usual banner, or `None`.
///
/// The prefixes are those of RFC 4253 (SSH), RFC 9112 (HTTP), RFC 5321 and RFC 959 (a `220` greeting of SMTP or
/// FTP), RFC 3501 (IMAP), RFC 1939 (POP3), RFC 6143 (VNC) and RFC 8446 (a bare TLS record).
#[must_use]
pub fn name(first_bytes: &[u8]) -> Option<&'static str> {
    const BANNERS: [(&[u8], &str); 8] = [
        (b"SSH-", "SSH"),
        (b"HTTP/", "HTTP"),
        (b"220", "SMTP or FTP"),
        (b"* OK", "IMAP"),
        (b"+OK", "POP3"),
        (b"RFB ", "VNC"),
        (b"\x15\x03", "TLS"),
        (b"\x16\x03", "TLS"),
    ];
    BANNERS.iter().find(|(prefix, _)| first_bytes.starts_with(prefix)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_known_banners_and_nothing_else() {
        assert_eq!(super::name(b"SSH-2.0-OpenSSH_9.2\r\n"), Some("SSH"));
        assert_eq!(super::name(b"\x15\x03\x01\x00\x02\x02\x28"), Some("TLS"));
        assert_eq!(super::name(b""), None);
        assert_eq!(super::name(b"\x00\x00\x00\x00"), None);
    }
}
