//! Types only; their constructors are the validation.

pub mod attack;
pub mod baseline;
pub mod binomial;
pub mod chaos;
pub mod decision;
pub mod evidence;
pub mod features;
pub mod gate;
pub mod histogram;
pub mod kind;
pub mod lambda;
pub mod ledger;
pub mod non_empty;
pub mod objective;
pub mod profile;
pub mod question;
pub mod rule;
pub mod run;
pub mod stage;
pub mod stage_recipe;
pub mod verdict;
