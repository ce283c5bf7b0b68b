//! The only place that prints: stdout for data, stderr for people.

use std::io::Write as _;

/// One line of data on stdout. A closed pipe is not an error of the run.
pub fn out(line: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
}

/// One line for people on stderr.
pub fn note(line: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(writeln!(stderr, "{line}"));
}
