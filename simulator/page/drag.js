/* Cards that follow the pointer. */

import { clickCard, isBusy, lay, lift, pick } from "./actions.js";
import { say } from "./notice.js";
import { placeOf, refresh } from "./state.js";

const DRAG_PX = 6;

/** Let a card follow the pointer: it is on a reader whenever the pointer is over that reader. */
export function makeDraggable(element, card) {
  let start = null;
  let over; // the device whose reader the pointer is over
  let wasDragged = false;

  const finish = () => {
    start = null;
    if (!wasDragged) return;
    setTimeout(() => (wasDragged = false)); // after the click that a browser may make of it
    element.classList.remove("dragged");
    refresh();
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button || isBusy(card)) return;
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
      element.classList.add("dragged");
      pick(null);
    }
    element.style.transform = `translate(${x}px, ${y}px) rotate(-3deg)`;
    const now = readerAt(event.clientX, event.clientY);
    if (now === over) return;
    if (over && placeOf(card) === over) lift(card);
    if (now) lay(now, card);
    over = now;
  });
  // no fling after a quick drag: a browser would take the next tap only to stop the fling
  element.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });
  element.addEventListener("pointerup", finish);
  element.addEventListener("pointercancel", () => {
    if (wasDragged && placeOf(card)) lift(card);
    finish();
  });
  element.addEventListener("click", ({ detail }) => {
    if (wasDragged) return;
    if (detail > 1) say(placeOf(card) ? "The card lies there already." : "The card is chosen already.");
    else clickCard(card);
  });
}

function readerAt(x, y) {
  return document.elementsFromPoint(x, y).find(({ dataset }) => dataset.reader)?.dataset.reader;
}
