// Measures the reference implementation of JSONata as crates/jsonata/examples/measure.rs measures ours: a JSON array of cases
// comes in, an object of nanoseconds an evaluation goes out.
//
// usage: jsonata.mjs NODE_MODULES < cases > results

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const jsonata = createRequire(resolve(process.argv[2], 'x.js'))('jsonata');
const ROUND = 60_000_000n;

const nanoseconds = async (expression, input) => {
    let best = Infinity;
    for (let round = 0; round < 6; round++) {
        const start = process.hrtime.bigint();
        let count = 0;
        let now = start;
        while (now - start < ROUND) {
            for (let i = 0; i < 16; i++) await expression.evaluate(input);
            count += 16;
            now = process.hrtime.bigint();
        }
        best = Math.min(best, Number(now - start) / count);
    }
    return best;
};

const results = {};
for (const { name, expression, input } of JSON.parse(readFileSync(0, 'utf8'))) {
    results[name] = await nanoseconds(jsonata(expression), input);
}
console.log(JSON.stringify(results));
