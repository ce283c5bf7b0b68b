//! Every step that features may use: its words, what it does, and where it is. What no step or more than one step
//! matches is told before anything runs.

use cucumber::Step;
use cucumber::gherkin;
use cucumber::gherkin::StepType;
use cucumber::step::Collection;
use cucumber::step::Location;
use cucumber_expressions::Expression;
use regex::Regex;
use thiserror::Error;

use super::params;
use super::world::FeatureWorld;

/// Where a step may stand.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Keyword {
    /// After `Given`.
    Given,
    /// After `When`.
    When,
    /// After `Given` or `When`: something that a person does.
    Does,
    /// After `Then`.
    Then,
}

impl Keyword {
    /// As it is written in a feature.
    pub fn word(self) -> &'static str {
        match self {
            Self::Given => "Given",
            Self::When => "When",
            Self::Does => "Given/When",
            Self::Then => "Then",
        }
    }

    fn may_be(self, kind: StepType) -> bool {
        match kind {
            StepType::Given => matches!(self, Self::Given | Self::Does),
            StepType::When => matches!(self, Self::When | Self::Does),
            StepType::Then => self == Self::Then,
        }
    }
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct StepDef {
    /// Where it may stand.
    pub keyword: Keyword,
    /// A cucumber expression over [`params::PARAMETERS`].
    pub expression: &'static str,
    /// What it does, for people who write features.
    pub doc: &'static str,
    /// The file that defines it.
    pub file: &'static str,
    /// The line.
    pub line: u32,
    /// What runs.
    pub run: Step<FeatureWorld>,
}

/// Steps of one module, a table of one-liners:
///
/// ```text
/// steps! {
///     /// Asks a typed question.
///     Does "{who} asks {text}" (world, who: Who, question: String) => ask(world, who, question);
/// }
/// ```
macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $keyword:ident $expression:literal
        ($world:ident $(, $param:ident : $type:ty)*) => $body:expr;)*) => {
        /// The steps of this file.
        pub(in crate::adapters::features_worker) const STEPS: &[$crate::adapters::features_worker::catalogue::StepDef] = &[$(
            $crate::adapters::features_worker::catalogue::StepDef {
                keyword: $crate::adapters::features_worker::catalogue::Keyword::$keyword,
                expression: $expression,
                doc: concat!($($doc),+),
                file: file!(),
                line: line!(),
                run: |$world, context| Box::pin(async move {
                    let outages = $world.outages_watched();
                    let outcome = async move {
                        let ($($param,)*) = <($($type,)*) as $crate::adapters::features_worker::params::Params>::of(&context)?;
                        $body.await
                    };
                    $crate::adapters::features_worker::outcome::settle(outages.judged(outcome.await));
                }),
            },
        )*];
    };
}
pub(super) use steps;

/// All steps, ready to be matched.
#[derive(Clone, Debug)]
pub struct Catalogue {
    steps: Vec<(StepDef, Regex)>,
}

/// A feature uses a step that is not there, or the catalogue is wrong.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// An expression that does not compile.
    #[error("{file}:{line}: the expression `{expression}` does not compile: {problem}")]
    Expression {
        /// The file that defines it.
        file: &'static str,
        /// The line.
        line: u32,
        /// The expression.
        expression: &'static str,
        /// Why not.
        problem: String,
    },
    /// Steps of features that cannot be run, all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unmatched(Vec<Unmatched>),
}

/// A step of a feature that cannot be run.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Unmatched {
    /// No step has these words.
    #[error("{place}: no step is called `{step}`; the nearest is `{nearest}`")]
    Undefined {
        /// `features/quota.feature:12`.
        place: String,
        /// Keyword and words.
        step: String,
        /// The nearest step.
        nearest: String,
    },
    /// More than one does.
    #[error("{place}: `{step}` is ambiguous: {}", .candidates.join(" or "))]
    Ambiguous {
        /// `features/quota.feature:12`.
        place: String,
        /// Keyword and words.
        step: String,
        /// Expressions and where they are.
        candidates: Vec<String>,
    },
}

impl Catalogue {
    /// The steps of this build.
    pub fn new() -> Result<Self, CatalogueError> {
        Self::of(super::steps::ALL.iter().copied().flatten().copied())
    }

    fn of(steps: impl Iterator<Item = StepDef>) -> Result<Self, CatalogueError> {
        let compile = |step: StepDef| {
            Expression::regex_with_parameters(step.expression, &*params::BY_NAME)
                .map(|regex| (step, regex))
                .map_err(|error| CatalogueError::Expression {
                    file: step.file,
                    line: step.line,
                    expression: step.expression,
                    problem: error.to_string(),
                })
        };
        Ok(Self { steps: steps.map(compile).collect::<Result<_, _>>()? })
    }

    /// The definitions, in the order of their files.
    pub fn steps(&self) -> impl Iterator<Item = &StepDef> {
        self.steps.iter().map(|(step, _)| step)
    }

