//! What is refused in an attack, and by which key.

use super::*;

fn raw() -> RawAttack {
    RawAttack {
        name: "a-quote".to_owned(),
        at: Place::Question,
        text: Some("'".to_owned()),
        bytes: None,
        file: None,
        token: None,
        signature: None,
        repeat: None,
        answers: vec!["200".to_owned()],
        edge: AtEdge::Passes,
        legitimate: false,
        says: None,
        visits: false,
    }
}

fn family(attack: Vec<RawAttack>) -> RawFamily {
    let (schema, title) = (ATTACKS_SCHEMA.to_owned(), "Quotes.".to_owned());
    RawFamily { schema, family: Family::SqlInjection, title, attack }
}

/// The only problem: its key and what is said.
fn problem(change: impl FnOnce(&mut RawAttack)) -> (String, String) {
    let mut attack = raw();
    change(&mut attack);
    let problems = resolve(family(vec![attack])).unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    (problem.key.join("."), problem.problem.clone())
}

#[test]
fn a_good_one_is_what_it_says() {
    let attacks = resolve(family(vec![raw()])).unwrap();
    assert_eq!(attacks[0].answers.as_slice(), [Allowed::Success(200)]);
    assert_eq!(attacks[0].payload, Payload::Template(Template::plain(b"'".to_vec())));
}

#[test]
fn each_wrong_value_is_named_by_its_key() {
    let refused = |key: &str, said: &str, change: fn(&mut RawAttack)| {
        let (at, problem) = problem(change);
        assert_eq!(at, format!("attack.0.{key}"));
        assert!(problem.contains(said), "{problem}");
    };
    refused("name", "lower case", |a| a.name = "A Quote".to_owned());
    refused("name", "there is none", |a| a.text = None);
    refused("name", "more than one", |a| a.token = Some(TokenTrick::AlgNone));
    refused("bytes", "one of `text`", |a| a.bytes = a.text.take());
    refused("text", "did you mean `<<nonce>>`?", |a| a.text = Some("<<nonse>>".to_owned()));
    refused("answers", "at least one", |a| a.answers.clear());
    refused("answers", "`500 x`: an answer of 500 is never harmless", |a| {
        a.answers.push("500 x".to_owned());
    });
    refused("answers", "2xx only", |a| {
        a.legitimate = true;
        a.answers.push("400 question_invalid".to_owned());
    });
    refused("edge", "passes", |a| (a.legitimate, a.edge) = (true, AtEdge::Blocked));
    refused("says", "legitimate question", |a| a.says = Some("x".to_owned()));
    refused("visits", "only a download", |a| a.visits = true);
    refused("text", "where it goes", |a| {
        a.repeat = Some(Repeat { of: "x".to_owned(), times: 2 });
    });
    refused("repeat", "1 to", |a| {
        a.text = Some("<<repeat>>".to_owned());
        a.repeat = Some(Repeat { of: "x".to_owned(), times: 0 });
    });
}

#[test]
fn files_are_checked_as_a_whole() {
    let problems = |family: RawFamily| {
        let problems = resolve(family).unwrap_err();
        problems.iter().map(|p| format!("{}: {p}", p.key.join("."))).collect::<Vec<_>>()
    };
    let twice = problems(family(vec![raw(), raw()]));
    assert_eq!(twice, ["attack.1.name: `a-quote` is there twice"]);
    assert_eq!(problems(family(Vec::new())), ["attack: expected at least one attack"]);
    let other = RawFamily { schema: "manuel-attacks/2".to_owned(), ..family(Vec::new()) };
    assert!(problems(other)[0].contains("this build reads `manuel-attacks/1`"));
}

#[test]
fn families_are_called_as_they_are_written() {
    for family in Family::ALL {
        assert_eq!(serde_json::to_value(family).unwrap(), family.name());
    }
}
