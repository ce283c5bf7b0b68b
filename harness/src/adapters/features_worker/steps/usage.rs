//! Usage and cost: figures by day, and money that adds up.

use manuel_client::answers::Cost;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use super::clock;
use super::quota::usage;

steps! {
    /// Manuel's own figures of the day and of the month.
    Then "{who} sees {number} question(s) used today and {number} this month"
        (world, who: Who, today: u64, month: u64) => used(world, who, today, month);

    /// The days list has exactly this many questions under today's date.
    Then "{who} sees {number} question(s) under today's date" (world, who: Who, many: u64) => under_today(world, who, many, 0);

    /// The days list has exactly this many questions under yesterday's date.
    Then "{who} sees {number} question(s) under yesterday's date" (world, who: Who, many: u64) => under_today(world, who, many, 1);

    /// The last answer's own figures say this many of the day.
    Then "the answer to {who} counts {number} question(s) today" (world, who: Who, many: u64) => counts(world, who, many);

    /// The last answer cost something, in dollars, and its parts add up to the whole, to the last digit.
    Then "the cost of the answer to {who} adds up from its parts" (world, who: Who) => adds_up(world, who);

    /// What the last answer cost is kept under a name.
    Does "the cost of the answer to {who} is noted as {text}" (world, who: Who, name: String) => note(world, who, name);

    /// The last answer cost more than what was noted.
    Then "the answer to {who} cost more than {text}" (world, who: Who, name: String) => more(world, who, name);

    /// The last answer cost less than what was noted.
    Then "the answer to {who} cost less than {text}" (world, who: Who, name: String) => less(world, who, name);

    /// Today's cost in the usage is the sum of the costs of these noted answers, to the last digit.
    Then "today's cost of {who} is {text} and {text} together" (world, who: Who, one: String, two: String) => together(world, who, one, two);

    /// Nothing was used, and nothing was spent.
    Then "{who} has spent nothing" (world, who: Who) => nothing(world, who);
}

async fn used(world: &mut FeatureWorld, who: Who, today: u64, month: u64) -> StepResult {
    let figures = usage(world, &who).await?.figures;
    let held = figures.daily_used == today && figures.monthly_used == month;
    check(held, format!("{today} used today and {month} this month"), format!("{figures:?}"))
}

async fn under_today(world: &mut FeatureWorld, who: Who, many: u64, days_ago: i64) -> StepResult {
    let date = (clock::now(world)? - time::Duration::days(days_ago)).date().to_string();
    let usage = usage(world, &who).await?;
    let day: Vec<_> = usage.days.iter().filter(|day| day.date == date).collect();
    let counted: u64 = day.iter().map(|day| day.queries).sum();
    check(
        counted == many && day.len() <= 1,
        format!("{many} questions under {date}, once"),
        format!("{:?}", usage.days),
    )
}

async fn counts(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let seen = world.seen(&who)?;
    let figures = seen.figures()?;
    check(figures.daily_used == many, format!("{many} used today"), format!("{figures:?}"))
}

fn cost<'a>(world: &'a FeatureWorld, who: &Who) -> StepResult<&'a Cost> {
    let seen = world.seen(who)?;
    if let Parsed::Query(query) = &seen.parsed {
        Ok(&query.cost)
    } else if let Parsed::Transcribed(transcribed) = &seen.parsed {
        Ok(&transcribed.cost)
    } else {
        Err(StepError::broken("an answer with its cost", seen.summary()))
    }
}

async fn adds_up(world: &mut FeatureWorld, who: Who) -> StepResult {
    let cost = cost(world, &who)?;
    let sum: i128 = cost.cost_breakdown.iter().map(|part| part.cost.pico()).sum();
    let total = cost.total_cost.pico();
    let held = sum == total && total > 0 && cost.currency == "USD";
    check(held, "dollars that are the sum of their parts", format!("{cost:?}"))
}

async fn note(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let cost = cost(world, &who)?.total_cost.pico().to_string();
    world.kept.insert(name, cost);
    Ok(())
}

/// In trillionths of a dollar.
fn noted(world: &FeatureWorld, name: &str) -> StepResult<i128> {
    let text = world.kept(name)?;
    text.parse().map_err(|_not_an_amount| StepError::lost(format!("{text} is no amount")))
}

async fn more(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let (before, now) = (noted(world, &name)?, cost(world, &who)?.total_cost.pico());
    check(now > before, format!("more than {before} pico-dollars"), now.to_string())
}

async fn less(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let (before, now) = (noted(world, &name)?, cost(world, &who)?.total_cost.pico());
    check(now < before, format!("less than {before} pico-dollars"), now.to_string())
}

async fn together(world: &mut FeatureWorld, who: Who, one: String, two: String) -> StepResult {
    let wanted = noted(world, &one)? + noted(world, &two)?;
    let date = clock::now(world)?.date().to_string();
    let usage = usage(world, &who).await?;
    let day = usage.days.iter().find(|day| day.date == date);
    let held = day.is_some_and(|day| day.cost.pico() == wanted);
    check(held, format!("{wanted} pico-dollars under {date}"), format!("{:?}", usage.days))
}

async fn nothing(world: &mut FeatureWorld, who: Who) -> StepResult {
    let usage = usage(world, &who).await?;
    let spent = usage.days.iter().any(|day| day.cost.pico() != 0 || day.queries > 0);
    let used = usage.figures.daily_used + usage.figures.monthly_used;
    check(!spent && used == 0, "nothing used and nothing spent", format!("{usage:?}"))
}
