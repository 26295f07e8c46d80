// The study's tables: unpacked when they are asked for, sorted by Tabulator, saved as CSV.
"use strict";
const HEIGHT = 440;
const all = JSON.parse(document.getElementById("tables-data").textContent);
const [choice, note] = ["table-choice", "table-note"].map((id) => document.getElementById(id));
let [shown, text] = [null, ""];

async function unpack(one) {
  const bytes = Uint8Array.from(atob(one.data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function column([field, numeric]) {
  return {
    field, title: field, headerTooltip: true, sorter: numeric ? "number" : "string",
    sorterParams: { alignEmptyValues: "bottom" }, hozAlign: numeric ? "right" : "left",
  };
}

async function show(name) {
  const one = all.find((table) => table.name === name && table.data);
  if (!one) return;
  choice.value = name;
  text = await unpack(one);
  if (shown) shown.destroy();
  shown = new Tabulator("#table", {
    data: text, importFormat: "csv", columns: one.columns.map(column),
    nestedFieldSeparator: false, height: HEIGHT, layout: "fitDataStretch", placeholder: "No rows.",
  });
  shown.on("tableBuilt", () => { document.getElementById("table").dataset.shows = name; });
  note.textContent = `${one.rows.toLocaleString("en")} rows; SHA-256 ${one.sha256}…`;
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${choice.value.replace("/", "-")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function follow() { // #tables/bde/named leads to a table
  const name = decodeURIComponent(location.hash).replace("#tables/", "");
  if (all.some((one) => one.name === name)) {
    show(name);
    document.getElementById("tables").scrollIntoView();
  }
}

choice.addEventListener("change", () => {
  history.replaceState(null, "", `#tables/${choice.value}`);
  show(choice.value);
});
document.getElementById("table-save").addEventListener("click", save);
addEventListener("hashchange", follow);
show(choice.value).then(follow);

const dialog = document.getElementById("enlarged");
for (const button of document.querySelectorAll(".enlarge")) {
  button.addEventListener("click", () => {
    dialog.firstElementChild.src = button.firstElementChild.src;
    dialog.showModal();
  });
}
dialog.addEventListener("click", () => dialog.close());
