/* The page's hands, eyes and ears: it shows what the server tells and says to it what hands do (see __init__.py). */

const PROMPTS = {
  "out-of-service": "Out of service. Please try again later.",
  "card-already-has-pass": "This card already has a pass.",
  "card-not-supported": "This card is not supported. Please use another card.",
  "select-a-pass": "Press the red button for a single trip, yellow for ten trips, green for two hours.",
  "tap-card-to-confirm": "Tap your card again to confirm.",
  "thank-you-single-trip-pass": "Thank you. Your card now has a single trip pass.",
  "thank-you-ten-trip-pass": "Thank you. Your card now has a ten trip pass.",
  "thank-you-two-hour-pass": "Thank you. Your card now has a two hour pass.",
  "mismatch-cancel": "This is not the same card. The sale is cancelled.",
  "sale-timed-out": "Time has run out. The sale is cancelled.",
  "access-granted": "♪ A rising chime: go!",
  "access-denied": "♪ Bzzt, bzzt: no entry.",
};
const DEVICES = {
  terminal: { title: "Sales terminal", invitation: "Tap a card to buy a pass." },
  gate: { title: "Entry gate", invitation: "Tap a card with a pass to go in." },
  gate2: { title: "Second entry gate", invitation: "Tap a card with a pass to go in." },
};
const CARD_NAMES = { copy: "1", phone: "phone" };
const SPOKEN_NAMES = { 6: "Card 6 with a 7-byte UID", copy: "Forged copy of card 1", phone: "Phone" };
const BRANDS = { 6: "7-byte UID", copy: "forged copy" };
const COLORS = { 2: "dim", 31: "red", 33: "yellow", 34: "blue", 35: "magenta" }; // ECMA-48 SGR

const HOLD_MS = 500; // as a hand holds a card to a reader
const REST_MS = 500; // longer than the 300 ms that end a presentation
const RACE_MS = 1200;
const PRESS_MS = 150;
const FLASH_MS = 700; // longer than a flashing lamp stays as it is
const TAIL_S = 0.4; // a clip that is so near its end has not been cut short
const DRAG_PX = 6;
const KEPT_LINES = 500;
const TOAST_MS = 4000;
const RECONNECT_MS = 1000;

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const find = (selector, within = document) => within.querySelector(selector);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function fromTemplate(id) {
  return find(`#${id}`).content.firstElementChild.cloneNode(true);
}

function make(tag, text, className = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className });
}

/** Write a text, but only if it is another one: live regions speak at every write. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function animate(element, frames, options) {
  if (!calm.matches) element.animate(frames, options);
}

// ---------------------------------------------------------------------------- the line to the demo

let socket;
let told = null; // the state as the server told it
let state = null; // the same, with what hands have done since
let isFirstState = true;

function connect() {
  socket = new WebSocket(`ws://${location.host}/system`);
  socket.onopen = () => {
    isFirstState = true;
    find("#monitor-lines").replaceChildren();
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.kind === "state") hearState(message);
    if (message.kind === "lines") showLines(message.lines);
    if (message.kind === "error") complain(message.text);
  };
  socket.onclose = () => {
    showBanner("The demo has ended. Start it again, and this page comes back by itself.");
    for (const panel of panels.values()) panel.audio.pause();
    setTimeout(connect, RECONNECT_MS);
  };
}

function say(line) {
  if (socket.readyState === WebSocket.OPEN) socket.send(line);
}

function hearState(message) {
  told = message;
  state = structuredClone(told);
  showBanner("");
  show();
  isFirstState = false;
}

/** Tell why something was not possible; what the page has shown ahead of the server is taken back. */
function complain(text) {
  toast(text);
  state = structuredClone(told);
  show();
}

// ---------------------------------------------------------------------------- hands

const busy = new Set(); // cards that a tap or a race moves by itself
let picked = null;

const placeOf = (card) => state.devices.find((device) => device.cards.includes(card))?.name;

