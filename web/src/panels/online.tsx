// Who is connected, as the function app tells.

import type { Recipient } from "../api";
import type { PresentUser } from "../generated/api";
import type { PresenceState } from "../presence";

interface Props {
  presence: PresenceState;
  /** The user of this page. */
  user: string | undefined;
  /** Makes somebody the recipient of the next message. */
  address: (recipient: Recipient) => void;
}

export function Online({ presence: { answer, failure, refresh }, user, address }: Props) {
  return (
    <section className="panel" aria-labelledby="online">
      <div className="panel-head">
        <h2 id="online">Online</h2>
        <button type="button" className="quiet" onClick={() => void refresh()}>
          Refresh
        </button>
      </div>
      {!failure && !answer && <p className="soft">Nobody has been asked yet.</p>}
      {failure && <p className="soft">{failure}</p>}
      {answer?.detail && <p className="soft">{answer.detail}</p>}
      {answer && (
        <ul>
          {answer.users.map((present) => (
            <User key={present.userId} present={present} isYou={present.userId === user} address={address} />
          ))}
          {answer.userCount > answer.users.length && (
            <li className="soft">and {answer.userCount - answer.users.length} more</li>
          )}
          {answer.anonymous > 0 && (
            <li>
              <span className="who">
                {answer.anonymous} <span className="soft">without a name</span>
              </span>
            </li>
          )}
        </ul>
      )}
    </section>
  );
}

interface UserProps {
  present: PresentUser;
  isYou: boolean;
  address: Props["address"];
}

function User({ present: { userId, connections }, isYou, address }: UserProps) {
  return (
    <li>
      <span className="who">
        <strong>{userId}</strong>{" "}
        <span className="soft">
          {isYou && "you, "}
          {connections === 1 ? "1 page" : `${connections} pages`}
        </span>
      </span>
      <button type="button" onClick={() => address({ kind: "user", name: userId })} aria-label={`Write to ${userId}`}>
        Write
      </button>
    </li>
  );
}
