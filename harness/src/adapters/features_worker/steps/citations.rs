//! Citations: every source is there, is the asker's, and is where the answer says.

use std::collections::BTreeSet;

use manuel_client::Request;
use manuel_client::answers::Source;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;

steps! {
    /// Each source of the last answer is a manual that the person can read, under that name, and on a page that it has.
    Then "every source of the answer to {who} is there" (world, who: Who) => all_there(world, who);

    /// The numbers in the last answer are those of its sources, from 1 on; each source is cited, and nothing else is.
    Then "the numbers in the answer to {who} are those of its sources" (world, who: Who) => numbered(world, who);

    /// The last answer has sources, and all of them are this manual.
    Then "the answer to {who} cites only the manual {text}" (world, who: Who, name: String) => cites_only(world, who, name);

    /// None of the sources of the last answer is this manual, deleted or not.
    Then "the answer to {who} does not cite the manual {text}" (world, who: Who, name: String) => cites_not(world, who, name);

    /// A source of the last answer is this manual, without a page: it has none.
    Then "the answer to {who} cites the manual {text} without a page" (world, who: Who, name: String) => without_page(world, who, name);

    /// The passages that the last answer rests on contain these words.
    Then "the sources of the answer to {who} say {text}" (world, who: Who, words: String) => sources_say(world, who, words);

    /// A question about the fixtures that only this manual answers: answered and cited as its fixture says.
    Then "{who} is answered the question {thing} from the manual {text}"
        (world, who: Who, question: String, name: String) => answered(world, who, question, name);
}

async fn all_there(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?.clone();
    let sources = &seen.answer()?.sources;
    check(!sources.is_empty(), "sources", seen.summary())?;
    for source in sources {
        let read = Request::GetManual { id: source.manual_id.clone() };
        let manual = world.look(&who, read).await?;
        let Parsed::Manual(manual) = &manual.parsed else {
            let seen = format!("{} for {:?}", manual.summary(), source.manual_name);
            return Err(StepError::broken("a source that the asker can read", seen));
        };
        let same = manual.row.name == source.manual_name;
        let expected = format!("a source called {:?}", manual.row.name);
        check(same, expected, format!("{:?}", source.manual_name))?;
        page_is_there(source, manual.row.pages)?;
        let fits = (0.0..=1.0).contains(&source.score) && !source.chunk_text.trim().is_empty();
        check(fits, "a passage with a score from 0 to 1", format!("{source:?}"))?;
    }
    Ok(())
}

/// Text counts as one page, whatever marks of pages are in it.
fn page_is_there(source: &Source, pages: Option<u64>) -> StepResult {
    let Some((page, pages)) = source.page_number.zip(pages.filter(|pages| *pages > 1)) else {
        return Ok(());
    };
    let held = (1..=pages).contains(&u64::from(page));
    check(held, format!("a page from 1 to {pages}"), format!("page {page}"))
}

async fn numbered(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let answer = seen.answer()?;
    let numbers = numbers(&answer.answer);
    let wanted: BTreeSet<usize> = (1..=answer.sources.len()).collect();
    check(
        numbers == wanted,
        format!("the numbers {wanted:?}"),
        format!("{numbers:?} in {}", seen.summary()),
    )
}

/// The numbers in brackets: `[1]`.
fn numbers(answer: &str) -> BTreeSet<usize> {
    let inside = answer.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    inside.filter_map(|(number, _)| number.parse().ok()).collect()
}

/// Ids of the last answer's sources.
fn cited(seen: &Seen) -> StepResult<Vec<String>> {
    Ok(seen.answer()?.sources.iter().map(|source| source.manual_id.clone()).collect())
}

async fn cites_only(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let id = world.manual_id(&who, &name).await?;
    let seen = world.seen(&who)?;
    let cited = cited(seen)?;
    let held = !cited.is_empty() && cited.iter().all(|one| *one == id);
    check(
        held,
        format!("sources in \"{name}\" ({id}) only"),
        format!("{cited:?}: {}", seen.summary()),
    )
}

async fn cites_not(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let id = world.manual_id(&who, &name).await?;
    let seen = world.seen(&who)?;
    let held = !cited(seen)?.contains(&id);
    check(held, format!("no source in \"{name}\" ({id})"), seen.summary())
}

async fn without_page(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let id = world.manual_id(&who, &name).await?;
    let seen = world.seen(&who)?;
    let mut own = seen.answer()?.sources.iter().filter(|source| source.manual_id == id).peekable();
    let held = own.peek().is_some() && own.all(|source| source.page_number.is_none());
    check(held, format!("\"{name}\" without a page"), seen.summary())
}

async fn sources_say(world: &mut FeatureWorld, who: Who, words: String) -> StepResult {
    let seen = world.seen(&who)?;
    let said = seen.answer()?.sources.iter().any(|source| source.chunk_text.contains(&words));
    check(said, format!("a passage that says \"{words}\""), seen.summary())
}

async fn answered(
    world: &mut FeatureWorld,
    who: Who,
    question: String,
    name: String,
) -> StepResult {
    let known = world.run.questions.questions.iter().find(|known| known.id == question).cloned();
    let known = known.ok_or_else(|| {
        StepError::lost(format!("fixtures/questions.toml has no question `{question}`"))
    })?;
    let (phrase, page) = (known.phrase.unwrap_or_default(), known.page);
    world.send(&who, Request::Query { question: known.question }).await?;
    let id = world.manual_id(&who, &name).await?;
    let seen = world.seen(&who)?;
    let answer = seen.answer()?;
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let says = plain(&answer.answer).contains(&plain(&phrase));
    check(says, format!("an answer that says \"{phrase}\""), seen.summary())?;
    let on_page = |source: &Source| source.manual_id == id && source.page_number == page;
    let held = answer.sources.iter().any(on_page);
    check(held, format!("page {page:?} of \"{name}\" among the sources"), seen.summary())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_out_of_an_answer() {
        let read = |answer: &str| numbers(answer).into_iter().collect::<Vec<_>>();
        assert_eq!(read("Hold it. [2] Wait [1][2]."), [1, 2]);
        assert_eq!(read("See [Fig. 2] and [x"), Vec::<usize>::new());
    }

    #[test]
    fn a_page_beyond_the_last_is_not_there() {
        let source = |page: Option<u32>| Source {
            manual_id: "m".to_owned(),
            manual_name: "n".to_owned(),
            page_number: page,
            chunk_text: "c".to_owned(),
            score: 0.5,
        };
        assert!(page_is_there(&source(Some(8)), Some(8)).is_ok());
        assert!(page_is_there(&source(Some(9)), Some(8)).is_err());
        assert!(page_is_there(&source(Some(0)), Some(8)).is_err());
        assert!(page_is_there(&source(Some(3)), Some(1)).is_ok());
        assert!(page_is_there(&source(None), Some(8)).is_ok());
    }
}
