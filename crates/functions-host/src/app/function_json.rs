//! function.json (functions-host 4.1).
