// The page: what a result says, section by section.

const result = object(JSON.parse(document.getElementById("result").textContent));
const intervals = list(result.intervals).map(object).filter((i) => finite(i.t_s) !== null)
  .sort((a, b) => a.t_s - b.t_s);
const TAIL = 0.5; // from the last percentile to the maximum, as wide as the way from 90 to 97

const heading = (title, ...lines) =>
  [element("h2", {}, title), ...lines.map((line) => element("p", {class: "faint prose"}, line))];

function titleSection() {
  const scenario = text(result.scenario);
  document.title = ["kvsift-load", scenario].filter(Boolean).join(": ");
  const facts = [
    text(result.started).replace("T", " ").replace(/Z$/, " UTC"),
    duration(finite(result.duration_s)),
    text(at(result, "server.backend")) && `backend ${at(result, "server.backend")}`,
    text(at(result, "server.address")) && `server ${at(result, "server.address")}`];
  return [element("h1", {}, element("small", {}, "kvsift-load "), scenario),
          element("p", {class: "faint"}, facts.filter(Boolean).join(" · "))];
}

// {state, line}: whether answers that were compared with expected ones are equal.
function answersVerdict() {
  const verified = finite(result.verified);
  const differences = finite(result.differences) ?? 0;
  if (differences > 0) {
    return {state: "bad", line: `${count(differences)} of ${count(verified)} verified answers ` +
                                `${differences === 1 ? "is" : "are"} wrong`};
  }
  if (!verified) return {state: "none", line: "No answer was verified: nothing is known of their correctness"};
  const share = verified / (finite(result.requests) ?? 0);
  return {state: "good", line: `All ${count(verified)} verified answers are right` +
                               (share <= 1 ? ` (${percent(share)} of the requests)` : "")};
}

function errorsVerdict() {
  const errors = errorCount(result.errors);
  const requests = finite(result.requests);
  const among = requests === null ? "" : ` in ${count(requests)} requests`;
  if (errors === null) return {state: "none", line: "Errors were not recorded"};
  if (errors === 0) return {state: "good", line: `No errors${among}`};
  const share = requests ? ` (${percent(errors / requests)})` : "";
  const which = codes(result.errors);
  return {state: "bad", line: `${count(errors)} error${errors === 1 ? "" : "s"}${among}${share}` +
                              (which ? `: ${which}` : "")};
}

function verdictSection() {
  const answers = answersVerdict();
  const errors = errorsVerdict();
  const states = [answers.state, errors.state];
  const worst = ["bad", "none", "good"].find((state) => states.includes(state));
  const title = answers.state === "bad" ? "Wrong answers" : errors.state === "bad" ? "Requests failed"
    : worst === "good" ? "Right answers, no errors" : "Not verified";
  const sign = {good: "✓", bad: "✗", none: MISSING};
  const items = [answers, errors].map(({state, line}) => element("li", {},
    element("span", {class: `sign ${state}`}, sign[state]), element("span", {}, line)));
  return [element("div", {class: `verdict ${worst}`}, element("strong", {}, title),
                  element("ul", {}, items))];
}

function tile(label, value, unit, ...beside) {
  return element("div", {class: "tile"}, element("div", {class: "label"}, label),
    element("div", {class: "value"}, value, unit ? element("small", {}, unit) : null),
    beside.filter(Boolean).map((line) => element("div", {class: "beside"}, line)));
}

// As the result says, or from the two figures that it is made of.
function ratioOf(name, ours, theirs) {
  const given = numberAt(result, `ratio.${name}`);
  const [above, below] = [numberAt(result, ours), numberAt(result, theirs)];
  return given ?? (above !== null && below ? above / below : null);
}

