//! The certificate that Windows makes for its own RDP listener, and whether a certificate has exactly its form.
//!
//! The template is one on every build from 6001 to 26100: of 87 real certificates all 87 were rebuilt byte for byte from
//! common name, serial, dates, modulus and signature algorithm. A certificate that claims to be one of these and differs was
//! made by something else: another server, an administrator, a honeypot. `docs/windows.md` shows the template as a table.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use strum::{EnumMessage, IntoStaticStr, VariantArray};

use crate::proto::{der, x509};

/// Whether a certificate has the form of Windows' own RDP certificate. "Unknown" is the caller's word for having no DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Form {
    /// It is the template, byte for byte. Whoever copies the template passes too, and the signature is not verified.
    Yes,
    /// It claims to be Windows' own and is not; the first difference is named. That speaks of the certificate alone: an
    /// administrator's self-signed one on a genuine Windows ends here too.
    No(Difference),
    /// It does not claim to be Windows' own: issued by an authority, with alternative names, without the purpose, or no
    /// certificate at all.
    NotApplicable,
}

/// Where a certificate leaves the template; the first place on the way from its front to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumMessage, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Difference {
    /// The DER is not in its shortest form, or something stands where nothing belongs.
    Encoding,
    /// The X.509 version is not 3.
    Version,
    /// The serial number is no version-4 GUID of 16 bytes, written backwards.
    Serial,
    /// The signature algorithm is not RSA with SHA-1 or SHA-256, or is not named alike in both places.
    SignatureAlgorithm,
    /// The common name is not in the string type that Windows takes for its characters.
    Name,
    /// The validity is not written as two `UTCTime`s to the second, in Zulu.
    Dates,
    /// The validity is not 183 days to the second.
    Validity,
    /// The key is not RSA of 2048 bits with the exponent 65537.
    Key,
    /// The extensions are not EKU serverAuth and KU keyEncipherment with dataEncipherment, in this order and not critical.
    Extensions,
    /// The signature is not 256 bytes.
    Signature,
}

impl Difference {
    /// A sentence without its full stop.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end_matches('.')
    }
}

/// Compares a leaf certificate with the template; the bytes may be anything.
///
/// A certificate claims to be Windows' own when issuer and subject are the same bytes (self-issued, RFC 5280, 3.2), the name
/// is one common name and nothing else, there is no subject alternative name (4.2.1.6) and the extended key usage (4.2.1.12)
/// is serverAuth alone. Others are not measured against the template.
#[must_use]
pub fn rdp_certificate_form(der: &[u8]) -> Form {
    if claims(der) != Some(true) {
        return Form::NotApplicable;
    }
    match follow_template(der) {
        Ok(()) => Form::Yes,
        Err(difference) => Form::No(difference),
    }
}

/// Tag and length of a common name's parts, up to the value.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const EXTENDED_KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1D, 0x25];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x1D, 0x11];
/// `ExtKeyUsageSyntax` with id-kp-serverAuth alone.
const SERVER_AUTH: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
/// `[0]` with version 3.
const VERSION_3: &[u8] = &[0xA0, 0x03, 0x02, 0x01, 0x02];
/// `AlgorithmIdentifier` of sha1WithRSAEncryption and sha256WithRSAEncryption (RFC 4055, section 5), parameters NULL.
const SHA1_WITH_RSA: &[u8] =
    &[0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05, 0x05, 0x00];
const SHA256_WITH_RSA: &[u8] =
    &[0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00];
