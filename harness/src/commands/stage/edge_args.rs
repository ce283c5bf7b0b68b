//! `--edge` and what goes with it: the same for every command that puts up a stage.

use super::up::pair;
use crate::adapters::stage_process::EdgeChoice;

/// The deployment's firewall and gateway in front.
#[derive(Clone, Debug, clap::Args)]
pub struct EdgeArgs {
    /// Put the deployment's firewall and API Gateway in front, as far as they can be enforced truly
    /// (backend/deploy/template.yaml); the stage's URL is then theirs.
    #[arg(long)]
    edge: bool,
    /// Another value for a parameter of the template, such as WafRateLimit=100 or IpAllowlist=127.0.0.0/30; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "edge")]
    edge_parameter: Vec<(String, String)>,
}

impl EdgeArgs {
    /// The choice; none without an edge.
    pub fn choice(&self) -> Option<EdgeChoice> {
        let parameters = self.edge_parameter.iter().cloned().collect();
        self.edge.then_some(EdgeChoice { parameters })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        edge: EdgeArgs,
    }

    #[test]
    fn an_edge_is_asked_for() {
        let choice = |args: &[&str]| Cli::parse_from([&["x"], args].concat()).edge.choice();
        assert_eq!(choice(&[]), None);
        assert_eq!(choice(&["--edge"]), Some(EdgeChoice::default()));
        let chosen =
            choice(&["--edge", "--edge-parameter", "A=1", "--edge-parameter", "B="]).unwrap();
        assert_eq!(
            chosen.parameters,
            [("A", "1"), ("B", "")].map(|(n, v)| (n.into(), v.into())).into()
        );
        assert!(Cli::try_parse_from(["x", "--edge-parameter", "A=1"]).is_err());
    }
}
