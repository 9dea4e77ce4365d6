//! The HTTP side of the host: function routes, CORS and the admin endpoints (functions-host 4).
