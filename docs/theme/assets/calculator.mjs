// The sizing calculator: fields, formatting, drawing. The arithmetic is in formulas.mjs, which the
// build makes from Python (src/membound/cost); the tables and words are in the page.
import { estimate, own_weights, refusal } from "./formulas.mjs";

const host = document.getElementById("calculator");
const data = JSON.parse(document.getElementById("calculator-data").textContent);
const { words, fields } = data;
const locale = document.documentElement.lang;
const colon = locale.startsWith("zh") ? "：" : ": ";
const GPUS = ["1", "2", "4", "8", "16", "32", "64"];
const NUMBERS = ["context", "answer", "concurrency", "price_per_hour"];

// ---- Words and numbers

const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const number = (x, digits = 3) => x.toLocaleString(locale, { maximumSignificantDigits: digits });
const whole = (x) => x.toLocaleString(locale, { maximumFractionDigits: 0 });
const rate = (x) => (x < 100 ? number(x) : whole(x));
const percent = (x) => whole(100 * x);
const gib = (bytes) => `${number(bytes / 2 ** 30, bytes < 2 ** 40 ? 3 : 4)} GiB`;
const both = (bytes) => `${gib(bytes)} (${number(bytes / 1e9)} GB)`;
const kib = (bytes) => `${number(bytes / 2 ** 10)} KiB`;
const time = (s) => (s < 1 ? `${number(s * 1e3)} ms` : `${number(s)} s`);

// ---- State: what is chosen and typed, as texts; it lives in the address

let state = {};
let good = {}; // the last good number of each field

function read() {
  const asked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  state = { ...data.chosen, gpus: "1" };
  for (const name of Object.keys(choices())) // the model first: it has formats of its own
    if (choices()[name].some(([value]) => value === asked[name])) state[name] = asked[name];
  if (!choices().weights.some(([value]) => value === state.weights)) state.weights = data.chosen.weights;
  for (const name of [...Object.keys(fields), "tied"]) if (Object.hasOwn(asked, name)) state[name] = asked[name];
  good = {};
}

const named = (object) => Object.keys(object).map((name) => [name, words[name] ?? name]);
const formats = () => Object.keys(state.model === "own" ? data.own_bits : data.models[state.model].weights);

function choices() {
  return {
    model: [...named(data.models), ["own", words.own]],
    weights: formats().map((name) => [name, name]),
    kv: named(data.caches),
    device: [...named(data.devices), ["own", words.own]],
    gpus: GPUS.map((n) => [n, n]),
    engine: named(data.engines),
  };
}

/** What a field holds while nothing is typed into it. */
function usual(name) {
  const model = data.models[state.model] ?? data.models[data.chosen.model];
  const device = data.devices[state.device] ?? data.devices[data.chosen.device];
  return { ...data.start, ...data.engines[state.engine], ...device.inputs, ...model.inputs }[name];
}

/** A number as it is typed; a whole one may have its thousands set apart, as this page has them. */
function parse(text, isWhole) {
  const grouped = isWhole && /^\d{1,3}([,，\s]\d{3})+$/.test(text.trim());
  return text.trim() === "" ? NaN : Number(grouped ? text.replace(/[,，\s]/g, "") : text);
}

/** The number in a field; a bad one is told of, and the last good one used. */
function value(name, told) {
  if (!Object.hasOwn(state, name)) return usual(name);
  const { words: label, least, most, whole: isWhole } = fields[name];
  const typed = parse(state[name], isWhole);
  if (typed >= least && typed <= most && (!isWhole || Number.isInteger(typed))) return (good[name] = typed);
  told[name] = fill(isWhole ? words.whole : words.number, { name: label, least: whole(least), most: whole(most) });
  return good[name] ?? usual(name);
}

/** Everything that the formulas need to know, and what is wrong with what was typed. */
export function gather() {
  const told = {};
  const take = (names) => Object.fromEntries(names.map((name) => [name, value(name, told)]));
  const inputs = { ...data.fixed, ...take([...NUMBERS, ...data.assumed]), gpus: Number(state.gpus), engine: state.engine };
  inputs.key_bits = inputs.value_bits = data.caches[state.kv];
  if (state.model === "own") {
    const own = take(data.of_model);
    own.tied = "tied" in state ? state.tied === "yes" : usual("tied");
    const weights = [own.parameters, own.expert_parameters, own.experts, own.experts_per_token];
    Object.assign(inputs, own, { llamacpp_windows: true });
    Object.assign(inputs, own_weights(...weights, own.vocab_size, own.hidden_size, own.tied, data.own_bits[state.weights]));
  } else {
    Object.assign(inputs, data.models[state.model].inputs, data.models[state.model].weights[state.weights]);
  }
  if (state.device === "own") Object.assign(inputs, take(data.of_device));
  else {
    const device = data.devices[state.device];
    Object.assign(inputs, device.inputs, { tflops: device.tflops[state.weights] ?? device.inputs.tflops });
  }
  return { inputs, told };
}

