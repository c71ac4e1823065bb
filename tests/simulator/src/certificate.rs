//! What a host presents in TLS: a chain of certificates and the key to sign the handshake with.

use std::sync::OnceLock;

use ring::digest::{SHA256, digest};

use crate::calendar::{DAY, today};
use crate::key::Key;
use crate::rsa::Hash;
use crate::x509::{self, Fields, StringForm};

/// Validity of a certificate that Windows made for itself, in days.
pub const WINDOWS_VALIDITY_DAYS: i64 = 183;

/// A chain of certificates and a key. It is a recipe: nothing is signed before [`Certificate::chain`] is asked for.
///
/// Two clones of one `Certificate` are the same bytes. Two certificates made alike are the same bytes too, within one process,
/// because everything that is not given follows from the name and the key.
#[derive(Debug, Clone)]
pub struct Certificate {
    source: Source,
    key: Key,
    issuer: Option<Fields>,
    padding: usize,
    empties: usize,
    built: OnceLock<Vec<Vec<u8>>>,
}

#[derive(Debug, Clone)]
enum Source {
    Signed(Box<Fields>),
    Bytes(Vec<u8>),
}

impl Certificate {
    /// The self-signed certificate of Windows for this common name: version 3, one `PrintableString` common name as subject and
    /// issuer, RSA-2048, 183 days, EKU serverAuth and KU keyEncipherment + dataEncipherment, a GUID as serial, SHA-256.
    ///
    /// Key, serial and `notBefore` (1 to 150 days ago) follow from the name until they are set.
    #[must_use]
    pub fn windows(common_name: &str) -> Self {
        let seed = digest(&SHA256, common_name.as_bytes());
        let number = u32::from_be_bytes([0, seed.as_ref()[0], seed.as_ref()[1], seed.as_ref()[2]]);
        let key = Key::rsa2048(number % Key::RSA_2048_KEYS);
        let age = 1 + i64::from(seed.as_ref()[3]) * 149 / 255;
        let second = i64::from(u16::from_be_bytes([seed.as_ref()[4], seed.as_ref()[5]]));
        let fields = Fields {
            v3: true,
            serial: guid_serial(common_name, key).to_vec(),
            hash: Hash::Sha256,
            issuer: common_name.to_owned(),
            subject: common_name.to_owned(),
            form: StringForm::Printable,
            not_before: today() - (age + 1) * DAY + second,
            not_before_octets: None,
            days: WINDOWS_VALIDITY_DAYS,
            key,
            signer: key,
            extensions: vec![x509::server_auth(), x509::encipherment()],
        };
        Self::from_source(Source::Signed(Box::new(fields)), key)
    }

    /// A certificate as OpenSSL makes one: `UTF8String` common name, one year, no extensions of Windows.
    #[must_use]
    pub fn openssl(common_name: &str) -> Self {
        Self::windows(common_name).form(StringForm::Utf8).change(|fields| {
            fields.days = 365;
            fields.serial = fields.serial[..8].to_vec();
            fields.extensions = vec![x509::authority()];
        })
    }

    /// Any bytes in place of the certificate, with the key that signs the handshake.
    #[must_use]
    pub fn bytes(der: Vec<u8>, key: Key) -> Self {
        Self::from_source(Source::Bytes(der), key)
    }

