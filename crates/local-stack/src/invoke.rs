//! `cargo dev invoke`: runs a function of the app that runs in another terminal.
//!
//! Easily missed: the host says only that it has accepted to run a function that is not called by HTTP. How it went is told where
//! `cargo dev` runs.

use crate::command_line::{Call, Options, environment};
use crate::console::Console;
use anyhow::{Context, Result, anyhow, bail};
use functions_host::app::App;
use functions_host::keys::Keys;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

mod route;

/// The port of `func start` (functions-host 8.3).
const DEFAULT_PORT: u16 = 7071;
const KEY: &str = "x-functions-key";

/// Runs the function and prints what it answers.
pub(crate) async fn invoke(options: &Options, call: &Call, console: &Console) -> Result<ExitCode> {
    let app = options.app_folder()?;
    let host = Host::find(&app, options, console)?;
    let data = call.data.as_deref().map(read_data).transpose()?;
    let function = host.describe(&call.name).await?;
    let answer = match function.trigger() {
        Some(trigger) if trigger["type"] == "httpTrigger" => host.call(&function, trigger, call, data).await?,
        _ => {
            let answer = host.run(&call.name, data).await?;
            if answer.status() == StatusCode::ACCEPTED {
                console.say(&format!("`{}` runs; what comes of it is shown where `cargo dev` runs.", call.name));
            }
            answer
        }
    };
    let status = answer.status();
    let mut body = answer.text().await.context("the answer breaks off")?;
    if !body.is_empty() && !body.ends_with('\n') {
        body.push('\n');
    }
    console.print(body);
    if status.is_client_error() || status.is_server_error() {
        console.error(&anyhow!("the function answered with {status}"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The host that runs the app.
struct Host {
    url: String,
    key: Option<String>,
    http: Client,
}

/// A function as the host describes it.
struct Function(Value);

impl Function {
    fn trigger(&self) -> Option<&Value> {
        let bindings = self.0["config"]["bindings"].as_array()?;
        let is_trigger = |binding: &&Value| {
            let kind = binding["type"].as_str().unwrap_or_default();
            kind.to_ascii_lowercase().ends_with("trigger")
        };
        bindings.iter().find(is_trigger)
    }
}

impl Host {
    fn find(app: &Path, options: &Options, console: &Console) -> Result<Self> {
        let port = || {
            let app = App::load(app, environment(console), &[]).ok();
            app.and_then(|app| app.settings.local_http_port()).unwrap_or(DEFAULT_PORT)
        };
        let url = match options.port {
            Some(port) => format!("http://127.0.0.1:{port}"),
            None => crate::running::host_of(app).unwrap_or_else(|| format!("http://127.0.0.1:{}", port())),
        };
        let keys = Some(Keys::default_file(app)).filter(|file| file.exists()).map(Keys::open).transpose()?;
        let http = Client::builder().no_proxy().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        Ok(Self { url, key: keys.map(|keys| keys.master_key()), http: http.build()? })
    }

    async fn describe(&self, name: &str) -> Result<Function> {
        let answer = self.send(self.http.get(format!("{}/admin/functions/{name}", self.url))).await?;
        match answer.status() {
            StatusCode::OK => Ok(Function(answer.json().await.context("the host's description is no JSON")?)),
            StatusCode::NOT_FOUND => bail!("there is no function `{name}`; there are {}", self.names().await?),
            status => bail!("the host at {} answers with {status}; is it one of `cargo dev`?", self.url),
        }
    }

    async fn names(&self) -> Result<String> {
        let answer = self.send(self.http.get(format!("{}/admin/functions", self.url))).await?;
        let functions: Vec<Value> = answer.json().await.unwrap_or_default();
        let names = functions.iter().filter_map(|function| Some(format!("`{}`", function["name"].as_str()?)));
        Ok(names.collect::<Vec<_>>().join(", "))
    }

    async fn call(&self, function: &Function, trigger: &Value, call: &Call, data: Option<String>) -> Result<Response> {
        let template =
            function.0["invoke_url_template"].as_str().context("the host gives no address for the function")?;
        let url = route::fill_in(template, &call.parameters)?;
        let method = method_of(trigger, call.method.as_deref(), data.is_some())?;
        let mut request = self.http.request(method, url);
        if let Some(data) = data {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&data).is_ok();
            let kind = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
            request = request.header(reqwest::header::CONTENT_TYPE, kind).body(data);
        }
        self.send(request).await
    }

    async fn run(&self, name: &str, data: Option<String>) -> Result<Response> {
        let input = json!({"input": data.unwrap_or_default()});
        self.send(self.http.post(format!("{}/admin/functions/{name}", self.url)).json(&input)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let request = match &self.key {
            Some(key) => request.header(KEY, key),
            None => request,
        };
        let url = &self.url;
        request.send().await.map_err(|error| match error.is_connect() {
            true => anyhow!("nothing runs at {url}; start it with `cargo dev`, or name its port with --port"),
            false => anyhow::Error::new(error.without_url()).context(format!("the host at {url} does not answer")),
        })
    }
}

fn read_data(data: &str) -> Result<String> {
    match data.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("--data: `{file}` cannot be read")),
        None => Ok(data.to_owned()),
    }
}

/// The wanted method, or the likeliest of those that the function knows; without a list it knows all.
fn method_of(trigger: &Value, wanted: Option<&str>, has_data: bool) -> Result<Method> {
    let declared = trigger["methods"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let declared: Vec<String> = declared.map(str::to_ascii_uppercase).collect();
    let likeliest = if has_data { ["POST", "PUT", "PATCH"] } else { ["GET", "POST", "DELETE"] };
    let is_known = |method: &&&str| declared.is_empty() || declared.iter().any(|known| known == **method);
    let first = || declared.first().map_or("GET", String::as_str).to_owned();
    let method = match wanted {
        Some(method) => method.to_ascii_uppercase(),
        None => likeliest.iter().find(is_known).map_or_else(first, |method| (*method).to_owned()),
    };
    method.parse().map_err(|_| anyhow!("--method: `{method}` is no method"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(methods: &[&str], wanted: Option<&str>, has_data: bool, expected: &str) {
        let trigger = if methods.is_empty() { json!({}) } else { json!({"methods": methods}) };
        assert_eq!(method_of(&trigger, wanted, has_data).unwrap().as_str(), expected, "{methods:?}");
    }

    #[test]
    fn the_method_is_the_likeliest_of_those_that_the_function_knows() {
        check(&[], None, false, "GET");
        check(&[], None, true, "POST");
        check(&["get", "post"], None, false, "GET");
        check(&["post"], None, false, "POST");
        check(&["put", "delete"], None, true, "PUT");
        check(&["options"], None, true, "OPTIONS");
        check(&["post"], Some("patch"), true, "PATCH");
    }
}