// ---- The form

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, held] of Object.entries(attributes)) made.setAttribute(name, held);
  made.append(...children);
  return made;
};

function select(name, label, options) {
  const held = element("select", { name });
  for (const [key, text] of options) held.append(element("option", { value: key }, text));
  return element("label", {}, element("span", {}, label), held);
}

function input(name) {
  const held = element("input", { name, inputmode: "decimal", autocomplete: "off", "aria-describedby": `told-${name}` });
  const told = element("small", { id: `told-${name}`, class: "told" });
  return element("label", {}, element("span", {}, fields[name].words), held, told);
}

function details(name, names, ...more) {
  return element("details", { "data-part": name }, element("summary", {}, words[name]),
    element("div", { class: "fields" }, ...names.map(input), ...more));
}

function build() {
  const options = choices();
  const chosen = (name) => select(name, words[name], options[name]);
  const form = element("form", { "aria-label": words.calculator }, element("div", { class: "fields" }, ...["model", "weights", "kv"].map(chosen), ...["context", "answer", "concurrency"].map(input),
      ...["device", "gpus", "engine"].map(chosen), input("price_per_hour")),
    details("of_model", data.of_model, select("tied", words.tied, [["yes", words.yes], ["no", words.no]])),
    details("of_device", data.of_device),
    details("assumed", data.assumed));
  form.addEventListener("input", (event) => change(event.target));
  form.addEventListener("submit", (event) => event.preventDefault());
  const result = element("div", { class: "result" });
  host.replaceChildren(form, element("p", { class: "verdict", role: "status", "aria-live": "polite" }), result, element("p", { class: "share" }, words.share));
}

function change({ name, value: typed }) {
  state[name] = typed;
  if (name === "engine") for (const other of Object.keys(data.engines[typed])) delete state[other];
  if (data.of_model.includes(name) || name === "tied") own("model", data.of_model);
  if (data.of_device.includes(name)) own("device", data.of_device);
  if (!formats().includes(state.weights)) state.weights = formats()[0];
  history.replaceState(history.state, "", "#" + new URLSearchParams(state));
  show(name);
}

/** An edit of a known model's numbers makes it the reader's own; the others stay as they were. */
function own(kind, names) {
  if (state[kind] === "own") return;
  const kept = Object.fromEntries(names.map((name) => [name, String(usual(name))]));
  if (kind === "model") kept.tied = usual("tied") ? "yes" : "no";
  state = { ...kept, ...state, [kind]: "own" };
}

/** Put the state into the fields, but for the one that is being typed in. */
function show(typedIn) {
  const { inputs, told } = gather();
  const offered = host.querySelector("[name=weights]");
  offered.replaceChildren(...formats().map((name) => element("option", { value: name }, name)));
  for (const held of host.querySelectorAll("[name]")) {
    const { name } = held;
    if (name !== typedIn) held.value = state[name] ?? (name === "tied" ? (usual("tied") ? "yes" : "no") : String(inputs[name] ?? usual(name)));
    if (held.matches("input")) {
      held.setAttribute("aria-invalid", name in told);
      document.getElementById(`told-${name}`).textContent = told[name] ?? "";
    }
  }
  for (const [part, kind] of [["of_model", "model"], ["of_device", "device"]])
    if (state[kind] === "own") host.querySelector(`[data-part=${part}]`).open = true;
  answer(inputs);
}

// ---- The answer

function answer(inputs) {
  const verdict = host.querySelector(".verdict"), result = host.querySelector(".result");
  try {
    const caches = data.engine_caches[state.engine];
    const why = caches.includes(state.kv) ? refusal(inputs) : "no-cache";
    const shown = { engine: state.engine, kv: state.kv, caches: caches.join(", "), limit: whole(inputs.context_limit), context: whole(inputs.context), heads: inputs.heads, kv_heads: inputs.kv_heads, gpus: inputs.gpus };
    if (why) {
      verdict.textContent = fill(words[why] ?? words[`${why}-refused`], shown);
      return result.replaceChildren();
    }
    const found = estimate(inputs);
    verdict.textContent = sentence(found, inputs);
    verdict.classList.toggle("bad", !found.fits);
    result.replaceChildren(bars(found), tables(found, inputs), ...(inputs.tflops ? [roofline(found)] : []));
  } catch (error) {
    verdict.textContent = fill(words.cannot, { why: error.message });
    result.replaceChildren();
  }
}

