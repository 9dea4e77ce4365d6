// Pictures of pages, for people to look at. Those of the README are made of them.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ARTIFACTS = fileURLToPath(new URL("../../../../artifacts/browser", import.meta.url));

/** Keeps a picture of what the page shows, with Playwright's `options`, and returns its path. */
export async function keepPicture(page, name, options = {}) {
  await mkdir(ARTIFACTS, { recursive: true });
  const path = join(ARTIFACTS, `${name.replace(/[^a-z0-9]+/gi, "-")}.png`);
  await page.screenshot({ ...options, path });
  return path;
}
