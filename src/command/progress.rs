//! Progress bars on standard error. They are drawn only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::backup::Progress;

pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // The default style shows progress as well.
        Err(_) => bar,
    }
}

/// `what` is the label before the bar.
pub(super) fn bytes(what: &str) -> ProgressBar {
    bar(
        0,
        &format!("{what} {{wide_bar}} {{bytes}} of {{total_bytes}}, {{eta}} left"),
    )
}

pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}
