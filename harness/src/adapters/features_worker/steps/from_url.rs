//! Manuals from the web: Manuel fetches them itself. The stage plays the whole web, and tells who was asked for what; each
//! place has a name or a path of its own, so that what is asked of it is nobody else's.

use manuel_client::Request;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::shelf;
use super::super::world::FeatureWorld;
use crate::adapters::internet;

/// Words of the manual that the stage's web has.
const WORDS: &str = "kettle holds litres";
/// Stands for what is this place's own.
const OWN: &str = "{own}";

/// What a feature calls a place → its address (see the stage's web, `emulators::internet`).
const PLACES: &[(&str, &str)] = &[
    // What leads to a manual.
    ("a public site", "https://{own}.site.example/manual.md?{own}"),
    (
        "a public site that calls it 'Kettle.md'",
        "https://{own}.site.example/named?{own}&name=filename%3DKettle.md",
    ),
    (
        "a public site that calls it '../../Kettle.md'",
        "https://{own}.site.example/named?{own}&name=filename%3D..%2F..%2FKettle.md",
    ),
    (
        "a public site that calls it nothing",
        "https://{own}.site.example/named?{own}&name=filename%3D",
    ),
    ("a public site that leads on three times", "https://{own}.site.example/hop/3?{own}"),
    // What leads to none.
    ("a public site that leads on four times", "https://{own}.site.example/hop/4?{own}"),
    ("a public site that has no such page", "https://{own}.site.example/nothing?{own}"),
    ("a public site that does not exist", "https://{own}.nowhere.example/manual.md?{own}"),
    ("a site without an address", "https://{own}.empty.example/manual.md?{own}"),
    ("a web page", "https://{own}.site.example/page.html?{own}"),
    ("a file of no type", "https://{own}.site.example/unsaid?{own}"),
    ("a packed file", "https://{own}.site.example/packed.md?{own}"),
    ("a file of 60 MB", "https://{own}.site.example/large.md?{own}"),
    // What is not for us.
    ("an address that is none", "the manual of my kettle"),
    ("a place without encryption", "http://{own}.site.example/manual.md?{own}"),
    ("a port of its own choice", "https://{own}.site.example:8443/manual.md?{own}"),
    ("a site with a password in its address", "https://u:p@{own}.site.example/manual.md?{own}"),
    ("a file on the server's disk", "file:///etc/hostname?{own}"),
    ("this machine", "https://127.0.0.1/manual.md?{own}"),
    ("this machine, as one number", "https://2130706433/manual.md?{own}"),
    ("this machine, by IPv6", "https://[::1]/manual.md?{own}"),
    ("this machine, as IPv4 within IPv6", "https://[::ffff:127.0.0.1]/manual.md?{own}"),
    ("this machine, by its own name", "https://localhost/manual.md?{own}"),
    ("the cloud's own secrets", "https://169.254.169.254/manual.md?{own}"),
    ("the inner network", "https://10.0.0.1/manual.md?{own}"),
    ("a name that means this machine", "https://{own}.loopback.example/manual.md?{own}"),
    ("a name that means the inner network", "https://{own}.private.example/manual.md?{own}"),
    ("a name that means the cloud's own secrets", "https://{own}.metadata.example/manual.md?{own}"),
    ("a name with a public and an inner address", "https://{own}.mixed.example/manual.md?{own}"),
];

/// Places that a public site leads on to.
const BEHIND: &[(&str, &str)] = &[
    ("this machine", "https://127.0.0.1/manual.md?{own}-behind"),
    ("the cloud's own secrets", "https://169.254.169.254/manual.md?{own}-behind"),
    ("a name that means the inner network", "https://{own}-behind.private.example/manual.md"),
    ("a place without encryption", "http://{own}-behind.site.example/manual.md"),
];