    /// Another key, in the certificate and for the handshake. The serial follows it.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self.change(|fields| {
            if fields.signer == fields.key {
                fields.signer = key;
            }
            fields.key = key;
            if fields.serial.len() == 16 {
                fields.serial = guid_serial(&fields.subject, key).to_vec();
            }
        })
    }

    /// The content octets of the serial number as they stand: a first octet of 0x80 or more makes it negative.
    #[must_use]
    pub fn serial(self, octets: &[u8]) -> Self {
        self.change(|fields| fields.serial = octets.to_vec())
    }

    /// The start of validity, in seconds since 1970; its end stays as far away as it was.
    #[must_use]
    pub fn not_before(self, unix_seconds: i64) -> Self {
        self.change(|fields| fields.not_before = unix_seconds)
    }

    /// Any octets as the content of the `notBefore` `UTCTime`, for one that does not parse.
    #[must_use]
    pub fn not_before_octets(self, octets: &[u8]) -> Self {
        self.change(|fields| fields.not_before_octets = Some(octets.to_vec()))
    }

    /// Another length of validity.
    #[must_use]
    pub fn days(self, days: i64) -> Self {
        self.change(|fields| fields.days = days)
    }

    /// X.509 version 1: no version field, no extensions.
    #[must_use]
    pub fn version1(self) -> Self {
        self.change(|fields| fields.v3 = false)
    }

    /// Signed with SHA-1, as builds up to 10240 did.
    #[must_use]
    pub fn sha1(self) -> Self {
        self.change(|fields| fields.hash = Hash::Sha1)
    }

    /// The common name in another string type.
    #[must_use]
    pub fn form(self, form: StringForm) -> Self {
        self.change(|fields| fields.form = form)
    }

    /// Issued by an authority of this name, with a subject alternative name for `dns_name`. The authority's certificate follows
    /// in the chain.
    #[must_use]
    pub fn issued_by(mut self, authority: &str, dns_name: &str) -> Self {
        let Source::Signed(root) = Self::openssl(authority).source else { unreachable!("made from fields") };
        let signer = root.key;
        self.issuer = Some(*root);
        self.change(|fields| {
            authority.clone_into(&mut fields.issuer);
            fields.signer = signer;
            fields.days = 365;
            fields.extensions = vec![x509::dns_name(dns_name), x509::server_auth()];
        })
    }

    /// A chain of at least so many bytes: what is missing is filled up with values that look like certificates from afar.
    #[must_use]
    pub fn chain_of(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self.change(|_| ())
    }

    /// So many entries without a byte at the end of the chain, each of which costs the client more than the host.
    #[must_use]
    pub fn and_empty_entries(mut self, count: usize) -> Self {
        self.empties = count;
        self.change(|_| ())
    }

    /// The chain in DER, the host's own certificate first.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        self.built.get_or_init(|| {
            let mut chain = vec![match &self.source {
                Source::Signed(fields) => fields.sign(),
                Source::Bytes(bytes) => bytes.clone(),
            }];
            chain.extend(self.issuer.as_ref().map(Fields::sign));
            let mut missing = self.padding.saturating_sub(chain.iter().map(Vec::len).sum());
            while missing > 0 {
                let part = missing.min(16_000);
                chain.push(crate::der::tlv(crate::der::SEQUENCE, &vec![0x05; part]));
                missing -= part;
            }
            chain.resize(chain.len() + self.empties, Vec::new());
            chain
        })
    }

    /// The host's own certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.chain()[0]
    }

    /// The key that signs the handshake.
    #[must_use]
    pub fn signing_key(&self) -> Key {
        self.key
    }

    /// The content octets of the serial number; `None` for [`Certificate::bytes`].
    #[must_use]
    pub fn serial_octets(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Signed(fields) => Some(&fields.serial),
            Source::Bytes(_) => None,
        }
    }

    /// The common name of the subject; `None` for [`Certificate::bytes`].
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        match &self.source {
            Source::Signed(fields) => Some(&fields.subject),
            Source::Bytes(_) => None,
        }
    }

    /// The same recipe for another common name, for a host that joins a domain.
    pub(crate) fn rename(self, common_name: &str) -> Self {
        self.change(|fields| {
            if fields.issuer == fields.subject {
                common_name.clone_into(&mut fields.issuer);
            }
            common_name.clone_into(&mut fields.subject);
            if fields.serial.len() == 16 {
                fields.serial = guid_serial(common_name, fields.key).to_vec();
            }
        })
    }

    fn from_source(source: Source, key: Key) -> Self {
        Self { source, key, issuer: None, padding: 0, empties: 0, built: OnceLock::new() }
    }

    /// Changes the fields, if these are fields, and forgets what was built from the old ones.
    fn change(mut self, change: impl FnOnce(&mut Fields)) -> Self {
        if let Source::Signed(fields) = &mut self.source {
            change(fields);
        }
        self.built = OnceLock::new();
        self
    }
}

/// A version-4 GUID with its bytes reversed, positive and without leading zeros, as Windows numbers its own certificates.
pub(crate) fn guid_serial(common_name: &str, key: Key) -> [u8; 16] {
    let seed = digest(&SHA256, format!("{common_name}\0{key:?}").as_bytes());
    let mut serial = [0; 16];
    serial.copy_from_slice(&seed.as_ref()[..16]);
    serial[0] = 0x10 + serial[0] % 0x70;
    serial[7] = 0x80 | serial[7] & 0x3F;
    serial[8] = 0x40 | serial[8] & 0x0F;
    serial
}
