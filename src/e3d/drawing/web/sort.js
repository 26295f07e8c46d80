// Tables that are sorted by a click on the head of a column.
"use strict";
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const value = (row, k) => {
    const text = row.cells[k].textContent;
    const number = Number(text.replace("−", "-").replaceAll(",", ""));
    return text === "–" ? null : Number.isNaN(number) ? text : number;
  };
  heads.forEach((head, k) => head.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = Array.from(table.tBodies[0].rows);
    rows.sort((a, b) => {
      const [x, y] = [value(a, k), value(b, k)];
      if (x === null || y === null) return (x === null) - (y === null); // unknown ones last
      const order = typeof x === "number" && typeof y === "number"
        ? x - y : String(x).localeCompare(String(y), "en");
      return up ? order : -order;
    });
    table.tBodies[0].append(...rows);
  }));
}
