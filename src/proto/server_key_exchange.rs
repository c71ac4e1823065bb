//! ServerKeyExchange (RFC 5246, 7.4.3; RFC 8422, 5.4): the server's half of a Diffie-Hellman exchange and its signature.

use super::Anomaly;
use super::reader::Reader;
use super::tls_names::KeyExchange;
use super::x509::bit_length;

const NAMED_CURVE: u8 = 3;
/// From this version on, a signature names its algorithm (RFC 5246, 4.7).
const TLS12: u16 = 0x0303;

/// What the server contributed to the key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKeyExchange {
    /// The key exchange itself.
    pub parameters: Parameters,
    /// The parameters as they were sent and signed; the whole body where they could not be read.
    pub raw_parameters: Vec<u8>,
    /// `SignatureAndHashAlgorithm` in TLS 1.2, as a number of RFC 8446, 4.2.3. Before, RSA signs MD5 and SHA-1 one
    /// after the other, DSA and ECDSA sign SHA-1 (RFC 4346, 7.4.3), and nothing is named.
    pub signature_algorithm: Option<u16>,
    /// `signature`, where the message holds one.
    pub signature: Option<Vec<u8>>,
}

/// The parameters of a key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// `ServerECDHParams` on a named curve.
    NamedCurve {
        /// `namedcurve`, a number of `supported_groups`.
        group: u16,
        /// `public`: the server's point.
        point: Vec<u8>,
    },
    /// `ServerDHParams`, by the sizes of their numbers in bits.
    DiffieHellman {
        /// Size of `dh_p`.
        prime_bits: usize,
        /// Size of `dh_g`.
        generator_bits: usize,
        /// Size of `dh_Ys`.
        public_bits: usize,
    },
    /// Broken off, on a curve spelt out, or of a cipher suite that was not offered.
    Unread,
}

impl ServerKeyExchange {
    /// Decodes the body of the message, which means something only under the ServerHello's choices.
    #[must_use]
    pub fn decode(body: &[u8], version: u16, key_exchange: Option<KeyExchange>) -> (Self, Vec<Anomaly>) {
        let mut reader = Reader::new(body);
        let parameters = match key_exchange {
            Some(KeyExchange::Ecdhe) => named_curve(&mut reader),
            Some(KeyExchange::Dhe) => diffie_hellman(&mut reader),
            // A server that exchanges keys by RSA sends no such message; of an unknown suite nothing is known.
            Some(KeyExchange::Rsa) | None => None,
        };
        let Some(parameters) = parameters else {
            let raw_parameters = body.to_vec();
            let unread =
                Self { parameters: Parameters::Unread, raw_parameters, signature_algorithm: None, signature: None };
            return (unread, Vec::from_iter(key_exchange.map(|_known| Anomaly::TlsMalformed)));
        };
        let read = body.len().saturating_sub(reader.rest().len());
        let raw_parameters = Reader::new(body).at_most(read).to_vec();
        let signature_algorithm = if version >= TLS12 { reader.u16_be() } else { None };
        let signature = vector16(&mut reader).map(<[u8]>::to_vec);
        let is_whole = signature.is_some() && reader.is_empty();
        let anomalies = if is_whole { Vec::new() } else { vec![Anomaly::TlsMalformed] };
        (Self { parameters, raw_parameters, signature_algorithm, signature }, anomalies)
    }

    /// What the signature covers: both randoms, then the parameters.
    #[must_use]
    pub fn signed_message(&self, client_random: &[u8; 32], server_random: &[u8; 32]) -> Vec<u8> {
        [&client_random[..], server_random, &self.raw_parameters].concat()
    }
}

fn named_curve(reader: &mut Reader<'_>) -> Option<Parameters> {
    // Curves that are spelt out (types 1 and 2) went out of use with RFC 8422.
    if reader.u8()? != NAMED_CURVE {
        return None;
    }
    let group = reader.u16_be()?;
    let length = usize::from(reader.u8()?);
    Some(Parameters::NamedCurve { group, point: reader.bytes(length)?.to_vec() })
}

fn diffie_hellman(reader: &mut Reader<'_>) -> Option<Parameters> {
    let prime_bits = bit_length(vector16(reader)?);
    let generator_bits = bit_length(vector16(reader)?);
    let public_bits = bit_length(vector16(reader)?);
    Some(Parameters::DiffieHellman { prime_bits, generator_bits, public_bits })
}

