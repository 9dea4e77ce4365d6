// The settings of this page, of which only the address of the function app matters.
//
// `config.json` lies beside the page and is read when the page loads, so one build serves every environment. `VITE_API_URL`
// is for `npm run dev` and for builds that are made for one place.

export interface Config {
  /** The address of the function app's HTTP functions. */
  apiUrl: URL;
  /** Where the platform signs people in and out, such as `/.auth/login/aad`; without it the page offers neither. */
  signInUrl: string | undefined;
  signOutUrl: string | undefined;
}

const CARGO_DEV = "http://localhost:7071/api";

export async function readConfig(): Promise<Config> {
  const file = await readFile();
  const apiUrl = file.apiUrl || import.meta.env.VITE_API_URL || assumed(location.hostname);
  return {
    apiUrl: address(apiUrl),
    signInUrl: file.signInUrl || undefined,
    signOutUrl: file.signOutUrl || undefined,
  };
}

/** Whether an address is on this machine: then the function app runs in development, and its admin interface is open. */
export function isLocal({ hostname }: Pick<URL, "hostname">): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

type ConfigFile = { apiUrl?: string; signInUrl?: string; signOutUrl?: string };

async function readFile(): Promise<ConfigFile> {
  const answer = await fetch(new URL("config.json", document.baseURI), { cache: "no-cache" });
  // A static host may answer with the page itself when there is no such file.
  if (!answer.ok || !answer.headers.get("content-type")?.includes("json")) return {};
  const file: unknown = await answer.json().catch(() => {
    throw new Error("It is not JSON.");
  });
  if (typeof file !== "object" || file === null || Array.isArray(file)) throw new Error("It is no object.");
  for (const [name, value] of Object.entries(file)) {
    if (typeof value !== "string") throw new Error(`“${name}” is no text.`);
  }
  return file;
}

function address(text: string): URL {
  const url = URL.parse(text, document.baseURI);
  if (!url?.protocol.startsWith("http")) throw new Error(`“${text}” is no address of a function app.`);
  return url;
}

/** A page on this machine calls `cargo dev`; any other one calls its own origin, where a linked function app is. */
function assumed(hostname: string): string {
  return isLocal({ hostname }) ? CARGO_DEV : "/api";
}
