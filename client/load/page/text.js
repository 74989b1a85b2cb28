"use strict";
// What is read from a result, and how it is written. A field may be absent or of another kind:
// then it reads as null or empty, and the page says so or leaves it out.

const SVG = "http://www.w3.org/2000/svg"; // a name, which nothing is loaded from

const finite = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const object = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
const list = (value) => (Array.isArray(value) ? value : []);
const text = (value) => (typeof value === "string" ? value : "");

// The value at "a.b.c", undefined where something is missing on the way.
function at(value, path) {
  return path.split(".").reduce((found, key) => object(found)[key], value);
}
const numberAt = (value, path) => finite(at(value, path));

// An element with attributes and children. Strings become text, never markup.
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const MISSING = "–";

// Three figures, without an exponent: 0.123, 1.23, 12.3, 123, 1234.
function figures(value) {
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return String(Math.round(value));
  return value.toFixed(magnitude >= 10 ? 1 : magnitude >= 1 || magnitude === 0 ? 2 : 3);
}

// Without the zeros that figures() ends with, for axes.
const short = (value) => String(Number(value.toPrecision(3)));

function count(value) {
  return value === null ? MISSING : Math.round(value).toLocaleString("en-US");
}

// Microseconds in the unit that suits them.
function time(us, write = figures) {
  if (us === null) return MISSING;
  if (us >= 999500) return `${write(us / 1e6)} s`;
  if (us >= 999.5) return `${write(us / 1e3)} ms`;
  return us >= 1 || us <= 0 ? `${write(us)} µs` : `${write(us * 1e3)} ns`;
}

function scaled(value, base, units, write = figures) {
  if (value === null) return MISSING;
  let power = 0;
  while (power + 1 < units.length && value >= base ** (power + 1) * 0.9995) ++power;
  if (power === 0 && Number.isInteger(value)) return `${value}${units[0]}`;
  return write(value / base ** power) + units[power];
}

const amount = (value, write) => scaled(value, 1000, ["", " k", " M", " G", " T"], write);
const bytes = (value) => scaled(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);

function rate(value) {
  if (value === null) return MISSING;
  return value >= 1000 ? Math.round(value).toLocaleString("en-US") : figures(value);
}

function percent(share) {
  const value = 100 * share;
  return `${value === 0 || value === 100 ? value : Number(value.toPrecision(2))} %`;
}

const times = (ratio) => (ratio === null ? MISSING : `${ratio < 10 ? ratio.toFixed(2) : figures(ratio)}×`);

function duration(seconds) {
  if (seconds === null) return "";
  if (seconds < 120) return `${short(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${short(minutes / 60)} h`;
}

// A word as a shell reads it back.
const shellWord = (word) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

// "UNAVAILABLE 3, ABORTED 1", the most frequent first.
function codes(errors) {
  return Object.entries(object(errors))
    .filter(([, value]) => finite(value) > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([code, value]) => `${code} ${count(value)}`)
    .join(", ");
}

// All errors of {code: count}; null where they were not recorded.
function errorCount(errors) {
  if (finite(errors) !== null) return errors;
  if (errors === undefined || errors === null) return null;
  return Object.values(object(errors)).reduce((sum, value) => sum + (finite(value) ?? 0), 0);
}