fn vector16<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::from(reader.u16_be()?);
    reader.bytes(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// secp256r1 with a point of 65 octets, signed with `rsa_pkcs1_sha256`.
    fn curve(version: u16) -> Vec<u8> {
        let point = [&[3, 0, 23, 65, 4][..], &[9; 64]].concat();
        let scheme: &[u8] = if version >= TLS12 { &[4, 1] } else { &[] };
        [&point, scheme, &[1, 0], &[0xAB; 256]].concat()
    }

    fn integers() -> Vec<u8> {
        let prime = [&[0, 129, 0, 0x80][..], &[1; 127]].concat();
        [&prime, &[0, 1, 2][..], &[0, 2, 0, 0x0F], &[2, 1, 0, 2, 5, 6]].concat()
    }

    #[test]
    fn a_named_curve_is_read_in_every_version() {
        for version in [0x0300, 0x0301, 0x0302, 0x0303] {
            let (read, anomalies) = ServerKeyExchange::decode(&curve(version), version, Some(KeyExchange::Ecdhe));
            assert_eq!(anomalies, []);
            assert!(matches!(read.parameters, Parameters::NamedCurve { group: 23, ref point } if point.len() == 65));
            assert_eq!(read.signature_algorithm, (version == 0x0303).then_some(0x0401));
            assert_eq!((read.raw_parameters.len(), read.signature), (69, Some(vec![0xAB; 256])));
        }
    }

    #[test]
    fn sizes_of_integers_are_those_of_their_values() {
        let (read, anomalies) = ServerKeyExchange::decode(&integers(), TLS12, Some(KeyExchange::Dhe));
        assert_eq!(anomalies, []);
        let expected = Parameters::DiffieHellman { prime_bits: 1024, generator_bits: 2, public_bits: 4 };
        assert_eq!((read.parameters, read.signature_algorithm), (expected, Some(0x0201)));
        assert_eq!((read.raw_parameters.len(), read.signature), (integers().len() - 6, Some(vec![5, 6])));
    }

    #[test]
    fn the_signed_message_is_both_randoms_and_the_parameters() {
        let (read, _) = ServerKeyExchange::decode(&curve(TLS12), TLS12, Some(KeyExchange::Ecdhe));
        let message = read.signed_message(&[1; 32], &[2; 32]);
        assert_eq!(
            (&message[..32], &message[32..64], &message[64..]),
            (&[1; 32][..], &[2; 32][..], &curve(TLS12)[..69])
        );
    }

    #[test]
    fn cuts_and_changes_keep_the_parameters_where_they_are_whole() {
        for (golden, kind, whole_from) in [(curve(TLS12), KeyExchange::Ecdhe, 69), (integers(), KeyExchange::Dhe, 138)]
        {
            for end in 0..golden.len() {
                let (read, anomalies) = ServerKeyExchange::decode(&golden[..end], TLS12, Some(kind));
                assert_eq!(anomalies, [Anomaly::TlsMalformed], "{kind:?} cut at {end}");
                assert_eq!(read.parameters != Parameters::Unread, end >= whole_from, "{kind:?} cut at {end}");
                assert_eq!(read.signature, None);
            }
            for position in 0..golden.len() {
                for value in 0..=u8::MAX {
                    let mut bytes = golden.clone();
                    bytes[position] = value;
                    let (read, _) = ServerKeyExchange::decode(&bytes, TLS12, Some(kind));
                    assert!(read.raw_parameters.len() <= bytes.len());
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_kept_whole() {
        let explicit_curve = [1, 0, 0];
        let (read, anomalies) = ServerKeyExchange::decode(&explicit_curve, TLS12, Some(KeyExchange::Ecdhe));
        assert_eq!((read.parameters, read.raw_parameters), (Parameters::Unread, explicit_curve.to_vec()));
        assert_eq!(anomalies, [Anomaly::TlsMalformed]);
        let (read, anomalies) = ServerKeyExchange::decode(&[7; 9], TLS12, None);
        assert_eq!((read.raw_parameters, anomalies), (vec![7; 9], vec![]));
    }
}
