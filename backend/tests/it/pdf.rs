//! PDFs that are made to hurt, through the process that reads them: each is an answer in time, and costs what it may.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::domain::document::{DocumentType, LARGE_BYTES_MAX, NotADocument};
use backend::pdf_reader::PdfReader;
use backend::ports::{DocumentReader as _, Parts};
use backend::spool::Spooled;
use bytes::Bytes;
use futures::StreamExt as _;
use http::Method;
use lopdf::{Document, Object, Stream, dictionary};

use crate::world::{ANNA, Answer, World, upload_body};

const SERVER: &str = env!("CARGO_BIN_EXE_server");

/// A PDF with one page, and a further object 4.
pub(crate) fn pdf_with(object: &[u8]) -> Vec<u8> {
    let objects: [&[u8]; 4] = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R>>",
        object,
    ];
    let mut bytes = b"%PDF-1.5\n".to_vec();
    let mut table = "xref\n0 5\n0000000000 65535 f \n".to_owned();
    for (index, object) in objects.iter().enumerate() {
        writeln!(table, "{:010} 00000 n ", bytes.len()).unwrap();
        bytes.extend_from_slice(format!("{} 0 obj", index + 1).as_bytes());
        bytes.extend_from_slice(object);
        bytes.extend_from_slice(b"endobj\n");
    }
    let start = bytes.len();
    let trailer = format!("{table}trailer<</Root 1 0 R/Size 5>>\nstartxref\n{start}\n%%EOF");
    bytes.extend_from_slice(trailer.as_bytes());
    bytes
}

/// An object stream of packed content; `parameters` are those of its filter.
fn packed_stream(packed: &[u8], first: i64, parameters: &str) -> Vec<u8> {
    let head = format!(
        "<</Type/ObjStm/N 1/First {first}/Filter/FlateDecode{parameters}/Length {}>>stream\n",
        packed.len()
    );
    [head.as_bytes(), packed, b"\nendstream "].concat()
}

/// An object stream of this content.
fn object_stream(content: Vec<u8>, first: i64, parameters: &str) -> Vec<u8> {
    let mut stream = Stream::new(dictionary! {}, content);
    stream.compress().unwrap();
    assert!(matches!(stream.dict.get(b"Filter"), Ok(Object::Name(_))), "it was packed");
    packed_stream(&stream.content, first, parameters)
}

/// Bits of a deflate stream: the first is the lowest of the first byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    filled: u8,
}

impl Bits {
    fn push(&mut self, code: u16, length: u16) {
        for shift in (0..length).rev() {
            if self.filled == 0 {
                self.bytes.push(0);
            }
            let bit = u8::try_from((code >> shift) & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= bit << self.filled;
            self.filled = (self.filled + 1) % 8;
        }
    }
}

/// More than 256 MB of spaces, packed by hand: this process must not have had them, since a child's peak begins with its
/// parent's. One final block with fixed codes (RFC 1951, 3.2.6), and no checksum: nobody gets that far.
pub(crate) fn bomb() -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x78, 0x01], filled: 0 };
    bits.push(0b110, 3);
    for byte in *b"9 0 null " {
        bits.push(0x30 + u16::from(byte), 8);
    }
    for _ in 0..=(256 << 20) / 258 {
        // 258 bytes as they stood one byte before.
        bits.push(0b1100_0101, 8);
        bits.push(0, 5);
    }
    bits.push(0, 7);
    let bomb = pdf_with(&packed_stream(&bits.bytes, 4, ""));
    assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
    bomb
}

/// Some kilobytes that are twenty thousand objects of a hundred thousand members each, to a reader that trusts offsets.
pub(crate) fn echo() -> Vec<u8> {
    let index: String = (10..20_000).fold(String::new(), |mut index, id| {
        write!(index, "{id} 0 ").unwrap();
        index
    });
    let first = i64::try_from(index.len()).unwrap();
    let content = format!("{index}[{}]", "0 ".repeat(100_000));
    pdf_with(&object_stream(content.into_bytes(), first, ""))
}

