/* The steps of a journey, for the card that the user works with: which are done, and which is due. */

import { picked } from "./actions.js";
import { find, write } from "./dom.js";

const HINTS = [
  "Drag a card over the terminal’s reader and back. Or choose a card, then press Tap at the terminal.",
  "Press a button of the terminal: red, yellow or green. That is the pass you buy.",
  "Tap the same card at the terminal again. Only then is the pass sold.",
  "The card has a pass. Now tap it at the gate.",
  "You are in. Next: tap a card without a pass, start the race, or pull a cable and plug it in again.",
];

const BROKEN = "You see what is pulled out or stopped. Its switch puts it right.";

let card = null; // the name of the card that the user chose or laid down last
let lying = [];

/**
 * Return how many steps are done.
 *
 * @param card its name, whether it has a pass, and the last kind of event in the journal.
 * @param sale the terminal's sale under way, or null.
 */
export function stepsDone({ name, hasPass, last }, sale) {
  if (sale && (name === null || sale.card === name)) return sale.isChosen ? 2 : 1;
  if (last === "pass-used") return 4;
  return hasPass ? 3 : 0;
}

export function showSteps({ devices, rack, redis, monitor, sale }) {
  const lies = devices.flatMap(({ cards }) => cards);
  card = picked ?? lies.find((name) => !lying.includes(name)) ?? card;
  lying = lies;
  const last = rack.find(({ name }) => name === card)?.last;
  const done = stepsDone({ name: card, hasPass: card in redis.cards, last }, sale);

  document.body.dataset.done = done;
  const isWhole = redis.running && monitor.network && devices.every(({ network, reader }) => network && reader);
  write(find("#hint"), isWhole ? HINTS[done] : BROKEN);
  document.querySelectorAll(".steps li").forEach((step, index) => {
    step.className = index < done ? "done" : "";
    if (index === done) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
    write(find("b", step), index < done ? "✓" : String(index + 1));
  });
}
