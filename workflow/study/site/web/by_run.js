// Sliders choose a run: the plot of D against reference energies, the view and drawings follow.
"use strict";
const MEAN = "mean";
const LARGEST_PLOT = 500;
const data = JSON.parse(document.getElementById("by-run-data").textContent);
const part = (id) => document.getElementById(id);
const known = (values) => values.filter((value) => value !== null && value !== undefined);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const sliders = Object.fromEntries(["n", "model", "seed"].map((name) => {
  const label = part(`slider-${name}`);
  return [name, { label, range: label.querySelector("input"),
    output: label.querySelector("output") }];
}));
const sets = part("slider-dataset").querySelector("select");
const state = { dataset: data.runs[0].dataset, n: null, model: null, seed: MEAN };

// --- which run

function distinct(runs, key) { return [...new Set(runs.map((run) => run[key]))]; }

function fill(name, values, words) {
  const { label, range, output } = sliders[name];
  if (!values.includes(state[name])) state[name] = values[values.length - 1];
  range.max = values.length - 1;
  range.value = values.indexOf(state[name]);
  range.disabled = values.length < 2;
  label.classList.toggle("alone", values.length < 2);
  output.textContent = words(state[name]);
  range.setAttribute("aria-valuetext", output.textContent);
  sliders[name].values = values;
}

function settle() { // each slider has what there is, given those before it
  let runs = data.runs.filter((run) => run.dataset === state.dataset);
  fill("n", distinct(runs, "n"), (n) => n.toLocaleString("en"));
  runs = runs.filter((run) => run.n === state.n);
  fill("model", distinct(runs, "model"), (model) => {
    const { weights } = runs.find((run) => run.model === model);
    return weights ? `${model}, ${weights.toLocaleString("en")} weights` : model;
  });
  runs = runs.filter((run) => run.model === state.model);
  const seeds = distinct(runs, "seed");
  if (seeds.length > 1) seeds.push(MEAN);
  if (!seeds.includes(state.seed) && seeds.length > 1) state.seed = MEAN;
  fill("seed", seeds, (seed) => (seed === MEAN ? `mean of ${seeds.length - 1}` : `${seed}`));
  return runs.filter((run) => state.seed === MEAN || run.seed === state.seed)
    .map((run) => run.run);
}

function overRuns(byRun, runs, k) { // D of a bond: mean, extremes, and in how many runs
  const values = known(runs.map((run) => byRun[run] && byRun[run][k]));
  if (!values.length) return null;
  return { d: mean(values), low: Math.min(...values), high: Math.max(...values),
    seeds: values.length };
}

// --- the plot

let plot = null;
let reference = 0;

function signOf(type) { return [...type].find((letter) => data.orders[letter]) || "~"; }

function points(runs) {
  const { bonds, d, trained } = data.parity;
  return bonds.flatMap(([bond, type, molecule, references], k) => {
    const [found, x] = [overRuns(d, runs, k), references[reference]];
    if (!found || x === null) return [];
    const seen = runs.map((run) => trained[run] && trained[run][k]);
    return [{ bond, type, molecule, x, ...found, order: data.orders[signOf(type)][0],
      trained: seen.every((one) => one === true) ? "yes" : seen.includes(null) ? "not known" : "no",
      "D (eV)": number(found.d), "reference (eV)": number(x),
      "D less reference (eV)": number(found.d - x),
      "over seeds (eV)": found.seeds < 2 ? "one seed"
        : `${number(found.low)} to ${number(found.high)} (${found.seeds} seeds)` }];
  });
}

function limits() {
  const { bonds, d } = data.parity;
  const values = known([...bonds.flatMap((bond) => bond[3]), ...Object.values(d).flat()]);
  const room = 0.04 * (Math.max(...values) - Math.min(...values));
  return [Math.min(...values) - room, Math.max(...values) + room];
}

