//! An embeddable TCP fault proxy that speaks the Toxiproxy HTTP API, and one client for it and the
//! original alike.
