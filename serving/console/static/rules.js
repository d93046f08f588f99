"use strict";
// The rules of a draft: rows that hold one each, and the form of one in a dialog.
const ruled = document.getElementById("ruled");
const ruleDialog = document.getElementById("rule-dialog");
let index = 0; // Of the rule in the dialog; as many as there are: it is a new one.
let asked = 0;

const rulesNow = () => all("[data-entry]", ruled).map(read);
const listLimit = () => {
  const limit = Number(document.querySelector("#draft [name=limit]")?.value);
  return Number.isInteger(limit) && limit >= 1 && limit <= 100 ? { limit } : {};
};
const withRule = (rule) => rulesNow().toSpliced(index, 1, rule);

async function show(rules) {
  const number = ++asked;
  const answer = await post(ruled.dataset.shows, { rules, ...listLimit() });
  if (answer && !answer.ok) notice("The rules could not be shown: try again.");
  if (!answer?.ok || number !== asked) return;
  ruled.innerHTML = await answer.text();
}

// Where somebody was is made anew: who uses the keyboard goes on from there.
function focusOn(at, act) {
  const row = all("[data-entry]", ruled)[at];
  const button = row?.querySelector(`[data-act=${act}]`) ?? row?.querySelector("[data-act=edit]");
  (button ?? document.getElementById("add-rule")).focus();
}

async function edit(rule, at) {
  index = at;
  const answer = await post(ruled.dataset.form, { rule });
  if (!answer?.ok) return notice("The form could not be loaded: try again.");
  ruleDialog.innerHTML = await answer.text();
  htmx.process(ruleDialog);
  arrange();
  check();
  ruleDialog.showModal();
}

// Of the fields only those that belong to what the rule does are there.
function arrange() {
  const form = ruleDialog.querySelector("form");
  const act = form.elements.do.value;
  const target = form.querySelector("#target");
  for (const each of all("[data-for]", form)) {
    each.hidden = !each.dataset.for.split(" ").includes(act);
    if (each.tagName === "OPTION") each.disabled = each.hidden;
    for (const field of all("input", each)) field.disabled = each.hidden;
  }
  if (target.selectedOptions[0]?.disabled) target.value = "category";
  for (const each of all("[data-target]", form)) {
    each.hidden = each.dataset.target !== target.value;
    for (const field of all("input, textarea", each)) field.disabled = each.hidden;
  }
}

// What the rule would touch, as soon as it says enough.
let waiting;
function checkSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(check, 300);
}
async function check() {
  const form = ruleDialog.querySelector("form");
  const place = form?.querySelector("#checked");
  if (!place) return;
  const number = ++asked;
  let said = "";
  try {
    if (form.checkValidity()) {
      const body = { rules: withRule(read(form)), index, ...listLimit() };
      const answer = await post(ruled.dataset.check, body);
      if (answer?.ok) said = await answer.text();
    }
  } catch (error) {
    if (!(error instanceof Misread)) throw error;
  }
  if (number === asked) place.innerHTML = said || '<p class="note">What it touches is shown here.</p>';
}

document.getElementById("add-rule").addEventListener("click", () => edit(null, rulesNow().length));

ruled.addEventListener("click", async ({ target }) => {
  const act = target.closest("[data-act]")?.dataset.act;
  if (!act) return;
  const row = target.closest("[data-entry]");
  const at = all("[data-entry]", ruled).indexOf(row);
  const rules = rulesNow();
  if (act === "edit") return edit(rules[at], at);
  const [rule] = rules.splice(at, 1);
  const to = at + { up: -1, down: 1, remove: 0 }[act];
  if (act !== "remove") rules.splice(to, 0, rule);
  changed();
  await show(rules);
  focusOn(to, act);
});

ruleDialog.addEventListener("close", () => ruleDialog.replaceChildren());
ruleDialog.addEventListener("change", ({ target }) => {
  if (target.matches("select")) arrange();
});
ruleDialog.addEventListener("input", ({ target }) => {
  if (!("leave" in target.dataset)) checkSoon();
});
ruleDialog.addEventListener("click", ({ target }) => {
  const chosen = target.closest("[data-item]");
  if (chosen) choose(chosen.dataset);
  if (target.closest("[data-closes]")) ruleDialog.close();
  if (target.closest("[data-drops]")) {
    target.closest("li").remove();
    checkSoon();
  }
});

// Enter among words takes the first item that was found.
ruleDialog.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.id !== "item-words") return;
  event.preventDefault();
  const first = ruleDialog.querySelector("#items-found [data-item]");
  if (first) choose(first.dataset);
});

function choose({ item, title }) {
  const chips = ruleDialog.querySelector(".chosen");
  if (!all("input", chips).some((input) => input.value === item)) {
    const chip = ruleDialog.querySelector("#chip").content.firstElementChild.cloneNode(true);
    chip.querySelector("input").value = item;
    chip.querySelector(".name").textContent = title;
    chip.querySelector(".name").title = item;
    chip.querySelector("button").setAttribute("aria-label", `Leave out ${title}`);
    chips.append(chip);
  }
  const words = ruleDialog.querySelector("#item-words");
  words.value = "";
  ruleDialog.querySelector("#items-found").replaceChildren();
  words.focus();
  checkSoon();
}

ruleDialog.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = (rule) => ({ rules: withRule(rule), ...listLimit() });
  const answer = await send(event.target, "POST", ruled.dataset.shows, body, `/rules/${index}`);
  if (!answer?.ok) return;
  asked++;
  ruled.innerHTML = await answer.text();
  changed();
  ruleDialog.close();
  focusOn(index, "edit");
});

// What the rules that are in force touch is found out once the page is there.
if (rulesNow().length) show(rulesNow());
