// What the timer function tells every client.

import type { Api } from "../api";
import type { StatusUpdate } from "../generated/api";
import { Outcome, useOutcome } from "../outcome";

const TIME = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});

export function StatusPanel({ api, status }: { api: Api; status: StatusUpdate | undefined }) {
  return (
    <section className="panel" aria-labelledby="status">
      <h2 id="status">Status</h2>
      {status ? <Facts status={status} /> : <p className="soft">A timer sends it every five minutes.</p>}
      {api.isLocal && <RunNow api={api} />}
    </section>
  );
}

function Facts({ status: { activeUsers, servicesHealthy, timestamp } }: { status: StatusUpdate }) {
  return (
    <dl aria-live="polite">
      <div>
        <dt>Active users</dt>
        <dd>{activeUsers ?? "not counted"}</dd>
      </div>
      <div>
        <dt>Services</dt>
        <dd data-tone={servicesHealthy === null ? undefined : servicesHealthy ? "good" : "bad"}>
          {servicesHealthy === null ? "not known" : servicesHealthy ? "healthy" : "not healthy"}
        </dd>
      </div>
      <div>
        <dt>Last updated</dt>
        <dd>
          <time dateTime={timestamp}>{TIME.format(new Date(timestamp))}</time>
        </dd>
      </div>
    </dl>
  );
}

function RunNow({ api }: { api: Api }) {
  const { outcome, attempt } = useOutcome();
  return (
    <div className="row">
      <button type="button" onClick={() => void attempt(api.runStatusUpdate(), "")}>
        Run the timer now
      </button>
      <Outcome outcome={outcome} />
    </div>
  );
}