function lay(device, card) {
  say(`lay ${device} ${card}`);
  state.devices.find(({ name }) => name === device)?.cards.push(card);
  show();
}

function lift(card) {
  say(`lift ${card}`);
  for (const device of state.devices) device.cards = device.cards.filter((other) => other !== card);
  show();
}

/** Lay cards on readers for a while, all at the same moment, and take them away. */
async function present(places, ms) {
  const cards = Object.keys(places);
  if (cards.some((card) => busy.has(card))) return;
  cards.forEach((card) => busy.add(card));
  const lying = cards.filter(placeOf);
  lying.forEach(lift);
  if (lying.length) await wait(REST_MS);
  for (const card of cards) lay(places[card], card);
  await wait(ms);
  cards.filter((card) => placeOf(card) === places[card]).forEach(lift);
  cards.forEach((card) => busy.delete(card));
}

function pick(card) {
  picked = card;
  show();
}

function clickCard(card) {
  if (busy.has(card)) return;
  if (placeOf(card)) lift(card);
  else pick(picked === card ? null : card);
}

function clickReader(device) {
  const lying = state.devices.find(({ name }) => name === device).cards;
  if (picked && !busy.has(picked)) {
    const card = picked;
    picked = null;
    lay(device, card);
  } else if (lying.length) {
    clickCard(lying.at(-1));
  } else if (!picked) {
    toast("Choose a card first, then a reader.");
  }
}

function clickTap(device) {
  const card = picked ?? state.devices.find(({ name }) => name === device).cards.at(-1);
  if (card) present({ [card]: device }, HOLD_MS);
  else toast("Choose a card first, then Tap.");
}

/** Let a card follow the pointer: it is on a reader whenever the pointer is over that reader. */
function makeDraggable(element, card) {
  let start = null;
  let over; // the device whose reader the pointer is over
  let wasDragged = false;

  const finish = () => {
    start = null;
    if (!wasDragged) return;
    setTimeout(() => (wasDragged = false)); // after the click that a browser may make of it
    element.classList.remove("dragged");
    show();
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button || busy.has(card)) return;
    element.setPointerCapture(event.pointerId);
    start = { x: event.clientX, y: event.clientY };
    over = placeOf(card);
  });
  element.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = [event.clientX - start.x, event.clientY - start.y];
    if (!wasDragged && Math.hypot(x, y) < DRAG_PX) return;
    if (!wasDragged) {
      wasDragged = true;
      picked = null;
      element.classList.add("dragged");
      show();
    }
    element.style.transform = `translate(${x}px, ${y}px) rotate(-3deg)`;
    const now = readerAt(event.clientX, event.clientY);
    if (now === over) return;
    if (over && placeOf(card) === over) lift(card);
    if (now) lay(now, card);
    over = now;
  });
  // a quick drag is no fling either: a browser takes the tap that follows a fling for its stop
  element.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });
  element.addEventListener("pointerup", finish);
  element.addEventListener("pointercancel", () => {
    if (wasDragged && placeOf(card)) lift(card);
    finish();
  });
  element.addEventListener("click", () => {
    if (!wasDragged) clickCard(card);
  });
}

function readerAt(x, y) {
  for (const [name, panel] of panels) {
    const box = panel.pad.getBoundingClientRect();
    if (x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) return name;
  }
  return undefined;
}

