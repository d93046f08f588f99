"use strict";
// Shows the API's description; if that needs a key, asks for it first.
const form = document.getElementById("key-form");
const notice = document.getElementById("alert");

async function show(key) {
  const headers = key ? { "X-API-Key": key } : {};
  const answer = await fetch("openapi.json", { headers });
  const said = await answer.json();
  const needsKey = answer.status === 401 || answer.status === 403;
  form.hidden = !needsKey;
  notice.textContent = answer.ok || (needsKey && !key) ? "" : said.detail;
  if (!answer.ok) return;
  const ui = SwaggerUIBundle({
    spec: said,
    dom_id: "#swagger-ui",
    layout: "BaseLayout",
    deepLinking: true,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
    onComplete: () => key && ui.preauthorizeApiKey("X-API-Key", key),
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(document.getElementById("key").value.trim());
});
show("");
