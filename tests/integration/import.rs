//! The importers: what each makes of its sample, and that nothing in a file can stop them.

use std::fmt::Write as _;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

use expect_test::expect_file;
use rdprint::import::{self, Format, Item, Loss, Problem, Source};
use rdprint::observe::{FIELDS, Observation};
use rdprint::output::{CellText, CsvOptions, CsvSink, Sink as _};
use rdprint::verdict::columns;
use simulator::Host;

use crate::support::{judge, probe};

/// Bytes of a sample.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What an importer handed over.
#[derive(Default)]
struct Taken {
    seen: Vec<Observation>,
    passed_over: usize,
    problems: Vec<Problem>,
    lacks: Vec<&'static str>,
    /// Every row as it stood in the file, header included.
    rows: Vec<u8>,
}

impl Taken {
    fn lost(&self) -> usize {
        self.problems.iter().filter(|problem| problem.loss == Loss::Piece).count()
    }
}

fn take(files: &[(&str, Vec<u8>)], from: Option<Format>) -> Result<Taken, String> {
    let open = |(name, bytes): &(&str, Vec<u8>)| Source::of(name, Cursor::new(bytes.clone()), from);
    let sources = files.iter().map(open).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let mut taken = Taken::default();
    let read = import::read(sources, &mut |item| {
        match item {
            Item::Seen { observation, row } => {
                taken.seen.push(observation);
                taken.rows.extend(row);
            }
            Item::Header { row } => taken.rows.extend(row),
            Item::PassedOver { row } => {
                taken.passed_over += 1;
                taken.rows.extend(row);
            }
            Item::Problem(problem) => taken.problems.push(problem),
            Item::Lacks { facts, .. } => taken.lacks.extend(facts),
            Item::Target(_) => unreachable!("only lists hold targets"),
        }
        ControlFlow::Continue(())
    });
    read.map(|()| taken).map_err(|error| error.to_string())
}

/// Each observation as lines `field = value`, bytes left out, then what could not be read.
fn told(taken: &Taken) -> String {
    let mut text = String::new();
    for seen in &taken.seen {
        for field in FIELDS.iter().filter(|field| !["schema_version", "cert_der", "ntlm_raw"].contains(&field.name)) {
            if let Some(value) = (field.get)(seen) {
                writeln!(text, "{} = {}", field.name, value.into_cell()).unwrap();
            }
        }
        text.push('\n');
    }
    writeln!(text, "passed over: {}", taken.passed_over).unwrap();
    for problem in &taken.problems {
        writeln!(text, "{problem} ({:?})", problem.loss).unwrap();
    }
    text
}

const ZEEK_TSV: [&str; 4] = ["zeek-ntlm.log", "zeek-ssl.log", "zeek-rdp.log", "zeek-x509.log"];
const ZEEK_JSON: [&str; 3] = ["zeek-x509.json", "zeek-ssl.json", "zeek-rdp.json"];

