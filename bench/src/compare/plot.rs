//! Bar charts of responses per second. Each workload is a group with a separate scale.

use std::fmt::Write as _;

use super::report::{Figure, Report, thousands};
use super::workload::{Contestant, Workload};

const WIDTH: f64 = 760.0;
/// Left end of the bars, to the right of the names.
const LEFT: f64 = 150.0;
/// Length of the longest bar; its number follows it.
const LONGEST: f64 = 500.0;
const BAR: f64 = 18.0;
const STEP: f64 = 24.0;
const HEAD: f64 = 30.0;
const GAP: f64 = 18.0;
const MARGIN: f64 = 16.0;

pub(crate) fn svg(report: &Report) -> String {
    let mut shapes = String::new();
    let mut top = MARGIN;
    for workload in Workload::ALL {
        let figures: Vec<&Figure> = Contestant::ALL
            .into_iter()
            .filter_map(|contestant| report.figure(workload, contestant))
            .collect();
        // A single bar compares nothing.
        if figures.len() > 1 {
            group(&mut shapes, &mut top, workload, &figures);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" width=\"{WIDTH}\" height=\"{top}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>Answers a second</title>\n\
         <rect width=\"{WIDTH}\" height=\"{top}\" fill=\"#ffffff\"/>\n{shapes}</svg>\n"
    )
}

fn group(shapes: &mut String, top: &mut f64, workload: Workload, figures: &[&Figure]) {
    let most = figures
        .iter()
        .map(|figure| figure.rate)
        .fold(f64::MIN_POSITIVE, f64::max);
    // Writing to a String cannot fail.
    let _ = writeln!(
        shapes,
        "<text x=\"{MARGIN}\" y=\"{:.1}\" font-weight=\"600\" fill=\"#1f2328\">{}</text>",
        *top + 14.0,
        workload.name()
    );
    *top += HEAD;
    for figure in figures {
        let length = (figure.rate / most * LONGEST).max(1.0);
        let baseline = *top + 13.5;
        let _ = writeln!(
            shapes,
            "<text x=\"{:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\" fill=\"#1f2328\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{baseline:.1}\" fill=\"#59636e\">{}/s</text>",
            LEFT - 8.0,
            figure.contestant.name(),
            *top,
            colour(figure.contestant),
            LEFT + length + 6.0,
            thousands(figure.rate),
        );
        *top += STEP;
    }
    *top += GAP;
}

/// One colour each for Taskwire, the peers and the floors.
fn colour(contestant: Contestant) -> &'static str {
    match contestant {
        Contestant::Taskwire => "#0969da",
        Contestant::Mercurius | Contestant::PostGraphile | Contestant::Yoga => "#9a6700",
        Contestant::Axum | Contestant::Postgres => "#afb8c1",
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn bars_are_proportional_to_rates() {
        let picture = svg(&report(&[
            (Workload::OwnList, Contestant::Taskwire, 4_000.0),
            (Workload::OwnList, Contestant::Yoga, 1_000.0),
            (Workload::Login, Contestant::Taskwire, 40.0),
        ]));
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
        assert!(
            picture.contains("width=\"500.0\"") && picture.contains("width=\"125.0\""),
            "{picture}"
        );
        assert!(picture.contains("4,000/s") && picture.contains("GraphQL Yoga"));
        assert!(!picture.contains(Workload::Login.name()));
    }
}
