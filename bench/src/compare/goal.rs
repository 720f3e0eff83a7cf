//! Performance goals relative to the peers, and whether they are met.

use std::fmt::Write as _;

use super::report::{Figure, Report};
use super::workload::{Contestant, Workload};

/// Minimum ratio of Taskwire's rate in a workload to another rate.
struct Goal {
    workload: Workload,
    against: (Workload, Contestant),
    at_least: f64,
}

const fn beside(workload: Workload, contestant: Contestant, at_least: f64) -> Goal {
    Goal {
        workload,
        against: (workload, contestant),
        at_least,
    }
}

const GOALS: [Goal; 9] = [
    beside(Workload::OwnList, Contestant::Mercurius, 5.0),
    beside(Workload::OwnList, Contestant::PostGraphile, 7.0),
    beside(Workload::OwnList, Contestant::Postgres, 0.45),
    Goal {
        workload: Workload::DefaultList,
        against: (Workload::OwnList, Contestant::Taskwire),
        at_least: 0.8,
    },
    beside(Workload::OneTask, Contestant::Axum, 0.5),
    beside(Workload::Nested, Contestant::Mercurius, 5.0),
    beside(Workload::Nested, Contestant::PostGraphile, 5.0),
    beside(Workload::CreateTask, Contestant::Postgres, 0.6),
    Goal {
        workload: Workload::RestList,
        against: (Workload::OwnList, Contestant::Taskwire),
        at_least: 1.0,
    },
];

/// Maximum p99 of the list, as a share of a peer's.
const MOST_OF_P99: f64 = 1.0 / 3.0;
/// Maximum memory under the load of the list, in bytes.
const MOST_MEMORY: u64 = 100_000_000;

/// Table of the goals that were measured.
pub(super) fn markdown(report: &Report) -> String {
    let mut rows = String::new();
    for goal in &GOALS {
        let (workload, contestant) = goal.against;
        let ours = report.figure(goal.workload, Contestant::Taskwire);
        let (Some(ours), Some(theirs)) = (ours, report.figure(workload, contestant)) else {
            continue;
        };
        let reached = ours.rate / theirs.rate;
        let against = if workload == goal.workload {
            contestant.name().to_owned()
        } else {
            format!("'{}'", workload.name())
        };
        row(
            &mut rows,
            &format!("{}, rate beside {against}", goal.workload.name()),
            &format!("at least {}", goal.at_least),
            &format!("{reached:.2}"),
            reached >= goal.at_least,
        );
    }
    if let Some(ours) = report.figure(Workload::OwnList, Contestant::Taskwire) {
        rows.push_str(&of_the_list(report, ours));
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("## Goals\n\n| | wanted | measured | |\n|---|---|---|---|\n{rows}\n")
}

/// Goals of the list for latency and memory.
fn of_the_list(report: &Report, ours: &Figure) -> String {
    let mut rows = String::new();
    for peer in [Contestant::Mercurius, Contestant::PostGraphile] {
        let Some(theirs) = report.figure(Workload::OwnList, peer) else {
            continue;
        };
        let reached = ours.p99_ms / theirs.p99_ms;
        row(
            &mut rows,
            &format!("{}, p99 beside {}", ours.workload.name(), peer.name()),
            "at most a third",
            &format!("{reached:.2}"),
            reached <= MOST_OF_P99,
        );
    }
    if let Some(bytes) = ours.memory_bytes {
        row(
            &mut rows,
            &format!("{}, memory", ours.workload.name()),
            &format!("below {} MB", MOST_MEMORY / 1_000_000),
            &format!("{} MB", bytes / 1_000_000),
            bytes < MOST_MEMORY,
        );
    }
    rows
}

fn row(rows: &mut String, what: &str, wanted: &str, measured: &str, is_met: bool) {
    let met = if is_met { "met" } else { "**missed**" };
    // Writing to a String cannot fail.
    let _ = writeln!(rows, "| {what} | {wanted} | {measured} | {met} |");
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn unmeasured_goals_are_omitted() {
        let text = markdown(&report(&[
            (Workload::OwnList, Contestant::Taskwire, 6_000.0),
            (Workload::OwnList, Contestant::Mercurius, 1_000.0),
            (Workload::OwnList, Contestant::PostGraphile, 1_000.0),
            (Workload::DefaultList, Contestant::Taskwire, 3_000.0),
        ]));
        assert!(
            text.contains("rate beside Mercurius | at least 5 | 6.00 | met |"),
            "{text}"
        );
        assert!(
            text.contains("rate beside PostGraphile | at least 7 | 6.00 | **missed** |"),
            "{text}"
        );
        assert!(text.contains("| at least 0.8 | 0.50 | **missed** |"), "{text}");
        assert!(text.contains("| below 100 MB | 42 MB | met |"), "{text}");
        assert!(!text.contains("PostgreSQL alone"));
        assert_eq!(markdown(&report(&[])), "");
    }
}
