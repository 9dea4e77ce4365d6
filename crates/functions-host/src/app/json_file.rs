//! JSON files as the Functions tools read them: comments are allowed, a byte-order mark is skipped.
