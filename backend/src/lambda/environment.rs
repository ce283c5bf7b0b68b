//! Lambda's own part of the environment. The runtime's crate panics over what is missing, so it is looked at before.

use crate::config::{ConfigProblem, Environment};

/// What the runtime's crate reads, and what each must hold.
const NEEDED: [(&str, &str); 4] = [
    ("AWS_LAMBDA_RUNTIME_API", "the address of the runtime API (set by Lambda)"),
    ("AWS_LAMBDA_FUNCTION_NAME", "the name of the function (set by Lambda)"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "the version of the function (set by Lambda)"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "the function's memory in MB (set by Lambda)"),
];

/// What is wrong with it.
pub(super) fn problems(environment: &Environment) -> Vec<ConfigProblem> {
    NEEDED.into_iter().filter_map(|(name, expected)| problem(environment, name, expected)).collect()
}

fn problem(
    environment: &Environment,
    variable: &'static str,
    expected: &str,
) -> Option<ConfigProblem> {
    let value = environment.get(variable).filter(|value| !value.is_empty());
    let fits =
        |value: &str| variable != "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" || value.parse::<i32>().is_ok();
    let found = match value {
        None => "but it is not set".to_owned(),
        Some(value) if fits(value) => return None,
        Some(value) => format!("found `{value}`"),
    };
    Some(ConfigProblem { variable, expected: expected.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_lambda_sets_is_needed() {
        let set = |memory: &str| {
            let values = NEEDED.map(|(name, _)| (name.to_owned(), "x".to_owned()));
            let mut environment = Environment::from(values);
            environment.insert("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".into(), memory.into());
            environment
        };
        assert_eq!(problems(&set("512")), []);
        let [problem] = problems(&set("much")).try_into().unwrap();
        assert_eq!((problem.variable, problem.found.as_str()), (NEEDED[3].0, "found `much`"));
        assert_eq!(problems(&Environment::new()).len(), NEEDED.len());
    }
}
