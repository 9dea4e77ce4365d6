//! What reaches the HTTP caller (functions-host 3.3, 3.4).
