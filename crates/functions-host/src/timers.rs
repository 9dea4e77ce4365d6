//! The tasks that fire timer functions (functions-host 6.2 to 6.4).
