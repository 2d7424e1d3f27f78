// Evaluates cases with the reference implementation: a line of JSON in, a line of JSON out.
// node peer.cjs <module directory> [repair,...] < cases
const fs = require("fs");
const path = require("path");
const readline = require("readline");

// What the reference does otherwise than we do, as changes of its own text: a disagreement has one of these
// reasons if the reference agrees once it is changed. Each change must find the text that it replaces.
const REPAIRS = {
  // Items of arrays and values of groups one after the other, so that the first error is the first from the left.
  scheduling: [
    [/await Promise\.all\(expr\.expressions\s+\.map\(async/, "await (inOrder(expr.expressions, async"],
    [/await Promise\.all\(utils\.keys\(groups\)\.map\(async/, "await (inOrder(utils.keys(groups), async"],
  ],
  // An object over an empty list looks at undefined, without adding it to the list.
  mutation: [[/input\.push\(undefined\);/, "input = [undefined];"]],
  // A pattern that is missing is an error with a code; a separator that is missing separates nothing.
  pattern: [
    [/(async function evaluateMatcher\(matcher, str\) \{)/, '$1 if (matcher === undefined) throw { code: "T1006" };'],
    [
      /\} else \{(\s+var count = 0;\s+var matches = await evaluateMatcher\(separator, str\);)/,
      "} else if (separator === undefined) { result.push(str); } else {$1",
    ],
  ],
  // A replacement that is missing is no function.
  replacement: [
    [/(var replacedWith = replacer\.apply)/, 'if (replacer === undefined) throw { code: "T1006" }; $1'],
  ],
  // $sort at the end of a function takes a function as well as anywhere else.
  comparator: [
    [/comp = comparator;/, "comp = typeof comparator === 'function' ? comparator : (a, b) => comparator.apply(this, [a, b]);"],
  ],
  // A time that JavaScript has no date for is an error.
  time: [
    [/(return formatDateTime\.call\(this, millis, picture, timezone\);)/, 'if (isNaN(new Date(millis))) throw { code: "D3110" }; $1'],
  ],
  // A path that ends before its first variable gives no values to filter, as one that ends behind it.
  ended: [
    [
      /(if \(!isTupleStream && \(typeof resultSequence === 'undefined' \|\| resultSequence\.length === 0\)\) \{)/,
      "$1 if (expr.tuple) { isTupleStream = true; tupleBindings = Object.assign(environment.base.createSequence(), { tupleStream: true }); }",
    ],
  ],
  // A picture that is missing is an empty one.
  picture: [[/picture\.split\(properties\['pattern-separator'\]\)/, "(picture || '').split(properties['pattern-separator'])"]],
  // What a transform matches and is no object stays as it is.
  update: [[/match\[prop\] = update\[prop\];/, "if (typeof match === 'object' && match !== null) match[prop] = update[prop];"]],
  // An object that an update puts into itself is found at once, and not where the stack ends.
  cycle: [[/(isArrayOfStrings\(deletions\)[^]+?)(return result;\s+\};)/, "$1 acyclic(result); $2"]],
  // The left side of ?: and ?? is copied with its regular expressions.
  copy: [
    [/this\.condition = JSON\.parse\(JSON\.stringify\(left\)\)/, "this.condition = copied(left)"],
    [/arguments: \[JSON\.parse\(JSON\.stringify\(left\)\)\]/, "arguments: [copied(left)]"],
  ],
  // A pattern that JavaScript refuses is found where it is used, behind errors of syntax.
  refused: [[/return new RegExp\(pattern, flags\);/, "try { return new RegExp(pattern, flags); } catch { return /(?:)/g; }"]],
  // A function that is missing has a code, also where $sift, $map and their kind look at its parameters first.
  parameters: [[/(function getFunctionArity\(func\) \{)/, '$1 if (func === undefined) throw { code: "T1006" };']],
  // What is missing has no item for a filter to look at, also where it is missing in an empty list that was written.
  missing: [[/(async function evaluateFilter\(predicate, input, environment\) \{)/, "$1 if (input === undefined) return undefined;"]],
  // A value that cannot be written as JSON can stand in a message.
  message: [[/return JSON\.stringify\(err\[arguments\[1\]\]\);/, "return spelled(err[arguments[1]]);"]],
};

function copied(node) {
  if (node === null || typeof node !== "object" || node instanceof RegExp) return node;
  return Array.isArray(node) ? node.map(copied) : Object.fromEntries(Object.entries(node).map(([k, v]) => [k, copied(v)]));
}

function spelled(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
}

async function inOrder(items, work) {
  const done = [];
  for (const [at, item] of [...items].entries()) done.push(await work(item, at));
  return done;
}

function acyclic(value) {
  try {
    JSON.stringify(value);
  } catch {
    throw { code: "ISTHMUS_LIMIT" };
  }
}

function load(directory, repairs) {
  const file = path.join(directory, "node_modules", "jsonata", "jsonata.js");
  let text = fs.readFileSync(file, "utf8");
  for (const [found, put] of repairs.flatMap((name) => REPAIRS[name])) {
    if (!found.test(text)) throw new Error(`the reference has no ${found}`);
    text = text.replace(found, put);
  }
  const made = { exports: {} };
  const run = new Function("module", "exports", "require", "inOrder", "acyclic", "copied", "spelled", text);
  run(made, made.exports, require, inOrder, acyclic, copied, spelled);
  return made.exports;
}

const jsonata = load(process.argv[2], (process.argv[3] || "").split(",").filter(Boolean));

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
