//! Output of commands.

use std::io::{self, ErrorKind, Write as _};

use super::PROGRAM;

/// Prints a line. A reader that closes the pipe early, as `head` does, is no failure.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a failure and its causes as one line on standard error.
pub(super) fn error(error: &anyhow::Error) {
    // Without standard error there is no other place to report it.
    let _ = writeln!(io::stderr(), "{PROGRAM}: {}", one_line(&format!("{error:#}")));
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_several_lines_becomes_one_line() {
        assert_eq!(
            one_line("syntax error\n  LINE 1: SELEC\n"),
            "syntax error LINE 1: SELEC"
        );
    }
}
