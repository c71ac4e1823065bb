//! The page.

use std::fmt::Write as _;

use crate::Row;
use crate::looks::{self, Look};

const HEAD: &str = "# What rdprint and nmap get from each behaviour

    cargo bench --bench conformance -- --write

makes this page, as root, on a machine with nmap and what `.ci/install-real-servers` installs. Packets go to loopback only.
Each row is one host, looked at by rdprint and a second later by nmap (`-n -Pn -sT`, at most 25 s a run), in two runs: with
the script `rdp-ntlm-info`, then with `rdp-enum-encryption` and `ssl-cert`, beside which the first says nothing. *Name* says
where a program has the machine's name from, *certificate* whether it has the host's own one, byte for byte. The times are
wall clock of whole programs on a busy machine, start-up included: they show what is waited for, not speed. The front before
OpenSSL's server takes one connection at a time, which nmap's scripts do not expect.

Below *protocol* stands what rdprint's one dialogue agreed on; nmap's `rdp-enum-encryption` tries each protocol on a connection
of its own and calls all that it gets through a success.
";

/// The page of these sections; `missing` says why real servers were not run.
pub(crate) fn write(sections: &[(&str, Vec<Row>)], missing: Option<&str>) -> String {
    let mut page = HEAD.to_owned();
    let programs = [
        (env!("CARGO_BIN_EXE_rdprint"), "--version"),
        ("nmap", "--version"),
        ("xrdp", "--version"),
        ("freerdp-shadow-cli", "/version"),
        ("weston", "--version"),
        ("openssl", "version"),
    ];
    page.push_str("\nRun with:\n\n");
    for (program, flag) in programs {
        match looks::version(program, flag) {
            // FreeRDP puts the marks of a log before it.
            Ok(version) => writeln!(page, "- {}", version.rsplit(" - ").next().unwrap_or(&version)).unwrap(),
            Err(error) => writeln!(page, "- {program}: NOT RUN, {error}").unwrap(),
        }
    }
    if let Some(why) = missing {
        writeln!(page, "\n**The real servers were NOT RUN: {}**", why.replace('\n', " ")).unwrap();
    }
    for (title, rows) in sections {
        writeln!(page, "\n## {title}\n").unwrap();
        page.push_str("| Behaviour | rdprint: protocol | name | certificate | ended | s | nmap: protocol | name | certificate | ended | s |\n");
        page.push_str("|---|---|---|---|---|---|---|---|---|---|---|\n");
        for row in rows {
            match &row.looks {
                Ok([rdprint, nmap]) => {
                    writeln!(page, "| {} | {} | {} |", row.behaviour, cells(rdprint), cells(nmap)).unwrap();
                }
                Err(why) => {
                    let loudly = format!("**{}** | | | |", why.to_uppercase());
                    writeln!(page, "| {} | {loudly} | {loudly} |", row.behaviour).unwrap();
                }
            }
        }
        let whole = |which: usize| {
            let looks = rows.iter().filter_map(|row| row.looks.as_ref().ok());
            let got = looks.filter(|looks| looks[which].certificate == "whole" || looks[which].name != "–");
            got.count()
        };
        writeln!(
            page,
            "\nOf {} rows, rdprint got a name or a certificate from {}, nmap from {}.",
            rows.len(),
            whole(0),
            whole(1)
        )
        .unwrap();
    }
    page
}

fn cells(look: &Look) -> String {
    let Look { protocol, name, certificate, ended, took } = look;
    let protocol = protocol.replace('|', "+");
    format!("{protocol} | {name} | {certificate} | {ended} | {:.1}", took.as_secs_f64())
}
