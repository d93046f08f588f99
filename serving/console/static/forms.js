"use strict";
// Forms that become the JSON of a request. Fields stand in scopes (`data-scope`, an object) and in
// lists of entries (`data-list`, `data-entry`); what is wrong is said beside the field it is about.
const jsonHeaders = () => ({
  "Content-Type": "application/json",
  ...JSON.parse(document.body.getAttribute("hx-headers")),
});

class Misread extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

const own = (scope, selector) =>
  all(selector, scope).filter(
    (each) => each.parentElement.closest("[data-scope], [data-entry]") === scope,
  );
const fieldsOf = (scope) =>
  own(scope, "[name]").filter((field) => !field.disabled && !("leave" in field.dataset));
const entriesOf = (list) => all("[data-entry]", list);
const listsOf = (scope) => own(scope, "[data-list]");
const baseOf = (field) => field.name.split(/[.[]/)[0];
const split = (text, by) => text.split(by).map((each) => each.trim()).filter(Boolean);

// A name and its values, `device: phone, tablet`; what has a comma stands in quotes.
function contextOf(text) {
  const said = {};
  for (const line of split(text, "\n")) {
    const parts = line.match(/"(?:[^"\\]|\\.)*"|[^,:"]+|[,:]/g) ?? [];
    const words = parts.map((each) => each.trim()).filter(Boolean);
    const plain = (word) => (word.startsWith('"') ? JSON.parse(word) : word);
    const values = words.slice(2).filter((word) => word !== ",");
    if (words[1] !== ":" || !values.length || values.includes(":"))
      throw new Error(`Write a name, a colon and values, as device: phone, not ${line}`);
    add(said, plain(words[0]), values.map(plain));
  }
  return said;
}

// A name that is said again would replace what was said of it before.
function add(said, name, value) {
  if (Object.hasOwn(said, name)) throw new Error(`${name} stands here twice: say it once.`);
  said[name] = value;
}

function pairsOf(text) {
  const pairs = split(text, ",").map((each) => each.match(/^([^:]+):(.+)$/));
  if (pairs.includes(null)) throw new Error("Write names and values, as device:phone.");
  const said = {};
  for (const [, name, value] of pairs) add(said, name.trim(), value.trim());
  return said;
}

function objectOf(text) {
  const value = JSON.parse(text);
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new Error('This is to be an object, such as {"name": "value"}.');
  return value;
}

const READ = {
  number: Number,
  percent: (text) => Number((Number(text) / 100).toFixed(6)),
  json: JSON.parse,
  object: objectOf,
  commas: (text) => split(text, ","),
  lines: (text) => split(text, "\n"),
  moment: (text) => `${text.length === 16 ? `${text}:00` : text}Z`,
  context: contextOf,
  pairs: pairsOf,
};

function valueOf(field) {
  if (field.type === "checkbox" && !field.checked) return undefined;
  const text = field.value.trim();
  if (text === "") return undefined;
  // What nobody changed stays as it is stored, to the last digit.
  if (field.dataset.stored && field.value === field.defaultValue) return field.dataset.stored;
  try {
    return (READ[field.dataset.type] ?? String)(text);
  } catch (error) {
    const isJson = error instanceof SyntaxError;
    throw new Misread(field, isJson ? `This is no JSON: ${error.message}` : error.message);
  }
}

function read(scope) {
  if (scope.dataset.value) return JSON.parse(scope.dataset.value);
  // What there are no fields for stays as it is.
  const said = JSON.parse(scope.dataset.kept ?? "{}");
  let rest;
  for (const field of fieldsOf(scope)) {
    const value = valueOf(field);
    if (value === undefined) continue;
    const [name, part] = field.name.split(".");
    if (name === "rest") rest = { field, value };
    else if (part) (said[name] ??= {})[part] = value;
    else if (name.endsWith("[]")) (said[name.slice(0, -2)] ??= []).push(value);
    else said[name] = value;
  }
  for (const list of listsOf(scope)) {
    const entries = entriesOf(list).map(read);
    if (entries.length) said[list.dataset.list] = entries;
  }
  for (const inner of own(scope, "[data-scope]")) said[inner.dataset.scope] = read(inner);
  if (!rest) return said;
  const named = [...fieldsOf(scope).map(baseOf), ...listsOf(scope).map((each) => each.dataset.list)];
  const twice = named.find((name) => name !== "rest" && name in rest.value);
  if (twice) throw new Misread(rest.field, `${twice} has a field of its own: leave it out here.`);
  return { ...rest.value, ...said };
}

const placeIn = (box) => all(".fault", box).find((each) => each.closest(".field") === box);
const placeOf = (field) => placeIn(field.closest(".field"));
function sayAt(place, text, field) {
  place.textContent += `${place.textContent && " "}${text}`;
  field?.setAttribute("aria-invalid", true);
  for (const closed of all("details:not([open])").filter((each) => each.contains(place)))
    closed.open = true;
}

