// The page: its parts, and what they share.

import { useCallback, useRef, useState, useSyncExternalStore } from "react";

import type { Api, Recipient } from "./api";
import { Composer } from "./composer";
import type { Config } from "./config";
import { Header } from "./header";
import type { Live } from "./live";
import { Messages } from "./messages";
import { Groups } from "./panels/groups";
import { Online } from "./panels/online";
import { StatusPanel } from "./panels/status";
import { You } from "./panels/you";
import { usePresence } from "./presence";

export function App({ config, api, live }: { config: Config; api: Api; live: Live }) {
  const snapshot = useSyncExternalStore(live.subscribe, live.snapshot);
  const isConnected = snapshot.phase.name === "connected";
  const presence = usePresence(api, snapshot.phase);
  const [recipient, setRecipient] = useState<Recipient>({ kind: "everyone" });
  const [sent, setSent] = useState(0);
  const text = useRef<HTMLInputElement>(null);
  const address = useCallback((recipient: Recipient) => {
    setRecipient(recipient);
    text.current?.focus();
  }, []);

  return (
    <>
      <a className="skip" href="#text">
        Skip to the message
      </a>
      <Header api={api} live={live} snapshot={snapshot} sent={sent} />
      <main>
        <section className="stage" aria-labelledby="messages-title">
          <Messages timeline={snapshot.timeline} clear={() => live.clear()} api={api} />
          <Composer
            api={api}
            recipient={recipient}
            setRecipient={setRecipient}
            text={text}
            users={presence.answer?.users.map(({ userId }) => userId) ?? []}
            groups={[...snapshot.groups.keys()]}
            onSent={() => setSent((sent) => sent + 1)}
          />
        </section>
        <div className="side">
          <You config={config} api={api} live={live} snapshot={snapshot} />
          <StatusPanel api={api} status={snapshot.status} />
          <Online presence={presence} user={isConnected ? snapshot.grant?.user : undefined} address={address} />
          <Groups live={live} groups={snapshot.groups} address={address} />
        </div>
      </main>
    </>
  );
}
