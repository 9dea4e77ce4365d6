// Written by `cargo test --lib typescript` from src/api.rs. Do not edit.

/**
 * The answer of `GET` or `POST /api/negotiate`, which SignalR clients follow as a redirect (signalr-protocol 2.4); it is also the value
 * of a `signalRConnectionInfo` binding (signalr-bindings 4.4).
 */
export type ConnectionInfo = {
  /**
   * Where the client connects.
   */
  url: string,
  /**
   * What the client shows there. It ends no later than the sign-in of the caller.
   */
  accessToken: string,
};

/**
 * The body of `POST /api/broadcast`, `/api/users/{userId}/messages` and `/api/groups/{groupName}/messages`.
 */
export type SendRequest = {
  /**
   * The text.
   */
  message: string,
} | {
  /**
   * The text.
   */
  payload: string,
} | {
  /**
   * The method that clients listen to. Not empty.
   */
  target: string,
  /**
   * Its arguments, none when left out.
   */
  arguments?: Array<unknown>,
};

/**
 * The service takes the message after this reply; that somebody is there to receive it, nobody knows.
 */
export type Sent = {
  /**
   * Always true.
   */
  sent: boolean,
};

/**
 * The answer of `PUT` and `DELETE /api/groups/{groupName}/users/{userId}`, `/api/groups/{groupName}/connections/{connectionId}` and
 * `/api/users/{userId}/groups`. As with messages, the service acts after this reply.
 */
export type Accepted = {
  /**
   * Always true.
   */
  accepted: boolean,
};

/**
 * The answer of `GET /api/presence`: who is connected now, as the service itself says.
 */
export type Presence = {
  /**
   * How many connections there are, of users and of nobody.
   */
  connections: number,
  /**
   * How many users have at least one connection.
   */
  userCount: number,
  /**
   * The users in the order of their ids; the first thousand, if there are more.
   */
  users: Array<PresentUser>,
  /**
   * How many connections belong to nobody.
   */
  anonymous: number,
  /**
   * Why the numbers are not to be believed, if they are not: nobody is listed although clients are connected.
   */
  detail: string | null,
};

/**
 * A user who is connected.
 */
export type PresentUser = {
  /**
   * Who it is.
   */
  userId: string,
  /**
   * How many connections the user has, one at least.
   */
  connections: number,
};

/**
 * The answer of `GET /api/presence/users/{userId}`.
 */
export type UserPresence = {
  /**
   * Who was asked for.
   */
  userId: string,
  /**
   * Whether the user has a connection.
   */
  online: boolean,
  /**
   * How many; null when the service says that there are some and does not list them (see `detail` of `Presence`).
   */
  connections: number | null,
};

/**
 * A refusal, as `application/problem+json` (RFC 9457).
 */
export type Problem = {
  /**
   * The reason phrase of the status.
   */
  title: string,
  /**
   * The status of the answer: 400, 401, 403, 500 or 503.
   */
  status: number,
  /**
   * What is wrong, and the cure.
   */
  detail: string,
  /**
   * The member of the body, the parameter of the route or the header that is wrong, if it is one.
   */
  field?: string,
};

/**
 * The argument of the event `statusUpdate`.
 */
export type StatusUpdate = {
  /**
   * When it was gathered, such as `2024-01-01T00:00:00Z`; in whole seconds, because the host would rewrite fractions
   * (functions-host 3.5).
   */
  timestamp: string,
  /**
   * Whether SignalR Service answered its health check; null when it cannot be asked, which says nothing about it.
   */
  servicesHealthy: boolean | null,
  /**
   * How many users are connected, where a connection of nobody counts as one; null when that is not known.
   */
  activeUsers: number | null,
};

/**
 * The result of the hub's methods `joinGroup` and `leaveGroup`.
 */
export type GroupMembership = {
  /**
   * The group that was named.
   */
  groupName: string,
  /**
   * Whether the connection that asked is a member now.
   */
  member: boolean,
  /**
   * Why nothing was changed; null when it was.
   */
  problem: string | null,
};

/**
 * What clients listen to: events and their arguments. `broadcast` and its like may send others.
 */
export type HubEvents = {
  /**
   * Somebody has sent `{"message"}`.
   */
  newNotification: [message: string],
  /**
   * Somebody has sent `{"payload"}`.
   */
  newMessage: [payload: string],
  /**
   * Every five minutes, by itself.
   */
  statusUpdate: [status: StatusUpdate],
};

/**
 * What clients call: methods of the hub, their arguments and results.
 */
export type HubMethods = {
  /**
   * Puts the connection that calls into a group, until the connection ends: to be called again after a reconnect.
   */
  joinGroup: { arguments: [groupName: string], result: GroupMembership },
  /**
   * Takes the connection that calls out of a group.
   */
  leaveGroup: { arguments: [groupName: string], result: GroupMembership },
};
