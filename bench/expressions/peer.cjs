// The reference implementation on the same records: one line of JSON a style, best of the rounds.
// node peer.cjs <module directory> <records.json> <out directory> <rounds> <mapping.jsonata>...
const fs = require("fs");
const path = require("path");

async function main() {
  const [modules, recordsFile, out, rounds, ...mappings] = process.argv.slice(2);
  const jsonata = require(path.join(modules, "node_modules", "jsonata"));
  const records = JSON.parse(fs.readFileSync(recordsFile, "utf8"));
  for (const file of mappings) {
    const name = path.basename(file, ".jsonata");
    const expression = jsonata(fs.readFileSync(file, "utf8"));
    let best = Infinity;
    let results;
    for (let round = 0; round < Number(rounds); round++) {
      results = [];
      const started = process.hrtime.bigint();
      const used = process.cpuUsage();
      for (const record of records) results.push(await expression.evaluate(record));
      const wall = Number(process.hrtime.bigint() - started) / 1e9;
      const spent = process.cpuUsage(used);
      // Helper threads count as processor time, a busy machine as wall time: the lower one is fair.
      best = Math.min(best, wall, (spent.user + spent.system) / 1e6);
    }
    fs.writeFileSync(path.join(out, `${name}.json`), JSON.stringify(results));
    console.log(JSON.stringify({ style: name, seconds: best }));
  }
}

main();
