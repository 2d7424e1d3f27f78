// Evaluates cases with the reference implementation: a line of JSON in, a line of JSON out.
// node peer.cjs <module directory> < cases
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const jsonata = require(path.join(process.argv[2], "node_modules", "jsonata"));

// JSON cannot say undefined or NaN; these marks can. Functions do not leave: nothing, or null in a list.
const isFunction = (value) =>
  typeof value === "function" || (value && (value._jsonata_lambda || value._jsonata_function));

function shown(value) {
  if (value === undefined || isFunction(value)) return { "@": "undefined" };
  if (typeof value === "number" && !Number.isFinite(value)) return { "@": String(value) };
  if (Array.isArray(value)) return Array.from(value, shown);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).filter(([, v]) => !isFunction(v)).map(([k, v]) => [k, shown(v)]));
  }
  return value;
}

async function outcome(one) {
  try {
    const expression = jsonata(one.text);
    return { value: shown(await expression.evaluate(one.data)) };
  } catch (error) {
    return { code: error.code || `js:${error.message}` };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    // Written at once: what came before a case that ends this process must not be lost.
    fs.writeSync(1, JSON.stringify(await outcome(JSON.parse(line))) + "\n");
  }
}

main();
