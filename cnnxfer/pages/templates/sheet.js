// Sorts and filters the pictures of a contact sheet; without it, all are shown as given.
"use strict";
const sheet = document.querySelector("main");
const given = [...sheet.children];
const classes = new Map(given.map((figure) => [figure, JSON.parse(figure.dataset.classes ?? "[]")]));
const path = (figure) => figure.querySelector(".name").title;
const has = (name) => (figure) => figure.classList.contains(name);

const byText = (one, other) => one.localeCompare(other, undefined, { numeric: true });
// Nothing found is least sure; what could not be read comes last.
const sure = (figure) => (has("unreadable")(figure) ? 2 : Number(figure.dataset.sure ?? -1));
const bySureness = (one, other) => sure(one) - sure(other);
const byName = (one, other) => byText(path(one), path(other));
function byClass(one, other) {
  const [first, second] = [classes.get(one), classes.get(other)];
  if (!first.length || !second.length) return second.length - first.length || bySureness(one, other);
  return byText(first[0], second[0]) || bySureness(one, other);
}
const orders = [["as given", null], ["by class", byClass], ["by name", byName]];
if (given.some((figure) => figure.dataset.sure)) orders.splice(1, 0, ["least sure first", bySureness]);

const filters = [["all", () => true]];
for (const [kind, words] of [
  ["other", "where the folder says otherwise"],
  ["doubtful", given.find(has("doubtful"))?.querySelector(".unsure").textContent],
  ["unreadable", "could not be read"],
]) if (given.some(has(kind))) filters.push([words, has(kind)]);
for (const name of [...new Set([...classes.values()].flat())].sort(byText))
  filters.push([name, (figure) => classes.get(figure).includes(name)]);

function choice(title, options, change) {
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.append(...options.map((text, at) => new Option(text, at)));
  select.addEventListener("change", () => change(Number(select.value)));
  label.append(`${title} `, select);
  return label;
}

const shown = document.createElement("output");
function filter(number) {
  for (const figure of given) figure.hidden = !filters[number][1](figure);
  const kept = given.filter((figure) => !figure.hidden).length;
  shown.textContent = kept < given.length ? `${kept} of ${given.length} shown` : "";
}
function sort(number) {
  const compare = orders[number][1];
  sheet.append(...(compare ? [...given].sort(compare) : given));
}

const counted = filters.map(([text, keeps]) => `${text} (${given.filter(keeps).length})`);
const controls = document.createElement("form");
controls.className = "controls";
controls.append(choice("Order", orders.map(([text]) => text), sort), choice("Show", counted, filter), shown);
if (given.length > 1) sheet.before(controls);