function tilesSection() {
  const seconds = finite(result.duration_s);
  const each = (path) => (seconds && numberAt(result, path) !== null ? numberAt(result, path) / seconds : null);
  const [rows, keys] = [each("rows"), each("keys_scanned")];
  const echoP50 = ratioOf("p50", "latency_us.p50", "echo.latency_us.p50");
  const echoRate = ratioOf("rate", "rate_per_s", "echo.rate_per_s");
  const socket = ratioOf("socket_p50", "latency_us.p50", "socket.latency_us.p50");
  const beside = (key) => numberAt(result, `echo.latency_us.${key}`);
  const latency = (label, key) => tile(label, time(numberAt(result, `latency_us.${key}`)), "",
    beside(key) === null ? "" : `echo ${time(beside(key))}`);
  return [element("div", {class: "tiles"},
    tile("Rate", rate(finite(result.rate_per_s)), " /s",
         rows === null ? "" : `${amount(rows)} rows/s`, keys === null ? "" : `${amount(keys)} keys/s`),
    latency("Median latency (p50)", "p50"), latency("p99", "p99"), latency("p99.9", "p999"),
    latency("Maximum", "max"),
    tile("p50 beside echo", times(echoP50), "",
         echoP50 === null ? "no echo was measured" : echoRate === null ? "" : `rate ${times(echoRate)}`,
         socket === null ? "" : `${times(socket)} a raw socket's`))];
}

// Percentile p at 0 for none, 1 for 90, 2 for 99, 3 for 99.9.
const nines = (p) => -Math.log10(1 - p / 100);

// [[percentile, us], ...] of a measurement, ascending; from its few figures where it has no list.
function percentilesOf(measured) {
  const given = list(measured.percentiles)
    .filter((pair) => Array.isArray(pair) && finite(pair[0]) !== null && finite(pair[1]) !== null)
    .filter(([p]) => p >= 0 && p <= 100);
  const named = [[50, "p50"], [90, "p90"], [99, "p99"], [99.9, "p999"], [100, "max"]]
    .map(([p, key]) => [p, numberAt(measured, `latency_us.${key}`)]).filter(([, us]) => us !== null);
  return (given.length ? given : named).sort((a, b) => a[0] - b[0]);
}

function percentilePlot() {
  const curves = [["selection", "first", result], ["echo", "echo", object(result.echo)],
                  ["raw socket", "third", object(result.socket)]]
    .map(([name, style, measured]) => ({name, style, measured, pairs: percentilesOf(measured)}))
    .filter((curve) => curve.pairs.length);
  if (curves[0].measured === result) curves[0].name = text(result.scenario).slice(0, 24) || "requests";
  const last = Math.max(1, ...curves.flatMap((c) => c.pairs).filter(([p]) => p < 100).map(([p]) => nines(p)));
  const end = last + TAIL;
  const xOf = (p) => (p >= 100 ? end : nines(p));
  // Not so near to its neighbours that the two are written over each other.
  const fits = (x, room) => (x !== nines(50) || x > room * 0.45) && end - x > room * 0.65;
  const named = new Map(curves.flatMap((c) => c.pairs).map(([p]) => [xOf(p), p >= 100 ? "maximum" : `p${Number(p.toPrecision(8))}`]));
  const ticks = [0, 50, 90, 99, 99.9, 99.99, 99.999].filter((p) => nines(p) <= last + 1e-9)
    .map((p) => ({x: nines(p), name: String(p)}));
  return new Chart({
    title: "", label: "Latency by percentile",
    log: true, smooth: true, format: time, tick: (us) => time(us, short), height: 340, where: "at p99",
    x: {low: 0, high: end, label: (x) => named.get(x) ?? "",
        ticks: (wanted) => [...ticks.filter((t) => fits(t.x, end / wanted)), {x: end, name: "max"}]},
    series: curves.map(({name, style, measured, pairs}) => ({name, style,
      rest: numberAt(measured, "latency_us.p99"),
      points: pairs.map(([p, us]) => ({x: xOf(p), y: us, tail: p >= 100}))}))}).figure;
}

function percentileSection() {
  const has = (measured) => percentilesOf(object(measured)).length > 0;
  const lines = ["Right of 90, 99 and 99.9 are the slowest request in 10, in 100 and in 1000."];
  if (has(result.echo)) lines.push("Echo: the same traffic, answered by a server that does nothing.");
  if (has(result.socket)) lines.push("Raw socket: the same bytes without gRPC.");
  if (![result, result.echo, result.socket].some(has)) {
    return [...heading("Latency by percentile"), element("p", {}, "The result holds no latencies.")];
  }
  return [...heading("Latency by percentile", lines.join(" ")), percentilePlot()];
}
