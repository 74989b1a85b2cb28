// One drawing: lines over a common x, with what they read beside their names. The names show the
// figures of the whole run, or those under the pointer.

const MARGIN = {left: 58, top: 10, bottom: 26};

// {place, ticks}: place(value) is 0 at `low` and 1 at `high`.
function linearScale(low, high, wanted) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => span / n <= wanted);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) ticks.push(i * step);
  return {place: (value) => (value - low) / span, ticks};
}

function logScale(low, high, wanted) {
  const place = (value) => Math.log(value / low) / Math.log(high / low);
  const decades = Math.log10(high / low);
  if (decades < 0.6) return {place, ticks: linearScale(low, high, wanted).ticks};
  const steps = decades < wanted / 3 ? [1, 2, 5] : [1];
  const every = Math.ceil(decades / wanted);
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); ++power) {
    if (steps.length > 1 || power % every === 0) ticks.push(...steps.map((n) => n * 10 ** power));
  }
  return {place, ticks: ticks.filter((tick) => tick >= low && tick <= high)};
}

// The scale of y for all finite values; a log scale leaves out what is not above 0.
function scaleOfY(spec, wanted) {
  const values = spec.series.flatMap((series) => series.points.map((point) => point.y))
    .filter((y) => y !== null && (!spec.log || y > 0));
  const [low, high] = values.length ? extremes(values) : [1, 1];
  return spec.log ? logScale(low / 1.2, high * 1.2, wanted) : linearScale(0, high * 1.08 || 1, wanted);
}

// Smallest and largest, of arrays too long for an argument list.
function extremes(values) {
  return values.reduce(([low, high], y) => [Math.min(low, y), Math.max(high, y)], [Infinity, -Infinity]);
}

// Names at the ends of lines, moved down just so far that they do not overlap.
function placeNames(names, bottom) {
  names.sort((a, b) => a.y - b.y);
  names.forEach((name, i) => { if (i) name.y = Math.max(name.y, names[i - 1].y + 14); });
  for (let i = names.length - 1, limit = bottom; i >= 0; --i, limit -= 14) {
    names[i].y = Math.min(names[i].y, limit);
  }
}

