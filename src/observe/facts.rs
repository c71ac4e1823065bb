//! The rows of the field table that stand for facts.

use super::{Certificate, Credssp, Field, Kind, Mcs, Ntlm, Observation, Tls, Value, X224};

type Getter = fn(&Observation) -> Option<Value<'_>>;

const fn field(
    name: &'static str,
    path: &'static str,
    kind: Kind,
    doc: &'static str,
    get: Getter,
) -> Field<Observation> {
    Field { name, path, kind, unit: "", default: true, doc, get }
}

impl<T> Field<T> {
    /// Leaves the field out of CSV unless it is asked for.
    pub(crate) const fn on_request(mut self) -> Self {
        self.default = false;
        self
    }

    /// Names the unit of a number.
    pub(crate) const fn in_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
}

fn leaf<'a, T: Into<Value<'a>>>(
    observation: &'a Observation,
    get: impl FnOnce(&'a Certificate) -> Option<T>,
) -> Option<Value<'a>> {
    observation.leaf().and_then(get).map(Into::into)
}

fn tls<'a, T: Into<Value<'a>>>(
    observation: &'a Observation,
    get: impl FnOnce(&'a Tls) -> Option<T>,
) -> Option<Value<'a>> {
    observation.tls.as_ref().and_then(get).map(Into::into)
}

fn ntlm<'a, T: Into<Value<'a>>>(
    observation: &'a Observation,
    get: impl FnOnce(&'a Ntlm) -> Option<T>,
) -> Option<Value<'a>> {
    observation.ntlm.as_ref().and_then(get).map(Into::into)
}

fn credssp<'a, T: Into<Value<'a>>>(
    observation: &'a Observation,
    get: impl FnOnce(&'a Credssp) -> Option<T>,
) -> Option<Value<'a>> {
    observation.credssp.as_ref().and_then(get).map(Into::into)
}

fn mcs<'a, T: Into<Value<'a>>>(
    observation: &'a Observation,
    get: impl FnOnce(&'a Mcs) -> Option<T>,
) -> Option<Value<'a>> {
    observation.mcs.as_ref().and_then(get).map(Into::into)
}

fn x224<'a, T: Into<Value<'a>>>(
    answer: Option<&'a X224>,
    get: impl FnOnce(&'a X224) -> Option<T>,
) -> Option<Value<'a>> {
    answer.and_then(get).map(Into::into)
}

fn word(word: impl Into<&'static str>) -> &'static str {
    word.into()
}

fn list(items: &[String]) -> Option<Value<'_>> {
    (!items.is_empty()).then(|| Value::List(items.iter().map(|item| item.as_str().into()).collect()))
}