/** A button is down for as long as a pointer or a key holds it down. */
function makePressable(element) {
  const name = element.dataset.button;
  let isDown = false;
  let downAt;
  let upAt = -PRESS_MS;
  const press = () => {
    if (isDown) return;
    isDown = true;
    downAt = performance.now();
    say(`hold ${name}`);
  };
  const release = async () => {
    if (!isDown) return;
    isDown = false;
    upAt = performance.now();
    const missing = downAt + PRESS_MS - upAt;
    if (missing > 0) await wait(missing); // a click may be shorter than any finger's press
    if (!isDown) say(`release ${name}`);
  };
  const isPress = ({ key }) => key === "Enter" || key === " ";
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    press();
  });
  element.addEventListener("keydown", (event) => {
    if (!isPress(event)) return;
    event.preventDefault(); // no click of its own
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
  element.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is none
}

// ---------------------------------------------------------------------------- eyes

const panels = new Map(); // by device
const cards = new Map(); // by name: its element and its place in the rack

function show() {
  if (!state) return;
  for (const [name, panel] of panels) {
    if (state.devices.some((device) => device.name === name)) continue;
    panel.element.remove();
    panels.delete(name);
  }
  for (const device of state.devices) showDevice(device);
  for (const card of state.rack) showCard(card);
  showRedis(state.redis);
  showSwitch(find("[data-cut=monitor]"), state.monitor.network);

  const hasSecondGate = panels.has("gate2");
  find("#add-gate").disabled = hasSecondGate;
  find("#second-gate").hidden = hasSecondGate;
  find("#race").disabled = !hasSecondGate;
  find("#race-bar").hidden = !hasSecondGate;
  document.body.classList.toggle("has-picked", picked !== null);
  document.body.classList.toggle("has-card-in-hand", picked !== null || find(".dragged") !== null);
}

function makePanel({ name, type }) {
  const element = fromTemplate("device-template");
  const { title, invitation } = DEVICES[name];
  element.dataset.device = name;
  element.classList.add(type);
  element.setAttribute("aria-label", title);
  find("h2", element).textContent = title;
  find(".face", element).append(fromTemplate(`${type}-template`));
  find(".said", element).textContent = invitation;
  for (const part of ["reader", "tap", "cut", "unplug"]) find(`[data-${part}]`, element).dataset[part] = name;
  find("[data-reader]", element).setAttribute("aria-label", `Card reader of the ${title.toLowerCase()}`);
  find("[data-tap]", element).setAttribute("aria-label", `Tap the card at the ${title.toLowerCase()}`);
  find("[data-reader]", element).addEventListener("click", () => clickReader(name));
  find("[data-tap]", element).addEventListener("click", () => clickTap(name));
  for (const button of element.querySelectorAll("[data-button]")) makePressable(button);
  makeSwitches(element);
  find("#second-gate").before(element);
  const panel = { element, pad: find(".pad", element), audio: new Audio(), sound: null, lit: null, flashedAt: -FLASH_MS };
  panels.set(name, panel);
  return panel;
}

function showDevice(device) {
  const panel = panels.get(device.name) ?? makePanel(device);
  const { element } = panel;
  showSound(panel, device.sound);
  if (device.type === "gate") showLight(panel, device.lit);
  for (const button of element.querySelectorAll("[data-button]")) {
    button.classList.toggle("down", device.pressed.includes(button.dataset.button));
  }
  panel.pad.classList.toggle("unplugged", !device.reader);
  write(find(".pad-word", element), device.reader ? "lay a card here" : "wires are off");
  showSwitch(find("[data-cut]", element), device.network);
  showSwitch(find("[data-unplug]", element), device.reader);
  find(".log", element).replaceChildren(...device.log.slice(-2).map((line) => make("li", line)));
}

/** Show the lamps, and say what they say. A lamp that flashes is known by its going out and coming on again. */
function showLight(panel, lit) {
  const now = performance.now();
  const lamps = lit.join(" ");
  const isFlashing = () => now - panel.flashedAt < FLASH_MS;
  if (panel.lit === "red" && lamps === "") panel.flashedAt = now;
  if (panel.lit === "" && lamps === "red" && isFlashing()) panel.flashedAt = now;
  panel.lit = lamps;

  const word = wordFor(lit, isFlashing());
  for (const lamp of panel.element.querySelectorAll(".lamp")) lamp.dataset.lit = lit.includes(lamp.dataset.lamp);
  find(".barrier", panel.element).dataset.open = word === "GO";
  find(".light-word", panel.element).dataset.word = word;
  write(find(".light-word", panel.element), word);
  clearTimeout(panel.timer);
  if (word === "DENIED") panel.timer = setTimeout(show, FLASH_MS);
}

function wordFor(lit, isFlashing) {
  if (lit.includes("green")) return "GO";
  if (lit.includes("yellow")) return "OUT OF SERVICE";
  if (isFlashing) return "DENIED";
  return lit.includes("red") ? "CLOSED" : "OFF";
}

function showCard({ name, number, bytes }) {
  if (!cards.has(name)) makeCard(name);
  const { element, slot } = cards.get(name);
  const place = placeOf(name);
  const held = state.redis.cards[name];
  const pass = number === null ? "random UID" : state.redis.running ? passIn(held) : "?";
  write(find(".pass", element), pass);
  write(find(".number", element), number ?? "new at every tap");
  element.classList.toggle("has-pass", Boolean(held));
  element.style.setProperty("--trips", held?.fields.tripsRemaining ?? 0);
  element.setAttribute("aria-pressed", picked === name);
  const known = `${SPOKEN_NAMES[name] ?? `Card ${name}`}, ${pass}`;
  element.setAttribute("aria-label", place ? `${known}, lies on the ${DEVICES[place].title.toLowerCase()}` : known);
  element.title = bytes ? `card ${number}, a UID of ${bytes} bytes` : "a phone shows a random UID at every tap";
  slot.hidden = name === "copy" && !panels.has("gate2");
  if (!element.classList.contains("dragged")) {
    move(element, place ? find(".lying", panels.get(place).element) : slot);
  }
}

function makeCard(name) {
  const element = fromTemplate("card-template");
  const slot = document.createElement("li");
  element.dataset.card = name;
  find(".name", element).textContent = CARD_NAMES[name] ?? name;
  if (name in BRANDS) find(".brand", element).textContent = BRANDS[name];
  makeDraggable(element, name);
  find("#slots").append(slot);
  slot.append(element);
  cards.set(name, { element, slot });
}

function passIn(held) {
  if (!held) return "no pass";
  const trips = held.fields.tripsRemaining;
  switch (held.fields.passType) {
    case "SINGLE_USE":
      return "1 trip";
    case "TEN_TRIP":
      return `${trips} ${trips === "1" ? "trip" : "trips"} left`;
    case "TWO_HOUR":
      return held.secondsLeft === null ? "2 hours" : `${clock(held.secondsLeft)} left`;
    default:
      return "makes no sense";
  }
}

function clock(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part, place) => String(part).padStart(place ? 2 : 1, "0")).join(":");
}

