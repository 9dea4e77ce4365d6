import "@fontsource-variable/atkinson-hyperlegible-mono/wght.css";
import "@fontsource-variable/atkinson-hyperlegible-next/wght.css";
import "./style/base.css";
import "./style/header.css";
import "./style/messages.css";
import "./style/panels.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Api } from "./api";
import { App } from "./app";
import { readConfig } from "./config";
import { Live } from "./live";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has an element with the id `root`");

createRoot(root).render(<StrictMode>{await page()}</StrictMode>);

async function page() {
  try {
    const config = await readConfig();
    const api = new Api(config.apiUrl);
    if (api.isLocal) api.developmentUser = sessionStorage.getItem("user") ?? undefined;
    const live = new Live(api);
    void live.connect();
    return <App config={config} api={api} live={live} />;
  } catch (error) {
    return (
      <p role="alert">This page has a bad config.json. {error instanceof Error ? error.message : String(error)}</p>
    );
  }
}
