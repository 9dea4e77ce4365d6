// The form that sends. Its answer says that the function app took the message, not that somebody has it.

import { type FormEvent, type RefObject, useId, useState } from "react";

import type { Api, Recipient } from "./api";
import type { SendRequest } from "./generated/api";
import { Outcome, useOutcome } from "./outcome";

const KINDS = { everyone: "Everybody", user: "User", group: "Group" } as const;

interface Props {
  api: Api;
  recipient: Recipient;
  setRecipient: (recipient: Recipient) => void;
  /** The field for the text. */
  text: RefObject<HTMLInputElement | null>;
  /** Names to choose from; others can be typed. */
  users: string[];
  groups: string[];
  onSent: () => void;
}

export function Composer({ api, recipient, setRecipient, text, users, groups, onSent }: Props) {
  const [event, setEvent] = useState<"message" | "payload">("message");
  const { outcome, attempt, forget } = useOutcome();
  const eventId = useId();

  async function send(submission: FormEvent) {
    submission.preventDefault();
    const field = text.current;
    if (!field) return;
    const body: SendRequest = event === "message" ? { message: field.value } : { payload: field.value };
    const isSent = await attempt(api.send(recipient, body), `Sent to ${inWords(recipient)}.`);
    if (!isSent) return;
    field.value = "";
    onSent();
  }

  return (
    <form className="composer" onSubmit={send} aria-label="Send a message">
      <div className="to">
        <fieldset className="segments">
          <legend>To</legend>
          {Object.entries(KINDS).map(([kind, name]) => (
            <label key={kind}>
              <input
                type="radio"
                name="recipient"
                checked={recipient.kind === kind}
                onChange={() => setRecipient(blank(kind as Recipient["kind"]))}
              />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
        {recipient.kind !== "everyone" && (
          <Name recipient={recipient} setRecipient={setRecipient} known={recipient.kind === "user" ? users : groups} />
        )}
        <div className="event-choice">
          <label htmlFor={eventId}>Event</label>
          <select id={eventId} value={event} onChange={({ target }) => setEvent(target.value as typeof event)}>
            <option value="message">newNotification</option>
            <option value="payload">newMessage</option>
          </select>
        </div>
      </div>
      <div className="line">
        <input
          ref={text}
          id="text"
          aria-label="Message"
          placeholder={`Message to ${inWords(recipient)}`}
          onInput={forget}
          autoComplete="off"
          enterKeyHint="send"
          required
        />
        <button type="submit" className="primary">
          Send
        </button>
      </div>
      <Outcome outcome={outcome} />
    </form>
  );
}

interface NameProps {
  recipient: Exclude<Recipient, { kind: "everyone" }>;
  setRecipient: (recipient: Recipient) => void;
  known: string[];
}

function Name({ recipient, setRecipient, known }: NameProps) {
  const id = useId();
  return (
    <div className="name">
      <label htmlFor={id}>{KINDS[recipient.kind]}’s name</label>
      <input
        id={id}
        list={`${id}-known`}
        value={recipient.name}
        onChange={({ target }) => setRecipient({ ...recipient, name: target.value })}
        autoComplete="off"
        required
      />
      <datalist id={`${id}-known`}>
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  );
}

function blank(kind: Recipient["kind"]): Recipient {
  return kind === "everyone" ? { kind } : { kind, name: "" };
}

function inWords(recipient: Recipient): string {
  if (recipient.kind === "everyone") return "everybody";
  return `${recipient.kind} ${recipient.name || "…"}`;
}
