/* What the page says to the user, at the cards, in place of the hint. */

import { announce } from "./announcer.js";
import { find, write } from "./dom.js";

const SHOWN_MS = 4000;

let raceText = null; // unknown before the first state
let readText = ""; // of a race that is over, and after which the user has gone on
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
  announce(text);
  timer = setTimeout(set, SHOWN_MS, "");
}

export function showRace({ race }) {
  if (race.text && raceText !== null && race.text !== raceText) announce(race.text);
  if (race.running) readText = "";
  raceText = race.text;
  find("#race").setAttribute("aria-disabled", race.running); // it keeps the focus, which a disabled button loses
  show();
}

/** Make room for the hint. */
export function forgetRace() {
  readText = raceText;
  show();
}

function show() {
  const text = said || (raceText === readText ? "" : raceText);
  write(find("#notice"), text);
  find("#notice").hidden = !text;
  find("#hint").hidden = Boolean(text);
}