class Chart {
  // spec: {title, label (where there is no title), log, format(y), tick(y), where (text at rest), height, x: {low, high, ticks(wanted),
  // label(x)}, series: [{name, style, rest, area, marks, points: [{x, y, tail}]}], linked: [Chart]}
  constructor(spec) {
    this.spec = spec;
    this.xs = [...new Set(spec.series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
    this.lookup = spec.series.map((s) => new Map(s.points.map((p) => [p.x, p.y])));
    this.where = element("span", {class: "where"});
    this.values = spec.series.map(() => element("b"));
    this.svg = svg("svg", {class: "chart", role: "img", tabindex: 0, "aria-label": spec.label ?? spec.title});
    this.figure = element("figure", {}, spec.title ? element("h3", {}, spec.title) : null,
                          this.readout(), this.svg);
    spec.linked?.push(this);
    this.listen();
    this.show(null);
    new ResizeObserver(() => this.draw()).observe(this.figure);
  }

  readout() {
    const keys = this.spec.series.map((series, i) => element("span", {},
      svg("svg", {class: series.style, viewBox: "0 0 22 9", "aria-hidden": "true"},
          series.marks ? svg("path", {class: "dot", d: "M6 1h10l-5 8z"})
                       : svg("path", {class: "line", d: "M0 4.5h22"})),
      series.name, this.values[i]));
    return element("div", {class: "readout"}, this.where, keys);
  }

  listen() {
    const all = (x) => (this.spec.linked ?? [this]).forEach((chart) => chart.show(x));
    const point = (event) => {
      const box = this.svg.getBoundingClientRect();
      const share = ((event.clientX - box.left) * (this.width / box.width) - MARGIN.left) / this.inner;
      const x = this.spec.x.low + share * (this.spec.x.high - this.spec.x.low);
      all(this.xs.reduce((best, at) => (Math.abs(at - x) < Math.abs(best - x) ? at : best), this.xs[0]));
    };
    this.svg.addEventListener("pointermove", point);
    this.svg.addEventListener("pointerdown", point);
    this.svg.addEventListener("pointerleave", () => all(null));
    this.svg.addEventListener("blur", () => all(null));
    this.svg.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!step) return;
      event.preventDefault();
      const from = this.at === null ? (step > 0 ? -1 : this.xs.length) : this.xs.indexOf(this.at);
      all(this.xs[Math.min(Math.max(from + step, 0), this.xs.length - 1)]);
    });
  }

  // Reads at x, or the whole run where it is null.
  show(x) {
    const {spec} = this;
    this.at = x ?? null;
    this.where.textContent = this.at === null ? spec.where : spec.x.label(this.at);
    spec.series.forEach((series, i) => {
      const value = this.at === null ? series.rest : this.lookup[i].get(this.at) ?? null;
      this.values[i].textContent = series.marks ? count(value) : value === null ? MISSING : spec.format(value);
    });
    this.drawCross();
  }

  draw() {
    const {spec} = this;
    const width = Math.max(Math.round(this.figure.clientWidth), 200);
    if (width === this.width) return;
    this.width = width;
    this.height = spec.height;
    // One line needs no name beside it, and a narrow chart has no room for any.
    const names = spec.series.filter((s) => !s.marks).map((s) => s.name.length);
    this.right = width > 480 && names.length > 1 ? 14 + 7.4 * Math.max(...names) : 16;
    this.inner = width - MARGIN.left - this.right;
    this.bottom = this.height - MARGIN.bottom;
    this.y = scaleOfY(spec, (this.bottom - MARGIN.top) / 30);
    this.cross = svg("g");
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.replaceChildren(this.axes(), ...spec.series.map((s) => this.line(s)), this.names(), this.cross);
    this.drawCross();
  }

  xOf(x) {
    const {low, high} = this.spec.x;
    return MARGIN.left + this.inner * ((x - low) / (high - low || 1));
  }

  yOf(y) {
    return this.bottom - this.y.place(y) * (this.bottom - MARGIN.top);
  }

  drawn(y) {
    return y !== null && (!this.spec.log || y > 0);
  }

  axes() {
    const end = MARGIN.left + this.inner;
    const rows = this.y.ticks.map((tick) => [
      svg("path", {class: "grid", d: `M${MARGIN.left} ${this.yOf(tick)}H${end}`}),
      svg("text", {x: MARGIN.left - 8, y: this.yOf(tick) + 4, "text-anchor": "end"}, this.spec.tick(tick))]);
    const columns = this.spec.x.ticks(this.inner / 70).map(({x, name}) => [
      svg("path", {class: "grid", d: `M${this.xOf(x)} ${MARGIN.top}V${this.bottom}`}),
      svg("text", {x: this.xOf(x), y: this.bottom + 17, "text-anchor": "middle"}, name)]);
    return svg("g", {}, columns.flat(), rows.flat(),
               svg("path", {class: "axis", d: `M${MARGIN.left} ${this.bottom}H${end}`}));
  }

  line(series) {
    if (series.marks) return this.marks(series);
    const kept = series.points.map((p) => this.drawn(p.y) ? p : null);
    const paths = {line: "", tail: ""};
    kept.forEach((point, i) => {
      if (!point) return;
      const to = `${this.xOf(point.x).toFixed(1)} ${this.yOf(point.y).toFixed(1)}`;
      const from = i ? kept[i - 1] : null;
      if (from && point.tail) paths.tail += `M${this.xOf(from.x)} ${this.yOf(from.y)}L${to}`;
      else paths.line += `${from ? "L" : "M"}${to}`;
    });
    const points = kept.filter(Boolean);
    const dots = points.filter((p, i) => p.tail || (points.length <= 24 && !this.spec.smooth));
    return svg("g", {class: series.style},
      series.area ? this.area(kept) : null,
      svg("path", {class: "line", d: paths.line || "M0 0"}),
      svg("path", {class: "line tail", d: paths.tail || "M0 0"}),
      dots.map((p) => svg("circle", {class: "dot", cx: this.xOf(p.x), cy: this.yOf(p.y), r: 2.5})));
  }

  // What is below the line, open where it is.
  area(kept) {
    const strips = kept.map((to, i) => [kept[i - 1], to]).filter(([from, to]) => from && to);
    return svg("path", {class: "area", d: strips.map(([from, to]) =>
      `M${this.xOf(from.x)} ${this.bottom}V${this.yOf(from.y)}L${this.xOf(to.x)} ${this.yOf(to.y)}V${this.bottom}Z`)
      .join("")});
  }

  // A triangle and a hair line wherever something was counted.
  marks(series) {
    return svg("g", {class: series.style}, series.points.filter((p) => p.y > 0).map((p) => [
      svg("path", {class: "line", d: `M${this.xOf(p.x)} ${MARGIN.top}V${this.bottom}`}),
      svg("path", {class: "dot", d: `M${this.xOf(p.x) - 5} ${MARGIN.top - 8}h10l-5 9z`})]).flat());
  }

  names() {
    if (this.right < 20) return svg("g");
    const names = this.spec.series.filter((s) => !s.marks && s.points.some((p) => this.drawn(p.y)))
      .map((s) => ({s, last: s.points.filter((p) => this.drawn(p.y)).at(-1)}))
      .map(({s, last}) => ({s, y: this.yOf(last.y) + 4}));
    placeNames(names, this.bottom);
    return svg("g", {}, names.map(({s, y}) => svg("g", {class: s.style},
      svg("text", {class: "name", x: MARGIN.left + this.inner + 8, y}, s.name))));
  }

  drawCross() {
    if (!this.cross) return;
    this.cross.replaceChildren();
    if (this.at === null) return;
    const x = this.xOf(this.at);
    this.cross.append(svg("path", {class: "cross", d: `M${x} ${MARGIN.top}V${this.bottom}`}));
    this.spec.series.forEach((series, i) => {
      const y = this.lookup[i].get(this.at) ?? null;
      if (series.marks || !this.drawn(y)) return;
      this.cross.append(svg("g", {class: series.style},
        svg("circle", {class: "dot", cx: x, cy: this.yOf(y), r: 4})));
    });
  }
}
