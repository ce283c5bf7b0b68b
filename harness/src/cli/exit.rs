//! Every way in which `harness` ends: one table, used by the commands, `--help` and README.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// The verdict is Pass, or the command did what it was asked.
    Pass,
    /// The verdict is Fail: the backend broke a promise.
    Fail,
    /// Wrong arguments, or a file that cannot be used.
    Usage,
    /// The verdict is Inconclusive: the run cannot tell.
    Inconclusive,
    /// The harness, the stage or the environment could not do its part; a fault may still be applied.
    Environment,
    /// Ctrl-C; everything that was started is stopped.
    Interrupted,
}

/// The table as `--help` prints it.
pub const TABLE: &str = "\
Exit codes:
  0    pass           the verdict is Pass, or the command did what it was asked
  1    fail           the verdict is Fail: the backend broke a promise
  2    usage          wrong arguments, or a file that cannot be used
  3    inconclusive   the run cannot tell: no data, a lagging generator, a lost target
  4    environment    harness, stage or machine could not do their part (a fault may still be applied)
  130  interrupted    Ctrl-C; everything that was started is stopped";

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Environment => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code() {
        for exit in [
            Exit::Pass,
            Exit::Fail,
            Exit::Usage,
            Exit::Inconclusive,
            Exit::Environment,
            Exit::Interrupted,
        ] {
            let line = format!("  {:<4}", exit.code());
            assert!(TABLE.lines().any(|l| l.starts_with(&line)), "{exit:?} is not in the table");
        }
    }
}
