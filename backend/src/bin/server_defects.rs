//! The backend with seeded defects that `MANUEL_DEFECTS` switches on: proves that the harness finds them. No gate
//! accepts it; `/version` says what it is.

use std::process::ExitCode;

fn main() -> ExitCode {
    backend::serve::main_with_defects()
}
