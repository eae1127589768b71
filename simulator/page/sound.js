/* What the devices' loudspeakers play. */

import { find, write } from "./dom.js";

const TAIL_S = 0.4; // a clip this near its end has not been cut short

const captions = await (await fetch("/audio/prompts.json")).json();
const players = [];
let isOn = localStorage.getItem("sound") !== "off";

for (const clip of Object.keys(captions)) fetch(`/audio/${clip}.mp3`).catch(() => {}); // into the browser's cache

export const captionOf = (clip) => captions[clip] ?? clip;

/** A device's loudspeaker. */
export class Speaker {
  #audio = new Audio();
  #key; // of the sound that is shown; undefined before the first

  constructor() {
    players.push(this.#audio);
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
      this.#audio.play().catch(() => {}); // a browser plays nothing before the first click; a prompt may be cut short
    }
    return true;
  }
}

export function silence() {
  for (const audio of players) audio.pause();
}

export function toggleSound() {
  isOn = !isOn;
  localStorage.setItem("sound", isOn ? "on" : "off");
  if (!isOn) silence();
  showSoundButton();
}

export function showSoundButton() {
  find("#sound").setAttribute("aria-pressed", isOn);
  write(find("#sound"), isOn ? "♪ Sound on" : "♪ Sound off");
}
