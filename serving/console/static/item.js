"use strict";
// The form of an item: what is wrong with it is said beside the field.
function attributesOf(text) {
  const said = JSON.parse(text.trim() || "{}");
  if (said === null || typeof said !== "object" || Array.isArray(said))
    throw new SyntaxError('This is to be an object, such as {"year": 1999}.');
  return said;
}

function say(form, pointer, detail) {
  const places = all(".fault", form);
  const place = places.find(({ dataset: { at } }) => at && pointer.startsWith(at)) ?? places.at(-1);
  place.textContent += `${place.textContent && " "}${detail}`;
  place.parentElement.querySelector("input, textarea")?.setAttribute("aria-invalid", true);
}

async function save(form) {
  for (const place of all(".fault", form)) place.textContent = "";
  for (const field of all("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
  const said = new FormData(form);
  const body = {
    title: said.get("title"),
    categories: said.get("categories").split("\n").map((each) => each.trim()).filter(Boolean),
    description: said.get("description"),
    available: said.has("available"),
    version: form.dataset.version,
  };
  try {
    body.attributes = attributesOf(said.get("attributes"));
  } catch (error) {
    say(form, "/attributes", `This is no JSON that would do: ${error.message}`);
    return;
  }
  const headers = {
    "Content-Type": "application/json",
    ...JSON.parse(document.body.getAttribute("hx-headers")),
  };
  const { here } = form.dataset;
  let answer;
  try {
    answer = await fetch(here, { method: "PUT", headers, body: JSON.stringify(body) });
  } catch {
    say(form, "", "The server does not answer. Look whether it is running, then try again.");
    return;
  }
  if (answer.ok) noticeOn(here, "It is saved.");
  else if (answer.status === 401) toSignIn();
  else {
    const problem = await answer.json();
    for (const { pointer, detail } of problem.errors ?? [{ pointer: "", detail: problem.detail }])
      say(form, pointer ?? "", detail);
  }
}

// The page is swapped when the item is withdrawn, and its form with it.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "edit-item") return;
  event.preventDefault();
  save(event.target);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});
