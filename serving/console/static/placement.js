"use strict";
// The form of a placement: what it says becomes the body of a request, and what is wrong with it is
// said beside the field.
const draft = document.getElementById("draft");
const headers = {
  "Content-Type": "application/json",
  ...JSON.parse(document.body.getAttribute("hx-headers")),
};

class WrittenWrongly extends Error {}

function definitionOf(form) {
  let rest;
  try {
    rest = JSON.parse(form.get("rest").trim() || "{}");
  } catch (error) {
    throw new WrittenWrongly(`This is no JSON: ${error.message}`);
  }
  if (rest === null || typeof rest !== "object" || Array.isArray(rest))
    throw new WrittenWrongly('This is to be an object, such as {"exclude_seen": false}.');
  const said = {};
  for (const [name, text] of form) {
    const [field, source] = name.split(".");
    if (text === "" || !draft.dataset.fields.split(" ").includes(field)) continue;
    if (source) (said.weights ??= {})[source] = Number(text);
    else said[field] = field === "fallback" ? text : Number(text);
  }
  const twice = Object.keys(said).find((field) => field in rest);
  if (twice) throw new WrittenWrongly(`${twice} has a field of its own above: leave it out here.`);
  return { ...rest, ...said };
}

// The fault goes to the field whose pointer is the longest that it begins with.
function showFault(pointer, detail) {
  const places = all(".fault", draft).filter(
    ({ dataset: { at } }) => pointer === at || pointer.startsWith(`${at}/`) || at === "",
  );
  const place = places.reduce((best, each) =>
    each.dataset.at.length > best.dataset.at.length ? each : best,
  );
  const where = pointer.slice(place.dataset.at.length).replace(/^\/definition/, "");
  place.textContent += `${place.textContent && " "}${where && `${where}: `}${detail}`;
  place.parentElement.querySelector("input, select, textarea")?.setAttribute("aria-invalid", true);
}

function showConflict(detail) {
  const box = draft.querySelector(".conflict");
  const again = document.createElement("a");
  again.href = draft.dataset.here;
  again.textContent = "Show what is in force";
  box.replaceChildren(`${detail} `, again);
  box.hidden = false;
}

function clear() {
  for (const place of all(".fault", draft)) place.textContent = "";
  for (const field of all("[aria-invalid]", draft)) field.removeAttribute("aria-invalid");
  draft.querySelector(".conflict").hidden = true;
}

// What is no number has an empty value, and would be taken for left out.
function numbersAreRead() {
  const wrong = all("input", draft).filter((input) => input.validity.badInput);
  for (const input of wrong) {
    input.setAttribute("aria-invalid", true);
    const place = input.closest("label").querySelector(".fault");
    (place ?? input.closest("fieldset").querySelector(".fault")).textContent = "This is no number.";
  }
  return wrong.length === 0;
}

async function send(method, address, bodyOf) {
  clear();
  if (!numbersAreRead()) return;
  try {
    const form = new FormData(draft);
    const body = JSON.stringify({ definition: definitionOf(form), ...bodyOf(form) });
    const answer = await fetch(address, { method, headers, body });
    if (answer.ok) return answer;
    if (answer.status === 401) return toSignIn();
    const problem = await answer.json();
    if (answer.status === 409) showConflict(problem.detail);
    else if (problem.errors?.length)
      for (const { pointer, detail } of problem.errors) showFault(pointer ?? "", detail);
    else notice(problem.detail);
  } catch (error) {
    if (error instanceof WrittenWrongly) showFault("", error.message);
    else notice("The server does not answer. Look whether it is running, then try again.");
  }
}

draft.addEventListener("submit", async (event) => {
  event.preventDefault();
  const bodyOf = (form) => ({ base_version: Number(draft.dataset.base), note: form.get("note") });
  const answer = await send("PUT", draft.dataset.save, bodyOf);
  if (!answer) return;
  const { version } = await answer.json();
  const isSame = version === Number(draft.dataset.base);
  noticeOn(
    draft.dataset.here,
    isSame ? "That is in force already." : `Version ${version} is in force.`,
  );
});

document.getElementById("preview")?.addEventListener("click", async ({ currentTarget }) => {
  currentTarget.disabled = true;
  const bodyOf = (form) => ({
    users: form.get("users").split(",").map((each) => each.trim()).filter(Boolean),
    drawn: Number(form.get("drawn")),
  });
  const answer = await send("POST", draft.dataset.preview, bodyOf);
  if (answer) document.getElementById("previewed").innerHTML = await answer.text();
  currentTarget.disabled = false;
});
