"use strict";
// What all pages of the console share: JSON bodies, errors, the theme, signing out.
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

htmx.defineExtension("json", {
  onEvent(name, event) {
    if (name === "htmx:configRequest" && event.detail.verb !== "get")
      event.detail.headers["Content-Type"] = "application/json";
  },
  // `scopes[]` is a list, `per_minute:number` a number, or nothing if it is empty; what an element
  // says is typed is written as JSON has it.
  encodeParameters(request, parameters, element) {
    const body = {};
    for (const [name, text] of parameters) {
      const [plain, kind] = name.split(":");
      const value = "typed" in element.dataset ? JSON.parse(text) : text;
      if (kind === "number") body[plain] = text === "" ? null : Number(text);
      else if (name.endsWith("[]")) (body[name.slice(0, -2)] ??= []).push(value);
      else body[name] = value;
    }
    return JSON.stringify(body);
  },
});

function notice(text, kind = "bad") {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  const said = document.createElement("p");
  said.textContent = text;
  const close = document.createElement("button");
  close.className = "quiet";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => box.remove());
  box.append(said, close);
  document.getElementById("notices").append(box);
  setTimeout(() => box.remove(), 10_000);
}

function detailOf(request) {
  try {
    const problem = JSON.parse(request.responseText);
    const faults = (problem.errors ?? []).map((fault) => fault.detail);
    return faults.length ? faults.join(" ") : problem.detail;
  } catch {
    return `The server answered ${request.status}.`;
  }
}

function toSignIn() {
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`${document.body.dataset.signIn}#next=${next}`);
}

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) toSignIn();
  else notice(detailOf(event.detail.xhr));
});
document.addEventListener("htmx:sendError", () =>
  notice("The server does not answer. Look whether it is running, then try again."),
);

document
  .querySelector("nav [aria-current=page]")
  ?.scrollIntoView({ block: "nearest", inline: "center" });

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("tandem.theme", root.dataset.theme);
});

document.getElementById("sign-out")?.addEventListener("click", async () => {
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  await fetch(document.body.dataset.session, { method: "DELETE", headers });
  location.assign(document.body.dataset.signIn);
});

// What a button opens, and what the server has to say beside the page.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});
function noticeOn(address, text, kind = "good") {
  sessionStorage.setItem("tandem.notice", JSON.stringify({ text, kind }));
  location.assign(address);
}
document.addEventListener("notice", ({ detail }) => {
  if (detail.on) noticeOn(detail.on, detail.text, detail.kind);
  else notice(detail.text, detail.kind);
});
document.addEventListener("htmx:afterRequest", ({ detail: { elt, successful } }) => {
  const { done, to } = elt.dataset;
  if (successful && done) noticeOn(to || location.pathname, done);
});
const kept = sessionStorage.getItem("tandem.notice");
if (kept) {
  sessionStorage.removeItem("tandem.notice");
  const { text, kind } = JSON.parse(kept);
  notice(text, kind);
}
