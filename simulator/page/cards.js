/* The cards, in the rack or on a reader. */

import { lyingOn, titleOf } from "./devices.js";
import { animate, find, fromTemplate, write } from "./dom.js";
import { makeDraggable } from "./drag.js";
import { picked } from "./actions.js";
import { placeOf } from "./state.js";

const BRAND = "Transit Pass";
const CARDS = {
  1: { color: "#1f5fae" },
  2: { color: "#8c3d8f" },
  3: { color: "#17664f" },
  4: { color: "#a8441c" },
  5: { color: "#5a4fb5" },
  6: { color: "#4b5763", brand: "7-byte UID", spoken: "Card 6 with a 7-byte UID" },
  copy: { color: "#1f5fae", brand: "forged copy", title: "1", spoken: "Forged copy of card 1" },
  phone: { color: "#2c4157", brand: "▬", spoken: "Phone" },
};

const shown = new Map(); // by name: a card's element and its place in the rack

export function showCards({ rack, redis, devices }) {
  for (const card of rack) showCard(card, redis);
  shown.get("copy").slot.hidden = devices.length < 3; // for use with a second gate only
  find("#office").hidden = picked === null;
  document.body.classList.toggle("has-picked-card", picked !== null || find(".dragged") !== null);
}

function showCard({ name, number, bytes }, redis) {
  const { element, slot } = shown.get(name) ?? makeCard(name);
  const place = placeOf(name);
  const held = redis.cards[name];
  const isBlocked = held?.fields.blocked !== undefined;
  const pass = number === null ? "random UID" : redis.running ? whatIsLeft(held) : "?";
  write(find(".pass", element), isBlocked ? "blocked" : pass);
  write(find(".number", element), number ?? "new at each tap");
  element.classList.toggle("has-pass", Boolean(held));
  element.classList.toggle("is-blocked", isBlocked);
  element.style.setProperty("--trips", held?.fields.tripsRemaining ?? 0);
  element.setAttribute("aria-pressed", picked === name);
  const known = `${CARDS[name].spoken ?? `Card ${name}`}, ${isBlocked ? "blocked, " : ""}${pass}`;
  element.setAttribute("aria-label", place ? `${known}, on the ${titleOf(place)}` : known);
  element.title = bytes ? `card ${number}, a UID of ${bytes} bytes` : "a phone shows a random UID at every tap";
  if (!element.classList.contains("dragged")) move(element, place ? lyingOn(place) : slot);
}

function makeCard(name) {
  const element = fromTemplate("card-template");
  const slot = document.createElement("li");
  const { color, brand = BRAND, title = name } = CARDS[name];
  element.dataset.card = name;
  element.setAttribute("aria-keyshortcuts", shown.size + 1);
  element.style.setProperty("--color", color);
  find(".name", element).textContent = title;
  find(".brand", element).textContent = brand;
  makeDraggable(element, name);
  find("#slots").append(slot);
  slot.append(element);
  shown.set(name, { element, slot });
  return shown.get(name);
}

function whatIsLeft(held) {
  if (!held) return "no pass";
  const trips = held.fields.tripsRemaining;
  switch (held.fields.passType) {
    case "SINGLE_USE":
      return "1 trip";
    case "TEN_TRIP":
      return `${trips} ${trips === "1" ? "trip" : "trips"} left`;
    case "TWO_HOUR":
      return held.secondsLeft === null ? "not used yet" : minutesLeft(held.secondsLeft);
    default:
      return "invalid pass";
  }
}

const minutesLeft = (seconds) => (seconds < 60 ? "last minute" : `${Math.floor(seconds / 60)} min left`);

/** Move a card to its place, with an animation. */
function move(element, parent) {
  if (element.parentElement === parent && !element.style.transform) return;
  const hasFocus = document.activeElement === element;
  const from = element.getBoundingClientRect();
  element.style.transform = "";
  if (element.parentElement !== parent) parent.append(element);
  if (hasFocus) element.focus({ preventScroll: true });
  const to = element.getBoundingClientRect();
  const x = from.x + from.width / 2 - to.x - to.width / 2;
  const y = from.y + from.height / 2 - to.y - to.height / 2;
  const start = `translate(${x}px, ${y}px) scale(${from.width / to.width})`;
  animate(element, [{ transform: start }, { transform: "none" }], { duration: 160, easing: "ease-out" });
}
