"use strict";
// The form of a placement: preview, save, and what is not saved yet.
const draft = document.getElementById("draft");
let isChanged = false;

function changed() {
  isChanged = true;
  draft.querySelector(".unsaved").hidden = false;
}
draft.addEventListener("input", ({ target }) => {
  if (target.closest("[data-scope=definition]")) changed();
});
addEventListener("beforeunload", (event) => {
  if (isChanged) event.preventDefault();
});

draft.addEventListener("submit", async (event) => {
  event.preventDefault();
  const base = Number(draft.dataset.base);
  const body = ({ definition, note }) => ({ definition, note: note ?? "", base_version: base });
  const answer = await send(draft, "PUT", draft.dataset.save, body);
  if (!answer?.ok) return;
  const { version } = await answer.json();
  isChanged = false;
  const said = version === base ? "That is in force already." : `Version ${version} is in force.`;
  noticeOn(draft.dataset.here, said);
});

// Enter in what is only for the preview shows that, and saves nothing.
draft.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[name=users], [name=drawn], [name=context]"))
    return;
  event.preventDefault();
  document.getElementById("preview").click();
});

document.getElementById("preview").addEventListener("click", async ({ currentTarget }) => {
  currentTarget.disabled = true;
  const body = ({ definition, users, drawn, context }) => ({ definition, users, drawn, context });
  const answer = await send(draft, "POST", draft.dataset.preview, body);
  if (answer?.ok) {
    const place = document.getElementById("previewed");
    place.innerHTML = await answer.text();
    place.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
  currentTarget.disabled = false;
});

// Somebody else saved a version: what is typed is saved over it only if that is said.
draft.querySelector(".conflict button").addEventListener("click", async () => {
  const answer = await fetch(draft.dataset.save);
  const said = answer.ok ? await answer.json() : { version: 0 };
  draft.dataset.base = said.version;
  draft.requestSubmit();
});
