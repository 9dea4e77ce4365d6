//! The first words of the host: where it listens, its functions, and what will surprise.

use std::net::SocketAddr;

use super::checks;
use super::invoker::{Invoker, Shared};
use crate::app::{App, BrokenFunction, Fault, Function, FunctionState, Trigger};
use crate::events::{HostEvent, ListedFunction, ListedTrigger, LogLevel};
use crate::warnings::WarningCode;

impl Invoker {
    /// Says what the host found, before anything runs.
    pub(super) fn announce(&self) {
        let Shared { app, address, observer, .. } = self.shared();
        let (functions, broken) = (self.listed(), self.listed_as_broken());
        observer.tell(&HostEvent::Listening { address: *address, functions, broken });
        self.announce_routes();
        if let Some(keys) = &self.0.keys {
            let text = format!("Callers need keys; they are in `{}`", keys.file().display());
            observer.log(LogLevel::Information, text);
        }
        if app.uses_signalr() {
            // `localhost`, as everywhere in what the real host prints.
            let endpoint = format!("http://localhost:{}/runtime/webhooks/signalr", address.port());
            observer.log(LogLevel::Information, format!("Registered SignalR trigger Endpoint = {endpoint}"));
            observer.log(LogLevel::Information, "SignalRService binding initialized");
        }
        self.warn();
    }

    /// Says that this app has taken the place of another.
    pub(super) fn announce_reload(&self) {
        let (functions, broken) = (self.listed(), self.listed_as_broken());
        self.observer().tell(&HostEvent::Reloaded { functions, broken });
        self.announce_routes();
        self.warn();
    }

    fn warn(&self) {
        let app = self.app();
        for notice in app.notices.iter().cloned().chain(checks::warnings(app)) {
            self.observer().tell(&HostEvent::Warning(notice));
        }
    }

    fn listed(&self) -> Vec<ListedFunction> {
        let Shared { app, address, .. } = self.shared();
        app.functions.iter().map(|function| listed(function, app, *address)).collect()
    }

    fn listed_as_broken(&self) -> Vec<(String, String)> {
        self.app().broken.iter().map(|broken| (broken.name.clone(), with_code(broken))).collect()
    }

    /// The functions that host.json declares, in the real host's words (functions-host 1.1).
    fn announce_routes(&self) {
        let Shared { app, observer, .. } = self.shared();
        for (name, route) in app.declared_routes() {
            let (text, level) = (&route.route, route.auth_level.name());
            match app.broken.iter().find(|broken| broken.name == name) {
                None => observer.log(
                    LogLevel::Information,
                    format!("Created function '{name}' for route '{text}' (authLevel={level})."),
                ),
                Some(broken) => observer.log(
                    LogLevel::Error,
                    format!(
                        "Unable to create function '{name}' for route '{text}' due to invalid route: {}",
                        broken.message
                    ),
                ),
            }
        }
    }
}

/// Why a function is in error, with the code under which the catalogue explains it.
fn with_code(broken: &BrokenFunction) -> String {
    let code = match broken.fault {
        Fault::Declaration => WarningCode::FunctionInError,
        Fault::LocalHost => WarningCode::AzureOnlyBinding,
    };
    format!("{} [{code}]", broken.message)
}

fn listed(function: &Function, app: &App, address: SocketAddr) -> ListedFunction {
    let trigger = match &function.trigger {
        Trigger::Http(http) => {
            // The real host prints `localhost`, whatever it is bound to.
            let url = app.url_of(http, &format!("http://localhost:{}", address.port()));
            ListedTrigger::Http { methods: http.methods.clone(), url }
        }
        other => ListedTrigger::Other(other.type_name().to_owned()),
    };
    ListedFunction { name: function.name.clone(), trigger, disabled: function.state == FunctionState::Disabled }
}
