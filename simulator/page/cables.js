/* The network cables that run over the desk, from each device and from the monitor to Redis. */

import { find } from "./dom.js";
import { refresh } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";
const LANE = 6; // between two cables, in pixels
const BEND = 5;
const BREAK = { at: 57, width: 30 }; // along the cable
const SHORT_BREAK = { at: 12, width: 16 };

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
    const bent = [[from, device.bottom], [from, lane], [to, lane], [to, target.y]];
    const straight = [[to, device.bottom], [to, target.y]];
    return { name, isWhole: network, points: from === to ? straight : bent };
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
  if (isWhole) return [cable, makeMark(cable.getPointAtLength(length - BEND))];
  const { at, width } = points.length > 2 ? BREAK : SHORT_BREAK;
  const middle = Math.min(at, length / 2);
  cable.setAttribute("stroke-dasharray", `${Math.max(0, middle - width / 2)} ${width} ${length}`);
  return [cable, makeMark(cable.getPointAtLength(middle))];
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
