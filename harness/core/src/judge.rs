//! From a plan and its evidence to a verdict. Pure: the same lines give the same bytes, on any machine, at any time.

pub mod baseline;
pub mod canonical;
pub mod causes;
pub mod chaos;
pub mod conservation;
pub mod correctness;
pub mod features;
pub mod figure;
pub mod gate;
pub mod load;
pub mod seen;
pub mod timing;
pub mod whole;
