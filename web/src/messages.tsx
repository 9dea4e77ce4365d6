// What has arrived and what has happened, the newest at the bottom.

import { memo } from "react";

import type { Api } from "./api";
import type { Entry, Timeline } from "./timeline";

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

interface Props {
  api: Api;
  timeline: Timeline;
  clear: () => void;
}

export function Messages({ api, timeline: { entries, dropped }, clear }: Props) {
  const hasMessages = dropped > 0 || entries.some(({ kind }) => kind === "message");
  return (
    <>
      <div className="stage-head">
        <h2 id="messages-title">Messages</h2>
        <button type="button" className="quiet" onClick={clear} disabled={entries.length === 0}>
          Clear
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <div className="scroll" role="log" aria-labelledby="messages-title" tabIndex={0}>
        <div className="roll">
          {hasMessages || <Invitation api={api} />}
          {dropped > 0 && <p className="dropped">{dropped} older ones are no longer shown.</p>}
          <ol>
            {entries.map((entry) => (
              <Row key={entry.id} entry={entry} />
            ))}
          </ol>
        </div>
      </div>
    </>
  );
}

const Row = memo(({ entry }: { entry: Entry }) => (
  <li className={entry.kind} data-tone={entry.kind === "state" ? entry.tone : undefined}>
    <time dateTime={entry.at.toISOString()}>{TIME.format(entry.at)}</time>
    {entry.kind === "message" && (
      <span className="event" data-event={entry.event}>
        {entry.event}
      </span>
    )}
    <span className="text">{entry.text}</span>
  </li>
));

function Invitation({ api }: { api: Api }) {
  return (
    <div className="invitation">
      <p>Send a message below. Every page that is connected receives it; open this one twice to see it.</p>
      {api.isLocal && (
        <>
          <p>Or send one from a terminal:</p>
          <pre>
            <code>{`curl ${api.base.replace("http://", "")}/broadcast -d '{"message":"hi"}'`}</code>
          </pre>
        </>
      )}
    </div>
  );
}
