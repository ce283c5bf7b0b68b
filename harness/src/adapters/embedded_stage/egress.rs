//! What pins a backend's outgoing connections to the stage (its `TEST_EGRESS`): the names of the stage's internet, its
//! listeners, and its CA, as two files beside the logs.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use emulators::InternetRefs;

const FILE: &str = "egress.toml";
const CA_FILE: &str = "egress-ca.pem";

/// Writes both files into `folder`; gives the path of the first. The format is the backend's own.
pub(super) fn write(folder: &Path, internet: &InternetRefs) -> io::Result<PathBuf> {
    std::fs::write(folder.join(CA_FILE), &internet.ca_pem)?;
    let path = std::path::absolute(folder.join(FILE))?;
    std::fs::write(&path, text(internet))?;
    Ok(path)
}

fn text(internet: &InternetRefs) -> String {
    let InternetRefs { public, elsewhere, public_address, .. } = internet;
    let mut text = format!(
        "connector = '{elsewhere}'\nca_file = '{CA_FILE}'\n\n\
         [connectors]\n'{public_address}' = '{public}'\n\n[names]\n"
    );
    for (name, answers) in &internet.names {
        let turn = |addresses: &Vec<&str>| {
            let quoted: Vec<String> = addresses.iter().map(|one| format!("'{one}'")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let turns: Vec<String> = answers.iter().map(turn).collect();
        // A string never fails to grow.
        let _written: std::fmt::Result = match &turns[..] {
            [same] => writeln!(text, "'{name}' = {same}"),
            turns => writeln!(text, "'{name}' = [{}]", turns.join(", ")),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_a_table_with_their_answers() {
        let internet = InternetRefs {
            public: "127.0.0.1:8".parse().unwrap(),
            elsewhere: "127.0.0.1:9".parse().unwrap(),
            public_address: "1.1.1.1",
            ca_pem: "pem".to_owned(),
            names: vec![
                ("*.a.example", vec![vec!["1.1.1.1", "::1"]]),
                ("*.b.example", vec![vec!["1.1.1.1"], vec!["10.0.0.1"]]),
            ],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &internet).unwrap();
        assert!(path.is_absolute());
        let file: toml::Value = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(file["connector"].as_str(), Some("127.0.0.1:9"));
        assert_eq!(file["connectors"]["1.1.1.1"].as_str(), Some("127.0.0.1:8"));
        assert_eq!(file["names"]["*.a.example"][1].as_str(), Some("::1"));
        assert_eq!(file["names"]["*.b.example"][1][0].as_str(), Some("10.0.0.1"));
        assert_eq!(std::fs::read_to_string(folder.path().join("egress-ca.pem")).unwrap(), "pem");
    }
}
