"use strict";
// The page Import: a file that is dropped or chosen is sent as it is, for a preview.
const drop = document.getElementById("drop");
const chosenFile = document.getElementById("file");
const sent = document.getElementById("sent");

function send(file) {
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ filename: file.name, preview: "true" });
  request.open("POST", `${drop.dataset.loads}?${query}`);
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.addEventListener("progress", (event) => {
    sent.value = event.total ? event.loaded / event.total : 0;
  });
  request.addEventListener("loadend", () => {
    sent.hidden = true;
    chosenFile.value = "";
    if (request.status !== 202) return notice(request.status ? detailOf(request) : "It was not sent.");
    const { id } = JSON.parse(request.responseText);
    htmx.ajax("GET", `${drop.dataset.state}${id}`, { target: "#load" });
    htmx.trigger("#loads", "changed");
  });
  sent.value = 0;
  sent.hidden = false;
  request.send(file);
}

chosenFile.addEventListener("change", () => chosenFile.files[0] && send(chosenFile.files[0]));
for (const name of ["dragover", "dragenter", "dragleave", "drop"])
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover" || name === "dragenter");
    if (name === "drop" && event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  });
// What a button began shows among the newest loads, too.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.requestConfig.verb === "post") htmx.trigger("#loads", "changed");
});