    /// As the runner takes them.
    pub fn collection(&self) -> Collection<FeatureWorld> {
        self.steps.iter().fold(Collection::new(), |collection, (step, regex)| {
            let place = Some(Location { path: step.file, line: step.line, column: 1 });
            let regex = || regex.clone();
            match step.keyword {
                Keyword::Given => collection.given(place, regex(), step.run),
                Keyword::When => collection.when(place, regex(), step.run),
                Keyword::Then => collection.then(place, regex(), step.run),
                Keyword::Does => {
                    collection.given(place, regex(), step.run).when(place, regex(), step.run)
                }
            }
        })
    }

    /// Whether each step of `features` is exactly one of these; all that are not, at once.
    pub fn check<'a>(
        &self,
        features: impl Iterator<Item = &'a gherkin::Feature>,
    ) -> Result<(), CatalogueError> {
        let mut problems: Vec<Unmatched> = Vec::new();
        for feature in features {
            let file = feature.path.as_ref().map(|path| path.display().to_string());
            let file = file.unwrap_or_default();
            for step in feature.scenarios.iter().flat_map(|scenario| &scenario.steps) {
                let problem = self.problem(&file, step);
                problems.extend(problem.filter(|problem| !problems.contains(problem)));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(CatalogueError::Unmatched(problems)) }
    }

    fn problem(&self, file: &str, step: &gherkin::Step) -> Option<Unmatched> {
        let fits = |(def, regex): &&(StepDef, Regex)| {
            def.keyword.may_be(step.ty) && regex.is_match(&step.value)
        };
        let found: Vec<&StepDef> = self.steps.iter().filter(fits).map(|(def, _)| def).collect();
        let place = format!("{file}:{}", step.position.line);
        let text = format!("{} {}", step.keyword.trim(), step.value);
        match found.as_slice() {
            [_] => None,
            [] => Some(Unmatched::Undefined { place, step: text, nearest: self.nearest(step) }),
            many => {
                let at =
                    |def: &&StepDef| format!("`{}` ({}:{})", def.expression, def.file, def.line);
                let candidates = many.iter().map(at).collect();
                Some(Unmatched::Ambiguous { place, step: text, candidates })
            }
        }
    }

    fn nearest(&self, step: &gherkin::Step) -> String {
        let distance = |def: &&StepDef| {
            let wrong_keyword = usize::from(!def.keyword.may_be(step.ty));
            (strsim::damerau_levenshtein(def.expression, &step.value), wrong_keyword)
        };
        self.steps()
            .min_by_key(distance)
            .map_or_else(String::new, |def| format!("{} {}", def.keyword.word(), def.expression))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> gherkin::Feature {
        let mut feature = gherkin::Feature::parse(text, gherkin::GherkinEnv::default()).unwrap();
        feature.path = Some("features/x.feature".into());
        feature
    }

    fn unmatched(steps: &str) -> String {
        let text = format!("Feature: a\n  Scenario: b\n{steps}\n");
        let feature = parsed(&text);
        Catalogue::new().unwrap().check([&feature].into_iter()).unwrap_err().to_string()
    }

    #[test]
    fn every_expression_compiles_and_says_what_it_does() {
        for step in Catalogue::new().unwrap().steps() {
            assert!(step.doc.trim().ends_with('.'), "{}:{}", step.file, step.line);
        }
    }

    #[test]
    fn an_undefined_step_is_told_with_its_place_and_the_nearest() {
        let told = unmatched("    When Anna askes \"where?\"");
        assert!(
            told.starts_with("features/x.feature:3: no step is called `When Anna askes"),
            "{told}"
        );
        assert!(told.contains("the nearest is `Given/When {who} asks {text}`"), "{told}");
        // The right words after the wrong keyword.
        let told = unmatched("    Then Anna asks \"where?\"");
        assert!(told.contains("the nearest is `Given/When {who} asks {text}`"), "{told}");
    }

    #[test]
    fn an_ambiguous_step_is_told_with_all_its_candidates() {
        let run: Step<FeatureWorld> = |_, _| Box::pin(async {});
        let def = |expression, line| StepDef {
            keyword: Keyword::Does,
            expression,
            doc: "",
            file: "steps.rs",
            line,
            run,
        };
        let two = [def("{who} asks {text}", 1), def("Anna asks {text}", 2)];
        let catalogue = Catalogue::of(two.into_iter()).unwrap();
        let text = "Feature: a\n  Scenario: b\n    When Anna asks \"c\"\n";
        let feature = parsed(text);
        let told = catalogue.check([&feature].into_iter()).unwrap_err().to_string();
        assert!(told.contains("(steps.rs:1) or `Anna asks {text}` (steps.rs:2)"), "{told}");
        let wrong = Catalogue::of([def("{nobody} asks", 1)].into_iter()).unwrap_err().to_string();
        assert!(wrong.starts_with("steps.rs:1: "), "{wrong}");
    }
}