fn samples(names: &[&'static str]) -> Vec<(&'static str, Vec<u8>)> {
    names.iter().map(|name| (*name, sample(name))).collect()
}

#[test]
fn every_sample_gives_what_it_is_known_to_hold() {
    let golden = |names: &[&'static str]| told(&take(&samples(names), None).unwrap());
    expect_file!["golden/import-nmap.txt"].assert_eq(&golden(&["nmap.xml"]));
    expect_file!["golden/import-zgrab2.txt"].assert_eq(&golden(&["zgrab2.jsonl"]));
    expect_file!["golden/import-shadowserver.txt"].assert_eq(&golden(&["shadowserver.csv", "shadowserver-2019.csv"]));
    expect_file!["golden/import-shodan.txt"].assert_eq(&golden(&["shodan.jsonl"]));
    expect_file!["golden/import-zeek.txt"].assert_eq(&golden(&ZEEK_TSV));
    expect_file!["golden/import-zeek-json.txt"].assert_eq(&golden(&ZEEK_JSON));
    expect_file!["golden/import-rdprint.txt"].assert_eq(&golden(&["rdprint.jsonl"]));
}

#[test]
fn csv_and_json_lines_of_one_scan_are_the_same_observations() {
    let from_json = take(&samples(&["rdprint.jsonl"]), None).unwrap();
    let from_csv = take(&samples(&["rdprint.csv"]), None).unwrap();
    assert_eq!(from_csv.seen.len(), 5);
    assert_eq!(from_csv.seen, from_json.seen);
    assert_eq!((from_csv.lacks.len(), from_csv.problems.len()), (0, 0));
}

/// A generator of numbers that any machine draws alike (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((number ^ (number >> 31)) % limit as u64).unwrap()
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 22] = [
            "'",
            "''",
            "=",
            "+",
            "-",
            "@",
            "\t",
            "\r",
            "\n",
            "\r\n",
            "\"",
            "\"\"",
            ",",
            ";",
            "\\",
            "\\;",
            "＝",
            "\u{202e}",
            "\u{1b}[2J",
            "WIN-X",
            "名",
            "\0",
        ];
        // An empty text and one that is not known are the same cell.
        (0..=self.below(6)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

/// Writes an observation as CSV, with every field, and reads it again.
fn through_csv(seen: &Observation, cells: CellText) -> Observation {
    let options = CsvOptions { columns: columns().collect(), cells };
    let mut bytes = Vec::new();
    let mut sink = CsvSink::new(&mut bytes, options).unwrap();
    sink.write(&judge(seen.clone())).unwrap();
    drop(sink);
    let taken = take(&[("out.csv", bytes.clone())], None).unwrap();
    assert_eq!(taken.problems, [], "{}", String::from_utf8_lossy(&bytes));
    assert_eq!(taken.rows, bytes, "rows are handed on as they stand in the file");
    let [seen] = taken.seen.as_slice() else { panic!("one row is one record") };
    seen.clone()
}

#[test]
fn csv_is_undone_exactly_whatever_names_a_host_has() {
    let plain = probe(Host::windows("WIN-7K2QF0B3M1D", 20348));
    assert_eq!(through_csv(&plain, CellText::Neutralised), plain);
    let mut draw = Draw(5);
    for _ in 0..150 {
        let mut seen = plain.clone();
        seen.error = Some(draw.text());
        seen.rtt_us = (draw.below(2) == 0).then_some(draw.below(1 << 40) as u64);
        let tls = seen.tls.as_mut().unwrap();
        tls.version = Some(draw.text());
        let leaf = &mut tls.certificates[0];
        // Without the bytes, each value stands for itself.
        leaf.der = None;
        leaf.subject_cn = Some(draw.text());
        leaf.subject = Some(draw.text());
        leaf.self_signed = [None, Some(true), Some(false)][draw.below(3)];
        leaf.subject_alternative_names = (0..draw.below(4)).map(|_| draw.text()).collect();
        let ntlm = seen.ntlm.as_mut().unwrap();
        ntlm.dns_computer_name = Some(draw.text());
        ntlm.netbios_domain_name = Some(draw.text());
        ntlm.product_version = Some(draw.text());
        ntlm.clock_skew_ms = Some(-90_000);
        for cells in [CellText::Neutralised, CellText::Raw] {
            assert_eq!(through_csv(&seen, cells), seen);
        }
    }
}

#[test]
fn hashes_are_worked_out_and_a_false_one_is_noted() {
    let mut seen = probe(Host::windows("WIN-7K2QF0B3M1D", 20348));
    seen.tls.as_mut().unwrap().certificates[0].sha1.as_mut().unwrap().0[0] ^= 1;
    let json = serde_json::to_vec(&seen).unwrap();
    let taken = take(&[("out.jsonl", json)], Some(Format::RdprintJsonl)).unwrap();
    let leaf = taken.seen[0].leaf().unwrap();
    assert_eq!(*leaf, rdprint::observe::Certificate::from_der(&leaf.der.as_ref().unwrap().0));
    assert_eq!(taken.seen[0].anomalies, [rdprint::observe::Anomaly::ImportedHashDiffers]);
}

#[test]
fn a_table_without_some_fields_names_them() {
    let text = "ip,port,ntlm_dns_computer_name,csv_cells\r\n192.0.2.1,3389,WIN-BUNS25TD77J,neutralised\r\n";
    let taken = take(&[("few.csv", text.into())], None).unwrap();
    assert!(taken.lacks.contains(&"ntlm_product_version") && taken.lacks.contains(&"cert_der"), "{:?}", taken.lacks);
    assert!(!taken.lacks.contains(&"ntlm_dns_computer_name") && !taken.lacks.contains(&"computer_name"));
    assert_eq!(taken.problems.len(), 1, "the time is missing: {:?}", taken.problems);
    assert_eq!(judge(taken.seen[0].clone()).strongest().unwrap().fingerprint_id, "redvds");
    let without = take(&[("few.csv", b"port,csv_cells\r\n".to_vec())], None).err().unwrap();
    assert_eq!(without, "`few.csv` has no column `ip`, without which no row names an endpoint");
}

#[test]
fn a_value_that_cannot_be_read_costs_nothing_but_itself() {
    let text = "ip,port,seen_at,status,cert_sha256,ntlm_clock_skew_ms,ntlm_dns_computer_name,csv_cells\r\n\
                192.0.2.1,3389,2026-11-22T10:00:00Z,well,zz,1.5,WIN-X,neutralised\r\n";
    let taken = take(&[("odd.csv", text.into())], None).unwrap();
    let said: Vec<String> = taken.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "odd.csv:2: `status` cannot be read, and is left out: well",
            "odd.csv:2: `cert_sha256` cannot be read, and is left out: zz",
            "odd.csv:2: `ntlm_clock_skew_ms` cannot be read, and is left out: 1.5",
        ]
    );
    assert_eq!(taken.seen[0].computer_name(), Some("WIN-X"));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    pipe("gzip", bytes)
}

