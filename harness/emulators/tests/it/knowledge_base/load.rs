//! What a load stage needs: many users with the same manuals, indexed and searched quickly.
use std::time::Duration;

use super::bench::{Bench, equals, timed};
use super::fixtures;

const USERS: usize = 150;
/// The dev profile on two cores, with room for whatever else runs there.
const INGESTION_MAX: Duration = Duration::from_secs(2);
const RETRIEVALS: usize = 300;

#[tokio::test]
async fn many_users_are_indexed_in_two_seconds_and_kept_apart() {
    let bench = Bench::start().await;
    for manual in fixtures::manuals().iter().filter(|manual| manual.key != "solar") {
        let bytes = std::fs::read(fixtures::manuals_folder().join(&manual.file)).unwrap();
        for user in 0..USERS {
            bench
                .put(&format!("manuals/u{user}/{}", manual.file), &bytes, &format!("u{user}"))
                .await;
        }
    }
    let (job, took) = timed(bench.ingest()).await;
    assert_eq!(job.statistics().unwrap().number_of_new_documents_indexed(), 3 * 150);
    assert!(took < INGESTION_MAX, "{took:?}");

    let mut times = Vec::new();
    for number in 0..RETRIEVALS {
        let user = format!("u{}", number % USERS);
        let search = Box::pin(bench.retrieve("What does error N103 mean?", equals(&user)));
        let (found, took) = timed(search).await;
        times.push(took);
        assert_eq!(Bench::users_of(&found), [user]);
    }
    times.sort_unstable();
    let median = times[RETRIEVALS / 2];
    println!("ingestion {took:?}, median retrieval over HTTP {median:?}");
    assert!(median < Duration::from_millis(20), "{median:?}");
}
