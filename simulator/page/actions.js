/* What the user does with cards. */

import { send } from "./connection.js";
import { toast, wait } from "./dom.js";
import { cardsOn, placeOf, refresh, state } from "./state.js";

const HOLD_MS = 500; // a rider's tap
const REST_MS = 500; // longer than the 300 ms that end a presentation
const RACE_MS = 1200;

const busy = new Set(); // cards that a tap or a race moves by itself
export let picked = null;

export const isBusy = (card) => busy.has(card);

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

/** Lay cards on readers for a while, all at the same moment, and take them away. */
async function present(places, ms) {
  const cards = Object.keys(places);
  if (cards.some(isBusy)) return;
  cards.forEach((card) => busy.add(card));
  const lying = cards.filter(placeOf);
  lying.forEach(lift);
  if (lying.length) await wait(REST_MS);
  for (const card of cards) lay(places[card], card);
  await wait(ms);
  cards.filter((card) => placeOf(card) === places[card]).forEach(lift);
  cards.forEach((card) => busy.delete(card));
}

export function race() {
  present({ 1: "gate", copy: "gate2" }, RACE_MS);
}

export function pick(card) {
  picked = card;
  refresh();
}

export function clickCard(card) {
  if (busy.has(card)) return;
  const place = placeOf(card);
  if (place && picked) clickReader(place);
  else if (place) lift(card);
  else pick(picked === card ? null : card);
}

export function clickReader(device) {
  const card = picked;
  if (card && !busy.has(card)) {
    picked = null;
    lay(device, card);
  } else if (cardsOn(device).length) {
    clickCard(cardsOn(device).at(-1));
  } else if (!card) {
    toast("Choose a card first, then a reader.");
  }
}

export function clickTap(device) {
  const card = picked ?? cardsOn(device).at(-1);
  if (card) present({ [card]: device }, HOLD_MS);
  else toast("Choose a card first, then Tap.");
}
