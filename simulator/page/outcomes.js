/* What becomes of taps, and whether the devices are in service: each is announced once. */

import { announce } from "./announcer.js";
import { titleOf } from "./devices.js";
import { captionOf } from "./sound.js";

const WHY_MS = 2000; // after a denial: its reason has come by then, if there is one
const DENIALS = ["access-denied", "card-not-supported"];
const known = new Map(); // by device: its last state, and the reasons that have been told since its last sound

export function announceOutcomes({ devices, race }) {
  for (const device of devices) {
    const last = known.get(device.name);
    const sound = device.sound ? `${device.sound.clip} ${device.sound.at}` : last?.sound;
    const isNew = sound !== last?.sound;
    const told = last && !isNew ? last.told : new Set();
    known.set(device.name, { problem: device.problem, sound, told });
    if (last) announceService(device, last.problem);
    if (last && !race.running) announceAnswer(device, isNew, told);
    else told.add(device.why); // from before the page was loaded, or in a race, which tells its own outcome
  }
}

const announceOf = ({ name }, text) => announce(`${titleOf(name)}: ${text}`);

function announceService(device, problemBefore) {
  if (device.problem && !problemBefore) announceOf(device, `out of service: ${device.problem}`);
  if (!device.problem && problemBefore) announceOf(device, "back in service");
}

function announceAnswer(device, isNew, told) {
  const { sound, why } = device;
  if (isNew && DENIALS.includes(sound.clip)) {
    setTimeout(() => told.size || announceOf(device, "denied"), WHY_MS);
  } else if (isNew) {
    announceOf(device, sound.clip === "access-granted" ? "open, go in" : captionOf(sound.clip));
  }
  if (why && !told.has(why)) announceOf(device, `denied: ${why}`);
  if (why) told.add(why);
}
