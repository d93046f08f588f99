"use strict";
// The form of an item; the page is swapped when the item is withdrawn, and its form with it.
const saysNothing = { title: "", categories: [], description: "", attributes: {}, available: false };

document.addEventListener("submit", async (event) => {
  if (event.target.id !== "edit-item") return;
  event.preventDefault();
  const { here, version } = event.target.dataset;
  const body = (said) => ({ ...saysNothing, ...said, version });
  const answer = await send(event.target, "PUT", here, body);
  if (answer?.ok) noticeOn(here, "It is saved.");
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});
