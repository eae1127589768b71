/* What only the operator sees: the monitor's lines, and what Redis holds. */

import { showSwitch } from "./buttons.js";
import { clock, find, make, write } from "./dom.js";

const KEPT_LINES = 500;
const CUT = "No network: it prints what it misses when the cable is in again.";
const STOPPED = "Redis is stopped: nothing is sold, and no gate opens. Start it with the switch above.";

export function showBackstage({ rack, redis, monitor }) {
  showSwitch(find("[data-cut=monitor]"), monitor.network);
  showSwitch(find("[data-stop]"), redis.running);
  find("#monitor").classList.toggle("is-cut", !monitor.network);
  write(find("#monitor-note"), monitor.network ? "" : CUT);
  find("#redis").classList.toggle("is-stopped", !redis.running);
  const rows = rack
    .filter(({ name }) => redis.running && redis.cards[name] && name !== "copy") // the copy has card 1's key
    .map((card) => makeRow(card, redis.cards[card.name]));
  find("#redis table").hidden = !redis.running;
  find("#redis tbody").replaceChildren(...rows);
  write(find("#redis-note"), redis.running ? "No card has a pass." : STOPPED);
  find("#redis-note").hidden = rows.length > 0;
}

function makeRow({ name, number }, { fields, secondsLeft }) {
  const row = document.createElement("tr");
  const [key, hash, life] = [row.insertCell(), row.insertCell(), row.insertCell()];
  key.append(number, make("small", `card ${name}`));
  for (const [field, value] of Object.entries(fields).sort()) {
    const line = document.createElement("div");
    line.append(make("span", field, "faint"), ` ${value}`);
    hash.append(line);
  }
  life.textContent = secondsLeft === null ? "no expiry" : clock(secondsLeft);
  return row;
}

const list = find("#monitor-lines");
let follows = true; // the newest line, unless the user has scrolled away from it
const scrollDown = () => follows && list.scrollTo({ top: list.scrollHeight });

list.addEventListener("scroll", () => (follows = list.scrollHeight - list.scrollTop - list.clientHeight < 20));
new ResizeObserver(scrollDown).observe(list);

export function clearLines() {
  list.replaceChildren();
}

/** Add lines of the monitor, which are coloured by SGR sequences (ECMA-48). */
export function showLines({ lines }) {
  for (const line of lines) {
    const item = document.createElement("p");
    let color = "";
    for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
      if (part.startsWith("\x1b")) {
        color = `var(--sgr-${part.slice(2, -1).replaceAll(";", "-")})`;
      } else if (part) {
        const span = make("span", part);
        span.style.color = color;
        item.append(span);
      }
    }
    list.append(item);
  }
  while (list.childElementCount > KEPT_LINES) list.firstChild.remove();
  scrollDown();
}
