//! What a server needs to talk to Azure SignalR Service in serverless mode.