function specification(domain, size) {
  const axis = (field, title) => ({ field, type: "quantitative", title,
    scale: { domain, nice: false, zero: false } });
  const [x, y] = [axis("x", "reference energy (eV)"), axis("d", "D (eV)")];
  const signs = new Set(data.parity.bonds.map((bond) => signOf(bond[1])));
  const orders = Object.keys(data.orders).filter((sign) => signs.has(sign))
    .map((sign) => data.orders[sign]);
  const color = { field: "order", type: "nominal", title: null,
    scale: { domain: orders.map((one) => one[0]), range: orders.map((one) => one[1]) } };
  return {
    width: size, height: size, padding: 4, background: null,
    data: { name: "points", values: [] },
    layer: [
      { data: { values: domain.map((value) => ({ x: value, d: value })) },
        mark: { type: "line", color: "#8a857a", strokeWidth: 1 }, encoding: { x, y } },
      { mark: { type: "rule", strokeWidth: 1 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color } },
      { mark: { type: "point", size: 62, strokeWidth: 1.5, filled: false, cursor: "pointer" },
        encoding: { x, y, color,
          shape: { field: "order", type: "nominal", title: null,
            scale: { domain: color.scale.domain,
              range: ["circle", "square", "triangle-up", "diamond", "cross"] } },
          fill: color,
          fillOpacity: { condition: { test: "datum.trained === 'yes'", value: 0.6 }, value: 0 },
          tooltip: ["bond", "type", "molecule", "D (eV)", "over seeds (eV)", "reference (eV)",
            "D less reference (eV)", "trained"].map((field) => ({ field,
            title: field === "trained" ? "molecule in training" : field })) } },
    ],
    config: {
      font: "Georgia, 'DejaVu Serif', serif", view: { stroke: null },
      axis: { gridColor: "#e6e1d6", domainColor: "#8a857a", tickColor: "#8a857a",
        labelColor: "#26241f", titleColor: "#26241f", titleFontWeight: "normal",
        labelFontSize: 12, titleFontSize: 13, tickCount: 6 },
      legend: { orient: "bottom", columns: 2, labelFontSize: 12, labelColor: "#26241f",
        symbolStrokeWidth: 1.5 },
    },
  };
}

function nameAxis(spec) { // Vega-Lite's axes have one title, Vega's may change
  (spec.signals ||= []).push({ name: "reference", value: "" });
  for (const axis of spec.axes) {
    if (axis.orient === "bottom" && axis.title) axis.title = { signal: "reference" };
  }
  return spec;
}

function plotSize() {
  return Math.max(Math.min(part("parity").clientWidth - 56, LARGEST_PLOT), 200);
}

async function startPlot() {
  data.parity.references.forEach((words, k) => {
    const button = Object.assign(document.createElement("button"),
      { type: "button", textContent: words });
    button.setAttribute("aria-pressed", k === reference);
    button.addEventListener("click", () => {
      reference = k;
      for (const other of part("references").children) {
        other.setAttribute("aria-pressed", other === button);
      }
      update();
    });
    part("references").append(button);
  });
  const made = await vegaEmbed("#parity", specification(limits(), plotSize()),
    { actions: false, ast: true, renderer: "svg", patch: nameAxis }); // ast: no text is run
  plot = made.view;
  plot.addEventListener("click", (_, item) => {
    if (item && item.datum && item.datum.molecule) lookAt(item.datum.molecule);
  });
  new ResizeObserver(() => {
    const size = plotSize();
    if (plot.width() !== size) plot.width(size).height(size).runAsync();
  }).observe(part("parity"));
}

function drawPlot(runs) {
  const rows = points(runs);
  plot.signal("reference", `${data.parity.references[reference]} (eV)`);
  plot.data("points", rows).runAsync().then(() => { part("parity").dataset.runs = runs.join(" "); });
  const words = data.parity.references[reference];
  const key = runs.length > 1 ? runs[0].replace(/\/s\d+$/, "") : runs[0];
  const score = (data.parity.scores[key] || {})[words];
  const seen = rows.some((row) => row.trained === "not known")
    ? "Which molecules were in training is not known." : "Filled: the molecule is in training.";
  let text = `${rows.length} bonds. ${seen}`;
  if (score) {
    const [value, low, high] = score;
    const interval = low === null ? "" : ` [${number(low)}, ${number(high)}]`;
    text = `Mean absolute error against ${words}: ${number(value)} eV${interval}, ${text}`;
  }
  part("parity-score").textContent = text;
}

