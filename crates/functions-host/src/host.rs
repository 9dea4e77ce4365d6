//! The running host: start, invoke, stop.
