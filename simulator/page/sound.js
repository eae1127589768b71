/* What the devices' loudspeakers play. */

import { find, write } from "./dom.js";

const BLOCKED = "♪ Your browser blocks sound: click here";
const TAIL_S = 0.4; // a clip this near its end has not been cut short

const captions = await (await fetch("/audio/prompts.json")).json();
const speakers = [];
let isOn = localStorage.getItem("sound") !== "off";
let isBlocked = false; // by the browser, which may play nothing before the first click

for (const clip of Object.keys(captions)) fetch(`/audio/${clip}.mp3`).catch(() => {}); // into the browser's cache

export const captionOf = (clip) => captions[clip] ?? clip;

/** A device's loudspeaker. */
export class Speaker {
  #audio = new Audio();
  #key; // of the sound that is shown; undefined before the first

  constructor() {
    speakers.push(this);
  }

  stop() {
    this.#audio.pause();
  }

  /** Play what the browser has blocked, if it lasts; a click allows that, and what follows. */
  resume() {
    if (this.#key) this.#start();
    else this.#audio.load();
  }

  #start() {
    this.#audio.play().then(
      () => showBlocked(false),
      ({ name }) => name === "NotAllowedError" && showBlocked(true), // else another prompt has cut it short
    );
  }

  /** Play a sound, or null, and return whether it has begun since the last call. */
  play(sound) {
    const key = sound && `${sound.clip} ${sound.at}`;
    if (key === this.#key) return false;
    const isFirst = this.#key === undefined;
    this.#key = key;
    const isAtEnd = this.#audio.duration - this.#audio.currentTime < TAIL_S;
    if (sound || !isAtEnd) this.#audio.pause();
    if (!sound || isFirst) return false; // what began before the page was loaded is not played
    if (isOn) {
      this.#audio.src = `/audio/${sound.clip}.mp3`;
      this.#start();
    }
    return true;
  }
}

export function silence() {
  for (const speaker of speakers) speaker.stop();
}

function unblock() {
  if (!isBlocked) return;
  showBlocked(false);
  for (const speaker of speakers) speaker.resume();
}

for (const kind of ["click", "keyup"]) document.addEventListener(kind, unblock);

export function toggleSound() {
  if (isBlocked) {
    unblock();
    return;
  }
  isOn = !isOn;
  localStorage.setItem("sound", isOn ? "on" : "off");
  if (!isOn) silence();
  showSoundButton();
}

function showBlocked(now) {
  isBlocked = now;
  showSoundButton();
}

export function showSoundButton() {
  find("#sound").setAttribute("aria-pressed", isOn && !isBlocked);
  find("#sound").classList.toggle("is-blocked", isBlocked);
  write(find("#sound"), isBlocked ? BLOCKED : isOn ? "♪ Sound on" : "♪ Sound off");
}
