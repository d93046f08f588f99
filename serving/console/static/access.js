"use strict";
// The page Access: a key or a link is shown once, when it is made; other changes show the page anew.
const secret = document.getElementById("secret");

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, successful, xhr } = event.detail;
  if (!successful || elt.dataset.makes === undefined) return;
  if (!elt.dataset.makes) return location.reload();
  const made = JSON.parse(xhr.responseText);
  const isLink = elt.dataset.makes === "link";
  document.getElementById("secret-title").textContent = isLink ? "Give them this link" : "The key";
  document.getElementById("secret-text").textContent = isLink
    ? new URL(made.path, location.origin).href
    : made.key;
  secret.showModal();
});
document.getElementById("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById("secret-text").textContent);
  notice("Copied.", "good");
});
secret.addEventListener("close", () => location.reload());
