//! Wrong corpora: what is said, and where it points; and what the committed one has to offer.

use std::collections::BTreeSet;

use verdict::domain::attack::Allowed;
use verdict::domain::attack::AtEdge;

use super::*;

const GOOD: &str = r#"schema = "manuel-attacks/1"
family = "xss"
title = "Markup."

[[attack]]
name = "a-script"
at = "question"
text = "<script>evil()</script>"
answers = ["200"]
edge = "passes"
"#;

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join(FOLDER)).unwrap();
    for (name, text) in files {
        std::fs::write(root.path().join(FOLDER).join(name), text).unwrap();
    }
    root
}

/// What is said about the good file with one change, and the line that it points to.
fn wrong(from: &str, to: &str) -> (String, String) {
    assert!(GOOD.contains(from), "the sample has no {from:?}");
    let text = GOOD.replacen(from, to, 1);
    let refused = read(project(&[("xss.toml", &text)]).path()).unwrap_err();
    let AttacksError::Bad(bad) = refused else { panic!("{refused:?}") };
    assert_eq!(bad.file, "fixtures/attacks/xss.toml");
    (bad.to_string(), text.lines().nth(bad.line - 1).unwrap_or_default().to_owned())
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_the_nearest_right_name() {
    for (from, to, said) in [
        ("answers =", "anwsers =", "unknown key `anwsers`; did you mean `answers`?"),
        ("\"question\"", "\"qestion\"", "unknown name `qestion`; did you mean `question`?"),
        ("\"question\"", "{ id = \"reed\" }", "unknown name `reed`; did you mean `read`?"),
        ("\"passes\"", "\"pases\"", "unknown name `pases`; did you mean `passes`?"),
        ("\"xss\"", "\"jwt\"", "the file is that of `xss`, and says `jwt`"),
        ("\"200\"", "\"500 x\"", "attack.0.answers: `500 x`: an answer of 500 is never harmless"),
        ("evil()", "<<nonze>>", "there is no mark `<<nonze>>`; did you mean `<<nonce>>`?"),
        ("attacks/1", "attacks/2", "this build reads `manuel-attacks/1`"),
    ] {
        let (message, line) = wrong(from, to);
        assert!(message.contains(said), "{message}");
        assert!(line.contains(to), "{message} points to {line}");
    }
    let (message, line) = wrong("text = \"<script>evil()</script>\"\n", "");
    assert!(message.contains("expected one of `text`"), "{message} {line}");
}

#[test]
fn an_empty_folder_a_stranger_and_a_name_used_twice_are_refused() {
    let said = |files: &[(&str, &str)]| read(project(files).path()).unwrap_err().to_string();
    assert!(said(&[]).contains("has no <family>.toml"));
    assert!(said(&[("notes.txt", "x")]).contains("has no <family>.toml"));
    assert!(said(&[("xxs.toml", GOOD)]).contains("did you mean `xss`?"));
    assert!(said(&[("xss.toml", "")]).contains("missing field"));
    let other = GOOD.replace("\"xss\"", "\"jwt\"");
    let twice = said(&[("xss.toml", GOOD), ("jwt.toml", &other)]);
    assert_eq!(
        twice,
        "fixtures/attacks/xss.toml:6: attack.0.name: `a-script` is there in jwt.toml, too"
    );
    let missing = read(Path::new("/no/such/root")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /no/such/root/fixtures/attacks");
}

#[test]
fn files_are_taken_from_below_the_fixtures_only() {
    let with = |file: &str| {
        let text = GOOD
            .replace("at = \"question\"", "at = { voice = { content_type = \"audio/wav\" } }")
            .replace("text = \"<script>evil()</script>\"", &format!("file = \"{file}\""));
        let root = project(&[("xss.toml", &text)]);
        std::fs::write(root.path().join("fixtures/a.wav"), b"RIFF").unwrap();
        read(root.path())
    };
    let corpus = with("a.wav").unwrap();
    assert_eq!(corpus[0].payload, Payload::Template(Template::plain(b"RIFF".to_vec())));
    for (file, said) in [("../Cargo.toml", "is not below"), ("b.wav", "cannot read fixtures/b.wav")]
    {
        let refused = with(file).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

fn corpus() -> Vec<Attack> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match read(&root) {
        Ok(corpus) => corpus,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_committed_corpus_has_every_family_in_size() {
    let corpus = corpus();
    let attacks = corpus.iter().filter(|attack| !attack.legitimate).count();
    let legitimate = corpus.len() - attacks;
    assert!(attacks >= 200, "{attacks} attacks");
    assert!(legitimate >= 20, "{legitimate} legitimate requests");
    for family in Family::ALL {
        let of = corpus.iter().filter(|attack| attack.family == family).count();
        assert!(of >= 15, "{of} of {family}");
    }
    let at_edge = |edge| corpus.iter().filter(|attack| attack.edge == edge).count();
    let (blocked, managed) = (at_edge(AtEdge::Blocked), at_edge(AtEdge::Managed));
    assert!(blocked >= 40, "{blocked} that rules of ours stop");
    assert!(managed >= 10, "{managed} that AWS's groups stop");
}

/// A code that the service does not have could never be answered.
#[test]
fn every_code_is_in_the_document_of_the_api() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let document = std::fs::read_to_string(path).unwrap();
    let unknown: BTreeSet<String> = corpus()
        .iter()
        .flat_map(|attack| attack.answers.as_slice())
        .filter_map(|answer| {
            let Allowed::Error(_, code) = answer else { return None };
            (!document.contains(&format!("\"{code}\""))).then(|| code.clone())
        })
        .collect();
    assert_eq!(unknown, BTreeSet::new());
}
