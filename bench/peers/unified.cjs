// A unified list in Node: undici fetches the page, jsonata maps each record, node:http answers with the envelope.
// node unified.cjs <module directory> <upstream URL with path and query> <mapping.jsonata>; prints its port.
const fs = require("fs");
const http = require("http");
const path = require("path");

const [modules, upstream, mappingFile] = process.argv.slice(2);
const jsonata = require(path.join(modules, "node_modules", "jsonata"));
const { Pool } = require(path.join(modules, "node_modules", "undici"));

const mapping = jsonata(fs.readFileSync(mappingFile, "utf8"));
const { origin, pathname, search } = new URL(upstream);
const pool = new Pool(origin, { connections: 200 });
const headers = { accept: "application/json", authorization: "Bearer secret" };

async function list() {
  const answer = await pool.request({ path: pathname + search, method: "GET", headers });
  const page = await answer.body.json();
  const result = [];
  for (const record of page.results) {
    const mapped = await mapping.evaluate({ response: record });
    mapped.remote_data = record;
    result.push(mapped);
  }
  return {
    result,
    next_cursor: page.paging?.next?.after ?? null,
    prev_cursor: null,
    result_count: result.length,
    is_partial_response: false,
  };
}

const server = http.createServer(async (request, response) => {
  try {
    const body = Buffer.from(JSON.stringify(await list()));
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
server.keepAliveTimeout = 75_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
