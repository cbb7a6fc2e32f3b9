// Evaluates what comes in, one JSON object a line, with the reference implementation of JSONata; answers as
// crates/jsonata/examples/evaluate.rs does. An error that JSONata has no code for (a fault of JavaScript's) is `{"crash": …}`.
//
// usage: reference.mjs NODE_MODULES < requests > answers

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';

const jsonata = createRequire(resolve(process.argv[2], 'x.js'))('jsonata');

const isFunction = value =>
    typeof value === 'function' || (value && (value._jsonata_lambda === true || value._jsonata_function === true));

// What JSON can say of a value: nothing and functions are null in an array and left out of an object.
const plain = value => {
    if (Array.isArray(value)) {
        return value.map(item => (item === undefined || isFunction(item) ? null : plain(item)));
    }
    if (value !== null && typeof value === 'object') {
        const entries = Object.entries(value).filter(([, member]) => member !== undefined && !isFunction(member));
        return Object.fromEntries(entries.map(([name, member]) => [name, plain(member)]));
    }
    return value;
};

const answer = async request => {
    try {
        const expression = jsonata(request.expression);
        const value = await expression.evaluate(request.input, request.bindings ?? {});
        if (value === undefined) return {};
        if (isFunction(value)) return { function: true };
        if (typeof value === 'number' && !Number.isFinite(value)) return { code: 'D1001' };
        return { value: plain(value) };
    } catch (error) {
        return error.code ? { code: error.code, message: error.message } : { crash: String(error) };
    }
};

for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
}
