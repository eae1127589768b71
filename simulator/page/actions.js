/* What the user does with cards. */

import { send } from "./connection.js";
import { wait } from "./dom.js";
import { forgetRace, say } from "./notice.js";
import { cardsOn, placeOf, refresh, state } from "./state.js";

const HOLD_MS = 500; // a rider's tap
const REST_MS = 500; // longer than the 300 ms that end a presentation
const RACERS = ["1", "copy"];

const busy = new Set(); // cards that a tap moves by itself
export let picked = null;

export const isBusy = (card) => busy.has(card) || (state.race.running && RACERS.includes(card));

export function lay(device, card) {
  send(`lay ${device} ${card}`);
  cardsOn(device).push(card);
  refresh();
}

export function lift(card) {
  send(`lift ${card}`);
  for (const device of state.devices) device.cards = device.cards.filter((other) => other !== card);
  refresh();
}

/** Hold a card to a reader for as long as a tap takes, and take it away. */
async function tap(card, device) {
  if (isBusy(card)) {
    sayBusy();
    return;
  }
  busy.add(card);
  if (placeOf(card)) {
    lift(card);
    await wait(REST_MS);
  }
  lay(device, card);
  await wait(HOLD_MS);
  if (placeOf(card) === device) lift(card);
  busy.delete(card);
}

export function race({ detail }) {
  if (state.race.running || detail > 1) {
    say("The race is on already.");
    return;
  }
  pick(null);
  send("race");
}

export function letTimePass({ dataset, textContent }) {
  send(`later ${dataset.later}`);
  if (state.redis.running) say(`For the passes in Redis, it is ${textContent} later.`);
}

export function pick(card) {
  picked = card;
  if (card && !state.race.running) forgetRace();
  refresh();
}

/** Take a card off its reader, or choose it. */
export function clickCard(card) {
  if (isBusy(card)) sayBusy();
  else if (placeOf(card)) lift(card);
  else pick(picked === card ? null : card);
}

export function clickReader(device) {
  const card = picked;
  if (card && isBusy(card)) {
    sayBusy();
  } else if (card) {
    picked = null;
    lay(device, card);
  } else if (cardsOn(device).length) {
    clickCard(cardsOn(device).at(-1));
  } else if (!card) {
    askForCard();
  }
}

export function clickTap(device) {
  const card = picked ?? cardsOn(device).at(-1);
  if (card) tap(card, device);
  else askForCard();
}

/** Have the back office do something to the pass on the chosen card. */
export function askOffice(task) {
  send(`office ${task} ${picked}`);
  say("The office is at work …");
}

function sayBusy() {
  say("This card is on its way: one tap at a time.");
}

function askForCard() {
  say("Choose a card first: click one of these.");
}
