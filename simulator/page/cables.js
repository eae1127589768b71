/* The network cables that run over the desk, from each device and from the monitor to Redis. */

import { find } from "./dom.js";
import { refresh } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";
const LANE = 6; // between two cables, in pixels
const BEND = 5;
const TO_GAP = 42; // along the cable
const GAP = 30;

const drawing = find("#cables");

new ResizeObserver(refresh).observe(find("main"));

export function showCables({ devices, monitor, redis }) {
  const box = boxes(find("main").getBoundingClientRect());
  const target = box(find("#redis"));
  const desk = box(find("#devices"));
  const lines = devices.map(({ name, network }, index) => {
    const device = box(find(`[data-device="${name}"]`));
    const to = target.x + 24 + 3 * LANE * index;
    const from = device.x < to && to < device.right ? to : device.x + 36;
    const lane = desk.bottom + 4 + LANE * (devices.length - index);
    return { name, isWhole: network, points: [[from, device.bottom], [from, lane], [to, lane], [to, target.y]] };
  });
  const pane = box(find("#monitor"));
  const level = pane.y + 19;
  lines.push({ name: "monitor", isWhole: monitor.network, points: [[pane.right, level], [target.x, level]] });
  drawing.replaceChildren(...lines.flatMap((line) => draw(line, redis.running)));
}

const boxes = (origin) => (element) => {
  const { x, y, right, bottom } = element.getBoundingClientRect();
  return { x: x - origin.x, y: y - origin.y, right: right - origin.x, bottom: bottom - origin.y };
};

function draw({ name, isWhole, points }, isRunning) {
  const cable = document.createElementNS(SVG, "path");
  cable.setAttribute("d", pathThrough(points));
  cable.dataset.cable = name;
  cable.setAttribute("class", isWhole ? (isRunning ? "cable" : "dead cable") : "cut cable");
  if (isWhole && isRunning) return [cable];
  const length = cable.getTotalLength();
  const broken = isWhole ? length - BEND : Math.min(TO_GAP + GAP / 2, length / 2);
  if (!isWhole) cable.setAttribute("stroke-dasharray", `${broken - GAP / 2} ${GAP} ${length}`);
  return [cable, makeMark(cable.getPointAtLength(broken))];
}

function makeMark({ x, y }) {
  const mark = document.createElementNS(SVG, "path");
  mark.setAttribute("d", `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`);
  mark.setAttribute("class", "break");
  return mark;
}

/** Return a path with rounded corners; its parts run along the axes. */
function pathThrough(points) {
  const [first, ...rest] = points;
  const parts = rest.map(([x, y], index) => {
    const next = rest[index + 1];
    if (!next) return `L${x} ${y}`;
    const before = towards([x, y], points[index], BEND);
    const after = towards([x, y], next, BEND);
    return `L${before} Q${x} ${y} ${after}`;
  });
  return `M${first} ${parts.join(" ")}`;
}

function towards([x, y], [toX, toY], most) {
  const distance = Math.hypot(toX - x, toY - y) || 1;
  const part = Math.min(most, distance / 2) / distance;
  return [x + (toX - x) * part, y + (toY - y) * part];
}
