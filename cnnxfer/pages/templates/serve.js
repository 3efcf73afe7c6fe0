// The page of `cnnxfer serve`: asks the server about pictures, and shows its answers.
"use strict";
const AT_ONCE = 4; // pictures that the server is asked about
const SHOWN = 20; // lines of an answer
const TOKEN = "cnnxfer-token";
const SVG = "http://www.w3.org/2000/svg";
const by = (id) => document.getElementById(id);

let server = null; // what /models tells
const items = []; // the pictures of the page
const waiting = []; // those whose turn has not come
let asked = 0; // how many the server is asked about now

function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function drawn(tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const seconds = (number) => new Promise((go) => setTimeout(go, 1000 * number));

// ---- The server

let access = null; // the answer to the dialog, while it is open

function askForToken(refused) {
  if (sessionStorage.getItem(TOKEN) !== refused) return Promise.resolve(); // asked meanwhile
  access ??= new Promise((go, fail) => {
    const dialog = by("access");
    by("wrong").textContent = refused === null ? "" : "That is not the token.";
    by("token").value = "";
    dialog.returnValue = "";
    dialog.onclose = () => {
      access = null;
      if (dialog.returnValue) go(sessionStorage.setItem(TOKEN, dialog.returnValue));
      else fail(new Error("the server wants its token"));
    };
    dialog.showModal();
  });
  return access;
}

by("access").addEventListener("submit", (event) => {
  event.preventDefault();
  by("access").close(by("token").value);
});
by("cancel").addEventListener("click", () => by("access").close(""));

// Returns a response that is neither "who are you" nor "come again".
async function ask(address, request = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...request.headers };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
      response = await fetch(address, { ...request, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("the server does not answer");
    }
    if (response.status === 401) await askForToken(token);
    else if (response.status === 429) await seconds(Number(response.headers.get("Retry-After")) || 1);
    else return response;
  }
}

async function reasonOf(response) {
  const document = await response.json().catch(() => ({}));
  return document.error ?? `the server answers ${response.status}`;
}

async function askAbout(item, address, parameters) {
  const query = new URLSearchParams({ model: item.model.name, ...parameters });
  return ask(`${address}?${query}`, {
    method: "POST",
    body: item.file,
    headers: { "Content-Type": "application/octet-stream" },
    signal: item.stopped.signal,
  });
}

async function learnModels() {
  const response = await ask("models");
  if (!response.ok) throw new Error(await reasonOf(response));
  server = await response.json();
  const chosen = by("model").value;
  by("model").replaceChildren(...server.models.map(({ name }) => made("option", { value: name }, name)));
  if (server.models.some(({ name }) => name === chosen)) by("model").value = chosen;
  by("models").hidden = server.models.length < 2;
  tellHint();
}

const chosenModel = () => server.models.find(({ name }) => name === by("model").value);

// ---- Pictures

function add(files) {
  const found = [...files].map((file) => {
    const item = { file, name: file.name || "picture", url: URL.createObjectURL(file) };
    item.figure = made("figure", { role: "listitem", "aria-label": item.name });
    return item;
  });
  items.unshift(...found);
  by("answers").prepend(...found.map(({ figure }) => figure));
  by("clear").hidden = !items.length;
  found.forEach(queue);
}

function queue(item) {
  item.stopped?.abort();
  item.stopped = new AbortController();
  item.state = "waits";
  show(item, made("p", { class: "remark" }, "waits for its answer"));
  waiting.push(item);
  next();
}

function next() {
  while (asked < AT_ONCE && waiting.length) {
    const item = waiting.shift();
    asked += 1;
    answer(item, item.stopped.signal).finally(() => {
      asked -= 1;
      next();
    });
  }
  tellStatus();
}

async function answer(item, stopped) {
  try {
    if (server === null) await learnModels();
    item.model = chosenModel();
    await requireFile(item.file);
    stopped.throwIfAborted();
    const response = await askAbout(item, "predict", {});
    const document = await response.json().catch(() => ({ error: `the server answers ${response.status}` }));
    const record = document.predictions?.[0];
    if (!record || record.error) throw new Error(record?.error ?? document.error);
    if (document.version !== item.model.version) {
      await learnModels(); // there is another version meanwhile
      item.model = server.models.find(({ name }) => name === document.model);
    }
    if (!stopped.aborted) showAnswer(item, record);
  } catch (error) {
    if (stopped.aborted) return;
    item.state = "failed";
    item.told = error.message;
    show(item, made("p", { class: "failed" }, error.message));
  }
}

async function requireFile(file) {
  if (file.size > server.most_bytes) {
    const [has, takes] = [file.size, server.most_bytes].map((bytes) => (bytes / 1e6).toFixed(1));
    throw new Error(`it has ${has} MB, and the server takes ${takes} MB; make it smaller`);
  }
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error("it cannot be read: a folder, or a file that has changed");
  }
  if (!file.size) throw new Error("it is empty");
}

// ---- Answers

function show(item, ...below) {
  item.image = made("img", { src: item.url, alt: item.name });
  item.stage = made("div", { class: "stage" }, item.image);
  item.image.addEventListener("error", () => {
    item.stage.replaceChildren(made("span", { class: "remark" }, "your browser cannot show it"));
  });
  const name = made("div", { class: "name", title: item.name }, item.name);
  item.figure.className = "";
  item.figure.replaceChildren(
    made("div", { class: "picture" }, item.stage), made("figcaption", {}, name, ...below));
}

