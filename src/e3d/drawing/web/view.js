// Viewers of molecules: bonds in space coloured by D, and D along the frames.
"use strict";
(() => {
  const SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7a7a7a"];
  const DASHES = ["", "6 3", "2 3", "8 3 2 3"];
  const DRAWN = 6; // curves at first
  const MOST_CHIPS = 80;
  const MOST_LABELS = 150;
  const FRAMES_PER_SECOND = 8;
  const SVG = "http://www.w3.org/2000/svg";

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  };

  function colorOf(scale, d) {
    if (d === null) return scale.unknown;
    const share = Math.min(Math.max((d - scale.low) / (scale.high - scale.low), 0), 1);
    const place = share * (scale.colors.length - 1);
    const first = Math.min(Math.floor(place), scale.colors.length - 2);
    const part = (color, k) => parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16);
    const mixed = [0, 1, 2].map((k) => {
      const a = part(scale.colors[first], k), b = part(scale.colors[first + 1], k);
      return Math.round(a + (place - first) * (b - a)).toString(16).padStart(2, "0");
    });
    return "#" + mixed.join("");
  }

  function ticks(low, high, count) {
    const raw = 0.75 * (high - low) / count, size = 10 ** Math.floor(Math.log10(raw));
    const step = size * ([1, 2, 5, 10].find((k) => k * size >= raw) || 10);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
      found.push(Number((k * step).toPrecision(12)));
    }
    return found;
  }

  function hasWebGL() { // 3Dmol.js would show nothing, and not say so
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  }

  class View {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
      const part = (name) => root.querySelector(".view-" + name);
      for (const name of ["molecule", "canvas", "play", "frame", "labels", "numbers", "chips",
        "plot", "curves", "table", "reset"]) this[name] = part(name);
      this.frameName = part("frame-name");
      this.viewer = hasWebGL()
        ? $3Dmol.createViewer(this.canvas, { backgroundColor: "#ffffff" }) : null;
      if (!this.viewer) {
        this.canvas.hidden = true;
        part("failed").hidden = false;
      }
      this.molecule.addEventListener("change", () => this.choose(Number(this.molecule.value)));
      this.frame.addEventListener("input", () => this.show(Number(this.frame.value)));
      this.play.addEventListener("click", () => this.run(!this.timer));
      this.reset.addEventListener("click", () => this.look());
      for (const box of [this.labels, this.numbers]) {
        box.addEventListener("change", () => this.show(this.k));
      }
      new ResizeObserver(() => {
        if (this.viewer) this.viewer.resize();
        this.plotCurves();
      }).observe(this.canvas.parentElement);
      this.choose(0);
    }

    choose(index) {
      this.run(false);
      this.one = this.data.molecules[index];
      this.names = this.one.bonds.map(([i, j, x, y, z]) => {
        const at = x || y || z ? ` (${x} ${y} ${z})` : "";
        return `${this.one.symbols[i]}${i}–${this.one.symbols[j]}${j}${at}`;
      });
      const last = this.one.frames.length - 1;
      this.frame.max = last;
      this.frame.value = 0;
      this.frame.parentElement.hidden = last < 1;
      this.labels.checked = this.one.bonds.length <= MOST_LABELS;
      this.rank();
      this.show(0);
      this.look();
      this.plotCurves();
    }

    rank() {
      const { d, bonds } = this.one;
      const range = bonds.map((_, b) => {
        const values = d.map((frame) => frame[b]).filter((value) => value !== null);
        return values.length ? Math.max(...values) - Math.min(...values) : 0;
      });
      this.order = bonds.map((_, b) => b).sort((a, b) => range[b] - range[a] || a - b);
      this.drawn = new Set(this.order.slice(0, DRAWN));
      this.curves.hidden = d.length < 2 || !bonds.length;
      this.chips.replaceChildren();
      if (this.curves.hidden) return;
      this.order.slice(0, MOST_CHIPS).forEach((b, n) => {
        const chip = document.createElement("button");
        chip.type = "button";
        chip.className = "chip";
        chip.setAttribute("aria-pressed", this.drawn.has(b));
        const line = element("svg", { width: 26, height: 8, "aria-hidden": "true" });
        element("line", { x1: 0, y1: 4, x2: 26, y2: 4, ...this.stroke(n) }, line);
        chip.append(line, ` ${this.names[b]}`);
        chip.addEventListener("click", () => {
          if (!this.drawn.delete(b)) this.drawn.add(b);
          chip.setAttribute("aria-pressed", this.drawn.has(b));
          this.plotCurves();
        });
        this.chips.append(chip);
      });
    }

    stroke(n) {
      const dash = DASHES[Math.floor(n / SERIES.length) % DASHES.length];
      return { stroke: SERIES[n % SERIES.length], "stroke-width": 2, "stroke-dasharray": dash };
    }

    run(on) {
      clearInterval(this.timer);
      this.timer = on
        ? setInterval(() => this.show((this.k + 1) % this.one.frames.length),
          1000 / FRAMES_PER_SECOND)
        : null;
      this.play.textContent = on ? "Pause" : "Play";
      this.play.setAttribute("aria-pressed", on);
    }

    at(i, shift = [0, 0, 0]) {
      const place = this.one.positions[this.k].slice(3 * i, 3 * i + 3);
      if (this.one.cells) {
        const cell = this.one.cells[this.k];
        for (let k = 0; k < 9; k++) place[k % 3] += shift[Math.floor(k / 3)] * cell[k];
      }
      return { x: place[0], y: place[1], z: place[2] };
    }

    show(k) {
      this.k = k;
      this.frame.value = k;
      const { frames } = this.one;
      this.frameName.textContent = `frame ${frames[k]} (${k + 1} of ${frames.length} shown)`;
      this.frame.setAttribute("aria-valuetext", `frame ${frames[k]}`);
      const ends = this.one.bonds.map(([i, j, ...rest]) =>
        [this.at(i), this.at(j, rest), this.at(i, rest.slice(0, 3).map((s) => -s)), this.at(j)]);
      this.fillTable(ends);
      if (this.viewer) this.draw(ends);
      if (this.cursor) this.moveCursor();
    }

    fillTable(ends) {
      const rows = this.one.bonds.map((bond, b) => {
        const d = this.one.d[this.k][b];
        if (d === null) return null;
        const [p, q] = ends[b];
        const row = document.createElement("tr");
        const length = Math.hypot(p.x - q.x, p.y - q.y, p.z - q.z);
        for (const text of [this.names[b], bond[5], length.toFixed(3), d.toFixed(3)]) {
          row.append(Object.assign(document.createElement("td"), { textContent: text }));
        }
        return row;
      });
      this.table.tBodies[0].replaceChildren(...rows.filter((row) => row));
    }

    draw(ends) {
      const { viewer, one } = this;
      viewer.removeAllModels();
      viewer.removeAllShapes();
      viewer.removeAllLabels();
      const atoms = one.symbols.map((elem, i) =>
        ({ elem, serial: i, bonds: [], bondOrder: [], ...this.at(i) }));
      viewer.addModel().addAtoms(atoms);
      viewer.setStyle({}, { sphere: { scale: 0.2, colorscheme: "Jmol" } });
      one.bonds.forEach(([, , ...shift], b) => {
        const d = one.d[this.k][b];
        if (d !== null) this.drawBond(ends[b], shift, d);
      });
      if (one.cells) this.drawCell();
      if (this.numbers.checked) {
        atoms.forEach(({ elem, x, y, z }, i) => this.write(`${elem}${i}`, { x, y, z }, 11));
      }
      viewer.render();
    }

    drawBond([p, q, before, r], shift, d) {
      const color = colorOf(this.data.scale, d);
      const crossing = shift.slice(0, 3).some((s) => s !== 0);
      const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, z: (a.z + b.z) / 2 });
      const stick = (start, end) =>
        this.viewer.addCylinder({ start, end, radius: 0.12, color, fromCap: 2, toCap: 2 });
      if (crossing) { // half of it on either side of the cell
        stick(p, middle(p, q));
        stick(r, middle(r, before));
      } else {
        stick(p, q);
      }
      if (this.labels.checked) this.write(d.toFixed(2), middle(p, q), 12);
    }

    drawCell() {
      const cell = [0, 1, 2].map((a) => this.one.cells[this.k].slice(3 * a, 3 * a + 3));
      const corner = (bits) => {
        const sum = [0, 1, 2].map((c) => cell.reduce((s, v, a) => s + bits[a] * v[c], 0));
        return { x: sum[0], y: sum[1], z: sum[2] };
      };
      for (let a = 0; a < 3; a++) {
        if (!cell[a].some((v) => v)) continue;
        for (let n = 0; n < 8; n++) {
          const bits = [n & 1, (n >> 1) & 1, (n >> 2) & 1];
          if (bits[a]) continue;
          const to = bits.map((bit, c) => (c === a ? 1 : bit));
          this.viewer.addLine({ start: corner(bits), end: corner(to), color: "#777777" });
        }
      }
    }

    write(text, position, fontSize) {
      this.viewer.addLabel(text, {
        position, fontSize, fontColor: "#111111", backgroundColor: "#ffffff",
        backgroundOpacity: 0.75, padding: 1, alignment: "center", inFront: true,
      }, undefined, true);
    }

    look() {
      if (!this.viewer) return;
      this.viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
      this.viewer.rotate(20, "x");
      this.viewer.rotate(-25, "y");
      this.viewer.zoomTo();
      this.viewer.zoom(this.one.cells ? 1.1 : 1.2);
      this.viewer.render();
    }

    plotCurves() {
      this.cursor = null;
      this.plot.replaceChildren();
      if (!this.one || this.curves.hidden || !this.drawn.size) return;
      const { d, frames } = this.one;
      const width = Math.max(this.plot.clientWidth, 280), height = 260;
      const box = { left: 48, right: 12, top: 10, bottom: 40 };
      const chosen = this.order.filter((b) => this.drawn.has(b));
      const values = d.flatMap((frame) => chosen.map((b) => frame[b])).filter((v) => v !== null);
      let low = Math.min(...values), high = Math.max(...values);
      const room = Math.max((high - low) * 0.06, 0.01);
      [low, high] = [low - room, high + room];
      const first = frames[0], last = frames[frames.length - 1];
      const x = (f) => box.left + (f - first) / (last - first) * (width - box.left - box.right);
      const base = height - box.bottom;
      const y = (v) => base - (v - low) / (high - low) * (base - box.top);
      const svg = element("svg", { width, height, role: "img", class: "chart",
        "aria-label": "D of the chosen bonds along the frames" }, this.plot);
      for (const tick of ticks(low, high, 5)) {
        const [x1, x2, y1] = [box.left, width - box.right, y(tick)];
        element("line", { x1, x2, y1, y2: y1, class: "grid" }, svg);
        element("text", { x: x1 - 6, y: y1 + 4, "text-anchor": "end" }, svg).textContent = tick;
      }
      for (const tick of ticks(first, last, width / 90)) {
        element("text", { x: x(tick), y: height - box.bottom + 17, "text-anchor": "middle" }, svg)
          .textContent = tick;
      }
      element("text", { x: (box.left + width) / 2, y: height - 5, "text-anchor": "middle" }, svg)
        .textContent = "frame";
      const side = element("text", { "text-anchor": "middle",
        transform: `translate(12 ${(height - box.bottom) / 2}) rotate(-90)` }, svg);
      side.textContent = "D (eV)";
      for (const b of chosen.reverse()) {
        let path = "", pen = "M";
        frames.forEach((f, k) => {
          if (d[k][b] === null) { pen = "M"; return; }
          path += `${pen}${x(f).toFixed(1)} ${y(d[k][b]).toFixed(1)}`;
          pen = "L";
        });
        const look = this.stroke(this.order.indexOf(b));
        const line = element("path", { d: path, fill: "none", ...look }, svg);
        element("title", {}, line).textContent = this.names[b];
      }
      this.cursor = element("line", { y1: box.top, y2: height - box.bottom, class: "cursor" }, svg);
      this.place = x;
      this.moveCursor();
    }

    moveCursor() {
      const x = this.place(this.one.frames[this.k]);
      this.cursor.setAttribute("x1", x);
      this.cursor.setAttribute("x2", x);
    }
  }

  window.e3dColor = colorOf; // for what else a page colours by D
  window.e3dViews = Array.from(document.querySelectorAll("[data-view]"), (root) => new View(root));
})();