/** Bring a card to where it belongs, and let it be seen on its way. */
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

function showRedis({ running, cards: held }) {
  const section = find("#redis");
  section.classList.toggle("is-stopped", !running);
  showSwitch(find("[data-stop]"), running);
  const rows = state.rack
    .filter(({ name }) => running && held[name] && name !== "copy") // the copy has card 1's key
    .map(({ name, number }) => {
      const { fields, secondsLeft } = held[name];
      const row = document.createElement("tr");
      const [key, hash, life] = [row.insertCell(), row.insertCell(), row.insertCell()];
      key.textContent = number;
      key.dataset.name = `card ${name}`;
      for (const [field, value] of Object.entries(fields).sort()) {
        const line = document.createElement("div");
        line.append(make("span", field), ` ${value}`);
        hash.append(line);
      }
      life.textContent = secondsLeft === null ? "no limit" : clock(secondsLeft);
      return row;
    });
  find("tbody", section).replaceChildren(...rows);
  section.classList.toggle("is-empty", running && !rows.length);
}

function showLines(lines) {
  const list = find("#monitor-lines");
  const isAtBottom = list.scrollHeight - list.scrollTop - list.clientHeight < 20;
  for (const line of lines) {
    const item = document.createElement("li");
    let color = "";
    for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
      if (part.startsWith("\x1b")) {
        color = COLORS[part.slice(2, -1)] ?? "";
      } else if (part) {
        item.append(make("span", part, color));
      }
    }
    list.append(item);
  }
  while (list.childElementCount > KEPT_LINES) list.firstChild.remove();
  if (isAtBottom) list.scrollTop = list.scrollHeight;
}

