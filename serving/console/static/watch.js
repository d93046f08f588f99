"use strict";
// The page Watch: how long a click took, which ranks changed, and rows that glide to their places.
const watched = document.getElementById("watched");
const blend = document.getElementById("blend");
const words = document.getElementById("words");
let clickedAt = null;
let clicked = null;
let focused = null;
let before = new Map();

function rowsByList() {
  return new Map(
    all("[data-list]", watched).map((list) => [
      list.dataset.list,
      new Map(
        all("[data-item]", list).map((row, index) => [
          row.dataset.item,
          { row, rank: index + 1, top: row.getBoundingClientRect().top },
        ]),
      ),
    ]),
  );
}

function mark(row, rankBefore, rank) {
  const moves = row.querySelector(".moves");
  const by = rankBefore === undefined ? 0 : rankBefore - rank;
  moves.className = `moves ${by > 0 ? "up" : by < 0 ? "down" : "new"}`;
  moves.textContent = by > 0 ? `▲ ${by}` : by < 0 ? `▼ ${-by}` : "new";
}

function glide(row, from, to) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const timing = { duration: 320, easing: "cubic-bezier(.2,.8,.2,1)" };
  if (from === undefined) row.animate([{ opacity: 0 }, { opacity: 1 }], timing);
  else if (from !== to)
    row.animate([{ transform: `translateY(${from - to}px)` }, { transform: "none" }], timing);
}

// An item that was clicked leaves all lists, and those below it move up: that is not learning.
function ranksWithout(item, rows) {
  const others = [...rows.keys()].filter((id) => id !== item);
  return new Map(others.map((id, index) => [id, index + 1]));
}

function showMoves() {
  const moved = {};
  for (const [name, rows] of rowsByList()) {
    const earlier = before.get(name) ?? new Map();
    const ranks = ranksWithout(clicked, earlier);
    let places = earlier.size - ranks.size;
    moved[name] = 0;
    for (const [id, { row, rank, top }] of rows) {
      const isFill = !ranks.has(id) && rank > ranks.size && places-- > 0;
      if (ranks.get(id) !== rank && !isFill) {
        moved[name] += 1;
        mark(row, ranks.get(id), rank);
      }
      glide(row, earlier.get(id)?.top, top);
    }
  }
  return moved;
}

function showTime(moved) {
  const timing = document.getElementById("timing");
  if (!timing.dataset.folded || clickedAt === null) return;
  const total = performance.now() - clickedAt;
  const steps = ["recorded", "folded", "listed"].map((step) => Number(timing.dataset[step]));
  const rest = total - steps.reduce((sum, step) => sum + step, 0);
  timing.querySelector(".total").textContent = `${Math.round(total)} ms from click to change.`;
  timing.querySelector(".rest").textContent = `${Math.max(Math.round(rest), 0)} ms`;
  const counts = ["batch", "speed", "blend"].map((name) => `${name} ${moved[name] ?? 0}`);
  timing.querySelector(".moved").textContent = `Places changed: ${counts.join(", ")}.`;
}

function showWeights() {
  const sliders = all("input[type=range]", blend);
  const sum = sliders.reduce((total, slider) => total + Number(slider.value), 0);
  for (const slider of sliders) {
    const share = sum ? (100 * Number(slider.value)) / sum : Number(slider.dataset.set);
    slider.closest("label").querySelector("output").textContent = `${Math.round(share)} %`;
  }
}

if (watched) {
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target !== watched) return;
    clickedAt = event.detail.requestConfig.verb === "post" ? performance.now() : null;
    clicked = event.detail.requestConfig.parameters.item_id ?? null;
    const active = document.activeElement;
    focused = watched.contains(active) ? active.closest("[data-list]")?.dataset.list : null;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === watched) before = rowsByList();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== watched) return;
    showTime(showMoves());
    // The row that was clicked is gone: the keyboard goes on where it stood.
    if (focused) watched.querySelector(`[data-list=${focused}] .item`)?.focus({ preventScroll: true });
    if (clickedAt !== null && words.value) {
      words.value = "";
      document.getElementById("found").replaceChildren();
    }
  });
  blend.addEventListener("input", showWeights);
  blend.addEventListener("reset", () =>
    setTimeout(() => {
      showWeights();
      blend.dispatchEvent(new Event("input", { bubbles: true }));
    }),
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.getElementById("found").replaceChildren();
    if (event.key === "/" && !event.target.closest("input")) {
      event.preventDefault();
      words.focus();
    }
  });
}
