//! The text of the host's events as `func start` prints it (functions-host 8.4).
