//! How a value is written into `Data` and `Metadata` (functions-host 2.3).
