//! The page: a handful of files that are part of the program.
//!
//! Easily missed: the policy lets the page reach two places, this server and the service, and run only its own files.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use super::App;
use crate::inspector::Shared;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/page/", $name))
    };
}

const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, file!("index.html")),
    ("/style/base.css", CSS, file!("style/base.css")),
    ("/style/frame.css", CSS, file!("style/frame.css")),
    ("/style/controls.css", CSS, file!("style/controls.css")),
    ("/style/overview.css", CSS, file!("style/overview.css")),
    ("/style/lists.css", CSS, file!("style/lists.css")),
    ("/style/chain.css", CSS, file!("style/chain.css")),
    ("/icon.svg", IMAGE, file!("icon.svg")),
    ("/js/app.js", SCRIPT, file!("js/app.js")),
    ("/js/api.js", SCRIPT, file!("js/api.js")),
    ("/js/dom.js", SCRIPT, file!("js/dom.js")),
    ("/js/format.js", SCRIPT, file!("js/format.js")),
    ("/js/signalr.js", SCRIPT, file!("js/signalr.js")),
    ("/js/overview.js", SCRIPT, file!("js/overview.js")),
    ("/js/messages.js", SCRIPT, file!("js/messages.js")),
    ("/js/chain.js", SCRIPT, file!("js/chain.js")),
    ("/js/connections.js", SCRIPT, file!("js/connections.js")),
    ("/js/try.js", SCRIPT, file!("js/try.js")),
    ("/js/send.js", SCRIPT, file!("js/send.js")),
    ("/js/timers.js", SCRIPT, file!("js/timers.js")),
    ("/js/tokens.js", SCRIPT, file!("js/tokens.js")),
    ("/js/problems.js", SCRIPT, file!("js/problems.js")),
    ("/js/log.js", SCRIPT, file!("js/log.js")),
];

/// One route per file.
pub(super) fn routes() -> Router<App> {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| router.route(path, get(async || serve(kind, text))))
}

fn serve(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}

/// What the page may load and whom it may call: itself, and the service, where the client of "try it" connects. Without an emulator that
/// is Azure's.
pub(super) fn policy(shared: &Shared) -> String {
    let service = match shared.service() {
        Some(service) => {
            let port = service.connection.server_url().port_or_known_default().unwrap_or(80);
            ["http", "ws"].map(|scheme| format!("{scheme}://localhost:{port} {scheme}://127.0.0.1:{port}")).join(" ")
        }
        None => "https://*.service.signalr.net wss://*.service.signalr.net".to_owned(),
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {service}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let names = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
            let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
            files.map(|entry| entry.file_name().into_string().unwrap()).collect()
        };
        let below = ["js", "style"].into_iter().flat_map(|below| {
            names(&format!("{folder}/{below}")).into_iter().map(move |name| format!("/{below}/{name}"))
        });
        let others = names(folder).into_iter().map(|name| format!("/{name}").replace("/index.html", "/"));
        let there: BTreeSet<String> = below.chain(others).collect();
        assert_eq!(FILES.iter().map(|(path, _, _)| (*path).to_owned()).collect::<BTreeSet<_>>(), there);
    }

    #[test]
    fn the_page_runs_and_styles_itself_only_by_its_files() {
        let html = file!("index.html");
        for inline in ["<style", "style=", "onclick", "javascript:", "<script>"] {
            assert!(!html.contains(inline), "{inline}");
        }
        for (path, _, text) in FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT) {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!text.contains(sink), "{path} uses {sink}");
            }
        }
    }
}
