//! The real adapters against services that say everything back: whatever a service answers, and however it breaks, no line of
//! the log at its finest level carries what was asked of it. The router's own proof is `no_secrets`.

use backend::logging;
use backend::memory::MemoryWorld;
use futures::FutureExt as _;
use futures::future::join_all;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::{Real, real_ports, say};
use crate::logs::{Written, keep_listening};
use crate::no_secrets::{ANSWER, CANARIES, PASSAGE, assert_absent, use_everything};
use crate::world::{ANNA, World, passage};

/// Who answers a call of every user.
const REALS: [Real; 14] = [
    Real::Model,
    Real::Search,
    Real::Counters,
    Real::Limits,
    Real::Replay,
    Real::Rows,
    Real::Jobs,
    Real::Announced,
    Real::Files,
    Real::Recordings,
    Real::Speech,
    Real::Index,
    Real::Secrets,
    Real::Identity,
];

#[derive(Debug, Clone, Copy)]
enum Manner {
    /// With this status, an error of the service whose message is the request.
    Refuses(u16),
    /// As if all were well, with the request for a body: nothing that anybody could read.
    Babbles,
}

/// A service that repeats what it was asked.
struct Parrot {
    real: Real,
    manner: Manner,
}

impl Respond for Parrot {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        // The address is part of the request: it names users, objects, and is signed.
        let said = format!("canary-words of a service about {} {body}", request.url);
        match self.manner {
            Manner::Refuses(status) => {
                let code = if status < 500 { "ValidationException" } else { "InternalServerError" };
                self.real.error_saying(status, code, &said)
            }
            Manner::Babbles => ResponseTemplate::new(200).set_body_string(said),
        }
    }
}

/// Everything is asked, with this adapter and all else in memory; gives what is secret and how often the service was called.
async fn asked(real: Real, manner: Manner) -> (Vec<String>, usize) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Parrot { real, manner }).mount(&server).await;
    let adapters = real_ports(&server.uri()).await;
    let world = World::built(&[], |memory: &MemoryWorld| real.put(adapters, memory.ports()));
    let mut found = passage(ANNA, "m-1", 1);
    PASSAGE.clone_into(&mut found.text);
    world.ports.search.hold(vec![found]);
    world.ports.model.say(ANSWER);
    let mut secrets = use_everything(&world).await;
    for path in ["/api/transcribe", "/api/query"] {
        say(&world, path).await;
    }
    world.settle().await;
    secrets.extend(world.token(ANNA).split('.').skip(1).map(str::to_owned));
    (secrets, server.received_requests().await.unwrap().len())
}

#[tokio::test]
async fn no_line_carries_what_a_service_says_or_was_told() {
    keep_listening();
    let written = Written::default();
    let writer = written.clone();
    let subscriber = logging::subscriber(Some("trace"), move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber);
    for manner in [Manner::Refuses(400), Manner::Refuses(500), Manner::Babbles] {
        // Each on the heap: together they are larger than a thread's stack.
        let told = join_all(REALS.iter().map(|real| asked(*real, manner).boxed())).await;
        for (real, (secrets, calls)) in REALS.iter().zip(told) {
            assert!(calls > 0, "{real:?} {manner:?} was never asked");
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            assert_absent(&written.text(), &secrets);
        }
    }
    let text = written.text();
    assert!(text.contains("\"cause\"") && text.contains("CircuitState"), "nothing was told");
    assert_absent(&text, &CANARIES);
    assert_absent(&text, &["X-Amz-Signature", "X-Amz-Credential", "AKIDEXAMPLE"]);
}
