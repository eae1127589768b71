/* The sales terminal and the gates. */

import { makePressable, makeSwitches, onClick, showSwitch } from "./buttons.js";
import { animate, find, fromTemplate, make, write } from "./dom.js";
import { clickReader, clickTap } from "./actions.js";
import { Speaker, captionOf } from "./sound.js";
import { cardsOn, refresh } from "./state.js";

const FLASH_MS = 700; // longer than half a flash
const LONG = 60; // characters of a caption
const GATE_INVITATION = "Tap a card with a pass to go in.";
const DEVICES = {
  terminal: { title: "Sales terminal", key: "T", invitation: "Tap a card to buy a pass." },
  gate: { title: "Entry gate", key: "G", invitation: GATE_INVITATION },
  gate2: { title: "Second entry gate", key: "H", invitation: GATE_INVITATION },
};
const CHOOSE = "Press a button: a single trip, ten trips or two hours.";
const CONFIRM = "Tap the same card again, to confirm.";
const COLORS = { GO: "green", "OUT OF SERVICE": "yellow", DENIED: "red flashing", CLOSED: "red", OFF: "" };

const PULSES = { "in-service": "alive", "out-of-service": "out of service", stopped: "stopped" };

const panels = new Map(); // by device

export const titleOf = (device) => DEVICES[device].title.toLowerCase();
export const lyingOn = (device) => find(".lying", panels.get(device).element);

export function showDevices({ devices, sale }) {
  for (const [name, panel] of panels) {
    if (devices.some((device) => device.name === name)) continue;
    panel.element.remove();
    panels.delete(name);
  }
  for (const device of devices) showDevice(panels.get(device.name) ?? makePanel(device), device, sale);

  const hasSecondGate = panels.has("gate2");
  if (hasSecondGate && document.activeElement === find("#add-gate")) find('[data-tap="gate2"]').focus();
  find("#add-gate").disabled = hasSecondGate;
  find("#second-gate").hidden = hasSecondGate;
}

function makePanel({ name, type }) {
  const element = fromTemplate("device-template");
  const { title, key } = DEVICES[name];
  element.dataset.device = name;
  element.setAttribute("aria-label", title);
  find("h2", element).textContent = title;
  find(".face", element).append(fromTemplate(`${type}-template`));
  for (const part of ["reader", "tap", "cut", "unplug"]) find(`[data-${part}]`, element).dataset[part] = name;
  find("[data-tap]", element).setAttribute("aria-label", `Tap the card at the ${titleOf(name)}`);
  find("[data-tap]", element).setAttribute("aria-keyshortcuts", key);
  const said = () => (cardsOn(name).length ? "The card lies there already." : "No card lies there: choose one first.");
  onClick(find("[data-reader]", element), () => clickReader(name), said);
  find("[data-tap]", element).addEventListener("click", () => clickTap(name));
  for (const button of element.querySelectorAll("[data-button]")) makePressable(button);
  makeSwitches(element);
  find("#second-gate").before(element);
  const panel = { element, speaker: new Speaker(), lit: null, beatAt: null, flashedAt: -FLASH_MS, timer: null };
  panels.set(name, panel);
  return panel;
}

function showDevice(panel, device, sale) {
  const { element } = panel;
  element.dataset.inService = !device.problem;
  showPulse(panel, device.pulse);
  showBubble(element, device, idleText(device, sale));
  if (panel.speaker.play(device.sound)) {
    if (device.sound.clip === "access-denied") panel.flashedAt = performance.now();
    if (device.sound.clip === "access-granted") walkThrough(find(".rider", element));
  }
  if (device.type === "gate") showLight(panel, device.lit);
  for (const button of element.querySelectorAll("[data-button]")) {
    button.classList.toggle("down", device.pressed.includes(button.dataset.button));
  }
  find(".reader", element).classList.toggle("unplugged", !device.reader);
  find(".waves", element).toggleAttribute("hidden", !device.reader);
  const word = device.reader ? "lay a card here" : "wires pulled out";
  write(find(".reader-word", element), word);
  find("[data-reader]", element).setAttribute("aria-label", `${word}: card reader of the ${titleOf(device.name)}`);
  showSwitch(find("[data-cut]", element), device.network);
  showSwitch(find("[data-unplug]", element), device.reader);
  find(".log", element).replaceChildren(...device.log.slice(-2).map((line) => make("li", line)));
}

/** Show whether the device lives, and each of its pulses as a beat. */
function showPulse(panel, pulse) {
  const sign = find(".pulse", panel.element);
  const { state, at, silentSeconds } = pulse ?? {};
  sign.dataset.state = state ?? "unknown";
  write(sign, state === "silent" ? `silent for ${silence(silentSeconds)}` : (PULSES[state] ?? ""));
  if (panel.beatAt && at > panel.beatAt) {
    animate(sign, [{ scale: 2 }, { scale: 1 }], { duration: 600, pseudoElement: "::before" });
  }
  panel.beatAt = at;
}

const silence = (seconds) => (seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`);

function idleText({ name, type, problem }, sale) {
  if (problem) return `Out of service: ${problem}`;
  if (type === "terminal" && sale) return sale.isChosen ? CONFIRM : CHOOSE;
  return DEVICES[name].invitation;
}

/** Show the caption of the clip that is playing, else what the device waits for; and why it denies a card. */
function showBubble(element, { sound, why }, idle) {
  element.classList.toggle("is-sounding", Boolean(sound));
  find(".prompt", element).dataset.clip = sound?.clip ?? "";
  write(find(".prompt", element), sound ? captionOf(sound.clip) : "");
  write(find(".idle", element), sound ? "" : idle);
  write(find(".why", element), why);
  find(".bubble", element).classList.toggle("is-long", !sound && idle.length > LONG);
}

/** Show the lamps, and put them into words. Red that goes off and on again is flashing. */
function showLight(panel, lit) {
  const now = performance.now();
  const lamps = lit.join(" ");
  const isFlashing = () => now - panel.flashedAt < FLASH_MS;
  if (panel.lit === "red" && lamps === "") panel.flashedAt = now;
  if (panel.lit === "" && lamps === "red" && isFlashing()) panel.flashedAt = now;
  panel.lit = lamps;

  const word = wordFor(lit, isFlashing());
  for (const element of panel.element.querySelectorAll(".lamp")) {
    const { lamp } = element.dataset;
    const isLit = lit.includes(lamp);
    element.dataset.lit = isLit;
    element.setAttribute("aria-label", `${lamp} lamp: ${isLit ? "lit" : "dark"}`);
  }
  find(".passage", panel.element).className = `passage ${COLORS[word]}`;
  write(find(".light-word", panel.element), word);
  clearTimeout(panel.timer);
  if (word === "DENIED") panel.timer = setTimeout(refresh, FLASH_MS);
}

function wordFor(lit, isFlashing) {
  if (lit.includes("green")) return "GO";
  if (lit.includes("yellow")) return "OUT OF SERVICE";
  if (isFlashing) return "DENIED";
  return lit.includes("red") ? "CLOSED" : "OFF";
}

function walkThrough(rider) {
  const far = "translateY(-6px) scale(0.55)";
  const near = "translateY(6px) scale(1.15)";
  const frames = [
    { transform: far, opacity: 0 },
    { transform: far, opacity: 1, offset: 0.2 },
    { transform: near, opacity: 1, offset: 0.85 },
    { transform: near, opacity: 0 },
  ];
  animate(rider, frames, { duration: 2400, easing: "ease-in-out" });
}
