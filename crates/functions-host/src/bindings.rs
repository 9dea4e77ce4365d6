//! The bindings that talk to Azure SignalR Service (signalr-bindings 4 and 5).