async fn read(bytes: Vec<u8>) -> Result<u32, NotADocument> {
    let reader = PdfReader::of(SERVER);
    reader.pages(DocumentType::Pdf, Bytes::from(bytes)).await.expect("a process that reads")
}

async fn uploaded(world: &World, bytes: &[u8]) -> Answer {
    let body = upload_body("a.pdf", "application/pdf", bytes);
    world.send(world.signed_request(ANNA, Method::POST, "/api/manuals/upload", body)).await
}

/// The most memory, in kilobytes, that a reader of `bytes` has while it lives: of that process alone, since a test binary
/// has other children, and a fork of a large process counts as large.
fn reader_peak_kib(bytes: &[u8]) -> u64 {
    let mut child = std::process::Command::new(SERVER)
        .arg("__read-pdf")
        .env_clear()
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A reader that has seen enough closes its end.
        scope.spawn(move || drop(std::io::Write::write_all(&mut stdin, bytes)));
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
            let line = status.unwrap_or_default();
            let kib = line.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = kib.and_then(|kib| kib.trim().strip_suffix(" kB")?.trim().parse().ok());
            peak = peak.max(kib.unwrap_or(0));
        }
        peak
    })
}

#[expect(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
fn stopwatch() -> impl Fn() -> Duration {
    let began = Instant::now();
    move || began.elapsed()
}

#[tokio::test]
async fn a_pdf_is_read_by_a_process_of_its_own() {
    let small = object_stream([b"9 0 ".as_slice(), &[b' '; 4096], b"null"].concat(), 4, "");
    assert_eq!(read(pdf_with(&small)).await.unwrap(), 1);
    let world = World::with_reader(Arc::new(PdfReader::of(SERVER)));
    assert_eq!(uploaded(&world, &pdf_with(&small)).await.status.as_u16(), 201);
    let manuals = world.get(ANNA, "/api/manuals").await.json();
    assert_eq!(manuals["manuals"][0]["pages"], 1);
    let manual = include_bytes!("../../../fixtures/manuals/router.pdf");
    assert!(read(manual.to_vec()).await.unwrap() > 1);
}

/// Accessible manuals have an object for each paragraph.
#[tokio::test]
async fn a_pdf_of_very_many_small_objects_is_read() {
    let mut document = Document::with_version("1.5");
    let root = document.new_object_id();
    let kids: Vec<Object> = (0..300)
        .map(|_| document.add_object(dictionary! { "Type" => "Page", "Parent" => root }).into())
        .collect();
    let kids = document.add_object(kids);
    let tree = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => 300 };
    document.objects.insert(root, Object::Dictionary(tree));
    for number in 0..60_000 {
        document.add_object(dictionary! { "Type" => "StructElem", "S" => "P", "P" => root,
        "K" => vec![Object::Integer(number)] });
    }
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    for packed in [false, true] {
        let mut bytes = Vec::new();
        if packed {
            document.save_modern(&mut bytes).unwrap();
        } else {
            document.save_to(&mut bytes).unwrap();
        }
        assert!(bytes.len() < 4_500_000, "{} bytes", bytes.len());
        assert_eq!(read(bytes).await.unwrap(), 300, "{packed}");
    }
}

#[tokio::test]
async fn a_pdf_that_unpacks_to_256_mb_is_refused_quickly_and_costs_little() {
    let bomb = bomb();
    let world = World::with_reader(Arc::new(PdfReader::of(SERVER)));
    let elapsed = stopwatch();
    let answer = uploaded(&world, &bomb).await;
    let took = elapsed();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "manual_unreadable"));
    // The reader's own bound, and some more for a busy machine.
    assert!(took < Duration::from_secs(10), "{took:?}");
    let peak = reader_peak_kib(&bomb);
    assert!(peak > 0 && peak * 1024 < 200_000_000, "{peak} kB");
    println!("refused in {took:?}, peak {peak} kB");
    assert!(world.ports.files.objects().is_empty());
    assert_eq!(uploaded(&world, &pdf_with(b" null ")).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_pdf_that_repeats_itself_is_refused_in_time() {
    let elapsed = stopwatch();
    let refused = read(echo()).await;
    let took = elapsed();
    assert!(matches!(refused, Err(NotADocument::Unreadable { .. })), "{refused:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(reader_peak_kib(&echo()) * 1024 < 200_000_000);
}

#[tokio::test]
async fn a_reader_that_panics_is_an_unreadable_manual() {
    // Colours times bits is more than a number holds.
    let parameters = format!("/DecodeParms<</Predictor 12/Colors {}>>", i64::MAX);
    let pdf = pdf_with(&object_stream(vec![b' '; 4096], 4, &parameters));
    let in_this_process = pdf.clone();
    let panicked = std::thread::spawn(move || DocumentType::Pdf.pages(&in_this_process)).join();
    assert!(panicked.is_err(), "the reader of PDFs has learnt to live with it: find another PDF");
    let world = World::with_reader(Arc::new(PdfReader::of(SERVER)));
    let answer = uploaded(&world, &pdf).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "manual_unreadable"));
}