function showBanner(text) {
  write(find("#banner"), text);
  document.body.classList.toggle("is-away", text !== "");
  find("main").inert = text !== "";
}

let toastTimer;

function toast(text) {
  write(find("#toast"), text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => write(find("#toast"), ""), TOAST_MS);
}

// ---------------------------------------------------------------------------- ears

let isSoundOn = localStorage.getItem("sound") !== "off";

function showSound(panel, sound) {
  const key = sound && `${sound.clip} ${sound.at}`;
  if (key === panel.sound) return;
  panel.sound = key;
  const prompt = find(".prompt", panel.element);
  prompt.dataset.clip = sound?.clip ?? "";
  write(prompt, sound ? (PROMPTS[sound.clip] ?? sound.clip) : "");
  if (sound) write(find(".said", panel.element), prompt.textContent);
  panel.element.classList.toggle("is-sounding", Boolean(sound));

  const { audio } = panel;
  const isAtEnd = audio.duration - audio.currentTime < TAIL_S;
  if (sound || !isAtEnd) audio.pause();
  if (!sound || isFirstState) return;
  if (isSoundOn) {
    audio.src = `/audio/${sound.clip}.mp3`;
    audio.play().catch(() => {}); // a browser plays nothing before the first click, and a prompt may be cut short
  }
  if (sound.clip === "access-denied") panel.flashedAt = performance.now();
  if (sound.clip === "access-granted") {
    const far = "translateY(-6px) scale(0.55)";
    const near = "translateY(6px) scale(1.15)";
    animate(
      find(".rider", panel.element),
      [
        { transform: far, opacity: 0 },
        { transform: far, opacity: 1, offset: 0.2 },
        { transform: near, opacity: 1, offset: 0.85 },
        { transform: near, opacity: 0 },
      ],
      { duration: 2400, easing: "ease-in-out" },
    );
  }
}

function showSoundButton() {
  find("#sound").setAttribute("aria-pressed", isSoundOn);
  write(find("#sound"), isSoundOn ? "Sound on" : "Sound off");
}

function toggleSound() {
  isSoundOn = !isSoundOn;
  localStorage.setItem("sound", isSoundOn ? "on" : "off");
  if (!isSoundOn) for (const panel of panels.values()) panel.audio.pause();
  showSoundButton();
}

// ---------------------------------------------------------------------------- switches and everything at the start

const OPPOSITES = { cut: ["cut", "mend"], unplug: ["unplug", "plug"], stop: ["stop", "start"] };

function makeSwitches(within) {
  for (const [kind, [off, on]] of Object.entries(OPPOSITES)) {
    for (const element of within.querySelectorAll(`[data-${kind}]`)) {
      element.addEventListener("click", () => {
        say(`${element.getAttribute("aria-checked") === "true" ? off : on} ${element.dataset[kind]}`);
      });
    }
  }
}

function showSwitch(element, isOn) {
  element.setAttribute("aria-checked", isOn);
}

makeSwitches(document);
find("#add-gate").addEventListener("click", () => say("add gate"));
find("#race").addEventListener("click", () => present({ 1: "gate", copy: "gate2" }, RACE_MS));
find("#sound").addEventListener("click", toggleSound);
for (const element of document.querySelectorAll("[data-later]")) {
  element.addEventListener("click", () => say(`later ${element.dataset.later}`));
}
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && picked) pick(null);
});
showSoundButton();
for (const clip of Object.keys(PROMPTS)) fetch(`/audio/${clip}.mp3`).catch(() => {}); // into the browser's cache
connect();
