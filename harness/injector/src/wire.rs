//! An error of a service in its true form on the wire.
