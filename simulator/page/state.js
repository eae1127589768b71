/* What the page shows: the server's last state, and what the user has done since. */

export let state = null;
let reported = null;
const views = [];

/** Have a view called with the state at every change. */
export function addView(view) {
  views.push(view);
}

/** Show a new state from the server. */
export function report(message) {
  reported = message;
  revert();
}

/** Drop what the server has not confirmed. */
export function revert() {
  state = structuredClone(reported);
  refresh();
}

export function refresh() {
  if (state) for (const view of views) view(state);
}

/** Return the name of the device on whose reader a card lies. */
export function placeOf(card) {
  return state.devices.find(({ cards }) => cards.includes(card))?.name;
}

export function cardsOn(device) {
  return state.devices.find(({ name }) => name === device).cards;
}