/// Bytes through a program of this machine.
fn pipe(program: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut child = std::process::Command::new(program)
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let mut packed = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut packed).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    packed
}

#[test]
fn gzip_members_and_a_byte_order_mark_are_undone() {
    let text = [b"\xEF\xBB\xBF".to_vec(), sample("shadowserver.csv")].concat();
    let plain = take(&[("s.csv", text.clone())], None).unwrap();
    let (first, second) = text.split_at(700);
    let packed = [gzip(first), gzip(second)].concat();
    assert_eq!(take(&[("s.csv", packed.clone())], None).unwrap().seen, plain.seen);
    let cut = take(&[("s.csv", packed[..packed.len() - 40].to_vec())], None).unwrap();
    let last = cut.problems.last().unwrap();
    assert_eq!(last.loss, Loss::Rest, "{last}");
    assert!(!cut.seen.is_empty() && cut.seen.len() < plain.seen.len());
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain("ip".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert!(take(&[("s.csv", utf16)], None).err().unwrap().contains("is UTF-16"));
}

/// A frame by hand (RFC 8878, section 3.1.1): raw blocks of at most 255 bytes and no checksum.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x00];
    let mut blocks = bytes.chunks(255).peekable();
    while let Some(block) = blocks.next() {
        let header = u32::from(blocks.peek().is_none()) | u32::try_from(block.len()).unwrap() << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

#[test]
fn zstd_frames_are_undone_those_to_be_skipped_among_them() {
    let text = sample("zgrab2.jsonl");
    let (first, second) = text.split_at(1000);
    let skippable = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let packed = [skippable.clone(), zstd(first), skippable, zstd(second)].concat();
    let plain = take(&[("z", text)], None).unwrap();
    assert_eq!(take(&[("z", packed.clone())], None).unwrap().seen, plain.seen);
    let cut = take(&[("z", packed[..packed.len() - 3].to_vec())], None).unwrap();
    assert!(cut.problems.iter().any(|problem| problem.loss == Loss::Rest));
}

/// Every row of these formats is handed over, passed over or named as lost.
const BY_ROWS: [(&str, Format); 5] = [
    ("zgrab2.jsonl", Format::Zgrab2),
    ("shodan.jsonl", Format::Shodan),
    ("rdprint.jsonl", Format::RdprintJsonl),
    ("shadowserver.csv", Format::Shadowserver),
    ("rdprint.csv", Format::RdprintCsv),
];

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count()
}

#[test]
fn every_truncation_is_read_as_far_as_it_goes() {
    for (name, format) in BY_ROWS {
        let bytes = sample(name);
        let is_csv = format.rows() == Some(import::Rows::Csv);
        for length in (0..bytes.len()).step_by(37) {
            let cut = bytes[..length].to_vec();
            let expected = lines(&cut).saturating_sub(usize::from(is_csv));
            // Within the header columns are missing, and the file is refused as a whole.
            if let Ok(taken) = take(&[(name, cut)], Some(format)) {
                assert_eq!(taken.seen.len() + taken.passed_over + taken.lost(), expected, "{name} cut at {length}");
            }
        }
    }
}

#[test]
fn every_truncation_of_joined_and_nested_formats_is_read_as_far_as_it_goes() {
    let report = sample("nmap.xml");
    for length in (0..report.len()).step_by(29) {
        let taken = take(&[("nmap.xml", report[..length].to_vec())], Some(Format::NmapXml)).unwrap();
        assert!(!taken.problems.is_empty(), "a report that was cut at {length} says so");
        assert!(taken.seen.len() <= 2);
    }
    let logs = samples(&ZEEK_TSV);
    let most = take(&logs, None).unwrap().seen.len();
    for (position, (_, log)) in logs.iter().enumerate() {
        for length in (0..log.len()).step_by(41) {
            let mut logs = logs.clone();
            logs[position].1.truncate(length);
            if let Ok(taken) = take(&logs, Some(Format::Zeek)) {
                assert!(taken.seen.len() <= most);
            }
        }
    }
}

#[test]
fn changed_bytes_stop_nobody() {
    let mut draw = Draw(11);
    let mut all: Vec<(&str, Format)> = BY_ROWS.to_vec();
    all.extend([("nmap.xml", Format::NmapXml), ("zeek-rdp.log", Format::Zeek), ("zeek-rdp.json", Format::Zeek)]);
    for (name, format) in all {
        let bytes = sample(name);
        for _ in 0..150 {
            let mut changed = bytes.clone();
            for _ in 0..=draw.below(4) {
                let at = draw.below(changed.len());
                changed[at] = u8::try_from(draw.below(256)).unwrap();
            }
            if format.rows() == Some(import::Rows::JsonLines) {
                let expected = lines(&changed);
                let taken = take(&[(name, changed)], Some(format)).unwrap();
                // A form feed alone is white space to one side only.
                assert!(taken.seen.len() + taken.passed_over + taken.lost() >= expected - 1, "{name}");
            } else {
                let _whatever = take(&[(name, changed)], Some(format));
            }
        }
    }
}

#[test]
fn a_bad_line_in_the_middle_costs_itself() {
    for (name, format) in BY_ROWS {
        let text = String::from_utf8(sample(name)).unwrap();
        let good = take(&[(name, text.clone().into())], Some(format)).unwrap();
        for bad in ["nonsense", "{\"ip\":", "\"open", "{}x", "\u{0}"] {
            let mut rows: Vec<&str> = text.split_inclusive('\n').collect();
            let line = format!("{bad}\n");
            rows.insert(2, &line);
            let taken = take(&[(name, rows.concat().into())], Some(format)).unwrap();
            assert_eq!(taken.seen.len(), good.seen.len(), "{name} with {bad:?}: {:?}", taken.problems);
            assert!(
                taken.problems.iter().any(|problem| problem.line == 3),
                "{name} with {bad:?}: {:?}",
                taken.problems
            );
        }
    }
}

#[test]
fn a_line_of_100_megabytes_is_passed_over_and_named() {
    let text = sample("zgrab2.jsonl");
    let long = [b"{\"ip\":\"".to_vec(), vec![b'1'; 100 << 20], b"\"}\n".to_vec()].concat();
    let taken = take(&[("z.jsonl", [long, text.clone()].concat())], Some(Format::Zgrab2)).unwrap();
    assert_eq!(taken.seen.len(), take(&[("z.jsonl", text)], None).unwrap().seen.len());
    assert_eq!(taken.problems[0].to_string(), "z.jsonl:1: is longer than the 16 MiB that one line may take");
    let header = take(&[("z.csv", vec![b'x'; 17 << 20])], Some(Format::Shadowserver)).unwrap();
    assert_eq!(header.problems[0].to_string(), "z.csv:1: is longer than the 16 MiB that names of columns may take");
}

#[test]
fn no_entity_is_expanded_and_no_depth_or_length_holds_up_a_report() {
    let report = String::from_utf8(sample("nmap.xml")).unwrap();
    let bomb = "<!DOCTYPE nmaprun [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let bombed = report.replace("<!DOCTYPE nmaprun>", bomb).replace(">Terminal.praxis.example<", ">&b;<");
    let taken = take(&[("bomb.xml", bombed.into())], None).unwrap();
    assert_eq!((taken.seen[1].computer_name(), taken.problems.len()), (Some("&b;"), 0));

    let first_end = report.find("</host>").unwrap();
    let with = |what: String| [&report[..first_end], &what, &report[first_end..]].concat().into_bytes();
    for what in [
        "<table>".repeat(100_000),
        format!("<script id=\"{}\"/>", "x".repeat(17 << 20)),
        "<elem a=\"<\"".to_owned(),
        "</ports></host></nmaprun><".to_owned(),
    ] {
        let taken = take(&[("deep.xml", with(what))], None).unwrap();
        let names: Vec<_> = taken.seen.iter().map(|seen| seen.computer_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["WIN-BUNS25TD77J", "Terminal.praxis.example"], "{:?}", taken.problems);
        assert_eq!(taken.lost(), 1, "{:?}", taken.problems);
    }
}

#[test]
fn zeek_without_its_rdp_log_and_files_of_no_format_are_refused() {
    let refused = |names: &[&'static str]| take(&samples(names), None).err().unwrap();
    assert!(
        refused(&["zeek-ssl.log", "zeek-x509.log"]).contains("no rdp.log is among `zeek-ssl.log`, `zeek-x509.log`")
    );
    let unknown = Source::of("odd", Cursor::new(b"odd\n".to_vec()), None).map(|source| source.format());
    assert!(matches!(unknown, Ok(None)));
    let conn = b"#separator \\x09\n#path\tconn\n#fields\tts\tuid\n".to_vec();
    let mut logs = samples(&["zeek-rdp.log"]);
    logs.push(("conn.log", conn));
    let taken = take(&logs, None).unwrap();
    assert_eq!((taken.seen.len(), taken.problems.len()), (4, 1));
}