// --- molecules

function richest() { // the molecule with most kinds of bonds is shown first
  const view = window.e3dViews && window.e3dViews[0];
  if (!view) return -1;
  const kinds = view.data.molecules.map((one) => new Set(one.bonds.map((bond) => bond[5])).size);
  return kinds.indexOf(Math.max(...kinds));
}

function lookAt(name, scroll) {
  const view = window.e3dViews && window.e3dViews[0];
  if (!view) return;
  const k = typeof name === "number" ? name
    : view.data.molecules.findIndex((_, n) => view.molecule.options[n].text === name);
  if (k < 0) return;
  view.molecule.value = k;
  view.choose(k);
  if (scroll) view.root.scrollIntoView({ block: "center" });
}

function drawMolecules(runs) {
  const view = window.e3dViews && window.e3dViews[0];
  if (!view) return;
  data.molecules.forEach((byRun, m) => {
    const values = view.data.molecules[m].bonds.map((_, k) => {
      const found = overRuns(byRun, runs, k);
      return found ? found.d : null;
    });
    view.data.molecules[m].d = [values];
    for (const bond of document.querySelectorAll(`[data-molecule="${m}"] [data-bond]`)) {
      const d = values[bond.dataset.bond];
      const [text, title] = ["text", "title"].map((name) => bond.querySelector(name));
      if (text) text.textContent = d === null ? "–" : d.toFixed(2);
      if (title) {
        title.textContent = title.textContent.replace(/: [^:]*$/,
          d === null ? ": no D" : `: ${d.toFixed(3)} eV`);
      }
      for (const line of bond.querySelectorAll("line:nth-of-type(even)")) {
        line.setAttribute("stroke", window.e3dColor(view.data.scale, d));
      }
    }
  });
  view.show(view.k);
}

// --- together

function update() {
  const runs = settle();
  if (plot) drawPlot(runs);
  drawMolecules(runs);
}

function change(name, value) {
  state[name] = value;
  update();
  const { dataset, n, model, seed } = state;
  history.replaceState(null, "", `#bonds/${dataset}/n${n}/${model}/${seed === MEAN ? MEAN : `s${seed}`}`);
}

function follow() { // #bonds/minispice/n512/micro/s0 leads to a run
  const found = decodeURIComponent(location.hash).match(/^#bonds\/(.+)\/n(\d+)\/(.+)\/(mean|s\d+)$/);
  if (!found) return;
  const [, dataset, n, model, seed] = found;
  Object.assign(state, { dataset, n: Number(n), model,
    seed: seed === MEAN ? MEAN : Number(seed.slice(1)) });
  if (!data.runs.some((run) => run.dataset === dataset)) state.dataset = data.runs[0].dataset;
  sets.value = state.dataset;
  update();
  part("bonds").scrollIntoView();
}

for (const [name, { range }] of Object.entries(sliders)) {
  range.addEventListener("input", () => change(name, sliders[name].values[range.value]));
}
for (const name of distinct(data.runs, "dataset")) sets.append(new Option(name, name));
part("slider-dataset").hidden = sets.options.length < 2;
sets.addEventListener("change", () => change("dataset", sets.value));
for (const button of document.querySelectorAll("[data-molecule]")) {
  button.addEventListener("click", () => lookAt(Number(button.dataset.molecule), true));
}
if (part("gallery-all")) {
  part("gallery-all").addEventListener("click", () => {
    for (const card of document.querySelectorAll(".gallery [hidden]")) card.hidden = false;
    part("gallery-all").remove();
  });
}
addEventListener("hashchange", follow);
(data.parity ? startPlot() : Promise.resolve()).then(() => {
  update();
  lookAt(richest());
  follow();
  document.documentElement.dataset.ready = "yes";
});
