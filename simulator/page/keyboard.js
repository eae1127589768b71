/* The keys: each clicks the element whose shortcut it is; B makes the next one press a button of the terminal. */

import { pick } from "./actions.js";
import { find } from "./dom.js";
import { say } from "./notice.js";

const KEYS_OF_SECOND_GATE = ["7", "H"];

const dialog = find("#keys");
const choice = find("#keys-on");
let isPressing = false; // B was the last key

export function listenToKeys() {
  choice.checked = localStorage.getItem("keys") !== "off";
  choice.addEventListener("change", () => localStorage.setItem("keys", choice.checked ? "on" : "off"));
  find("#show-keys").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", () => expectButton(false));
}

function onKey(event) {
  if (event.repeat) {
    if (event.key === "Enter" && event.target.matches("button")) event.preventDefault(); // no further clicks
  } else if (event.key === "Escape") {
    expectButton(false);
    if (!dialog.open) pick(null);
  } else if (event.key.length === 1 && isForThePage(event)) {
    take(event.key.toUpperCase());
  }
}

function isForThePage({ target, ctrlKey, altKey, metaKey }) {
  const isTyping = target.isContentEditable || target.matches("input, textarea, select");
  return choice.checked && !(isTyping || ctrlKey || altKey || metaKey || dialog.open || find("main").inert);
}

function take(key) {
  const button = isPressing && document.querySelectorAll("[data-button]")[key - 1];
  expectButton(key === "B");
  if (isPressing) say("Now 1 for red, 2 for yellow or 3 for green.");
  else click(button || find(`[aria-keyshortcuts="${CSS.escape(key)}"]`), key);
}

function expectButton(isExpected) {
  isPressing = isExpected;
  document.body.classList.toggle("is-pressing", isPressing);
}

/** Click an element, and give it the focus, so that it is seen what the key did. */
function click(element, key) {
  if (element?.checkVisibility()) {
    element.focus({ preventScroll: true });
    element.click();
  } else if (KEYS_OF_SECOND_GATE.includes(key)) {
    say("This key is for a second gate: add one first.");
  }
}
