// What changed in the course of the run, and the tables. The charts over time share a pointer.

const linked = [];

function timeAxis() {
  const high = intervals.at(-1).t_s;
  const [unit, name] = high > 7200 ? [3600, "h"] : high > 300 ? [60, "min"] : [1, "s"];
  return {low: 0, high, label: (x) => `at ${short(x)} s`,
          ticks: (wanted) => linearScale(0, high / unit, Math.max(wanted, 2)).ticks
            .map((tick) => ({x: tick * unit, name: `${short(tick)} ${name}`}))};
}

// [name, style, path in an interval, figure of the whole run, more] -> a series.
function seriesOf([name, style, path, rest, more]) {
  return {name, style, rest, ...more, points: intervals.map((i) => ({x: i.t_s, y: numberAt(i, path)}))};
}

function timeChart(title, series, options) {
  const present = series.map(seriesOf).filter((s) => s.points.some((p) => p.y !== null));
  if (!present.length) return null;
  return new Chart({title, series: present, x: timeAxis(), height: 220, where: "whole run", linked,
                    ...options}).figure;
}

const inTime = {log: true, format: time, tick: (us) => time(us, short)};

function overTimeSection() {
  if (intervals.length < 2) {
    return [...heading("Over time"),
            element("p", {}, intervals.length ? "The run was one interval: there is nothing to draw over time."
                                              : "The result has no intervals to draw over time.")];
  }
  const whole = (key) => numberAt(result, `latency_us.${key}`);
  const charts = [
    timeChart("Latency in each interval", [["p50", "first", "p50_us", whole("p50")],
      ["p99", "second", "p99_us", whole("p99")], ["max", "third", "max_us", whole("max")]], inTime),
    timeChart("Requests a second", [["rate", "first", "rate_per_s", finite(result.rate_per_s), {area: true}],
      ...(intervals.some((i) => i.errors > 0)
        ? [["errors", "error", "errors", errorCount(result.errors), {marks: true}]] : [])],
      {format: rate, tick: (value) => amount(value, short)})];
  return [...heading("Over time"), element("div", {class: "charts"}, charts)];
}

function median(path) {
  const values = intervals.map((i) => numberAt(i, path)).filter((v) => v !== null).sort((a, b) => a - b);
  return values.length ? values[Math.floor(values.length / 2)] : null;
}

function serverSection() {
  const seen = intervals.some((i) => Object.keys(object(i.server)).length);
  if (!seen || intervals.length < 2) {
    return [...heading("In the server"), element("p", {},
      seen ? "The run was one interval: there is nothing to draw over time."
           : "Batch sizes and queue delay are the server's to tell. To have them here, start the server with " +
             "a port for metrics and name it to the load tester: ",
      seen ? null : element("code", {}, "--metrics HOST:PORT"))];
  }
  const of = (name, style, path, more) => [name, style, `server.${path}`, median(`server.${path}`), more];
  const plain = {format: figures, tick: (value) => amount(value, short), where: "median"};
  const charts = [
    timeChart("Queue delay and device time of a batch", [of("queue p50", "first", "queue_delay_us.p50"),
      of("queue p99", "second", "queue_delay_us.p99"), of("device p50", "third", "device_us.p50")],
      {...inTime, where: "median"}),
    timeChart("Works in a batch", [of("works", "first", "batch_works", {area: true})], plain),
    timeChart("Rows in a batch", [of("rows", "first", "batch_rows", {area: true})], plain),
    timeChart("Batches a second", [of("batches", "first", "batches_per_s", {area: true})],
      {...plain, format: rate})];
  return [...heading("In the server", "From the server's metrics, over the same intervals."),
          element("div", {class: "charts"}, charts.filter(Boolean))];
}

function operationRow([name, value], total) {
  const operation = object(value);
  const errors = errorCount(operation.errors);
  const seconds = finite(result.duration_s);
  const done = finite(operation.count);
  const latency = (key) => element("td", {}, time(numberAt(operation, `latency_us.${key}`)));
  return element("tr", {}, element("td", {}, name), element("td", {}, count(done)),
    element("td", {}, done !== null && total ? percent(done / total) : MISSING),
    element("td", {}, done !== null && seconds ? rate(done / seconds) : MISSING),
    ["mean", "p50", "p90", "p99", "p999", "max"].map(latency),
    element("td", {class: errors > 0 ? "bad codes" : ""}, codes(operation.errors) || count(errors)));
}

function operationsSection() {
  const operations = Object.entries(object(result.operations));
  if (!operations.length) return [];
  const total = operations.reduce((sum, [, o]) => sum + (finite(object(o).count) ?? 0), 0);
  const head = ["Operation", "Count", "Share", "Per s", "Mean", "p50", "p90", "p99", "p99.9", "Max", "Errors"];
  return [...heading("Operations"), element("div", {class: "scroll"}, element("table", {},
    element("thead", {}, element("tr", {}, head.map((name) => element("th", {scope: "col"}, name)))),
    element("tbody", {}, operations.map((entry) => operationRow(entry, total)))))];
}

function factText(key, value) {
  if (finite(value) !== null) return key.endsWith("_bytes") ? `${bytes(value)}` : String(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function facts(title, values) {
  const entries = Object.entries(values).filter(([, value]) => value !== null && value !== "");
  return entries.length ? element("section", {}, element("h3", {}, title), element("dl", {},
    entries.flatMap(([key, value]) => [element("dt", {}, key.replace(/_bytes$/, "").replaceAll("_", " ")),
                                       element("dd", {}, factText(key, value))]))) : null;
}

function setupSection() {
  const version = text(result.kvsift_load);
  const traffic = {requests: finite(result.requests) === null ? null : count(result.requests),
                   sent: numberAt(result, "bytes.sent") === null ? null : bytes(result.bytes.sent),
                   received: numberAt(result, "bytes.received") === null ? null : bytes(result.bytes.received)};
  const words = list(result.command).map((word) => shellWord(String(word)));
  const known = words.length || ["config", "machine", "server"].some((key) => Object.keys(object(result[key])).length);
  return [...heading("What was run"), known ? null : element("p", {}, "The result does not say."),
    words.length ? element("pre", {class: "command"}, words.join(" ")) : null,
    element("div", {class: "facts"}, facts("Load", object(result.config)),
      element("div", {}, facts("Load tester's machine", object(result.machine)), facts("Traffic", traffic)),
      facts("Server", object(result.server))),
    version ? element("p", {class: "faint made"}, `Made by kvsift-load ${version}.`) : null];
}

function rawSection() {
  return [element("details", {}, element("summary", {}, "The result as JSON"),
                  element("pre", {}, JSON.stringify(result, null, 1)))];
}

// A section that meets what it cannot draw leaves the others alone.
for (const section of [titleSection, verdictSection, tilesSection, percentileSection, overTimeSection,
                       serverSection, operationsSection, setupSection, rawSection]) {
  const page = document.getElementById("page");
  try {
    page.append(...section().filter(Boolean));
  } catch (error) {
    page.append(element("p", {class: "faint"}, `${section.name} could not be drawn: ${error.message}`));
  }
}
