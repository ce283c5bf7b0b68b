//! Which operation of which service a request calls, and on which resource.
