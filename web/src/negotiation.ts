// The call of `negotiate`, made by SignalR's client and overheard by the page: the answer says where the service is, and
// whom it takes the page for.

import { DefaultHttpClient, HttpError, type HttpRequest, type HttpResponse, NullLogger } from "@microsoft/signalr";

import { type Api, ApiError, noAnswerFrom } from "./api";
import type { ConnectionInfo, Problem } from "./generated/api";

/** What `negotiate` has granted. */
export interface Grant {
  /** Where the service is, such as `localhost:8888`. */
  service: string;
  /** The user of the token, which is what counts, whoever the page asked to be. */
  user: string | undefined;
}

/** In the order in which the service looks for the user's name. */
const USER_CLAIMS = ["asrs.s.uid", "nameid", "sub"];

export class NegotiatingHttpClient extends DefaultHttpClient {
  readonly #api: Api;
  readonly #granted: (grant: Grant) => void;

  constructor(api: Api, granted: (grant: Grant) => void) {
    super(NullLogger.instance);
    this.#api = api;
    this.#granted = granted;
  }

  override async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url ?? this.#api.url);
    const isOfApp = url.href.startsWith(`${this.#api.base}/negotiate?`);
    const response = await super.send(request).catch((error: unknown) => {
      // This is all that `fetch` says when there is no answer.
      if (error instanceof TypeError) throw noAnswerFrom(url);
      throw error instanceof HttpError && isOfApp ? refusal(error) : error;
    });
    if (isOfApp) this.#granted(parse(response.content, url));
    return response;
  }
}

/** The client puts the body of a refusal in front of its own words. */
function refusal({ message, statusCode }: HttpError): ApiError {
  try {
    const { detail } = JSON.parse(message.replace(/: Status code '\d+'$/, "")) as Problem;
    return new ApiError(statusCode, detail);
  } catch {
    return new ApiError(statusCode, `The function app answered negotiate with ${statusCode}.`);
  }
}

/** A static host may answer every address with its own page. */
function parse(content: unknown, url: URL): Grant {
  try {
    return read(JSON.parse(String(content)) as ConnectionInfo);
  } catch {
    throw new ApiError(200, `The answer of ${url.origin} is not that of a function app.`);
  }
}

function read({ url, accessToken }: ConnectionInfo): Grant {
  const claims = payload(accessToken);
  const user = USER_CLAIMS.map((name) => claims[name]).find((value) => typeof value === "string" && value !== "");
  return { service: new URL(url).host, user: user as string | undefined };
}

/** What a token says. Nobody here relies on it, so its signature need not be checked. */
function payload(token: string): Record<string, unknown> {
  const base64 = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}
