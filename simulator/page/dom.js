/* Small helpers around the document. */

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export const find = (selector, within = document) => within.querySelector(selector);
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function fromTemplate(id) {
  return find(`#${id}`).content.firstElementChild.cloneNode(true);
}

export function make(tag, text, className = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className });
}

/** Write a text, but only if it has changed: screen readers announce every write to a live region. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function animate(element, frames, options) {
  if (!calm.matches) element.animate(frames, options);
}

export function clock(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part, place) => String(part).padStart(place ? 2 : 1, "0")).join(":");
}
