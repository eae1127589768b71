/* The page: it shows what the demo reports, and sends it what the user does. */

import { clearLines, showBackstage, showLines } from "./backstage.js";
import { makeSwitches } from "./buttons.js";
import { showCables } from "./cables.js";
import { showCards } from "./cards.js";
import { connect, send } from "./connection.js";
import { showDevices } from "./devices.js";
import { find, write } from "./dom.js";
import { pick, race } from "./actions.js";
import { say, showRace } from "./notice.js";
import { addView, report, revert } from "./state.js";
import { showSoundButton, silence, toggleSound } from "./sound.js";
import { showSteps } from "./steps.js";

function showBanner(text) {
  write(find("#banner"), text);
  find("main").inert = text !== "";
}

makeSwitches(document);
find("#add-gate").addEventListener("click", () => send("add gate"));
find("#race").addEventListener("click", race);
find("#sound").addEventListener("click", toggleSound);
for (const element of document.querySelectorAll("[data-later]")) {
  element.addEventListener("click", () => send(`later ${element.dataset.later}`));
}
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") pick(null);
});
showSoundButton();

for (const view of [showDevices, showCards, showBackstage, showSteps, showRace, showCables]) addView(view);
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
  error: ({ text }) => {
    say(text);
    revert();
  },
});
