//! A SignalR server for axum: negotiate, transports, hub protocol, clients and groups behind one trait.
