//! The feature `legacy-tls`: the whole dialogue with a host that speaks TLS 1.0 and nothing newer. OpenSSL is its server side.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::dh::Dh;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVersion};
use openssl::x509::{X509, X509NameBuilder};
use rdprint::observe::{KeyPossession, Observation, Stage, Status, Via};
use rdprint::probe::{Depth, Pace, Prober, Settings};
use simulator::Host;

use crate::support::{patient, probe};

const NAME: &str = "WIN-BUNS25TD77J";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 7);

fn certificate() -> (PKey<Private>, X509) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", NAME).unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.sign(&key, MessageDigest::sha1()).unwrap();
    (key, certificate.build())
}

/// A server context for TLS 1.0 with these suites.
fn context(suites: &str) -> SslContext {
    let (key, certificate) = certificate();
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_security_level(0);
    context.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    context.set_max_proto_version(Some(SslVersion::TLS1)).unwrap();
    context.set_cipher_list(&format!("{suites}:@SECLEVEL=0")).unwrap();
    context.set_tmp_dh(&Dh::get_2048_256().unwrap()).unwrap();
    context.set_private_key(&key).unwrap();
    context.set_certificate(&certificate).unwrap();
    context.build()
}

/// A `TSRequest` (MS-CSSP 2.2.1) around a CHALLENGE that a simulated host sent; every length in two octets.
fn ts_request() -> Vec<u8> {
    let challenge = probe(Host::windows(NAME, 9600)).ntlm.unwrap().raw.unwrap().0;
    let tlv = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    let token = tlv(0x30, &tlv(0x30, &tlv(0xA0, &tlv(0x04, &challenge))));
    tlv(0x30, &[tlv(0xA0, &tlv(0x02, &[2])), tlv(0xA1, &token)].concat())
}

/// One connection: from the Connection Request to the challenge, or as far as the client goes.
fn converse(mut tcp: TcpStream, context: &SslContext, answer: &[u8]) {
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut header = [0; 4];
    tcp.read_exact(&mut header).unwrap();
    let mut request = vec![0; usize::from(header[3]) - 4];
    tcp.read_exact(&mut request).unwrap();
    // A Connection Confirm that selects HYBRID.
    tcp.write_all(b"\x03\0\0\x13\x0E\xD0\0\0\x12\x34\0\x02\x01\x08\0\x02\0\0\0").unwrap();
    let mut tls = SslStream::new(Ssl::new(context).unwrap(), tcp).unwrap();
    // The modern hello is refused here, with an alert.
    if tls.accept().is_ok() {
        let mut request = [0; 4096];
        if tls.read(&mut request).is_ok_and(|count| count > 0) {
            tls.write_all(answer).unwrap();
            // Until the client says goodbye.
            while tls.read(&mut request).is_ok_and(|count| count > 0) {}
        }
    }
}

/// Serves so many connections and tells when each came and went.
fn serve(suites: &'static str, connections: usize) -> (SocketAddr, JoinHandle<Vec<(Instant, Instant)>>) {
    let listener = TcpListener::bind((ADDRESS, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (context, answer) = (context(suites), ts_request());
    let serving = thread::spawn(move || {
        let converse_once = |_| {
            let (tcp, _) = listener.accept().unwrap();
            let came = Instant::now();
            converse(tcp, &context, &answer);
            (came, Instant::now())
        };
        (0..connections).map(converse_once).collect()
    });
    (address, serving)
}

fn look(address: SocketAddr, settings: Settings) -> Observation {
    let prober = Prober::new(settings, Pace::per_second(NonZeroU32::new(1000).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(prober.probe(address)).unwrap()
}

#[test]
fn the_challenge_of_a_host_of_tls_1_0_is_read_on_the_second_connection() {
    for suites in ["AES128-SHA", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-SHA"] {
        let (address, serving) = serve(suites, 2);
        let seen = look(address, patient());
        assert_eq!((seen.stage, seen.status), (Stage::Credssp, Status::Success), "{suites}: {seen:#?}");
        assert_eq!(seen.ntlm.as_ref().unwrap().dns_computer_name.as_deref(), Some(NAME));
        let tls = seen.tls.as_ref().unwrap();
        assert_eq!((tls.version.as_deref(), tls.via), (Some("TLSv1.0"), Some(Via::Handshake)));
        assert_eq!(tls.key_possession, KeyPossession::Proven);
        assert!(tls.client_hello_id.as_ref().unwrap().starts_with("openssl-"), "{tls:#?}");
        assert_eq!(tls.certificates[0].subject_cn.as_deref(), Some(NAME));
        assert_eq!(seen.error, None);
        let times = serving.join().unwrap();
        assert!(times[1].0 - times[0].1 >= Duration::from_secs(1), "{times:?}");
    }
}

#[test]
fn at_the_depth_of_the_certificate_nothing_is_asked_after_the_handshake() {
    let (address, serving) = serve("AES128-SHA", 2);
    let seen = look(address, Settings { depth: Depth::Certificate, ..patient() });
    assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::Success), "{seen:#?}");
    assert_eq!((seen.computer_name(), seen.ntlm.is_some()), (Some(NAME), false));
    serving.join().unwrap();
}

#[test]
fn a_host_that_openssl_cannot_speak_to_either_is_asked_in_clear_last() {
    // Nothing but suites without a certificate, which are never offered.
    let (address, serving) = serve("aNULL", 3);
    let seen = look(address, patient());
    assert_eq!((seen.stage, seen.status), (Stage::Tls, Status::HandshakeError), "{seen:#?}");
    assert_eq!(seen.error.as_ref().unwrap().matches("asked again").count(), 2, "{seen:#?}");
    assert!(seen.leaf().is_none());
    assert_eq!(serving.join().unwrap().len(), 3);
}
