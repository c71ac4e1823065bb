//! The closed list of protocol oddities.

use strum::{EnumMessage, EnumString, IntoStaticStr, VariantArray};

/// Something in a host's answers that a well-behaved RDP server does not do.
///
/// An anomaly is a fact about bytes, never a verdict about a host. The doc comment of each variant is what
/// `docs/fields.md` prints.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, EnumString, EnumMessage, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Anomaly {
    /// The first answer is not a TPKT packet (RFC 1006); another service may be listening.
    NotTpkt,
    /// The TPKT length is below 7 or beyond the 512 bytes that a negotiation answer may take.
    TpktLength,
    /// The connection ended inside a packet whose length promised more.
    TruncatedAnswer,
    /// The X.224 length indicator does not agree with the TPKT length.
    X224LengthIndicator,
    /// The X.224 answer is neither a Connection Confirm, a Disconnect Request nor an MCS disconnect.
    X224UnexpectedPdu,
    /// The negotiation structure is cut short, has a length other than 8 or an unknown type.
    NegotiationMalformed,
    /// Bytes follow the negotiation structure.
    NegotiationTrailingBytes,
    /// The server selected a protocol that the request did not offer (MS-RDPBCGR 2.2.1.2.1).
    ProtocolNotOffered,
    /// The server selected a protocol, or several at once, that the specification does not name.
    ProtocolUnknown,
    /// A TLS-based protocol was selected, but what followed is not TLS.
    NotTls,
    /// A handshake message above 65,535 bytes (through the TLS library) or 128 KiB (in clear), which is not read.
    TlsMessageTooLarge,
    /// A TLS record in clear is empty or longer than 16,384 bytes (RFC 5246, 6.2.1).
    TlsRecordLength,
    /// A TLS record, alert or message breaks off or contradicts its own lengths; what stood before was used.
    TlsMalformed,
    /// A TLS message came twice, out of order (RFC 5246, 7.3) or where no server sends it; the first is used.
    TlsUnexpectedMessage,
    /// The ServerHello or ServerKeyExchange chose something that the ClientHello did not offer.
    TlsNotOffered,
    /// The answer to the ClientHello has the format of SSL 2.0, which was not offered.
    Sslv2Answer,
    /// The server sent more than the dialogue's byte limit.
    TooManyBytes,
    /// The chain has more than 16 certificates; the others were not kept.
    ChainTooLong,
    /// A certificate could not be parsed as X.509 in full; its bytes and hashes are kept.
    CertificateMalformed,
    /// The answer to the MCS Connect Initial is neither a Connect Response nor a disconnect (T.125).
    McsUnexpectedPdu,
    /// The MCS Connect Response breaks off or contradicts its own lengths; what stood before was used.
    McsMalformed,
    /// The GCC Conference Create Response (MS-RDPBCGR 2.2.1.4) contradicts its own lengths; what stood before was used.
    GccMalformed,
    /// The certificate of classic RDP security (MS-RDPBCGR 2.2.1.4.3.1) is of no known kind or breaks off.
    RdpCertificateMalformed,
    /// The answer to the CredSSP request is not a `TSRequest` (MS-CSSP 2.2.1).
    NotTsRequest,
    /// A DER length of the `TSRequest` is longer than it needs to be.
    DerLengthNotMinimal,
    /// The `TSRequest` breaks off or contradicts its own lengths; what stood before was used.
    TsRequestMalformed,
    /// The NTLM message is wrapped in another one (SPNEGO) although it was asked for bare.
    NtlmWrapped,
    /// The CredSSP token is not an NTLM CHALLENGE (MS-NLMP 2.2.1.2).
    NotNtlmChallenge,
    /// A field of the CHALLENGE points outside the message.
    NtlmFieldOutOfBounds,
    /// The list of AV pairs ends without `MsvAvEOL` (MS-NLMP 2.2.2.1).
    NtlmAvUnterminated,
    /// An AV pair claims more bytes than the list holds.
    NtlmAvOverlong,
    /// The same AV pair stands twice; the first is used.
    NtlmAvRepeated,
    /// A name is not valid UTF-16; the broken units are replaced by U+FFFD.
    NtlmNameNotUtf16,
    /// An OEM name has bytes outside ASCII, whose code page is unknown; they are replaced by U+FFFD.
    NtlmNameNotAscii,
    /// The time stamp lies outside the years that a calendar can hold.
    NtlmTimeOutOfRange,
    /// An imported file states a hash that is not the hash of the certificate beside it; the one worked out is kept.
    ImportedHashDiffers,
}
