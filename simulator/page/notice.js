/* What the page says to the user, at the cards, in place of the hint. */

import { find, write } from "./dom.js";

const SHOWN_MS = 4000;

let raceText = "";
let said = "";
let timer;

/** Say something for a few seconds. */
export function say(text) {
  const set = (now) => {
    said = now;
    show();
  };
  clearTimeout(timer);
  set(text);
  timer = setTimeout(set, SHOWN_MS, "");
}

export function showRace({ race }) {
  raceText = race.text;
  find("#race").disabled = race.running;
  show();
}

function show() {
  const text = said || raceText;
  write(find("#notice"), text);
  find("#notice").hidden = !text;
  find("#hint").hidden = Boolean(text);
}