/// Every fact that has a name, in the order of CSV columns.
pub static FIELDS: &[Field<Observation>] = &[
    field("schema_version", "schema_version", Kind::Integer, "Version of the record's shape.", |o| {
        Some(o.schema_version.into())
    }),
    field("seen_at", "seen_at", Kind::Time, "When the look at this endpoint began.", |o| Some(o.seen_at.into())),
    field(
        "source",
        "source",
        Kind::Word,
        "Where the facts come from: `scan`, or tool, file and line of an import.",
        |o| Some(o.source.as_str().into()),
    ),
    field("scanner", "scanner", Kind::Word, "The program that gathered the facts, with its version.", |o| {
        Some(o.scanner.as_str().into())
    })
    .on_request(),
    field("ip", "ip", Kind::Address, "The endpoint's address.", |o| Some(o.ip.to_string().into())),
    field("port", "port", Kind::Integer, "The endpoint's TCP port.", |o| Some(o.port.into())),
    field(
        "computer_name",
        "ntlm.dns_computer_name",
        Kind::Text,
        "The machine's name: the NTLM DNS name, else the NetBIOS name, else the certificate's common name.",
        |o| o.computer_name().map(Into::into),
    ),
    field("status", "status", Kind::Word, "How the step named by `stage` ended.", |o| Some(word(o.status).into())),
    field("stage", "stage", Kind::Word, "The last step of the dialogue that was begun.", |o| {
        Some(word(o.stage).into())
    }),
    field("error", "error", Kind::Text, "One sentence on what went wrong.", |o| o.error.as_ref().map(Into::into)),
    field("rtt_us", "rtt_us", Kind::Integer, "Time from SYN to the established connection.", |o| {
        o.rtt_us.and_then(|rtt| i64::try_from(rtt).ok()).map(Into::into)
    })
    .in_unit("µs"),
    field("anomalies", "anomalies[]", Kind::WordList, "Protocol oddities met; the list stands below.", |o| {
        let words: Vec<_> = o.anomalies.iter().map(|anomaly| word(*anomaly).into()).collect();
        (!words.is_empty()).then_some(Value::List(words))
    }),
    field(
        "x224_requested_protocols",
        "x224.requested_protocols",
        Kind::Word,
        "What the Connection Request offered (MS-RDPBCGR 2.2.1.1.1).",
        |o| x224(o.x224.as_ref(), |x| x.requested_protocols.as_ref()),
    )
    .on_request(),
    field("x224_answer", "x224.answer", Kind::Word, "What kind of answer the Connection Request got.", |o| {
        x224(o.x224.as_ref(), |x| x.answer.map(word))
    }),
    field(
        "x224_selected_protocol",
        "x224.selected_protocol",
        Kind::Word,
        "selectedProtocol (MS-RDPBCGR 2.2.1.2.1).",
        |o| x224(o.x224.as_ref(), |x| x.selected_protocol.as_ref()),
    ),
    field("x224_failure_code", "x224.failure_code", Kind::Integer, "failureCode (MS-RDPBCGR 2.2.1.2.2).", |o| {
        x224(o.x224.as_ref(), |x| x.failure_code)
    }),
    field(
        "x224_flags",
        "x224.flags",
        Kind::Integer,
        "Flags of the negotiation structure (MS-RDPBCGR 2.2.1.2.1).",
        |o| x224(o.x224.as_ref(), |x| x.flags),
    ),
    field(
        "x224_src_ref",
        "x224.src_ref",
        Kind::Integer,
        "Source reference of the Connection Confirm; Windows sends 4660 (0x1234).",
        |o| x224(o.x224.as_ref(), |x| x.src_ref),
    ),
    field("x224_raw", "x224.raw", Kind::Hex, "The answer's bytes, at most 512.", |o| {
        x224(o.x224.as_ref(), |x| x.raw.as_ref().map(ToString::to_string))
    }),
    field(
        "x224_first_requested_protocols",
        "x224_first.requested_protocols",
        Kind::Word,
        "What the first of two Connection Requests offered.",
        |o| x224(o.x224_first.as_ref(), |x| x.requested_protocols.as_ref()),
    )
    .on_request(),
    field(
        "x224_first_answer",
        "x224_first.answer",
        Kind::Word,
        "What kind of answer the first of two Connection Requests got.",
        |o| x224(o.x224_first.as_ref(), |x| x.answer.map(word)),
    )
    .on_request(),
    field(
        "x224_first_selected_protocol",
        "x224_first.selected_protocol",
        Kind::Word,
        "selectedProtocol of the first answer.",
        |o| x224(o.x224_first.as_ref(), |x| x.selected_protocol.as_ref()),
    )
    .on_request(),
    field(
        "x224_first_failure_code",
        "x224_first.failure_code",
        Kind::Integer,
        "failureCode of the first answer, which a second try followed.",
        |o| x224(o.x224_first.as_ref(), |x| x.failure_code),
    ),
    field("x224_first_flags", "x224_first.flags", Kind::Integer, "Flags of the first answer.", |o| {
        x224(o.x224_first.as_ref(), |x| x.flags)
    })
    .on_request(),
    field("x224_first_src_ref", "x224_first.src_ref", Kind::Integer, "Source reference of the first answer.", |o| {
        x224(o.x224_first.as_ref(), |x| x.src_ref)
    })
    .on_request(),
    field("x224_first_raw", "x224_first.raw", Kind::Hex, "The first answer's bytes.", |o| {
        x224(o.x224_first.as_ref(), |x| x.raw.as_ref().map(ToString::to_string))
    })
    .on_request(),
    field("tls_version", "tls.version", Kind::Word, "Negotiated version: `SSLv3`, `TLSv1.0` to `TLSv1.3`.", |o| {
        tls(o, |t| t.version.as_ref())
    }),
    field("tls_cipher_suite", "tls.cipher_suite", Kind::Word, "Negotiated cipher suite, IANA's name.", |o| {
        tls(o, |t| t.cipher_suite.as_ref())
    }),
    field(
        "tls_key_exchange_group",
        "tls.key_exchange_group",
        Kind::Word,
        "Group of the key exchange, IANA's name.",
        |o| tls(o, |t| t.key_exchange_group.as_ref()),
    ),
    field(
        "tls_dh_bits",
        "tls.dh_bits",
        Kind::Integer,
        "Size of the prime of a finite-field Diffie-Hellman exchange.",
        |o| tls(o, |t| t.dh_bits),
    )
    .in_unit("bit"),
    field(
        "tls_via",
        "tls.via",
        Kind::Word,
        "`handshake`: by a TLS library, which saw the chain; `clear-flight`: by reading the host's first flight in clear, \
         no handshake was completed.",
        |o| tls(o, |t| t.via.map(word)),
    ),
    field(
        "tls_client_hello_id",
        "tls.client_hello_id",
        Kind::Word,
        "Names the ClientHello that was answered; JA3S compare only between equal ones.",
        |o| tls(o, |t| t.client_hello_id.as_ref()),
    ),
    field("tls_ja3s", "tls.ja3s", Kind::Hex, "JA3S of the first ServerHello.", |o| tls(o, |t| t.ja3s.as_ref())),
    field(
        "tls_extensions",
        "tls.extensions[]",
        Kind::WordList,
        "Numbers of the ServerHello's extensions, in the host's order; at most 64.",
        |o| o.tls.as_ref().and_then(|tls| list(&tls.extensions)),
    )
    .on_request(),
    field("tls_server_random", "tls.server_random", Kind::Hex, "`random` of the ServerHello.", |o| {
        tls(o, |t| t.server_random.as_ref().map(ToString::to_string))
    })
    .on_request(),
    field(
        "tls_server_random_is_clock",
        "tls.server_random_is_clock",
        Kind::Boolean,
        "Whether `random` begins with a time within a day of ours, as `gmt_unix_time` of RFC 5246, 7.4.1.2; chance does that \
         once in 25,000 hosts.",
        |o| tls(o, |t| t.server_random_is_clock),
    ),
    field("tls_server_hello", "tls.server_hello", Kind::Hex, "The ServerHello as sent, at most 4 KiB.", |o| {
        tls(o, |t| t.server_hello.as_ref().map(ToString::to_string))
    })
    .on_request(),
    field("tls_alert", "tls.alert", Kind::Word, "The alert that ended the handshake (RFC 8446, section 6).", |o| {
        tls(o, |t| t.alert.as_ref())
    }),
    field(
        "key_possession",
        "tls.key_possession",
        Kind::Word,
        "Whether the handshake signature fits the leaf certificate's key.",
        |o| tls(o, |t| Some(word(t.key_possession))),
    ),
    field(
        "cert_source",
        "mcs.certificates[]",
        Kind::Word,
        "Where the certificate of all `cert_` fields was presented: `tls`, or `mcs` for hosts that show one only there; those \
         stand in JSON under `mcs.certificates[]`.",
        |o| o.leaf_with_source().map(|(_, source)| word(source).into()),
    ),
    field("cert_sha256", "tls.certificates[].sha256", Kind::Hex, "SHA-256 of the leaf certificate's DER.", |o| {
        leaf(o, |c| c.sha256.as_ref().map(ToString::to_string))
    }),
    field("cert_sha1", "tls.certificates[].sha1", Kind::Hex, "SHA-1 of the leaf certificate's DER.", |o| {
        leaf(o, |c| c.sha1.as_ref().map(ToString::to_string))
    }),
    field("cert_md5", "tls.certificates[].md5", Kind::Hex, "MD5 of the leaf certificate's DER.", |o| {
        leaf(o, |c| c.md5.as_ref().map(ToString::to_string))
    })
    .on_request(),
    field(
        "cert_spki_sha256",
        "tls.certificates[].spki_sha256",
        Kind::Hex,
        "SHA-256 of the SubjectPublicKeyInfo.",
        |o| leaf(o, |c| c.spki_sha256.as_ref().map(ToString::to_string)),
    ),
    field("cert_version", "tls.certificates[].version", Kind::Integer, "X.509 version: 1, 2 or 3.", |o| {
        leaf(o, |c| c.version)
    })
    .on_request(),
    field(
        "cert_subject",
        "tls.certificates[].subject",
        Kind::Text,
        "The whole subject, in the certificate's order.",
        |o| leaf(o, |c| c.subject.as_ref()),
    )
    .on_request(),
    field(
        "cert_issuer",
        "tls.certificates[].issuer",
        Kind::Text,
        "The whole issuer, in the certificate's order.",
        |o| leaf(o, |c| c.issuer.as_ref()),
    )
    .on_request(),
    field("cert_subject_cn", "tls.certificates[].subject_cn", Kind::Text, "The subject's first common name.", |o| {
        leaf(o, |c| c.subject_cn.as_ref())
    }),
    field("cert_issuer_cn", "tls.certificates[].issuer_cn", Kind::Text, "The issuer's first common name.", |o| {
        leaf(o, |c| c.issuer_cn.as_ref())
    }),
    field(
        "cert_serial_number",
        "tls.certificates[].serial_number",
        Kind::Hex,
        "Content octets of the serial number.",
        |o| leaf(o, |c| c.serial_number.as_ref().map(ToString::to_string)),
    ),
    field("cert_not_before", "tls.certificates[].not_before", Kind::Time, "Start of validity.", |o| {
        leaf(o, |c| c.not_before)
    }),
    field("cert_not_after", "tls.certificates[].not_after", Kind::Time, "End of validity.", |o| {
        leaf(o, |c| c.not_after)
    }),
    field(
        "cert_signature_algorithm",
        "tls.certificates[].signature_algorithm",
        Kind::Word,
        "Signature algorithm, or its object identifier.",
        |o| leaf(o, |c| c.signature_algorithm.as_ref()),
    ),
    field(
        "cert_public_key_algorithm",
        "tls.certificates[].public_key_algorithm",
        Kind::Word,
        "Algorithm of the public key, or its object identifier.",
        |o| leaf(o, |c| c.public_key_algorithm.as_ref()),
    ),
    field(
        "cert_public_key_bits",
        "tls.certificates[].public_key_bits",
        Kind::Integer,
        "Size of the public key.",
        |o| leaf(o, |c| c.public_key_bits),
    )
    .in_unit("bit"),
    field(
        "cert_subject_alternative_names",
        "tls.certificates[].subject_alternative_names[]",
        Kind::TextList,
        "Subject alternative names with their types.",
        |o| o.leaf().and_then(|c| list(&c.subject_alternative_names)),
    ),
    field("cert_key_usage", "tls.certificates[].key_usage[]", Kind::WordList, "Key usages (RFC 5280, 4.2.1.3).", |o| {
        o.leaf().and_then(|c| list(&c.key_usage))
    })
    .on_request(),
    field(
        "cert_extended_key_usage",
        "tls.certificates[].extended_key_usage[]",
        Kind::WordList,
        "Extended key usages (RFC 5280, 4.2.1.12).",
        |o| o.leaf().and_then(|c| list(&c.extended_key_usage)),
    )
    .on_request(),
    field(
        "cert_self_signed",
        "tls.certificates[].self_signed",
        Kind::Boolean,
        "Whether issuer and subject are equal; the signature is not verified.",
        |o| leaf(o, |c| c.self_signed),
    ),
    field(
        "cert_parse_error",
        "tls.certificates[].parse_error",
        Kind::Word,
        "The parts of the certificate that could not be parsed.",
        |o| leaf(o, |c| c.parse_error.as_ref()),
    ),
    field("cert_der", "tls.certificates[].der", Kind::Base64, "The leaf certificate as sent.", |o| {
        leaf(o, |c| c.der.as_ref().map(ToString::to_string))
    }),
    field("credssp_version", "credssp.version", Kind::Integer, "Version of CredSSP that the server announces.", |o| {
        credssp(o, |c| c.version)
    }),
    field(
        "credssp_error_code",
        "credssp.error_code",
        Kind::Integer,
        "The NTSTATUS that came instead of a challenge.",
        |o| credssp(o, |c| c.error_code),
    ),
    field(
        "credssp_raw",
        "credssp.raw",
        Kind::Hex,
        "The answer's bytes, where no challenge could be read from them.",
        |o| credssp(o, |c| c.raw.as_ref().map(ToString::to_string)),
    )
    .on_request(),
    field("ntlm_target_name", "ntlm.target_name", Kind::Text, "TargetName (MS-NLMP 2.2.1.2).", |o| {
        ntlm(o, |n| n.target_name.as_ref())
    }),
    field(
        "ntlm_netbios_computer_name",
        "ntlm.netbios_computer_name",
        Kind::Text,
        "MsvAvNbComputerName (MS-NLMP 2.2.2.1).",
        |o| ntlm(o, |n| n.netbios_computer_name.as_ref()),
    ),
    field("ntlm_netbios_domain_name", "ntlm.netbios_domain_name", Kind::Text, "MsvAvNbDomainName.", |o| {
        ntlm(o, |n| n.netbios_domain_name.as_ref())
    }),
    field("ntlm_dns_computer_name", "ntlm.dns_computer_name", Kind::Text, "MsvAvDnsComputerName.", |o| {
        ntlm(o, |n| n.dns_computer_name.as_ref())
    }),
    field("ntlm_dns_domain_name", "ntlm.dns_domain_name", Kind::Text, "MsvAvDnsDomainName.", |o| {
        ntlm(o, |n| n.dns_domain_name.as_ref())
    }),
    field("ntlm_dns_tree_name", "ntlm.dns_tree_name", Kind::Text, "MsvAvDnsTreeName.", |o| {
        ntlm(o, |n| n.dns_tree_name.as_ref())
    }),
    field(
        "ntlm_product_version",
        "ntlm.product_version",
        Kind::Word,
        "Major, minor and build (MS-NLMP 2.2.2.10).",
        |o| ntlm(o, |n| n.product_version.as_ref()),
    ),
    field("ntlm_build", "ntlm.product_version", Kind::Integer, "The build in `ntlm_product_version`.", |o| {
        o.ntlm_build().map(Into::into)
    })
    .on_request(),
    field("ntlm_system_time", "ntlm.system_time", Kind::Time, "MsvAvTimestamp: the host's clock.", |o| {
        ntlm(o, |n| n.system_time)
    }),
    field(
        "ntlm_clock_skew_ms",
        "ntlm.clock_skew_ms",
        Kind::Integer,
        "The host's clock minus the middle of our exchange, where that took two seconds or less.",
        |o| ntlm(o, |n| n.clock_skew_ms),
    )
    .in_unit("ms"),
    field("ntlm_negotiate_flags", "ntlm.negotiate_flags", Kind::Integer, "NegotiateFlags (MS-NLMP 2.2.2.5).", |o| {
        ntlm(o, |n| n.negotiate_flags)
    }),
    field("ntlm_raw", "ntlm.raw", Kind::Hex, "The CHALLENGE message as sent.", |o| {
        ntlm(o, |n| n.raw.as_ref().map(ToString::to_string))
    }),
    field(
        "mcs_result",
        "mcs.result",
        Kind::Integer,
        "`result` of the Connect Response (T.125, 7): 0 is success.",
        |o| mcs(o, |m| m.result),
    ),
    field(
        "mcs_disconnect_reason",
        "mcs.disconnect_reason",
        Kind::Integer,
        "`Reason` of the disconnect that came instead (T.125, 7).",
        |o| mcs(o, |m| m.disconnect_reason),
    )
    .on_request(),
    field(
        "mcs_server_version",
        "mcs.server_version",
        Kind::Word,
        "Versions of RDP that the Server Core Data stand for, or their number (MS-RDPBCGR 2.2.1.4.2).",
        |o| mcs(o, |m| m.server_version.as_ref()),
    ),
    field(
        "mcs_client_requested_protocols",
        "mcs.client_requested_protocols",
        Kind::Word,
        "What the server says that the Connection Request offered.",
        |o| mcs(o, |m| m.client_requested_protocols.as_ref()),
    )
    .on_request(),
    field(
        "mcs_early_capability_flags",
        "mcs.early_capability_flags",
        Kind::Integer,
        "`earlyCapabilityFlags` of the Server Core Data.",
        |o| mcs(o, |m| m.early_capability_flags),
    )
    .on_request(),
    field(
        "mcs_encryption_method",
        "mcs.encryption_method",
        Kind::Word,
        "`encryptionMethod` (MS-RDPBCGR 2.2.1.4.3): `none`, `40bit`, `56bit`, `128bit`, `fips`, or the number.",
        |o| mcs(o, |m| m.encryption_method.as_ref()),
    ),
    field(
        "mcs_encryption_level",
        "mcs.encryption_level",
        Kind::Word,
        "`encryptionLevel`: `none`, `low`, `client-compatible`, `high`, `fips`, or the number.",
        |o| mcs(o, |m| m.encryption_level.as_ref()),
    ),
    field("mcs_server_random", "mcs.server_random", Kind::Hex, "`serverRandom` of the Server Security Data.", |o| {
        mcs(o, |m| m.server_random.as_ref().map(ToString::to_string))
    })
    .on_request(),
    field(
        "mcs_certificate_kind",
        "mcs.certificate_kind",
        Kind::Word,
        "`proprietary` (a bare key), `x509` or `unread` (MS-RDPBCGR 2.2.1.4.3.1).",
        |o| mcs(o, |m| m.certificate_kind.map(word)),
    ),
    field("mcs_raw", "mcs.raw", Kind::Hex, "The answer to the MCS Connect Initial, at most 64 KiB.", |o| {
        mcs(o, |m| m.raw.as_ref().map(ToString::to_string))
    })
    .on_request(),
];
