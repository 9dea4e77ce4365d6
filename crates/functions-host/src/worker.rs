//! The handler process: start, readiness, exits and its console (functions-host 1.3 to 1.8).
