//! The envelope that the handler receives (functions-host 2.4, 2.5).
