//! How far a command is: a bar on standard error. Nothing is drawn where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::backup::Progress;

/// A bar of so much, in the words of a template.
pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // The default style counts as well.
        Err(_) => bar,
    }
}

/// A bar of bytes, behind what is being done.
pub(super) fn bytes(what: &str) -> ProgressBar {
    bar(
        0,
        &format!("{what} {{wide_bar}} {{bytes}} of {{total_bytes}}, {{eta}} left"),
    )
}

/// Shows how far it is.
pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}
