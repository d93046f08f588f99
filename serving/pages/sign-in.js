"use strict";
// Signs in; with a link in the fragment of the address, a name or a password is chosen first.
const find = (id) => document.getElementById(id);
const [purpose, link] = location.hash.slice(1).split("=");
// A link is good once, and has no business in the history of the browser.
if (link && purpose !== "next") history.replaceState(null, "", location.pathname);
let next = purpose === "next" && link && new URL(decodeURIComponent(link), location.origin);
const chooses = link && { invitation: "Choose", reset: "Choose a new" }[purpose];
let csrf = "";

async function ask(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const answer = await fetch(`v1/auth/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const said = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.detail), { status: answer.status });
  return said;
}

function show(session) {
  // Whoever was on the way to a page of this server goes on there.
  if (session && next && next.origin === location.origin && session.account.role !== "user")
    return location.replace(next);
  csrf = session ? session.csrf_token : "";
  find("signed-in").hidden = !session;
  find("form").hidden = Boolean(session);
  find("who").textContent = session ? session.account.name : "";
  find("role").textContent = session ? session.account.role : "";
  find(session ? "sign-out" : find("name").required ? "name" : "password").focus();
}

function ready(isChoosing) {
  find("password").autocomplete = isChoosing ? "new-password" : "current-password";
  find("submit").textContent = isChoosing ? "Go on" : "Sign in";
  find("name-label").hidden = isChoosing && purpose === "reset";
  find("name").required = !find("name-label").hidden;
  const what = purpose === "reset" ? `${chooses} password.` : `${chooses} a name and a password.`;
  find("purpose").textContent = isChoosing ? `${what} A password has 8 characters or more.` : "";
}

async function signIn(name, password) {
  const session = await ask("POST", "session", { name, password });
  show(session);
  // Whoever is of the team goes on to the console, if it can be had from here.
  if (session.account.role === "user" || next) return;
  const console = await fetch("./", { method: "HEAD" });
  if (console.ok) location.assign("./");
}

async function submit() {
  const name = find("name").value.trim();
  const password = find("password").value;
  if (find("submit").textContent === "Sign in") return signIn(name, password);
  if (purpose === "reset") {
    await ask("POST", "reset", { link, password });
    ready(false);
    find("purpose").textContent = "The password is changed. Sign in with it.";
    return show(null);
  }
  await ask("POST", "register", { name, password, invitation: link });
  ready(false);
  // Whoever is new in the team begins with the console.
  next = new URL(".", location);
  return signIn(name, password);
}

async function attempt(action) {
  find("alert").textContent = "";
  find("submit").disabled = true;
  try {
    await action();
    find("password").value = "";
  } catch (error) {
    find("alert").textContent = error.message;
  }
  find("submit").disabled = false;
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(submit);
});
find("sign-out").addEventListener("click", () =>
  attempt(async () => {
    await ask("DELETE", "session");
    ready(false);
    show(null);
  }),
);
// A link that is opened where this page is open already changes the fragment alone.
addEventListener("hashchange", () => location.reload());
ready(Boolean(chooses));
if (chooses) show(null);
else ask("GET", "session").then(show, () => show(null));
