// The state of the connection, and the way that a message takes.
//
// Nothing here is announced by screen readers: each change of state is also an entry among the messages, which are.

import type { Api } from "./api";
import type { Live, Phase, Snapshot } from "./live";

const TITLES: Record<Phase["name"], string> = {
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
  closed: "Closed",
};

interface Props {
  api: Api;
  live: Live;
  snapshot: Snapshot;
  /** How many messages this page has sent. */
  sent: number;
}

export function Header({ api, live, snapshot: { phase, grant, received }, sent }: Props) {
  const neverConnected = phase.name === "closed" && phase.failed && grant === undefined;
  return (
    <header data-phase={phase.name}>
      <div className="bar">
        <h1>
          <Mark />
          signalr-functions
        </h1>
        <p className="state">
          <strong>{TITLES[phase.name]}</strong> <span className="soft">{detail(phase)}</span>
        </p>
        <ConnectButton live={live} phase={phase} />
      </div>
      {neverConnected && api.isLocal && <FirstAid />}
      <Way api={api} phase={phase} service={grant?.service} sent={sent} received={received} />
    </header>
  );
}

function detail(phase: Phase): string {
  switch (phase.name) {
    case "reconnecting":
      return `attempt ${phase.attempt}`;
    case "closed":
      return phase.reason;
    case "connecting":
    case "connected":
      return "";
  }
}

/** One button, so that the focus stays where it is when the state changes under it. */
function ConnectButton({ live, phase }: { live: Live; phase: Phase }) {
  const isClosed = phase.name === "closed";
  return (
    <button
      type="button"
      className={isClosed ? "primary" : undefined}
      onClick={() => (isClosed ? void live.connect() : live.disconnect())}
    >
      {isClosed ? "Reconnect" : "Disconnect"}
    </button>
  );
}

/** What to do when the page has never reached a function app that should be on this machine. */
function FirstAid() {
  return (
    <p className="first-aid">
      Start the function app with <code>cargo dev</code>. If it runs, its <code>Host.CORS</code> setting does not allow{" "}
      <code>{location.origin}</code>.
    </p>
  );
}

interface WayProps {
  api: Api;
  phase: Phase;
  service: string | undefined;
  sent: number;
  received: number;
}

/** The stations of a message. A dot runs along when this page sends and when something arrives. */
function Way({ api, phase, service, sent, received }: WayProps) {
  return (
    <ol className="way" aria-label="The way of a message">
      <li>
        <Station name="This page" detail="sends over HTTP" />
        {sent > 0 && <span key={sent} className="dot" />}
      </li>
      <li>
        <Station name="Function app" detail={api.url.host} />
        {sent > 0 && <span key={sent} className="dot late" />}
      </li>
      <li>
        <Station name="SignalR Service" detail={service ?? "not known yet"} />
        {received > 0 && <span key={received} className="dot" />}
      </li>
      <li>
        <Station name="Every page" detail={phase.name === "connected" ? "this one, too" : "but not this one"} />
      </li>
    </ol>
  );
}

function Station({ name, detail }: { name: string; detail: string }) {
  return (
    <>
      <span className="name">{name}</span>
      <span className="detail">{detail}</span>
    </>
  );
}

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="8" cy="24" r="4" />
      <path d="M8 13a11 11 0 0 1 11 11M8 5a19 19 0 0 1 19 19" />
    </svg>
  );
}
