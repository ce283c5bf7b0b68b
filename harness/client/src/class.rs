//! The class of an answer: what reports count by. A class is no verdict; what a run makes of it is its suite's.

use serde::{Deserialize, Serialize};

use crate::contract::{ContractBreach, Parsed};
use crate::transport::TransportReason;

/// What became of a request that was sent. (What could not be sent is `dropped`, and the generator's own.)
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClass {
    /// The expected success, and the contract holds.
    Ok,
    /// A refusal that the caller asked for, and the contract holds.
    ExpectedReject,
    /// The contract is broken, something leaked, or what had to be refused was answered.
    WrongAnswer,
    /// A status that the caller did not expect.
    HttpError,
    /// No whole answer, by the other side's doing.
    Transport,
    /// No whole answer within our bound.
    Timeout,
}

/// What the caller expects of an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Expectation {
    /// The route's success.
    #[default]
    Success,
    /// One of these statuses, and no success: a wrong signature, another user's manual.
    Reject(Vec<u16>),
    /// The route's success or one of these statuses: a quota that may run out.
    SuccessOr(Vec<u16>),
}

impl AnswerClass {
    /// The class of a whole answer, from its status and its contract check.
    pub fn of_answer(
        status: u16,
        check: &Result<Parsed, Vec<ContractBreach>>,
        expectation: &Expectation,
    ) -> Self {
        let success = (200..300).contains(&status);
        let expected_reject = !success
            && match expectation {
                Expectation::Success => false,
                Expectation::Reject(statuses) | Expectation::SuccessOr(statuses) => {
                    statuses.contains(&status)
                }
            };
        let leaked = check
            .as_ref()
            .is_err_and(|breaches| breaches.iter().any(|breach| breach.rule.is_leak()));
        if leaked {
            Self::WrongAnswer
        } else if !success && !expected_reject {
            // Also where its headers or body are off: a proxy's 502 is first of all a 502.
            Self::HttpError
        } else if check.is_err() || (success && matches!(expectation, Expectation::Reject(_))) {
            Self::WrongAnswer
        } else if success {
            Self::Ok
        } else {
            Self::ExpectedReject
        }
    }

    /// The class of an attempt without a whole answer.
    pub fn of_failure(reason: TransportReason) -> Self {
        if reason.is_timeout() { Self::Timeout } else { Self::Transport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ContractRule;

    fn broken(rule: ContractRule) -> Result<Parsed, Vec<ContractBreach>> {
        Err(vec![ContractBreach { rule, detail: "d".to_owned() }])
    }

    #[test]
    fn table() {
        let fine = Ok(Parsed::Deleted);
        let reject = Expectation::Reject(vec![401]);
        let quota = Expectation::SuccessOr(vec![429]);
        let cases = [
            (204, fine.clone(), Expectation::Success, AnswerClass::Ok),
            (204, fine.clone(), reject.clone(), AnswerClass::WrongAnswer),
            (204, fine.clone(), quota.clone(), AnswerClass::Ok),
            (401, fine.clone(), reject.clone(), AnswerClass::ExpectedReject),
            (404, fine.clone(), reject.clone(), AnswerClass::HttpError),
            (429, fine.clone(), quota.clone(), AnswerClass::ExpectedReject),
            (429, fine.clone(), Expectation::Success, AnswerClass::HttpError),
            (200, broken(ContractRule::Header), quota.clone(), AnswerClass::WrongAnswer),
            (429, broken(ContractRule::RetryAfter), quota, AnswerClass::WrongAnswer),
            (502, broken(ContractRule::Status), Expectation::Success, AnswerClass::HttpError),
            (500, broken(ContractRule::Leak), Expectation::Success, AnswerClass::WrongAnswer),
        ];
        for (status, check, expectation, wanted) in cases {
            let class = AnswerClass::of_answer(status, &check, &expectation);
            assert_eq!(class, wanted, "{status} {check:?} {expectation:?}");
        }
    }

    #[test]
    fn timeouts_are_apart_and_names_are_stable() {
        assert_eq!(AnswerClass::of_failure(TransportReason::BodyTimeout), AnswerClass::Timeout);
        assert_eq!(AnswerClass::of_failure(TransportReason::Reset), AnswerClass::Transport);
        let json = serde_json::to_string(&AnswerClass::ExpectedReject).unwrap();
        assert_eq!(json, "\"expected_reject\"");
        assert!(AnswerClass::Ok < AnswerClass::Timeout);
    }
}
