//! Properties of the code itself: who may name whom, what the pure core may never touch, and that each file says what it
//! is for. It is a fence, not a wall: it does not follow `super::` or re-exports.

use std::fs;
use std::path::Path;

/// `(module, the sibling modules it may name)` of the package `harness`. A module that is not listed fails the test.
const HARNESS: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("report", &[]),
    ("adapters", &[]),
    ("commands", &["config", "report", "adapters", "cli"]),
    ("cli", &["commands", "config"]),
];
/// The same of the package `verdict`.
const CORE: &[(&str, &[&str])] = &[("domain", &[]), ("plan", &["domain"]), ("judge", &["domain"])];
/// The core is synchronous, has no clock and no randomness, and cannot do I/O.
const EFFECTS: &[&str] = &[
    "tokio",
    "async fn",
    "std::fs",
    "std::env",
    "std::net",
    "std::io",
    "reqwest",
    "aws_sdk",
    "::now()",
    "rand::",
    "Instant",
    "SystemTime",
];
/// What a suite must not know: the system under test is a process and a URL.
const SUT: &str = "use backend::";
/// Longest file, in lines.
const LINES_MAX: usize = 400;

/// The folders of the packages that judge.
const PACKAGES: [&str; 6] = ["", "core/", "client/", "emulators/", "faultproxy/", "injector/"];

fn violations(layers: &[(&str, &[&str])], pure: bool, module: &str, source: &str) -> Vec<String> {
    let Some((_, allowed)) = layers.iter().find(|(name, _)| *name == module) else {
        return vec![format!("`{module}` is in no layer")];
    };
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let imports = code
        .split("crate::")
        .skip(1)
        .flat_map(named)
        .filter(|name| *name != module && !allowed.contains(name))
        .map(|name| format!("`{module}` must not name `{name}`"));
    let effects = EFFECTS
        .iter()
        .filter(|effect| pure && code.contains(**effect))
        .map(|effect| format!("`{module}` is pure and must not use `{effect}`"));
    imports.chain(effects).collect()
}

/// The siblings that stand behind a `crate::`: one, or those of a group in braces.
fn named(rest: &str) -> Vec<&str> {
    let first =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let Some(group) = rest.strip_prefix('{') else { return vec![&rest[..first(rest)]] };
    let (mut depth, mut start, mut names) = (0_usize, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let item = group[start..at].trim();
                names.extend((!item.is_empty()).then(|| &item[..first(item)]));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn visit(dir: &Path, module: Option<&str>, check: &mut dyn FnMut(&Path, &str, &str)) {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let owner = module.unwrap_or(&stem);
        if path.is_dir() {
            visit(&path, Some(owner), check);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            check(&path, owner, &fs::read_to_string(&path).unwrap());
        }
    }
}

fn layers(src: &str, layers: &[(&str, &[&str])], pure: bool) -> Vec<String> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(src);
    visit(&root, None, &mut |path, owner, source| {
        if ["lib", "main"].contains(&owner) {
            return;
        }
        for violation in violations(layers, pure, owner, source) {
            found.push(format!("{}: {violation}", path.display()));
        }
    });
    found
}

#[test]
fn the_layers_of_the_harness_hold() {
    let found = layers("src", HARNESS, false);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let found = layers("core/src", CORE, true);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short_and_knows_no_backend() {
    let mut found = Vec::new();
    for package in
        PACKAGES.iter().map(|package| format!("{package}src")).chain(["../backend/src".to_owned()])
    {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(&package);
        visit(&root, None, &mut |path, _, source| {
            let at = path.display();
            if !source.starts_with("//!") {
                found.push(format!("{at}: no `//!` header"));
            }
            let lines = source.lines().count();
            if lines > LINES_MAX {
                found.push(format!("{at}: {lines} lines, more than {LINES_MAX}"));
            }
            if path.ends_with("mod.rs") {
                found.push(format!("{at}: name the file after its module"));
            }
            if !package.contains("backend") && source.contains(SUT) {
                found.push(format!("{at}: knows the backend's insides"));
            }
        });
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_harness_does_not_link_the_backend() {
    for package in PACKAGES.iter().map(|package| format!("{package}Cargo.toml")) {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(&package);
        let text = fs::read_to_string(manifest).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("backend")), "{package}");
        assert!(text.contains("[lints]\nworkspace = true"), "{package} has no workspace lints");
    }
}

#[test]
fn a_violation_is_seen() {
    assert_eq!(
        violations(CORE, true, "plan", "use crate::judge::load;"),
        ["`plan` must not name `judge`"]
    );
    assert_eq!(
        violations(
            CORE,
            true,
            "plan",
            "use crate::{\n    domain::{a::B, c},\n    judge::load,\n};"
        ),
        ["`plan` must not name `judge`"]
    );
    assert_eq!(
        violations(CORE, true, "judge", "tokio::spawn(x)"),
        ["`judge` is pure and must not use `tokio`"]
    );
    assert_eq!(violations(CORE, true, "utils", ""), ["`utils` is in no layer"]);
    assert_eq!(
        violations(HARNESS, false, "adapters", "use crate::commands::load;"),
        ["`adapters` must not name `commands`"]
    );
}
