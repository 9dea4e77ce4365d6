// The function app's HTTP functions as this page calls them. What is sent here comes back over the connection, if at all:
// an answer says that the function ran, not that anybody received something.

import { isLocal } from "./config";
import type { Presence, Problem, SendRequest } from "./generated/api";

/** Whom a message is for. */
export type Recipient = { kind: "everyone" } | { kind: "user"; name: string } | { kind: "group"; name: string };

/** Why a call did not do what it was asked, in words for the person at the page. */
export class ApiError extends Error {
  /** The HTTP status, or 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The browser does not tell a page whether nobody answered, or whether CORS keeps the answer from it. */
export function noAnswerFrom({ origin }: URL): ApiError {
  return new ApiError(0, `There is no answer from ${origin}.`);
}

export class Api {
  /** The address of the functions. */
  readonly url: URL;
  /** The same as text, without a slash at its end: also that of an app whose functions have no prefix. */
  readonly base: string;
  /** Whom calls are made as; the function app believes this in development and nowhere else. */
  developmentUser: string | undefined;

  constructor(url: URL) {
    this.url = url;
    this.base = url.href.replace(/\/+$/, "");
  }

  /** Whether the function app runs on this machine. */
  get isLocal(): boolean {
    return isLocal(this.url);
  }

  /** The address of a function, or of all, with who is calling: in the query, since a header holds no more than Latin-1. */
  address(path = ""): URL {
    const address = new URL(this.base + path);
    if (this.developmentUser !== undefined) address.searchParams.set("developmentUser", this.developmentUser);
    return address;
  }

  async send(recipient: Recipient, body: SendRequest): Promise<void> {
    await call("POST", this.address(sendPath(recipient)), body);
  }

  async presence(): Promise<Presence> {
    const answer = await call("GET", this.address("/presence"));
    return (await answer.json()) as Presence;
  }

  /** Runs the timer function that sends the status, through the host's admin interface, which is open in development. */
  async runStatusUpdate(): Promise<void> {
    await call("POST", new URL("/admin/functions/statusUpdate", this.url), {});
  }
}

async function call(method: string, url: URL, body?: unknown): Promise<Response> {
  const sent =
    body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url, { method, ...sent }).catch(() => {
    throw noAnswerFrom(url);
  });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

function sendPath(recipient: Recipient): string {
  switch (recipient.kind) {
    case "everyone":
      return "/broadcast";
    case "user":
      return `/users/${segment(recipient.name)}/messages`;
    case "group":
      return `/groups/${segment(recipient.name)}/messages`;
  }
}

/** Names of users and groups as part of an address. No escape keeps a browser from resolving the two that are dots. */
function segment(name: string): string {
  if (name === "." || name === "..") throw new ApiError(0, `“${name}” cannot be a name.`);
  return encodeURIComponent(name);
}

async function refusal(answer: Response): Promise<ApiError> {
  const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  return new ApiError(answer.status, problem.detail ?? `The function app answered ${answer.status}.`);
}
