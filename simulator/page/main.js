/* The page: it shows what the demo reports, and sends it what the user does. */

import { announce } from "./announcer.js";
import { clearLines, showBackstage, showLines } from "./backstage.js";
import { makeSwitches, onClick } from "./buttons.js";
import { showCables } from "./cables.js";
import { showCards } from "./cards.js";
import { connect, send } from "./connection.js";
import { showDevices } from "./devices.js";
import { find, write } from "./dom.js";
import { askOffice, letTimePass, race } from "./actions.js";
import { listenToKeys } from "./keyboard.js";
import { say, showRace } from "./notice.js";
import { announceOutcomes } from "./outcomes.js";
import { addView, report, revert } from "./state.js";
import { showSoundButton, silence, toggleSound } from "./sound.js";
import { showSteps } from "./steps.js";

function showBanner(text) {
  if (find("#banner").textContent !== text) announce(text || "The demo is running.");
  write(find("#banner"), text);
  find("main").inert = text !== "";
}

makeSwitches(document);
onClick(find("#add-gate"), () => send("add gate"), () => "The second gate is on its way.");
find("#race").addEventListener("click", race);
find("#sound").addEventListener("click", toggleSound);
for (const element of document.querySelectorAll("[data-later]")) {
  element.addEventListener("click", () => letTimePass(element));
}
for (const element of document.querySelectorAll("[data-office]")) {
  onClick(element, () => askOffice(element.dataset.office), () => "The office is at work: one click is enough.");
}
listenToKeys();
showSoundButton();

for (const view of [showDevices, showCards, showBackstage, showSteps, showRace, showCables]) addView(view);
addView(announceOutcomes);
connect({
  opened: clearLines,
  closed: () => {
    showBanner("The demo has ended. Start it again, and this page reconnects by itself.");
    silence();
  },
  state: (message) => {
    showBanner("");
    report(message);
  },
  lines: showLines,
  answer: ({ text }) => say(text),
  error: ({ text }) => {
    say(text);
    revert();
  },
});
