//! The attack corpus against stages, as a suite plays it: a sound backend is harmless, and one with seeded defects is caught.

use futures::StreamExt as _;
use futures::stream;
use harness::adapters::attack::Arena;
use harness::adapters::attack::Broken;
use harness::adapters::attack::Cast;
use harness::adapters::attack::Front;
use harness::adapters::attack::Outcome;
use harness::adapters::attack::deal;
use std::path::Path;
use std::path::PathBuf;
use verdict::domain::attack::Attack;
use verdict::domain::attack::Family;

use super::processes::Harness;
use super::processes::backend_with_defects;

/// Casts that play at once.
const AT_ONCE: usize = 8;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn corpus() -> Vec<Attack> {
    harness::config::attacks::read(&root()).unwrap()
}

async fn arena(run_dir: &Path) -> Arena {
    let stage = harness::config::stage_file::read(&run_dir.join("stage.json")).unwrap();
    Arena::open(&stage, Front::of(&stage)).await.unwrap()
}

/// One after the other; gives those that did harm, or could not be played.
async fn play(arena: &Arena, cast: &Cast, attacks: &[&Attack]) -> Vec<String> {
    let mut found = Vec::new();
    for attack in attacks {
        let name = format!("{} {}", attack.family, attack.name);
        match arena.play(cast, attack).await {
            Ok(Outcome { held: Ok(()), .. }) => {}
            Ok(Outcome { held: Err(broken), seen }) => {
                found.push(format!("{name}: {broken}\n    {:?}", seen.answers));
            }
            Err(error) => found.push(format!("{name}: {error}: {error:?}")),
        }
    }
    found
}

async fn the_corpus_is_harmless(more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut args = vec!["--json"];
    args.extend(more);
    let mut up = Harness::up_with_backend(folder.path(), &args).await;
    up.json().await;
    let (corpus, arena) = (corpus(), arena(folder.path()).await);
    for attack in &corpus {
        assert_eq!(arena.lacks(attack), None, "{}", attack.name);
    }
    let parts = deal(&corpus, arena.limits());
    let names: Vec<String> = (0..parts.len()).map(|part| format!("part-{part:02}")).collect();
    let casts = arena.cast(&names).await.unwrap();
    let playing = casts.iter().zip(&parts).map(|(cast, part)| play(&arena, cast, part));
    let found: Vec<Vec<String>> = stream::iter(playing).buffer_unordered(AT_ONCE).collect().await;
    let found: Vec<String> = found.into_iter().flatten().collect();
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), corpus.len(), found.join("\n"));
}

/// Where the deployment's firewall and gateway stand in front, which stop what the corpus says that they stop. Without them,
/// and of functions, the features play it (features/attacks.feature).
#[tokio::test]
async fn the_whole_corpus_is_harmless_behind_the_edge() {
    the_corpus_is_harmless(&["--edge"]).await;
}

/// The first attack of this name.
async fn broken_by(arena: &Arena, cast: &Cast, corpus: &[Attack], name: &str) -> Broken {
    let attack = corpus.iter().find(|attack| attack.name == name).unwrap();
    let outcome = arena.play(cast, attack).await.unwrap();
    outcome.held.expect_err(name)
}

/// What the unit tests of the check do with answers made by hand, with a backend that is really broken.
#[tokio::test]
async fn seeded_defects_are_caught() {
    let folder = tempfile::tempdir().unwrap();
    let server = backend_with_defects().await;
    let defects = "retrieval-filter-dropped,hmac-skipped-when-missing,error-leaks-arn";
    let server = server.to_str().unwrap();
    let args = ["--json", "--backend-bin", server, "--defects", defects];
    let mut up = Harness::up(folder.path(), &args);
    up.json().await;
    let (corpus, arena) = (corpus(), arena(folder.path()).await);
    let casts = arena.cast(&["broken".to_owned()]).await.unwrap();
    let [cast] = &casts[..] else { panic!("one cast") };
    let leaked = broken_by(&arena, cast, &corpus, "prompt-plainly").await;
    assert!(matches!(leaked, Broken::Leak { spelled: "as it is", .. }), "{leaked}");
    let taken = broken_by(&arena, cast, &corpus, "hmac-missing").await;
    let said = taken.to_string();
    assert!(said.contains("answered with 201") && said.contains("401 signature_missing"), "{said}");
    let told = broken_by(&arena, cast, &corpus, "sql-id-tautology").await;
    let said = told.to_string();
    assert!(matches!(told, Broken::Contract { .. }) && said.contains("an arn"), "{said}");
    // What the backend stored where it must not was taken away again, and everything else is as it was.
    let legitimate: Vec<&Attack> =
        corpus.iter().filter(|attack| attack.family == Family::Legitimate).take(5).collect();
    let found = play(&arena, cast, &legitimate).await;
    assert!(found.iter().all(|found| !found.contains("victim")), "{found:?}");
}