function sentence(found, inputs) {
  const { memory, decode } = found;
  const values = {
    total: gib(memory.total), memory: gib(memory.memory), free: gib(memory.free), missing: gib(-memory.free),
    batch: whole(found.largest_concurrency), concurrency: whole(inputs.concurrency), longest: whole(found.longest_context),
    gpus: found.gpus_needed, replicas: whole(Math.ceil(inputs.concurrency / found.largest_concurrency)), share: percent(decode.weights_share), cache_share: percent(decode.cache_share),
    now: rate(found.tokens_per_s), after: rate(found.changed_per_s),
  };
  const parts = [found.fits ? "fits" : "fits-not", first(found)];
  if (!found.fits) parts.push(more(found, inputs));
  return parts.map((part) => fill(words[part], values)).join(locale.startsWith("zh") ? "" : " ");
}

/** What to change first; where not one request fits, a shorter one may. */
function first({ change, longest_context: longest }) {
  if (change === "smaller-weights" && longest) return "shorter";
  return change === "smaller-cache" && !longest ? "fewer-requests" : change;
}

/** What more GPUs would do. */
function more(found, { engine }) {
  if (found.gpus_needed) return "enough";
  if (engine === "llama.cpp") return "whole-layers";
  return found.largest_concurrency ? "replicas" : "not-enough";
}

function bars({ memory }) {
  const part = (name, size) => Object.assign(element("span", { class: name }), { style: `flex-grow: ${size}` });
  const parts = ["weights", "cache", "activations", "reserve"];
  const spare = memory.free > 0 ? memory.free : 0, missing = memory.free < 0 ? -memory.free : 0;
  const label = [...parts, "total", "memory"].map((name) => `${words[`part-${name}`]} ${gib(memory[name])}`).join(", ");
  return element("div", { class: "bar", role: "img", "aria-label": label },
    element("div", {}, ...parts.map((name) => part(name, memory[name])), part("spare", spare)),
    element("div", {}, part("memory", memory.memory), part("missing", missing)));
}

function tables(found, inputs) {
  const { memory, decode, prefill } = found;
  const known = (text) => (inputs.tflops ? text : words.unknown);
  const list = (title, rows) => element("section", {}, element("h3", {}, words[title]), element("dl", {}, ...rows.flatMap(([name, text, mark]) =>
    [element("dt", mark ? { class: mark } : {}, words[name]), element("dd", { "data-name": name }, text)])));
  return element("div", { class: "lists" },
    list("per-gpu", [...["weights", "cache", "activations", "reserve", "total", "memory"].map((name) => [`part-${name}`, both(memory[name]), name])]),
    list("how-fast", [["ttft", known(time(prefill.seconds))], ["tpot", time(decode.seconds)], ["each", rate(found.each_per_s)], ["all", rate(found.tokens_per_s)],
      ["sustained", known(rate(found.sustained_per_s))], ["cost", known(number(found.cost_per_million))]]),
    list("would-fit", [["longest", found.longest_context ? whole(found.longest_context) : words.none], ["largest", whole(found.largest_concurrency)],
      ["needed", found.gpus_needed ? String(found.gpus_needed) : words.none], ["token", kib(found.token_bytes)]]));
}

/** Logarithmic axes; the ridge in the middle, so that left is memory's and right arithmetic's. */
function roofline({ decode, prefill, flops_per_s: peak, bytes_per_s: slope, ridge }) {
  const far = Math.max(100, ...[decode, prefill].map((pass) => Math.exp(Math.abs(Math.log(pass.intensity / ridge))) * 3));
  const x = (at) => 170 + (150 * Math.log(at / ridge)) / Math.log(far);
  const y = (at) => 40 - (140 * Math.log(at / peak)) / Math.log(far * 3);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const mark = (pass, name) => {
    const left = x(pass.intensity), high = y(pass.achieved_per_s), turned = left > 246;
    return `<circle cx="${left}" cy="${high}" r="5" class="${name}"/><text x="${turned ? left - 9 : left + 9}" y="${high + 16}" class="${name}" text-anchor="${turned ? "end" : "start"}">${words[name]}${colon}${number(pass.intensity, 2)}</text>`;
  };
  svg.setAttribute("viewBox", "0 0 340 225");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-labelledby", "roofline-said");
  svg.innerHTML = `<title id="roofline-said">${words.roofline}${colon}${words.decode} ${number(decode.intensity)}, ${words.prefill} ${number(prefill.intensity)} ${words["roofline-x"]}</title><text x="20" y="14" class="axis">${words["roofline-y"]}</text>
    <path class="roof" d="M${x(ridge / far)} ${y((slope * ridge) / far)}L170 40H320"/><path class="guide" d="M170 40V200M20 200H320"/>
    <text x="175" y="34" class="axis">${number(peak / 1e12)} TFLOP/s</text><text x="170" y="214" class="axis" text-anchor="middle">${number(ridge)}</text>
    <text x="320" y="214" class="axis" text-anchor="end">${words["roofline-x"]}</text>${mark(decode, "decode")}${mark(prefill, "prefill")}`;
  return element("figure", { class: "roofline" }, svg, element("figcaption", {}, words.roofline));
}

addEventListener("hashchange", () => { if (location.hash.includes("=")) { read(); show(); } });
read();
build();
show();