#[tokio::test]
async fn without_a_reader_the_answer_is_503() {
    let world = World::with_reader(Arc::new(PdfReader::of("/no/such/program")));
    let answer = uploaded(&world, &pdf_with(b" null ")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "reader_unavailable"));
    assert_eq!(uploaded(&world, b"# no PDF").await.code(), "content_type_mismatch");
}

/// A file on disk, as a large manual comes.
async fn spooled(bytes: Vec<u8>) -> Spooled {
    let parts: Parts = futures::stream::iter([Ok(Bytes::from(bytes))]).boxed();
    Spooled::write(parts, LARGE_BYTES_MAX).await.unwrap()
}

/// The largest manual: scanned pages, or one picture that is nearly all of it.
fn largest(streams: usize) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let root = document.new_object_id();
    let kids: Vec<Object> = (0..300)
        .map(|_| document.add_object(dictionary! { "Type" => "Page", "Parent" => root }).into())
        .collect();
    let tree = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => 300 };
    document.objects.insert(root, Object::Dictionary(tree));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    let room = usize::try_from(LARGE_BYTES_MAX).unwrap() - 100_000;
    for _ in 0..streams {
        let picture = vec![0x5a; room / streams];
        document.add_object(Stream::new(dictionary! { "Subtype" => "Image" }, picture));
    }
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    assert!(bytes.len() > 52_000_000 && bytes.len() <= 52_428_800, "{} bytes", bytes.len());
    bytes
}

#[tokio::test]
async fn the_largest_manuals_are_read_within_the_memory_of_a_large_file() {
    let reader = PdfReader::of(SERVER);
    for streams in [300, 1] {
        let file = spooled(largest(streams)).await;
        let elapsed = stopwatch();
        let pages = reader.pages_of_file(DocumentType::Pdf, &file).await.expect("a reader");
        println!("{streams} streams: read in {:?}", elapsed());
        assert_eq!(pages.unwrap(), 300, "{streams} streams");
    }
}

#[tokio::test]
async fn a_large_file_is_judged_by_its_bytes() {
    let reader = PdfReader::of(SERVER);
    let refused = async |document: DocumentType, bytes: Vec<u8>| {
        reader.pages_of_file(document, &spooled(bytes).await).await.unwrap().unwrap_err()
    };
    let text = vec![b'x'; 5_000_000];
    let other = refused(DocumentType::Pdf, text.clone()).await;
    assert!(matches!(other, NotADocument::OtherType), "{other:?}");
    let cut = largest(1)[..6_000_000].to_vec();
    let unreadable = refused(DocumentType::Pdf, cut.clone()).await;
    assert!(matches!(unreadable, NotADocument::Unreadable { .. }), "{unreadable:?}");
    assert!(matches!(refused(DocumentType::Text, cut).await, NotADocument::OtherType));
    let read = reader.pages_of_file(DocumentType::Text, &spooled(text).await).await.unwrap();
    assert_eq!(read.unwrap(), 1);
    let bomb = [bomb(), vec![b' '; 5_000_000]].concat();
    let unreadable = refused(DocumentType::Pdf, bomb).await;
    assert!(matches!(unreadable, NotADocument::Unreadable { .. }), "{unreadable:?}");
}
