// Reads cases as JSON lines {expression, data}, evaluates each, writes {value} or {error} as a JSON line.
// What JSON cannot say is written as {"$": name}.
import readline from 'node:readline';
import trutoJsonata from '@truto/truto-jsonata';

function shown(value) {
  if (value === undefined) return { $: 'undefined' };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $: String(value) };
  if (typeof value === 'function') return { $: 'function' };
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(shown);
  const name = value.constructor?.name;
  if (name && name !== 'Object') {
    const text = JSON.stringify(value);
    return { $: name, json: text === undefined ? null : JSON.parse(text) };
  }
  return Object.fromEntries(Object.keys(value).map((key) => [key, shown(value[key])]));
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { expression, data } = JSON.parse(line);
  let out;
  try {
    out = { value: shown(await trutoJsonata(expression).evaluate(data)) };
  } catch (error) {
    out = { error: String(error?.message ?? error) };
  }
  process.stdout.write(JSON.stringify(out) + '\n');
}