/// `SubjectPublicKeyInfo` of an RSA key of 2048 bits (RFC 3279, 2.3.1), up to the modulus.
const RSA_2048: &[u8] = &[
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    0x03, 0x82, 0x01, 0x0F, 0x00, 0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00,
];
/// The INTEGER 65537.
const EXPONENT: &[u8] = &[0x02, 0x03, 0x01, 0x00, 0x01];
/// `[3]` with EKU serverAuth and KU keyEncipherment + dataEncipherment, neither with the field `critical`.
const EXTENSIONS: &[u8] = &[
    0xA3, 0x24, 0x30, 0x22, // extensions
    0x30, 0x13, 0x06, 0x03, 0x55, 0x1D, 0x25, 0x04, 0x0C, // extKeyUsage
    0x30, 0x0A, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01, // serverAuth
    0x30, 0x0B, 0x06, 0x03, 0x55, 0x1D, 0x0F, 0x04, 0x04, 0x03, 0x02, 0x04, 0x30, // keyUsage
];
/// BIT STRING of 256 bytes, no bit unused, up to the first byte.
const SIGNATURE: &[u8] = &[0x03, 0x82, 0x01, 0x01, 0x00];
const RSA_BYTES: usize = 256;
/// For how long Windows makes its own RDP certificate valid.
pub const VALIDITY: SignedDuration = SignedDuration::from_hours(183 * 24);

/// Whether the certificate claims to be Windows' own; `None` where it cannot be read that far.
fn claims(der: &[u8]) -> Option<bool> {
    let parts = x509::split(der);
    let (issuer, subject) = (parts.issuer?, parts.subject?);
    let mut extensions = parts.extensions?;
    let mut list = der::read_tagged(&mut extensions, der::SEQUENCE)?.content;
    let mut is_for_servers = false;
    while !list.is_empty() {
        let extension = der::read_tagged(&mut list, der::SEQUENCE)?.content;
        if extension.starts_with(SUBJECT_ALTERNATIVE_NAME) {
            return Some(false);
        }
        if let Some(mut rest) = extension.strip_prefix(EXTENDED_KEY_USAGE) {
            // `critical` may stand in between.
            let _critical = der::read_tagged(&mut rest, BOOLEAN);
            if der::read_tagged(&mut rest, der::OCTET_STRING)?.content != SERVER_AUTH {
                return Some(false);
            }
            is_for_servers = true;
        }
    }
    Some(is_for_servers && issuer == subject && is_one_common_name(subject)?)
}

/// Whether a name is one relative name with one attribute, the common name, in whatever string type.
fn is_one_common_name(mut name: &[u8]) -> Option<bool> {
    let mut relative_names = der::read_tagged(&mut name, der::SEQUENCE)?.content;
    let mut attributes = der::read_tagged(&mut relative_names, SET)?.content;
    let attribute = der::read_tagged(&mut attributes, der::SEQUENCE)?.content;
    Some(relative_names.is_empty() && attributes.is_empty() && attribute.starts_with(COMMON_NAME))
}

const BOOLEAN: u8 = 0x01;
const UTF8_STRING: u8 = 0x0C;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const BMP_STRING: u8 = 0x1E;
const SET: u8 = 0x31;

/// Walks from the front to the end of the certificate, over what must stand there and what may vary.
fn follow_template(mut der: &[u8]) -> Result<(), Difference> {
    use Difference as D;
    let mut certificate = element(&mut der, der::SEQUENCE).ok_or(D::Encoding)?;
    let mut tbs = element(&mut certificate, der::SEQUENCE).ok_or(D::Encoding)?;
    let rest = &mut tbs;
    constant(rest, VERSION_3).ok_or(D::Version)?;
    element(rest, der::INTEGER).filter(|octets| is_rdp_serial(octets)).ok_or(D::Serial)?;
    let algorithm = [SHA1_WITH_RSA, SHA256_WITH_RSA].into_iter().find(|algorithm| constant(rest, algorithm).is_some());
    let algorithm = algorithm.ok_or(D::SignatureAlgorithm)?;
    common_name(rest).ok_or(D::Name)?;
    let mut dates = element(rest, der::SEQUENCE).ok_or(D::Dates)?;
    let not_before = utc_time(&mut dates).ok_or(D::Dates)?;
    let not_after = utc_time(&mut dates).filter(|_| dates.is_empty()).ok_or(D::Dates)?;
    if not_after.duration_since(not_before) != VALIDITY {
        return Err(D::Validity);
    }
    common_name(rest).ok_or(D::Name)?;
    constant(rest, RSA_2048).ok_or(D::Key)?;
    // A modulus without its highest bit is shorter than 2048 bits.
    skip(rest, RSA_BYTES).filter(|modulus| modulus.first().is_some_and(|octet| *octet >= 0x80)).ok_or(D::Key)?;
    constant(rest, EXPONENT).ok_or(D::Key)?;
    constant(rest, EXTENSIONS).filter(|()| rest.is_empty()).ok_or(D::Extensions)?;
    constant(&mut certificate, algorithm).ok_or(D::SignatureAlgorithm)?;
    constant(&mut certificate, SIGNATURE).ok_or(D::Signature)?;
    skip(&mut certificate, RSA_BYTES).ok_or(D::Signature)?;
    if certificate.is_empty() && der.is_empty() { Ok(()) } else { Err(D::Encoding) }
}

