// Runs the samples of a page that call the API from a server, and prints the calls they made.
// Input: {page, address, account}. A sample begins behind a line "typescript", and is as long as it parses.
import { readFileSync } from "node:fs";

const { page, address, account } = JSON.parse(readFileSync(0, "utf-8"));
const AsyncFunction = (async () => {}).constructor;
const calls = [];
const handlers = {};
globalThis.accountId = account;

async function callHere(printed, options = {}) {
  const url = new URL(printed);
  const response = await fetch(address + url.pathname + url.search, options);
  calls.push({
    call: `${options.method ?? "GET"} ${url.pathname}`,
    sent: options.body === undefined ? null : JSON.parse(options.body),
    status: response.status,
    body: await response.clone().json(),
  });
  return response;
}

function compileSample(text) {
  const lines = text.split("\n");
  for (let length = lines.length; length > 0; length--) {
    try {
      return new AsyncFunction("fetch", "app", lines.slice(0, length).join("\n"));
    } catch {}
  }
  return null;
}

const app = { post: (path, handler) => (handlers[path] = handler) };
for (const block of page.split(/^typescript$/m).slice(1)) {
  if (!/fetch\(\s*["`]https:/.test(block)) continue;
  const sample = compileSample(block.replace("<integrated_account_id>", account));
  await sample(callHere, app);
}
for (const handler of Object.values(handlers)) {
  for (const body of [{ tenantId: "tenant-123" }, { integratedAccountId: account }]) {
    await handler({ body }, { json: () => {} });
  }
}
console.log(JSON.stringify(calls));
