//! Faults in the own words of AWS services: rules, the decision which call is hit, the error as it is on the
//! wire, and a ledger of what was injected.

pub mod catalogue;
pub mod identify;
pub mod wire;
