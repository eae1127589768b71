/* What the page shows: the server's last state, and what the user has done since, ahead of its answer. */

export let state = null;
let reported = null;
const views = [];

/** Have a view called with the state, now and then: at every change. */
export function addView(view) {
  views.push(view);
}

/** Take over a state from the server. */
export function report(message) {
  reported = message;
  revert();
}

/** Take back what was shown ahead of the server. */
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
