// This page's own connection: whom the service takes it for, and how it is made. In development anybody can be anybody;
// elsewhere the platform signs people in.

import { type FormEvent, useId } from "react";

import type { Api } from "../api";
import type { Config } from "../config";
import type { Live, Snapshot, Transport } from "../live";

const TRANSPORTS: Record<Transport, string> = {
  Automatic: "Automatic",
  WebSockets: "WebSockets",
  ServerSentEvents: "Server-Sent Events",
  LongPolling: "Long polling",
};

interface Props {
  config: Config;
  api: Api;
  live: Live;
  snapshot: Snapshot;
}

export function You({ config, api, live, snapshot: { phase, grant, transport } }: Props) {
  const isConnected = phase.name === "connected";
  return (
    <section className="panel" aria-labelledby="you">
      <h2 id="you">You</h2>
      <dl>
        <div>
          <dt>Name</dt>
          <dd>{isConnected ? (grant?.user ?? "none") : "–"}</dd>
        </div>
        <div>
          <dt>Connection</dt>
          <dd className="id">{isConnected ? phase.connectionId : "–"}</dd>
        </div>
        <TransportChoice live={live} transport={transport} />
      </dl>
      {api.isLocal ? (
        <DevelopmentSignIn api={api} live={live} />
      ) : (
        <PlatformSignIn config={config} isSignedIn={grant?.user !== undefined} />
      )}
    </section>
  );
}

function TransportChoice({ live, transport }: { live: Live; transport: Transport }) {
  const id = useId();
  return (
    <div>
      <dt>
        <label htmlFor={id}>Transport</label>
      </dt>
      <dd>
        <select id={id} value={transport} onChange={({ target }) => void live.use(target.value as Transport)}>
          {Object.entries(TRANSPORTS).map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </dd>
    </div>
  );
}

function DevelopmentSignIn({ api, live }: { api: Api; live: Live }) {
  const id = useId();
  const isSignedIn = api.developmentUser !== undefined;

  function sign(submission: FormEvent<HTMLFormElement>) {
    submission.preventDefault();
    const form = submission.currentTarget;
    const name = new FormData(form).get("user")?.toString().trim();
    const user = isSignedIn || !name ? undefined : name;
    // A reload keeps the name, another tab has its own.
    if (user === undefined) sessionStorage.removeItem("user");
    else sessionStorage.setItem("user", user);
    // The field goes, and would take the focus with it.
    form.querySelector("button")?.focus();
    void live.signIn(user);
  }

  return (
    <form onSubmit={sign} className="row">
      {isSignedIn || (
        <div>
          <label htmlFor={id}>Development user</label>
          <input id={id} name="user" autoComplete="off" placeholder="ada" required />
        </div>
      )}
      <button type="submit">{isSignedIn ? "Sign out" : "Sign in"}</button>
    </form>
  );
}

function PlatformSignIn({ config, isSignedIn }: { config: Config; isSignedIn: boolean }) {
  const address = isSignedIn ? config.signOutUrl : config.signInUrl;
  return address && <a href={address}>{isSignedIn ? "Sign out" : "Sign in"}</a>;
}
