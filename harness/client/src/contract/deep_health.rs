//! The picture of the dependencies: the one answer that has the same body with 200 and with 503, and that names no
//! resource in either.

use super::{ContractBreach, ContractRule, Parsed, json, status};
use crate::answers::{DeepHealthAnswer, Health};
use crate::exchange::Exchange;
use crate::request::Request;

/// The other answers of the route are refusals like any.
pub(super) fn is_picture(request: &Request, exchange: &Exchange) -> bool {
    *request == Request::DeepHealth && matches!(exchange.status, 200 | 503)
}

/// Parses it and reports what contradicts itself.
pub(super) fn check(exchange: &Exchange, breaches: &mut Vec<ContractBreach>) -> Option<Parsed> {
    status::check_retry_after(exchange, None, breaches);
    let mut wrong = |detail| breaches.push(ContractBreach::new(ContractRule::Body, detail));
    let picture: DeepHealthAnswer = json(exchange).map_err(&mut wrong).ok()?;
    if (picture.status == Health::Down) != (exchange.status == 503) {
        wrong(format!("{} with status {:?}", exchange.status, picture.status));
    }
    if picture.checks.is_empty() {
        wrong("no dependency is looked at".to_owned());
    }
    for check in &picture.checks {
        let known = ["ok", "down"].contains(&check.status.as_str());
        if !known || (check.status == "down" && picture.status == Health::Ok) {
            wrong(format!(
                "{} is {:?} in a whole that is {:?}",
                check.name, check.status, picture.status
            ));
        }
    }
    Some(Parsed::DeepHealth(picture))
}
