//! What commands print.

use std::io::{self, ErrorKind, Write as _};

use super::PROGRAM;

/// Prints a line. Whoever reads may stop early, as `head` does: that is no failure.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a failure and its causes as one line on standard error.
pub(super) fn error(error: &anyhow::Error) {
    // Without standard error there is nowhere to complain.
    let _ = writeln!(io::stderr(), "{PROGRAM}: {}", one_line(&format!("{error:#}")));
}

/// The text without its line breaks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_whatever_the_database_says() {
        assert_eq!(
            one_line("syntax error\n  LINE 1: SELEC\n"),
            "syntax error LINE 1: SELEC"
        );
    }
}
