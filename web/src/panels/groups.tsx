// The groups that this page is in. They are its own and not its user's, so another page of the same user has others.

import { type FormEvent, useId, useRef } from "react";

import type { Recipient } from "../api";
import type { Live, Membership } from "../live";

interface Props {
  live: Live;
  groups: ReadonlyMap<string, Membership>;
  /** Makes somebody the recipient of the next message. */
  address: (recipient: Recipient) => void;
}

export function Groups({ live, groups, address }: Props) {
  const id = useId();
  const title = useRef<HTMLHeadingElement>(null);

  function leave(name: string) {
    // The button goes, and would take the focus with it.
    title.current?.focus();
    void live.leaveGroup(name);
  }

  function join(submission: FormEvent<HTMLFormElement>) {
    submission.preventDefault();
    const form = submission.currentTarget;
    const name = new FormData(form).get("group")?.toString().trim();
    if (!name) return;
    void live.joinGroup(name);
    form.reset();
  }

  return (
    <section className="panel" aria-labelledby="groups">
      <h2 id="groups" ref={title} tabIndex={-1}>
        Groups
      </h2>
      {groups.size === 0 && <p className="soft">This page is in no group.</p>}
      <ul>
        {[...groups].map(([name, membership]) => (
          <li key={name}>
            <span className="who">
              <strong>{name}</strong> <Standing membership={membership} />
            </span>
            <span className="actions">
              {membership.state === "failed" && (
                <button type="button" onClick={() => void live.joinGroup(name)} aria-label={`Join ${name} again`}>
                  Try again
                </button>
              )}
              <button
                type="button"
                onClick={() => address({ kind: "group", name })}
                aria-label={`Write to group ${name}`}
              >
                Write
              </button>
              <button type="button" onClick={() => leave(name)} aria-label={`Leave group ${name}`}>
                Leave
              </button>
            </span>
          </li>
        ))}
      </ul>
      <form onSubmit={join} className="row">
        <div>
          <label htmlFor={id}>Group</label>
          <input id={id} name="group" autoComplete="off" placeholder="orders" required />
        </div>
        <button type="submit">Join</button>
      </form>
    </section>
  );
}

const STANDINGS = { waiting: "waiting", joining: "joining…", joined: "joined", leaving: "leaving…" };

function Standing({ membership }: { membership: Membership }) {
  return membership.state === "failed" ? (
    <span role="alert" data-tone="bad">
      {membership.reason}
    </span>
  ) : (
    <span className="soft" role="status">
      {STANDINGS[membership.state]}
    </span>
  );
}
