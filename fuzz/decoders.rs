//! What each fuzz target runs: the functions that the probe calls, and what must hold of their answers whatever the bytes.
//! `cargo test` runs the same functions over the corpus.

use jiff::Timestamp;
use rdprint::knowledge::rdp_certificate_form;
use rdprint::observe::{Certificate, Mcs, Tls};
use rdprint::proto::tls_flight::{FlightReader, State};
use rdprint::proto::x224::{self, Frame};
use rdprint::proto::x509::MAX_CHAIN;
use rdprint::proto::{credssp as tsrequest, mcs as mcs_pdu, ntlm as ntlm_message};

/// A decoder under the name of its target.
pub(crate) type Decoder = fn(&[u8]);

/// All targets; `corpus/` has a folder for each.
pub(crate) const ALL: [(&str, Decoder); 6] = [
    ("x224", x224),
    ("credssp", credssp),
    ("ntlm", ntlm),
    ("certificate", certificate),
    ("tls_flight", tls_flight),
    ("mcs", mcs),
];

/// The answer to a Connection Request.
pub(crate) fn x224(bytes: &[u8]) {
    check_frame(x224::frame(bytes), bytes, x224::MAX_ANSWER);
    let _answer = x224::decode_answer(bytes);
}

/// The answer to a Connect Initial.
pub(crate) fn mcs(bytes: &[u8]) {
    check_frame(mcs_pdu::frame(bytes), bytes, mcs_pdu::MAX_ANSWER);
    let (answer, _) = mcs_pdu::decode_answer(bytes);
    let facts = Mcs::from_answer(&answer, bytes);
    assert!(facts.certificates.len() <= MAX_CHAIN);
    if let mcs_pdu::Answer::ConnectResponse(response) = answer {
        let certificate = response.server_data.security.and_then(|security| security.certificate);
        assert!(certificate.is_none_or(|certificate| certificate.raw.len() <= bytes.len()));
    }
}

/// A reader that waits for bytes which cannot come, or takes a packet that is not there, would stall or fail the probe.
fn check_frame(frame: Frame, bytes: &[u8], longest: usize) {
    match frame {
        Frame::Complete(total) => assert!(total <= bytes.len() && total <= longest),
        Frame::Incomplete(missing) => assert!(missing > 0 && bytes.len() + missing <= longest.max(4)),
        Frame::NotTpkt | Frame::BadLength(_) => {}
    }
}

/// The envelope of CredSSP, and the token in it.
pub(crate) fn credssp(bytes: &[u8]) {
    if let Some((request, _)) = tsrequest::decode(bytes) {
        for token in request.tokens {
            ntlm(token);
        }
    }
}

/// A token that may hold a CHALLENGE.
pub(crate) fn ntlm(bytes: &[u8]) {
    if let Some((message, _)) = ntlm_message::find_challenge(bytes) {
        let _challenge = ntlm_message::decode_challenge(message);
    }
}

/// A certificate, or what is shown as one.
pub(crate) fn certificate(bytes: &[u8]) {
    let certificate = Certificate::from_der(bytes);
    assert_eq!(certificate.der.map(|der| der.0).as_deref(), Some(bytes), "the evidence must stay as it was");
    let _form = rdp_certificate_form(bytes);
}

/// A TLS flight in clear. The first byte chooses the size of pieces; it must make no difference.
pub(crate) fn tls_flight(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let read = |size: usize| {
        let mut reader = FlightReader::new();
        let mut pieces = stream.chunks(size);
        while reader.state() == State::NeedMore {
            let Some(piece) = pieces.next() else { break };
            reader.feed(piece);
        }
        (reader.state(), reader.finish())
    };
    let whole = read(stream.len().max(1));
    assert_eq!(read(usize::from(*size).max(1)), whole);
    let flight = whole.1;
    assert!(flight.certificates.len() <= MAX_CHAIN);
    let tls = Tls::from_flight(&flight, "any", Timestamp::UNIX_EPOCH);
    assert_eq!(tls.certificates.len(), flight.certificates.len());
    if let Some(hello) = flight.server_hello {
        let _values = (hello.ja3s(), hello.carries_clock(0), hello.downgrade());
        if let Some(exchange) = flight.server_key_exchange {
            let signed = exchange.signed_message(&[0; 32], &hello.random);
            assert!(signed.ends_with(&exchange.raw_parameters));
        }
    }
}
