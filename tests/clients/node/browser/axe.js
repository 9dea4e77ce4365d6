// axe, which knows what keeps people out of a page.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { source } = createRequire(import.meta.url)("axe-core");

/** Asserts that axe finds nothing wrong with a page as it is, of whatever weight, in light and in dark. `before` is called for each. */
export async function assertAccessible(page, before = async () => {}) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    // Nothing may move meanwhile: a colour on its way has no contrast to speak of.
    await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
    await before(colorScheme);
    await page.evaluate(source);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(found, [], colorScheme);
  }
}
