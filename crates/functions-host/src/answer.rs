//! What the handler's answer means (functions-host 3.1, 3.2, 3.5, 3.6).
