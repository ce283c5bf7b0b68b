//! What an answer tells a browser: what it may do with it, and which pages may read it.

use std::collections::BTreeSet;

use http::HeaderName;
use http::HeaderValue;
use manuel_client::Request;
use proptest::sample::select;
use proptest::strategy::Strategy as _;

use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::manners::Mannered;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::calls;
use super::calls::request;

/// Half a year: what lists of sites that are only asked for over TLS take as the least was 18 weeks, and is a year now.
const HSTS_S: u64 = 15_768_000;
/// Of the headers of fetch (Fetch standard, "CORS protocol").
const MAY_READ: &str = "access-control-allow-origin";

/// A page's name in features, and its origin, of one of ours.
type Page = (&'static str, fn(&str) -> String);

/// Pages that are not ours → their origin, of one of ours.
const OTHERS: &[Page] = &[
    ("a page of somebody else", |_| "https://elsewhere.test".to_owned()),
    ("a page whose name begins with ours", |ours| format!("{ours}.elsewhere.test")),
    ("a page whose name ends with ours", |ours| ours.replacen("://", "://evil-", 1)),
    ("a page below ours", |ours| ours.replacen("://", "://sub.", 1)),
    ("our page without encryption", |ours| ours.replacen("https", "http", 1)),
    ("our page at another port", |ours| format!("{ours}:8444")),
    ("our page in capitals", |ours| ours.to_uppercase()),
    ("our page with a path", |ours| format!("{ours}/")),
    ("a page without a name", |_| "null".to_owned()),
    ("any page", |_| "*".to_owned()),
];

steps! {
    /// Makes a call as a browser makes it for a page: "our page", "our other page", "a page of somebody else" and so on.
    Does "{who} tries to {text} from {text}" (world, who: Who, what: String, page: String) => from(world, who, what, page);

    /// No other page may show the answer within itself.
    Then "no page may frame the answer to {who}" (world, who: Who) => looks(world, who, "no frames", frameless);

    /// A browser takes the answer for what it says it is.
    Then "no browser guesses what the answer to {who} is" (world, who: Who) => looks(world, who, "no guessing", unguessed);

    /// Neither the browser nor anything between keeps the answer.
    Then "nobody keeps a copy of the answer to {who}" (world, who: Who) => looks(world, who, "no copies", uncopied);

    /// Browsers come back over encrypted connections only, for half a year at least.
    Then "the answer to {who} asks for encryption from now on" (world, who: Who) => looks(world, who, "encryption for half a year", encrypted);

    /// The answer may load and run nothing.
    Then "the answer to {who} may load nothing" (world, who: Who) => looks(world, who, "nothing loaded", loads_nothing);

    /// The page of the calls may load what is its own, and nothing else.
    Then "the answer to {who} may load its own script and style alone" (world, who: Who) => looks(world, who, "its own alone", loads_its_own);

    /// Other sites are not told where somebody came from.
    Then "the answer to {who} tells other sites nothing" (world, who: Who) => looks(world, who, "no referrer", untold);

    /// Every answer of the scenario so far has an id, and no two the same; a refusal names its own.
    Then "every answer so far has a number of its own" (world) => numbered(world);

    /// The answer says how long it took, and that is not longer than it was waited for.
    Then "the answer to {who} says how long it took" (world, who: Who) => timed(world, who);

    /// The page from which the last call was made may read the answer, and is told so by its own name.
    Then "the page may read the answer to {who}" (world, who: Who) => may_read(world, who);

    /// The page may not read the answer: nothing allows it.
    Then "the page may not read the answer to {who}" (world, who: Who) => may_not_read(world, who);

    /// An answer for one page is never shown to another by what keeps answers.
    Then "the answer to {who} is for that page alone" (world, who: Who) => varies(world, who);

    /// The page may use these of the answer: when to come again, its number, the build.
    Then "the page may see number, build and waiting time of the answer to {who}" (world, who: Who) => exposes(world, who);

    /// The page may call with a token and a signature, in every way that there is.
    Then "the page may send tokens and signatures" (world) => may_send(world);

    /// Whatever the name of a page that is not ours, nothing allows it to read.
    Then "no page but ours may read an answer to {who}" (world, who: Who) => any_page(world, who);
}

async fn from(world: &mut FeatureWorld, who: Who, what: String, page: String) -> StepResult {
    let origin = origin(world, &page)?;
    world.kept.insert("page".to_owned(), origin.clone());
    world.kept.insert("asked by".to_owned(), who.0.clone());
    let call = visiting(request(world, &who, &what).await?, &origin)?;
    calls::send(world, &who, &call).await
}

fn origin(world: &FeatureWorld, page: &str) -> StepResult<String> {
    let own = |place: usize| {
        let origin = world.run.stage.web_origins.get(place).cloned();
        origin.ok_or_else(|| StepError::lost("the stage knows of too few pages (`@origins`)"))
    };
    match page {
        "our page" => own(0),
        "our other page" => own(1),
        _ => {
            let ours = own(0)?;
            let other = OTHERS.iter().find(|(name, _)| *name == page);
            let unknown = || {
                let names: Vec<&str> = OTHERS.iter().map(|(name, _)| *name).collect();
                StepError::lost(format!("no page is \"{page}\"; there are: {}", names.join(", ")))
            };
            other.map(|(_, origin)| origin(&ours)).ok_or_else(unknown)
        }
    }
}

/// With the headers that a browser adds (Fetch standard, "CORS-preflight fetch").
fn visiting(request: Request, origin: &str) -> StepResult<Mannered> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| StepError::lost_by("a header", &error))
    };
    let asks = request.method() == http::Method::OPTIONS;
    let call = Mannered::proper(request).with(http::header::ORIGIN, value(origin)?);
    if !asks {
        return Ok(call);
    }
    let method = HeaderName::from_static("access-control-request-method");
    let headers = HeaderName::from_static("access-control-request-headers");
    let wanted = "authorization,content-type,x-manuel-signature,x-manuel-timestamp";
    Ok(call.with(method, value("DELETE")?).with(headers, value(wanted)?))
}

