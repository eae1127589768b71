/* What a screen reader says: the page's only live region, so that nothing is heard twice. */

import { find, make } from "./dom.js";

const KEPT_TEXTS = 20;

export function announce(text) {
  const region = find("#announcer");
  region.append(make("p", text));
  while (region.childElementCount > KEPT_TEXTS) region.firstChild.remove();
}
