//! `harness bundle`: one archive of everything that a later step of a pipeline runs with: harness, server and functions,
//! features, scenarios, fixtures and the deployment's template. It is unpacked anywhere and run from there, without cargo
//! and without sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use verdict::judge::canonical::canonical_json;

use super::stage::programs;
use crate::adapters::archive;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::config::bundle;
use crate::config::bundle::Bundle;

/// What of the sources goes in: all that is read when something runs.
const TREES: [&str; 4] = ["features", "scenarios", "fixtures", "backend/deploy"];
/// Single files of them.
const FILES: [&str; 1] = ["docs/openapi.json"];
/// Folders below the trees that are looked into.
const DEPTH: u32 = 6;

/// Arguments of `harness bundle`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The archive; whole or not there at all.
    #[arg(long, value_name = "FILE", default_value = "target/manuel-bundle.tar.gz")]
    out: PathBuf,
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    if ctx.bundle_sha256().is_some() {
        return Err(CommandError::usage(
            format!("{} is a bundle already", ctx.root.display()),
            "bundle from the sources".to_owned(),
        ));
    }
    let work = tempfile::tempdir()
        .map_err(|source| CommandError::environment("cannot make a temporary folder", source))?;
    note("building the backend and its functions");
    let programs = programs(ctx, work.path()).await?;
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for program in programs.iter().chain([&ctx.exe]) {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = format!("{}/{}", bundle::PROGRAMS, name.unwrap_or_default());
        files.insert(name, program.clone());
    }
    for tree in TREES {
        walk(&ctx.root, &ctx.root.join(tree), DEPTH, &mut files)?;
    }
    for file in FILES {
        files.insert(file.to_owned(), ctx.root.join(file));
    }
    let mut digests = BTreeMap::new();
    for (name, path) in &files {
        let digest = bundle::file_digest(path)
            .map_err(|source| CommandError::environment("cannot bundle", source))?;
        digests.insert(name.clone(), digest);
    }
    let bundle = Bundle {
        schema: bundle::SCHEMA.to_owned(),
        commit: env!("HARNESS_COMMIT").to_owned(),
        sha256: bundle::digest_of(&digests),
        files: digests,
    };
    let json = canonical_json(&bundle)
        .map_err(|source| CommandError::environment("cannot describe the bundle", source))?;
    let described = work.path().join(bundle::FILE);
    std::fs::write(&described, json)
        .map_err(|source| CommandError::environment("cannot describe the bundle", source))?;
    files.insert(bundle::FILE.to_owned(), described);
    let out_path = ctx.root.join(&args.out);
    let bytes = archive::write(&out_path, &files)
        .map_err(|source| CommandError::environment("cannot write the bundle", source))?;
    out(&format!(
        "{}: {} files, {} MiB, commit {}, sha256 {}",
        out_path.display(),
        files.len(),
        bytes >> 20,
        bundle.commit,
        bundle.sha256
    ));
    Ok(Exit::Pass)
}

/// Every file below `folder`, by its path below `root`. What a run writes is no part of it.
fn walk(
    root: &Path,
    folder: &Path,
    depth: u32,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), CommandError> {
    let unreadable = |source| {
        CommandError::environment(format!("cannot read the folder {}", folder.display()), source)
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            if depth > 0 {
                walk(root, &path, depth - 1, files)?;
            }
        } else if let Ok(name) = path.strip_prefix(root) {
            files.insert(name.to_string_lossy().into_owned(), path.clone());
        }
    }
    Ok(())
}
