//! Every question of `fixtures/questions.toml`, from upload to answer, in the prompt shape that the
//! emulated model understands.
use std::collections::BTreeMap;

use aws_sdk_bedrockagentruntime::types::KnowledgeBaseRetrievalResult;

use super::bench::{self, Bench, equals};
use super::fixtures::{self, AnsweredBy, Question};

/// The whole answer where the manuals say nothing.
const NOTHING_SAID: &str = "The manuals do not say.";
const USER: &str = "owner-of-three";
const SPECIAL_USER: &str = "owner-of-solar";

/// One answer and what it was made from.
struct Answer {
    text: String,
    sources: Vec<Source>,
}

struct Source {
    number: usize,
    manual: String,
    page: Option<u32>,
}

#[tokio::test]
async fn every_question_is_answered_from_its_page_and_twice_the_same() {
    let questions = fixtures::questions();
    let first = run(&questions).await;
    assert_eq!(first, run(&questions).await);
}

/// Asks everything on a fresh start; the transcript of all answers.
async fn run(questions: &[Question]) -> Vec<String> {
    let bench = Bench::start().await;
    for manual in fixtures::manuals() {
        let user = if manual.key == "solar" { SPECIAL_USER } else { USER };
        let bytes = std::fs::read(fixtures::manuals_folder().join(&manual.file)).unwrap();
        bench.put(&format!("manuals/{user}/{}", manual.file), &bytes, user).await;
    }
    let job = bench.ingest().await;
    assert_eq!(job.statistics().unwrap().number_of_documents_failed(), 0, "{job:?}");
    let mut transcript = Vec::new();
    let mut wrong = Vec::new();
    for question in questions {
        let answer = ask(&bench, USER, &question.text).await;
        wrong.extend(judge(question, &answer));
        if question.answered_by == AnsweredBy::Foreign {
            let owners = ask(&bench, SPECIAL_USER, &question.text).await;
            wrong.extend(judge(
                &Question { answered_by: AnsweredBy::One, ..question.clone() },
                &owners,
            ));
        }
        transcript.push(format!("{}: {}", question.id, answer.text));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    transcript
}

async fn ask(bench: &Bench, user: &str, question: &str) -> Answer {
    let names: BTreeMap<String, String> =
        fixtures::manuals().into_iter().map(|manual| (manual.file, manual.name)).collect();
    let results = bench.retrieve(question, equals(user)).await;
    let mut prompt = String::new();
    let mut sources = Vec::new();
    for (index, result) in results.iter().enumerate() {
        let source = source(index + 1, result);
        let page = source.page.map(|page| format!(", page {page}")).unwrap_or_default();
        let text = result.content().unwrap().text();
        let name = &names[&source.manual];
        prompt = format!("{prompt}[{}] {name}{page}\n{text}\n\n", source.number);
        sources.push(source);
    }
    let text = bench.converse(&format!("{prompt}Question: {question}")).await;
    Answer { text, sources }
}

fn source(number: usize, result: &KnowledgeBaseRetrievalResult) -> Source {
    let uri = result.location().unwrap().s3_location().unwrap().uri().unwrap();
    let manual = uri.rsplit('/').next().unwrap().to_owned();
    Source { number, manual, page: bench::page(result) }
}

/// What is wrong with an answer, if anything.
fn judge(question: &Question, answer: &Answer) -> Option<String> {
    let fault = match (&question.answered_by, &question.expected) {
        (AnsweredBy::One, Some(expected)) => {
            let file = fixtures::file_of(&expected.manual);
            let cited = answer.sources.iter().any(|source| {
                answer.text.contains(&format!(" [{}]", source.number))
                    && source.manual == file
                    && source.page == Some(expected.page)
            });
            let phrase = normal(&answer.text).contains(&normal(&expected.phrase));
            (!cited || !phrase).then(|| format!("page cited: {cited}, phrase: {phrase}"))
        }
        (AnsweredBy::One, None) => Some("has no expected answer".to_owned()),
        (AnsweredBy::None, _) => (answer.text != NOTHING_SAID).then(|| "answered".to_owned()),
        (AnsweredBy::Foreign, _) => {
            let leaked = answer.sources.iter().any(|source| source.manual.starts_with("solar"));
            (leaked || answer.text != NOTHING_SAID).then(|| format!("leaked: {leaked}"))
        }
    }?;
    Some(format!("{} {:?}: {fault}: {}", question.id, question.text, answer.text))
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