steps! {
    /// Has Manuel fetch a manual from a place that this feature has words for; the scenario calls the manual "kettle".
    Does "{who} has a manual fetched from {text}" (world, who: Who, place: String) => fetch(world, who, place, None);

    /// The same, under a name of the person's choice.
    Does "{who} has a manual fetched from {text}, to be called {text}"
        (world, who: Who, place: String, name: String) => fetch(world, who, place, Some(name));

    /// Has Manuel fetch a manual from a public site that leads on to such a place.
    Does "{who} has a manual fetched from a public site that leads on to {text}"
        (world, who: Who, place: String) => fetch_behind(world, who, place);

    /// The stage's web saw this one request for it, and no other.
    Then "Manuel has asked there {number} time(s)" (world, times: u64) => asked(world, times);

    /// The stage's web saw nobody ask for what the public site led on to.
    Then "Manuel has not gone on from there" (world) => not_gone_on(world);
}

async fn fetch(
    world: &mut FeatureWorld,
    who: Who,
    place: String,
    filename: Option<String>,
) -> StepResult {
    let url = address(PLACES, &place)?;
    ask(world, &who, url, filename).await
}

async fn fetch_behind(world: &mut FeatureWorld, who: Who, place: String) -> StepResult {
    let target = address(BEHIND, &place)?;
    let mut encoded = String::new();
    for byte in target.bytes() {
        // `{own}` is filled in later.
        if byte.is_ascii_alphanumeric() || b"-._~{}".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(["%", &hex::encode([byte])]);
        }
    }
    ask(world, &who, &format!("https://{OWN}.site.example/to?{OWN}&url={encoded}"), None).await
}

fn address(
    places: &'static [(&'static str, &'static str)],
    place: &str,
) -> StepResult<&'static str> {
    let known = places.iter().find(|(name, _)| *name == place);
    known.map(|(_, url)| *url).ok_or_else(|| {
        let names: Vec<&str> = places.iter().map(|(name, _)| *name).collect();
        StepError::lost(format!("no place is called \"{place}\"; there are: {}", names.join(", ")))
    })
}

async fn ask(
    world: &mut FeatureWorld,
    who: &Who,
    url: &str,
    filename: Option<String>,
) -> StepResult {
    let own = format!("f{:04x}-{}", world.run.plan.seed & 0xffff, world.run.next());
    let url = url.replace(OWN, &own);
    world.kept.insert("place".to_owned(), own);
    world.send(who, Request::DownloadManual { url, filename }).await?;
    shelf::note(world, who, "kettle", WORDS.to_owned()).await
}

/// What the stage's web was asked that has to do with the place of this scenario.
async fn connections(world: &FeatureWorld) -> StepResult<Vec<String>> {
    let admin = world.run.stage.admin.emulators_url.as_deref();
    let admin = admin.ok_or_else(|| StepError::lost("the stage does not tell of its web"))?;
    let seen = internet::connections(admin).await;
    let seen = seen.map_err(|error| StepError::lost_by("the stage's web", &error))?;
    let own = world.kept("place")?;
    let lines = seen.into_iter().map(|one| {
        let name = one.name.unwrap_or_else(|| "(an address)".to_owned());
        format!("{name}: {}", one.request.unwrap_or_else(|| "(nothing)".to_owned()))
    });
    Ok(lines.filter(|line| line.contains(own)).collect())
}

async fn asked(world: &mut FeatureWorld, times: u64) -> StepResult {
    let seen = connections(world).await?;
    check(seen.len() as u64 == times, format!("{times} connections"), format!("{seen:?}"))
}

async fn not_gone_on(world: &mut FeatureWorld) -> StepResult {
    let seen = connections(world).await?;
    // The first request names in its path where it will be led.
    let gone: Vec<&String> = seen.iter().filter(|line| !line.contains("GET /to?")).collect();
    let began = seen.len() > gone.len();
    check(began && gone.is_empty(), "one request, to the public site", format!("{seen:?}"))
}
