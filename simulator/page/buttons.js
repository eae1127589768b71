/* The terminal's buttons, and the switches for cables, wires and the server. */

import { send } from "./connection.js";
import { find, wait, write } from "./dom.js";
import { say } from "./notice.js";

const PRESS_MS = 250;
const COMMANDS = { cut: ["cut", "restore"], unplug: ["unplug", "plug"], stop: ["stop", "start"] };

/** A button is down for as long as a pointer or a key holds it down. */
export function makePressable(element) {
  const name = element.dataset.button;
  let isDown = false;
  let isHeld = false; // as far as the demo knows: a second press before the release is the same one
  let downAt;
  let upAt = -PRESS_MS;
  const press = () => {
    if (isDown) return;
    isDown = true;
    downAt = performance.now();
    if (!isHeld) send(`hold ${name}`);
    isHeld = true;
  };
  const release = async () => {
    if (!isDown) return;
    isDown = false;
    upAt = performance.now();
    const missing = downAt + PRESS_MS - upAt;
    if (missing > 0) await wait(missing); // a click may be shorter than a real press
    if (isDown || !isHeld) return;
    isHeld = false;
    send(`release ${name}`);
  };
  const isPress = ({ key }) => key === "Enter" || key === " ";
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    press();
  });
  element.addEventListener("keydown", (event) => {
    if (!isPress(event)) return;
    event.preventDefault(); // no click event besides
    press();
  });
  element.addEventListener("keyup", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    release();
  });
  element.addEventListener("click", () => {
    if (performance.now() - upAt < PRESS_MS) return; // the pointer's own; others come from assistive technology
    press();
    release();
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    element.addEventListener(kind, release);
  }
  for (const kind of ["blur", "pagehide"]) window.addEventListener(kind, release);
  element.addEventListener("contextmenu", (event) => event.preventDefault()); // no menu after a long touch
}

/** Have a click act; the others of a double click only say that it is done already. */
export function onClick(element, act, already) {
  element.addEventListener("click", ({ detail }) => (detail > 1 ? say(already()) : act()));
}

export function makeSwitches(within) {
  for (const [kind, commands] of Object.entries(COMMANDS)) {
    for (const element of within.querySelectorAll(`[data-${kind}]`)) makeSwitch(element, kind, commands);
  }
}

function makeSwitch(element, kind, [off, on]) {
  let toOn;
  const act = () => {
    toOn = element.getAttribute("aria-checked") !== "true";
    send(`${toOn ? on : off} ${element.dataset[kind]}`);
  };
  const label = element.firstChild.textContent.trim();
  onClick(element, act, () => `${label}: already ${wordOf(element, toOn)}. One click is enough.`);
}

const wordOf = ({ dataset: { on = "in", off = "out" } }, isOn) => (isOn ? on : off);

export function showSwitch(element, isOn) {
  element.setAttribute("aria-checked", isOn);
  write(find("b", element), wordOf(element, isOn));
}