/// The values of a header, as one list.
fn list(seen: &Seen, name: &str) -> Vec<String> {
    let values = seen.exchange.headers.get_all(name).iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
    texts
        .flat_map(|text| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        .collect()
}

/// Directive → its words.
fn policy(seen: &Seen) -> Vec<(String, Vec<String>)> {
    let texts = seen.exchange.headers.get_all("content-security-policy").iter();
    let text: Vec<_> = texts.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let directives = text.iter().flat_map(|text| text.split(';'));
    directives
        .filter_map(|directive| {
            let mut words = directive.split_whitespace().map(str::to_lowercase);
            Some((words.next()?, words.collect()))
        })
        .collect()
}

async fn looks(
    world: &mut FeatureWorld,
    who: Who,
    expected: &'static str,
    held: fn(&Seen) -> bool,
) -> StepResult {
    let seen = world.seen(&who)?;
    let told =
        ["x-frame-options", "content-security-policy", "x-content-type-options", "cache-control"];
    let more = ["strict-transport-security", "referrer-policy"];
    let headers: Vec<String> = told
        .iter()
        .chain(&more)
        .map(|name| format!("{name}: {}", list(seen, name).join(", ")))
        .collect();
    check(held(seen), expected, format!("{} with {}", seen.exchange.status, headers.join("; ")))
}

fn frameless(seen: &Seen) -> bool {
    let none =
        |(name, words): &(String, Vec<String>)| name == "frame-ancestors" && *words == ["'none'"];
    list(seen, "x-frame-options") == ["deny"] && policy(seen).iter().any(none)
}

fn unguessed(seen: &Seen) -> bool {
    let named = seen.exchange.body.is_empty() || !list(seen, "content-type").is_empty();
    list(seen, "x-content-type-options") == ["nosniff"] && named
}

fn uncopied(seen: &Seen) -> bool {
    let kept = ["etag", "last-modified", "expires", "age"];
    list(seen, "cache-control").contains(&"no-store".to_owned())
        && !kept.iter().any(|name| seen.exchange.headers.contains_key(*name))
}

fn encrypted(seen: &Seen) -> bool {
    let header = list(seen, "strict-transport-security").join(",");
    let mut parts = header.split(';').map(str::trim);
    parts
        .find_map(|part| part.strip_prefix("max-age=")?.parse::<u64>().ok())
        .is_some_and(|seconds| seconds >= HSTS_S)
}

fn loads_nothing(seen: &Seen) -> bool {
    let policy = policy(seen);
    let only_none = policy
        .iter()
        .filter(|(name, _)| name.ends_with("-src"))
        .all(|(_, words)| *words == ["'none'"]);
    only_none && policy.iter().any(|(name, _)| name == "default-src")
}

fn loads_its_own(seen: &Seen) -> bool {
    let own: BTreeSet<_> = [
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("connect-src", "'self'"),
        ("default-src", "'none'"),
    ]
    .map(|(name, word)| (name.to_owned(), vec![word.to_owned()]))
    .into();
    let sources = policy(seen).into_iter().filter(|(name, _)| name.ends_with("-src"));
    sources.collect::<BTreeSet<_>>() == own
}

fn untold(seen: &Seen) -> bool {
    list(seen, "referrer-policy") == ["no-referrer"]
}

async fn numbered(world: &mut FeatureWorld) -> StepResult {
    let ids: Vec<Option<&str>> =
        world.requests.iter().map(|seen| seen.request_id.as_deref()).collect();
    let distinct: BTreeSet<_> = ids.iter().flatten().collect();
    check(
        ids.len() >= 2 && distinct.len() == ids.len(),
        format!("{} numbers, no two the same", ids.len()),
        format!("{ids:?}"),
    )
}

async fn timed(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let waited_us = seen.exchange.marks.service_us();
    let timing = seen.exchange.server_timing();
    let timing = timing.map_err(|e| StepError::broken("how long it took", e.to_string()))?;
    let took_us = timing.own_us + timing.dep_us;
    let held = took_us > 0 && took_us <= waited_us;
    check(held, format!("at most the {waited_us} µs that it was waited for"), format!("{timing:?}"))
}

async fn may_read(world: &mut FeatureWorld, who: Who) -> StepResult {
    let page = world.kept("page")?.to_owned();
    let seen = world.seen(&who)?;
    let told = list(seen, MAY_READ);
    check(told == [page.clone()], format!("{page} named, and nobody else"), format!("{told:?}"))
}

async fn may_not_read(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    nothing_allowed(seen)
}

fn nothing_allowed(seen: &Seen) -> StepResult {
    let headers = seen.exchange.headers.iter();
    let allowing: Vec<String> = headers
        .filter(|(name, _)| name.as_str().starts_with("access-control-"))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    check(allowing.is_empty(), "nothing that allows a page to read", allowing.join("; "))
}

async fn varies(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let by = list(seen, "vary");
    check(by.contains(&"origin".to_owned()), "an answer that varies by page", format!("{by:?}"))
}

fn names_all(seen: &Seen, header: &str, wanted: &[&str]) -> StepResult {
    let told = list(seen, header);
    let missing: Vec<&&str> =
        wanted.iter().filter(|name| !told.contains(&(**name).to_owned())).collect();
    check(missing.is_empty(), format!("{wanted:?} in {header}"), format!("{told:?}"))
}

async fn exposes(world: &mut FeatureWorld, who: Who) -> StepResult {
    let wanted = ["x-request-id", "x-manuel-version", "retry-after"];
    names_all(world.seen(&who)?, "access-control-expose-headers", &wanted)
}

async fn may_send(world: &mut FeatureWorld) -> StepResult {
    let who = Who(world.kept("asked by")?.to_owned());
    let seen = world.seen(&who)?;
    let methods = ["get", "post", "delete"];
    names_all(seen, "access-control-allow-methods", &methods)?;
    let headers = [
        "authorization",
        "content-type",
        "idempotency-key",
        "x-manuel-signature",
        "x-manuel-timestamp",
    ];
    names_all(seen, "access-control-allow-headers", &headers)
}

async fn any_page(world: &mut FeatureWorld, who: Who) -> StepResult {
    let ours = world.run.stage.web_origins.clone();
    let near =
        (select(ours.clone()), "[a-z0-9.:/-]{1,12}", 0..3_u8).prop_map(|(ours, more, place)| {
            match place {
                0 => format!("{ours}{more}"),
                1 => ours.replacen("://", &format!("://{more}"), 1),
                _ => format!("{}{ours}", more.replace('/', "")),
            }
        });
    let other = "https?://[a-z0-9-]{1,20}\\.test(:[0-9]{2,4})?";
    let pages = proptest::prop_oneof![near, other]
        .prop_filter("a page of ours", move |page| !ours.contains(page));
    Generated::of(world)
        .hold(pages, async |_, page| {
            let call = visiting(Request::Quota, &page)?;
            nothing_allowed(world.send_as(&who, call.request.clone(), call.how()).await?)
        })
        .await
}
