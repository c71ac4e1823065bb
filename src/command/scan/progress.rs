//! Progress on standard error: a bar on a terminal, a line a minute where `--status` asks for it.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::scan::Coverage;

/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// Shows how far a run is.
pub(in crate::command) enum Progress {
    Bar(ProgressBar),
    Lines { next: Instant },
    Silent,
}

impl Progress {
    /// For a run over so many targets.
    pub(in crate::command) fn new(total: u64, wants_lines: bool) -> Self {
        if io::stderr().is_terminal() {
            let bar = ProgressBar::new(total);
            let style = "{wide_bar} {pos}/{len} targets, {per_sec}, {msg}, {eta} left";
            // The template is a constant; a wrong one would only show the default bar.
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            Self::Bar(bar)
        } else if wants_lines {
            Self::Lines { next: Instant::now() + LINE_INTERVAL }
        } else {
            Self::Silent
        }
    }

    pub(in crate::command) fn show(&mut self, coverage: &Coverage) {
        let Coverage { planned, probed, skipped, rdp, findings, .. } = coverage;
        let (done, found) = (probed + skipped, findings.values().sum::<u64>());
        match self {
            Self::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(format!("{rdp} RDP, {found} findings"));
            }
            Self::Lines { next } if Instant::now() >= *next => {
                *next += LINE_INTERVAL;
                eprintln!("{done} of {planned} targets, {rdp} RDP, {found} findings");
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    /// Takes the bar away, so that the summary stands alone.
    pub(in crate::command) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
