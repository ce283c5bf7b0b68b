//! What every program of ours does around its work: refuse a configuration that cannot be used, and end with a code and
//! a sentence for a person.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::logging;

/// Exit code for a configuration that cannot be used.
const EXIT_CONFIG: u8 = 2;

/// Exit code for a program that could not start or go on.
const EXIT_FAILED: u8 = 1;

/// Says every problem of the configuration.
pub(crate) fn refuse(program: &str, errors: &ConfigErrors) -> ExitCode {
    let lines: Vec<String> = errors.0.iter().map(|problem| format!("  {problem}")).collect();
    complain(program, &format!("{errors}:\n{}", lines.join("\n")));
    ExitCode::from(EXIT_CONFIG)
}

/// The program's exit code; a failure is logged and said.
pub(crate) fn end<E: Error>(program: &str, outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = logging::chain(&error);
            tracing::error!(message = "program failed", program, cause);
            complain(program, &cause);
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// In the defect build: switches on what `MANUEL_DEFECTS` names.
#[cfg(feature = "defects")]
pub(crate) fn switch_on_defects(
    program: &str,
    environment: &crate::config::Environment,
) -> Result<(), ExitCode> {
    let list = environment.get("MANUEL_DEFECTS").map_or("", String::as_str);
    crate::defects::switch_on(list).map_err(|unknown| {
        complain(program, &unknown.to_string());
        ExitCode::from(EXIT_CONFIG)
    })
}

/// For a person, on standard error; standard output holds nothing but the log.
fn complain(program: &str, text: &str) {
    // A closed standard error leaves nobody to tell.
    let _unheard: std::io::Result<()> = writeln!(std::io::stderr(), "{program}: {text}");
}