/// The content of the element at the front, if it has `tag` and the shortest length.
fn element<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    der::read_tagged(rest, tag).filter(|element| element.minimal).map(|element| element.content)
}

/// Passes over these very bytes.
fn constant(rest: &mut &[u8], bytes: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(bytes)?;
    Some(())
}

fn skip<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// Whether a serial number is one that Windows gives its own RDP certificate: a version-4 GUID (RFC 9562, 5.4) with all its
/// bytes in reverse order and a first digit of 1 to 7, so that it is positive. Feeds that leave the DER out still show it.
#[must_use]
pub fn is_rdp_serial(serial: &[u8]) -> bool {
    let Ok([first, _, _, _, _, _, _, variant, version, ..]) = <&[u8; 16]>::try_from(serial) else { return false };
    matches!(first >> 4, 1..=7) && version >> 4 == 4 && variant >> 6 == 2
}

/// Passes over a name of one common name in the string type that fits its characters.
fn common_name(rest: &mut &[u8]) -> Option<()> {
    let mut name = element(rest, der::SEQUENCE)?;
    let mut attributes = element(&mut name, SET)?;
    let mut value = element(&mut attributes, der::SEQUENCE)?;
    constant(&mut value, COMMON_NAME)?;
    let text = der::read(&mut value).filter(|text| text.minimal)?;
    let has_ended = [name, attributes, value].iter().all(|rest| rest.is_empty());
    (has_ended && is_fitting(text.tag, text.content)).then_some(())
}

/// Windows writes a `PrintableString` where the alphabet suffices, else one that holds Unicode.
fn is_fitting(tag: u8, text: &[u8]) -> bool {
    match tag {
        PRINTABLE_STRING => !text.is_empty() && text.iter().all(|octet| is_printable(*octet)),
        UTF8_STRING => str::from_utf8(text).is_ok() && !text.iter().all(|octet| is_printable(*octet)),
        BMP_STRING => {
            let (units, odd) = text.as_chunks::<2>();
            odd.is_empty() && !units.iter().all(|[high, low]| *high == 0 && is_printable(*low))
        }
        _ => false,
    }
}

/// The alphabet of `PrintableString` (X.680, 41.4); the underscore is not in it.
fn is_printable(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&octet)
}

/// A `UTCTime` as RFC 5280, 4.1.2.5.1, wants it: `YYMMDDHHMMSSZ`, with years from 50 on in the twentieth century.
fn utc_time(rest: &mut &[u8]) -> Option<DateTime> {
    let digits: &[u8; 12] = element(rest, UTC_TIME)?.strip_suffix(b"Z")?.try_into().ok()?;
    let pairs = digits.as_chunks::<2>().0;
    let mut numbers = [0_i8; 6];
    for (number, pair) in numbers.iter_mut().zip(pairs) {
        let [tens, ones] = pair.map(|digit| digit.is_ascii_digit().then_some(digit & 0x0F));
        *number = i8::try_from(tens? * 10 + ones?).ok()?;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let century = if year >= 50 { 1900 } else { 2000 };
    DateTime::new(century + i16::from(year), month, day, hour, minute, second, 0).ok()
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
