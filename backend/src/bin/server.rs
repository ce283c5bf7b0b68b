//! The backend as a server process. It has no seeded defect and no way to switch one on.

use std::process::ExitCode;

fn main() -> ExitCode {
    backend::serve::main()
}