function showAnswer(item, record) {
  const colours = new Map(item.model.classes.map(({ name, colour }) => [name, colour]));
  const [lines, unit] = linesOf(record);
  const told = record.labels.join(", ") || record.label;
  item.state = "answered";
  item.told = lines.length && unit === "probability" && record.labels.length ? `${told} ${percent(lines[0].share)}` : told;
  const below = [];
  if (!record.labels.length) below.push(made("p", { class: "failed" }, record.label));
  if (record.split) below.push(made("p", { class: "remark" }, `one of the model's ${record.split} pictures`));
  const list = made("ol", { "aria-label": `${unit} of each class in ${item.name}` });
  for (const line of lines.slice(0, SHOWN)) {
    const share = percent(line.share);
    const label = made("span", {}, line.label);
    const parts = [label, made("span", {}, share)];
    const row = made("li", record.labels.includes(line.label) ? {} : { class: "not" });
    row.style.setProperty("--part", share);
    if (unit !== "probability") label.prepend(swatch(colours.get(line.label)));
    if (item.model.explains) row.append(heatButton(item, line, parts));
    else row.append(...parts);
    list.append(row);
  }
  below.push(list);
  if (lines.length > SHOWN) below.push(made("p", { class: "more" }, `and ${lines.length - SHOWN} more`));
  item.heat = made("p", { class: "remark", "aria-live": "polite" });
  below.push(item.heat);
  show(item, ...below);
  if (!record.labels.length) item.figure.className = "doubtful";
  if (record.objects) item.stage.append(boxes(record, colours));
  if (record.mask) item.stage.append(made("img", { class: "mask", alt: "", src: `data:image/png;base64,${record.mask}` }));
}

function linesOf(record) {
  if (record.objects) return [record.objects.map(({ label, score }) => ({ label, share: score })), "score"];
  if (record.classes) return [record.classes, "share of pixels"];
  const lines = record.predictions.map(({ label, class_id, probability }) => ({ label, id: class_id, share: probability }));
  return [lines, "probability"];
}

function swatch(colour) {
  const element = made("i", { class: "swatch", "aria-hidden": "true" });
  element.style.background = colour;
  return element;
}

// The best object comes first, and lies above the others.
function boxes({ width, height, objects }, colours) {
  const size = Math.max(width, height) / 20;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const { label, score, box: [left, top, right, bottom] } of [...objects].reverse()) {
    const place = { x: left, y: top, width: right - left, height: bottom - top };
    svg.append(drawn("rect", { ...place, class: "shade" }));
    svg.append(drawn("rect", { ...place, class: "edge", stroke: colours.get(label) }));
    const y = top > 1.4 * size ? top - 0.3 * size : top + 1.1 * size;
    svg.append(drawn("text", { x: left + 0.2 * size, y, "font-size": size }, `${label} ${percent(score)}`));
  }
  return svg;
}

// ---- Heat maps

function heatButton(item, line, parts) {
  const button = made("button", { type: "button", "aria-pressed": "false", title: `Where the model sees ${line.label}` }, ...parts);
  button.addEventListener("click", () => explain(item, line, button));
  return button;
}

async function explain(item, line, button) {
  const pressed = button.ariaPressed !== "true";
  for (const other of item.figure.querySelectorAll("li button")) other.ariaPressed = "false";
  button.ariaPressed = String(pressed);
  item.image.src = item.url;
  item.image.alt = item.name;
  item.heat.textContent = pressed ? `looking for ${line.label}; the first time takes some seconds` : "";
  if (!pressed) return;
  const current = () => button.isConnected && button.ariaPressed === "true";
  try {
    const response = await askAbout(item, "explain", { class: line.id });
    if (!response.ok) throw new Error(await reasonOf(response));
    const picture = await response.blob();
    if (!current()) return;
    URL.revokeObjectURL(item.heatUrl);
    item.heatUrl = URL.createObjectURL(picture);
    item.image.src = item.heatUrl;
    item.image.alt = `${item.name}, bright where the model sees ${line.label}`;
    item.heat.textContent = `bright where the model sees ${line.label}`;
  } catch (error) {
    if (!current()) return;
    button.ariaPressed = "false";
    item.heat.textContent = error.message;
  }
}

// ---- What is told

function tellStatus() {
  const count = (state) => items.filter((item) => item.state === state).length;
  const [waits, failed, done] = ["waits", "failed", "answered"].map(count);
  const parts = [];
  if (waits) parts.push(`${counted(waits, "picture")} to answer`);
  else if (items.length === 1) parts.push(`${items[0].name}: ${items[0].told}`);
  else if (done) parts.push(`${counted(done, "picture")} answered`);
  if (failed && items.length > 1) parts.push(`${failed} without an answer`);
  const text = parts.join(", ");
  if (by("status").textContent !== text) by("status").textContent = text;
  tellHint();
}

function tellHint() {
  by("hint").hidden = !(server && chosenModel()?.explains && items.some(({ state }) => state === "answered"));
}

// ---- What people do

for (const [button, input] of [["choose", "files"], ["photograph", "camera"]]) {
  by(button).addEventListener("click", () => by(input).click());
  by(input).addEventListener("change", () => {
    add(by(input).files);
    by(input).value = ""; // so that the same file can be chosen again
  });
}
document.addEventListener("paste", (event) => add(event.clipboardData.files));
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    by("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") add(event.dataTransfer.files);
  });
}
by("model").addEventListener("change", () => {
  waiting.length = 0;
  items.forEach(queue);
});
by("clear").addEventListener("click", () => {
  waiting.length = 0;
  for (const item of items.splice(0)) {
    item.stopped.abort();
    URL.revokeObjectURL(item.url);
    URL.revokeObjectURL(item.heatUrl);
  }
  by("answers").replaceChildren();
  by("clear").hidden = true;
  by("choose").focus();
  tellStatus();
});
learnModels().catch((error) => { by("status").textContent = error.message; });
