//! Results as Markdown and JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::goal;
use super::load::Round;
use super::machine::RunEnvironment;
use super::workload::{Contestant, Workload};
use crate::figures::{median, quantile};

/// Results of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) surroundings: RunEnvironment,
    /// Mean number of distinct users in a list of own tasks.
    pub(crate) users_on_a_page: f64,
    /// Length of Taskwire's responses in bytes.
    pub(crate) bytes: BTreeMap<Workload, usize>,
    pub(crate) figures: Vec<Figure>,
    /// Peak memory of each server over the whole run, in bytes.
    pub(crate) peaks: BTreeMap<Contestant, u64>,
}

/// Results of one server in one workload: medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) workload: Workload,
    pub(crate) contestant: Contestant,
    /// Responses per second.
    pub(crate) rate: f64,
    /// Rate of each round.
    pub(crate) rates: Vec<f64>,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    /// Maximum of all rounds.
    pub(crate) max_ms: f64,
    /// Maximum sampled resident memory; `None` for pgbench.
    pub(crate) memory_bytes: Option<u64>,
}

impl Figure {
    pub(crate) fn new(workload: Workload, contestant: Contestant, rounds: &[Round], memory_bytes: Option<u64>) -> Self {
        let latency = |share| median(rounds.iter().map(|round| quantile(&round.latencies, share)));
        let worst = rounds.iter().filter_map(|round| round.latencies.last());
        Self {
            workload,
            contestant,
            rate: median(rounds.iter().map(|round| round.rate)),
            rates: rounds.iter().map(|round| round.rate).collect(),
            p50_ms: latency(0.5),
            p95_ms: latency(0.95),
            p99_ms: latency(0.99),
            max_ms: worst.copied().fold(0.0, f64::max),
            memory_bytes,
        }
    }
}

impl Report {
    pub(crate) fn figure(&self, workload: Workload, contestant: Contestant) -> Option<&Figure> {
        let mut figures = self.figures.iter();
        figures.find(|figure| figure.workload == workload && figure.contestant == contestant)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("# Side by side\n\n");
        text.push_str(&self.surroundings.markdown());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\nA list of own tasks shows {:.0} different users. [The README](../README.md) describes the method.\n\n\
             ![Answers a second](peers.svg)\n\n",
            self.users_on_a_page
        );
        text.push_str(&goal::markdown(self));
        for workload in Workload::ALL {
            text.push_str(&self.table(workload));
        }
        text.push_str(&self.memory());
        text
    }

    fn table(&self, workload: Workload) -> String {
        let mut rows = String::new();
        let ours = self.figure(workload, Contestant::Taskwire).map(|figure| figure.rate);
        for contestant in Contestant::ALL {
            let Some(figure) = self.figure(workload, contestant) else {
                continue;
            };
            let ratio = match ours {
                Some(ours) if contestant != Contestant::Taskwire => format!("{:.2} times as fast", ours / figure.rate),
                _ => String::new(),
            };
            let _ = writeln!(
                rows,
                "| {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.0} ms | {} | {ratio} |",
                contestant.name(),
                thousands(figure.rate),
                figure.p50_ms,
                figure.p95_ms,
                figure.p99_ms,
                figure.max_ms,
                figure.memory_bytes.map_or_else(String::new, megabytes),
            );
        }
        if rows.is_empty() {
            return String::new();
        }
        let bytes = self.bytes.get(&workload).copied().unwrap_or_default();
        format!(
            "## {}\n\nTaskwire's answer has {bytes} bytes.\n\n\
             | | answers/s | p50 | p95 | p99 | worst | memory | Taskwire is |\n|---|---|---|---|---|---|---|---|\n{rows}\n",
            workload.name()
        )
    }

    fn memory(&self) -> String {
        let mut text = String::from("## The most memory of the whole run\n\n| | memory |\n|---|---|\n");
        for (contestant, bytes) in &self.peaks {
            let _ = writeln!(text, "| {} | {} |", contestant.name(), megabytes(*bytes));
        }
        text
    }
}

/// Formats a rate with thousands separators, and with a decimal if it is below 100.
pub(super) fn thousands(rate: f64) -> String {
    if rate < 100.0 {
        return format!("{rate:.1}");
    }
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::compare) fn report(rates: &[(Workload, Contestant, f64)]) -> Report {
        let figures = rates.iter().map(|&(workload, contestant, rate)| {
            let round = Round {
                rate,
                latencies: vec![1.0, 2.0, 30.0],
            };
            Figure::new(workload, contestant, &[round], Some(42_000_000))
        });
        Report {
            surroundings: RunEnvironment::default(),
            users_on_a_page: 38.2,
            bytes: BTreeMap::from([(Workload::OwnList, 17_000)]),
            figures: figures.collect(),
            peaks: BTreeMap::from([(Contestant::Taskwire, 61_000_000)]),
        }
    }

    #[test]
    fn a_figure_has_medians_and_the_maximum() {
        let round = |rate, worst| Round {
            rate,
            latencies: vec![1.0, worst],
        };
        let rounds = [round(10.0, 5.0), round(30.0, 9.0), round(20.0, 7.0)];
        let figure = Figure::new(Workload::Tiny, Contestant::Axum, &rounds, None);
        assert!((figure.rate - 20.0).abs() < f64::EPSILON);
        assert!((figure.p99_ms - 7.0).abs() < f64::EPSILON);
        assert!((figure.max_ms - 9.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_table_shows_ratios() {
        let report = report(&[
            (Workload::OwnList, Contestant::Taskwire, 4_190.0),
            (Workload::OwnList, Contestant::Mercurius, 1_000.0),
        ]);
        let text = report.markdown();
        assert!(
            text.contains("| Taskwire | 4,190 | 2.0 ms | 30.0 ms | 30.0 ms | 30 ms | 42 MB |  |"),
            "{text}"
        );
        assert!(text.contains("| Mercurius | 1,000 |") && text.contains("| 4.19 times as fast |"));
        assert!(text.contains("shows 38 different users") && text.contains("| Taskwire | 61 MB |"));
        assert!(!text.contains(Workload::Login.name()));
    }

    #[test]
    fn rates_have_thousands_separators() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(999.6), "1,000");
        assert_eq!(thousands(17.25), "17.2");
    }
}
