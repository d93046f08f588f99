"use strict";
// The form of an experiment: its lists of arms, steps and guardrails, and saving the draft.
const experiment = document.getElementById("experiment");
const arms = document.getElementById("arms");

const field = (entry, name) => entry.querySelector(`[name=${name}]`);
const shares = () => entriesOf(arms).map((entry) => field(entry, "share"));

function share(parts) {
  shares().forEach((input, at) => (input.value = Number(parts[at].toFixed(2))));
  sum();
}
function equally(whole, count) {
  const part = Math.floor((whole / count) * 100) / 100;
  return Array.from({ length: count }, (_, at) => (at ? part : whole - part * (count - 1)));
}
function sum() {
  const total = shares().reduce((so, input) => so + Number(input.value), 0);
  const isWhole = Math.abs(total - 100) < 0.0001;
  const place = document.getElementById("together");
  place.textContent = `Together ${Number(total.toFixed(2))} %${isWhole ? "" : ": they are to be 100 %"}`;
  place.classList.toggle("nothing", !isWhole);
}
sum();

experiment.addEventListener("input", sum);
document.getElementById("equally").addEventListener("click", () => share(equally(100, shares().length)));

// A few users get the popular list, to know what all the rest is worth.
document.getElementById("holdout").addEventListener("click", () => {
  const rest = shares().map((input) => Number(input.value) * 0.9);
  const entry = addEntry(arms);
  field(entry, "name").value = "holdout";
  field(entry, "version").value = '"popular"';
  share([...rest, 100 - rest.map((each) => Number(each.toFixed(2))).reduce((so, each) => so + each, 0)]);
});

experiment.addEventListener("submit", async (event) => {
  event.preventDefault();
  const revision = Number(experiment.dataset.revision);
  const body = ({ definition }) => ({ definition, revision });
  const answer = await send(experiment, "PUT", experiment.dataset.save, body);
  if (answer?.ok) noticeOn(experiment.dataset.here, "The draft is saved. Nobody is in it yet.");
});

experiment.querySelector(".conflict button").addEventListener("click", async () => {
  const answer = await fetch(experiment.dataset.save);
  if (answer.ok) experiment.dataset.revision = (await answer.json()).experiment.revision;
  experiment.requestSubmit();
});
