//! Who calls, and until when an answer is worth something.

use crate::context::Deadline;
use crate::domain::user::UserId;

/// A user with a verified token, and the request's deadline.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The verified `sub`.
    pub user: UserId,
    /// The request's id.
    pub request_id: String,
    /// When the answer must be on its way.
    pub deadline: Deadline,
}