// Where a fault is said: at the field, list or entry that its pointer leads to, else at the whole;
// a sentence about the whole stands at the field that it names first.
function sayFault(scope, steps, detail) {
  const [step, ...rest] = steps;
  const inner = own(scope, "[data-scope]").find((each) => each.dataset.scope === step);
  if (inner) return sayFault(inner, rest, detail);
  const list = listsOf(scope).find((each) => each.dataset.list === step);
  const entry = list && entriesOf(list)[rest[0]];
  if (entry && !entry.dataset.value) return sayFault(entry, rest.slice(1), detail);
  if (list) return sayAt(placeIn(list.closest(".field")), `${entry ? entryName(entry) : ""}${detail}`);
  const fields = fieldsOf(scope);
  const at = (name) => {
    const field = fields.find((each) => baseOf(each) === name && each.closest(".field"));
    const chosen = own(scope, "[data-target]").find((each) => each.dataset.target === name);
    if (field) return () => sayAt(placeOf(field), said, field);
    return chosen && !chosen.hidden && (() => sayAt(placeIn(chosen), said));
  };
  let said = detail;
  const found = at(step);
  if (found) return found();
  const other = steps.length && at("rest");
  said = steps.length ? `/${steps.join("/")}: ${detail}` : detail;
  if (other) return other();
  const lists = Object.fromEntries(listsOf(scope).map((each) => [each.dataset.list, each]));
  const named = (detail.match(/\w+/g) ?? []).find((word) => lists[word] || at(word));
  said = detail;
  if (lists[named]) return sayAt(placeIn(lists[named].closest(".field")), detail);
  if (named) return at(named)();
  sayAt(own(scope, ".fault.whole")[0], `${steps.map((each) => `${each}: `).join("")}${detail}`);
}
const entryName = (entry) => `${JSON.parse(entry.dataset.value).name}: `;

function clearFaults(form) {
  for (const place of all(".fault", form)) place.textContent = "";
  for (const field of all("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
  const conflict = form.querySelector(".conflict");
  if (conflict) conflict.hidden = true;
}

// Entries of lists come from templates, and go.
function addEntry(list) {
  const template = document.getElementById(`new-${list.dataset.list}`);
  const entry = template.content.firstElementChild.cloneNode(true);
  list.append(entry);
  entry.querySelector("input, select, textarea").focus();
  list.dispatchEvent(new Event("input", { bubbles: true }));
  return entry;
}
document.addEventListener("click", ({ target }) => {
  const adds = target.closest("[data-adds]");
  if (adds) addEntry(document.querySelector(`[data-list=${adds.dataset.adds}]`));
  const gone = target.closest("[data-removes]")?.closest("[data-entry]");
  const list = gone?.parentElement;
  gone?.remove();
  list?.dispatchEvent(new Event("input", { bubbles: true }));
});

// What is mended is not said to be wrong any more.
document.addEventListener("input", ({ target }) => {
  const list = target.closest("[data-list]");
  if (list) placeIn(list.closest(".field")).textContent = "";
  if (!target.hasAttribute("aria-invalid")) return;
  target.removeAttribute("aria-invalid");
  placeOf(target).textContent = "";
});

// What the browser knows to be wrong is said as the rest is, and not in a bubble.
function isComplete(form) {
  const wrong = all("input, select, textarea", form).filter((field) => !field.validity.valid);
  for (const field of wrong.filter((each) => each.willValidate)) {
    const text = field.validity.badInput ? "This is no number." : field.validationMessage;
    if (!placeOf(field).textContent) sayAt(placeOf(field), text, field);
  }
  form.querySelector("[aria-invalid]")?.focus();
  return !form.querySelector("[aria-invalid]");
}

const isAway = "The server does not answer. Look whether it is running, then try again.";

// Of the whole form: a notice would stand behind a dialog.
function sayOfWhole(form, text) {
  const place = form.closest("dialog") && form.querySelector(".fault.whole");
  if (place) sayAt(place, text);
  else notice(text);
}

async function post(address, body, method = "POST", away = notice) {
  try {
    const answer = await fetch(address, { method, headers: jsonHeaders(), body: JSON.stringify(body) });
    if (answer.status === 401) toSignIn();
    return answer;
  } catch {
    away(isAway);
  }
}

// Who saved what meanwhile, as far as that can be learned; `detail`: what was answered.
async function sayConflict(form, detail) {
  const box = form.querySelector(".conflict");
  const answer = await fetch(form.dataset.save).catch(() => null);
  const { version, saved_by, saved_at, note } = answer?.ok ? await answer.json() : {};
  const because = note ? `: ${note}` : "";
  const said = `Version ${version} is in force meanwhile. ${saved_by} saved it`;
  box.querySelector("span").textContent = saved_at
    ? `${said} at ${saved_at.slice(11, 16)} UTC${because}. What you typed is still here.`
    : detail;
  box.hidden = false;
  box.scrollIntoView({ block: "center" });
}

// The answer, if it is a good one; `bodyOf` makes the body of what the form says, `from` says where
// in it what is wrong begins.
async function send(form, method, address, bodyOf, from = "") {
  clearFaults(form);
  if (!isComplete(form)) return;
  let body;
  try {
    body = bodyOf(read(form));
  } catch (error) {
    if (!(error instanceof Misread)) throw error;
    sayAt(placeOf(error.field), error.message, error.field);
    return;
  }
  const ofWhole = (text) => sayOfWhole(form, text);
  const answer = await post(address, body, method, ofWhole);
  if (!answer || answer.ok) return answer;
  const problem = await answer.json();
  if (answer.status === 409 && form.querySelector(".conflict")) await sayConflict(form, problem.detail);
  else if (problem.errors?.length) {
    for (const { pointer, detail } of problem.errors)
      sayFault(form, (pointer ?? "").replace(from, "").split("/").slice(1), detail);
    form.querySelector("[aria-invalid]")?.focus();
  } else ofWhole(problem.detail);
}
