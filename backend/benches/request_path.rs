//! What a request pays by itself, whatever is asked of AWS: checking a token, checking a signature, merging what was
//! retrieved into a message and back into sources, reading and writing JSON.

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use backend::auth::jwks::KeyCache;
use backend::auth::jwt::{Expected, verify};
use backend::domain::cost::JsonDecimal;
use backend::domain::prompt::{Passage, cite, message};
use backend::domain::signature::{Signed, matches, sign};
use backend::memory::MemoryWorld;
use backend::ports::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use rust_decimal::Decimal;
use serde_json::{Value, json};

const EXPECTED: Expected<'static> =
    Expected { issuer: "https://pool", client_id: "client", now: 1000 };

/// A token and the cache that knows its key.
fn signed_token() -> Option<(String, KeyCache)> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
    let public = key.public_key();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let world = MemoryWorld::default();
    world.jwks.hold(vec![PublicKey {
        kid: "k".to_owned(),
        n: text(public.modulus().big_endian_without_leading_zero()),
        e: text(public.exponent().big_endian_without_leading_zero()),
    }]);
    let claims = json!({ "sub": "user", "iss": "https://pool", "token_use": "access",
        "client_id": "client", "exp": 2000 });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({ "alg": "RS256", "kid": "k" })), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    let cache = KeyCache::new(Arc::clone(&world.jwks) as _);
    Some((format!("{signed}.{}", text(&signature)), cache))
}

fn token(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Ok(runtime), Some((token, keys))) = (runtime, signed_token()) else { return };
    criterion.bench_function("verify a token", |bencher| {
        bencher.iter(|| runtime.block_on(verify(black_box(&token), &keys, EXPECTED)).is_ok());
    });
}

fn signature(criterion: &mut Criterion) {
    for (what, bytes) in [("64 KiB", 64 * 1024), ("6 MiB", 6 * 1024 * 1024)] {
        let body = vec![b'x'; bytes];
        let signed = Signed {
            timestamp: "1700000000",
            method: "POST",
            path: "/api/manuals/upload",
            body: &body,
        };
        let given = sign(b"key", signed);
        criterion.bench_function(&format!("check a signature over {what}"), |bencher| {
            bencher.iter(|| matches(&given, sign(b"key", black_box(signed))));
        });
    }
}

/// What an upload says, as large as a body may be.
#[derive(Debug, serde::Deserialize)]
struct Upload {
    file_data: String,
}

/// Reading a large body, and handing work to a thread that may block, which is what keeping it from the others costs.
fn large_bodies(criterion: &mut Criterion) {
    let body = json!({ "file_data": "A".repeat(6_200_000) }).to_string();
    criterion.bench_function("read the JSON of 6 MiB", |bencher| {
        bencher.iter(|| {
            let parsed: Result<Upload, _> = serde_json::from_slice(black_box(body.as_bytes()));
            parsed.map(|upload| upload.file_data.len())
        });
    });
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return;
    };
    criterion.bench_function("hand work to another thread", |bencher| {
        let handed = || async { tokio::task::spawn_blocking(|| black_box(7)).await };
        bencher.iter(|| runtime.block_on(handed()));
    });
}

fn answer_json(criterion: &mut Criterion) {
    let chunk = "Hold the button for ten seconds until the lamp is green. ".repeat(20);
    let source = json!({ "manual_id": "m", "manual_name": "n", "page_number": 3,
        "chunk_text": chunk, "score": 0.5 });
    let body = json!({ "question": "How do I reset the router?", "sources": vec![source; 5] });
    let text = body.to_string();
    criterion.bench_function("read and write an answer's JSON", |bencher| {
        bencher.iter(|| {
            let parsed: Result<Value, _> = serde_json::from_str(black_box(&text));
            parsed.map(|value| value.to_string().len())
        });
    });
    let cost = JsonDecimal(Decimal::new(375, 8));
    criterion.bench_function("write a cost", |bencher| {
        bencher.iter(|| serde_json::to_string(black_box(&cost)));
    });
}

/// Twenty passages, as many as may be retrieved, and an answer that cites half of them.
fn retrieval(criterion: &mut Criterion) {
    let passages: Vec<Passage> = (1..=20)
        .map(|n| Passage {
            user_id: "user".to_owned(),
            manual_id: format!("manual-{n}"),
            manual_name: format!("manual-{n}.pdf"),
            page: Some(n),
            text: "Hold the button for ten seconds until the lamp is green. ".repeat(20),
            score: 0.5,
        })
        .collect();
    criterion.bench_function("merge 20 passages into a message", |bencher| {
        bencher.iter(|| message(black_box(&passages), "How do I reset the router?"));
    });
    let numbers = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20];
    let answer = numbers.map(|n| format!("Hold the button for ten seconds. [{n}]")).join(" ");
    criterion.bench_function("merge 10 citations into sources", |bencher| {
        bencher.iter(|| cite(black_box(&answer), black_box(&passages)));
    });
}

criterion_group!(benches, token, signature, large_bodies, retrieval, answer_json);
criterion_main!(benches);
