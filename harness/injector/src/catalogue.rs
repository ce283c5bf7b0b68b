//! The errors of each service, as data: code, status, members, and how often the SDK tries.
