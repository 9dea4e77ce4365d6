// The live connection, and all that the page knows through it. React only shows what `snapshot` holds.
//
// A connection that comes back has another id and is in no group: whoever wants to stay in one joins again.

import { HttpTransportType, type HubConnection, HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

import type { Api } from "./api";
import type { GroupMembership, HubEvents, HubMethods, StatusUpdate } from "./generated/api";
import { type Grant, NegotiatingHttpClient } from "./negotiation";
import { Retries } from "./retries";
import { asStatus } from "./status";
import { append, asText, EMPTY, type Happening, type Timeline } from "./timeline";

export type Phase =
  | { name: "connecting" }
  | { name: "connected"; connectionId: string; since: Date }
  | { name: "reconnecting"; attempt: number }
  | { name: "closed"; reason: string; failed: boolean };

/** Where this connection stands with a group that it wants to be in. */
export type Membership = { state: "waiting" | "joining" | "joined" | "leaving" } | { state: "failed"; reason: string };

export type Transport = "Automatic" | "WebSockets" | "ServerSentEvents" | "LongPolling";

export interface Snapshot {
  readonly phase: Phase;
  /** What `negotiate` answered last. */
  readonly grant: Grant | undefined;
  readonly transport: Transport;
  readonly timeline: Timeline;
  readonly status: StatusUpdate | undefined;
  readonly groups: ReadonlyMap<string, Membership>;
  /** How many messages have arrived. */
  readonly received: number;
}

/** How long messages are collected before they are shown together, in milliseconds: one frame or so. */
const BATCH = 16;

export class Live {
  readonly #api: Api;
  #connection: HubConnection | undefined;
  #snapshot: Snapshot = {
    phase: { name: "closed", reason: "Not connected yet.", failed: false },
    grant: undefined,
    transport: "Automatic",
    timeline: EMPTY,
    status: undefined,
    groups: new Map(),
    received: 0,
  };
  readonly #listeners = new Set<() => void>();
  #batch: Happening[] = [];

  constructor(api: Api) {
    this.#api = api;
  }

  readonly snapshot = (): Snapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Connects anew; an earlier connection is given up. */
  async connect(): Promise<void> {
    void this.#connection?.stop();
    const connection = this.#build();
    this.#connection = connection;
    this.#change({ phase: { name: "connecting" } });
    try {
      await connection.start();
    } catch (error) {
      if (this.#connection === connection) this.#close(describe(error));
      return;
    }
    if (this.#connection === connection) this.#opened(connection.connectionId, "Connected");
  }

  disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.stop();
    this.#close(undefined);
  }

  /** Connects as another user, or as nobody. */
  signIn(user: string | undefined): Promise<void> {
    this.#api.developmentUser = user;
    return this.connect();
  }

  use(transport: Transport): Promise<void> {
    this.#change({ transport });
    return this.connect();
  }

  /** Joins a group, now and after each new connection. */
  async joinGroup(name: string): Promise<void> {
    const connection = this.#connection;
    if (!connection || this.#snapshot.phase.name !== "connected")
      return this.#setMembership(name, { state: "waiting" });
    this.#setMembership(name, { state: "joining" });
    const failure = await failureOf(invoke(connection, "joinGroup", name));
    if (!this.#isStill(connection, name, "joining")) return;
    this.#setMembership(name, failure ?? { state: "joined" });
  }

  /** Leaves a group, and joins it no more. */
  async leaveGroup(name: string): Promise<void> {
    const connection = this.#connection;
    if (!connection || this.#snapshot.groups.get(name)?.state !== "joined") return this.#forget(name);
    this.#setMembership(name, { state: "leaving" });
    const failure = await failureOf(invoke(connection, "leaveGroup", name));
    if (!this.#isStill(connection, name, "leaving")) return;
    if (failure) this.#setMembership(name, failure);
    else this.#forget(name);
  }

  clear(): void {
    this.#change({ timeline: EMPTY });
  }

  #build(): HubConnection {
    const { transport } = this.#snapshot;
    const ifCurrent = (action: () => void) => {
      if (this.#connection === connection) action();
    };
    const attempting = (attempt: number) => ifCurrent(() => this.#retry(attempt));
    let lastWords = "The service closed it.";
    const givingUp = (error: Error) => {
      lastWords = `Given up. ${describe(error)}`;
    };
    const connection = new HubConnectionBuilder()
      .withUrl(this.#api.address().href, {
        ...(transport !== "Automatic" && { transport: HttpTransportType[transport] }),
        httpClient: new NegotiatingHttpClient(this.#api, (grant) => this.#change({ grant })),
        // No cookie is needed, and without credentials the function app's CORS settings need not allow them.
        withCredentials: false,
      })
      .withAutomaticReconnect(new Retries({ attempting, givingUp }))
      .configureLogging(LogLevel.Warning)
      .build();
    listen(connection, "newNotification", (text) => this.#message("newNotification", text));
    listen(connection, "newMessage", (text) => this.#message("newMessage", text));
    listen(connection, "statusUpdate", (status) => this.#change({ status: asStatus(status) ?? this.#snapshot.status }));
    connection.onreconnecting((error) => ifCurrent(() => this.#lost(error)));
    connection.onreconnected((id) => ifCurrent(() => this.#opened(id ?? null, "Reconnected")));
    connection.onclose((error) => ifCurrent(() => this.#close(error ? describe(error) : lastWords)));
    return connection;
  }

  #opened(connectionId: string | null, text: string): void {
    this.#change({ phase: { name: "connected", connectionId: connectionId ?? "", since: new Date() } });
    const user = this.#snapshot.grant?.user;
    this.#note({ kind: "state", tone: "good", text: user === undefined ? text : `${text} as ${user}` });
    for (const name of this.#snapshot.groups.keys()) void this.joinGroup(name);
  }

  #lost(error: Error | undefined): void {
    this.#waitForGroups();
    this.#note({ kind: "state", tone: "waiting", text: `Connection lost. ${error ? describe(error) : ""}`.trim() });
  }

  #retry(attempt: number): void {
    this.#change({ phase: { name: "reconnecting", attempt } });
  }

  #close(failure: string | undefined): void {
    const reason = failure ?? "You disconnected.";
    this.#change({ phase: { name: "closed", reason, failed: failure !== undefined } });
    this.#waitForGroups();
    this.#note({ kind: "state", tone: failure === undefined ? "plain" : "bad", text: `Closed. ${reason}` });
  }

  #waitForGroups(): void {
    this.#change({ groups: new Map([...this.#snapshot.groups.keys()].map((name) => [name, { state: "waiting" }])) });
  }

  /** Whether nothing else has happened meanwhile: a lost connection has lost its groups as well. */
  #isStill(connection: HubConnection, name: string, state: Membership["state"]): boolean {
    return this.#connection === connection && this.#snapshot.groups.get(name)?.state === state;
  }

  #forget(name: string): void {
    const groups = new Map(this.#snapshot.groups);
    groups.delete(name);
    this.#change({ groups });
  }

  #setMembership(name: string, membership: Membership): void {
    this.#change({ groups: new Map(this.#snapshot.groups).set(name, membership) });
  }

  #message(event: "newNotification" | "newMessage", argument: unknown): void {
    this.#note({ kind: "message", event, text: asText(argument) });
  }

  /** Collects what happens, so that hundreds of messages a second do not make hundreds of renderings. */
  #note(happening: Happening): void {
    this.#batch.push(happening);
    if (this.#batch.length === 1) setTimeout(() => this.#showBatch(), BATCH);
  }

  #showBatch(): void {
    const batch = this.#batch;
    this.#batch = [];
    const messages = batch.filter(({ kind }) => kind === "message").length;
    const { timeline, received } = this.#snapshot;
    this.#change({ timeline: append(timeline, batch), received: received + messages });
  }

  #change(changes: Partial<Snapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...changes };
    for (const listener of this.#listeners) listener();
  }
}

/** Listens to an event of the function app, with the arguments that it says the event has. */
function listen<Name extends keyof HubEvents>(
  connection: HubConnection,
  name: Name,
  listener: (...values: HubEvents[Name]) => void,
): void {
  connection.on(name, listener as (...values: unknown[]) => void);
}

/** Calls a method of the function app, with the arguments that it says the method takes. */
function invoke<Name extends keyof HubMethods>(
  connection: HubConnection,
  name: Name,
  ...values: HubMethods[Name]["arguments"]
): Promise<HubMethods[Name]["result"]> {
  return connection.invoke(name, ...values);
}

/** A refusal is an answer; only what could not be asked at all is an error. */
async function failureOf(invocation: Promise<GroupMembership>): Promise<Membership | undefined> {
  try {
    const { problem } = await invocation;
    return problem === null ? undefined : { state: "failed", reason: problem };
  } catch (error) {
    return { state: "failed", reason: describe(error) };
  }
}

/** An error of SignalR's client, without what the client puts around it. */
function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^(Error: )+/, "")
    .replace(/^Failed to complete negotiation with the server: (Error: |TypeError: )?/, "");
}
