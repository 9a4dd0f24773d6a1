// SPDX-License-Identifier: MIT
// The official SDK, unchanged, as an application uses it. Standard input: a first JSON line
// {endpoint, protocol, secretId, secretKey, token}, then calls {action, params}, one a line;
// each becomes a line: {response}, or {code, message, requestId, httpCode}.
'use strict';

const readline = require('readline');
const {ses} = require('tencentcloud-sdk-nodejs-ses');

function makeClient(config) {
    const {secretId, secretKey, token, endpoint, protocol} = config;
    return new ses.v20201002.Client({
        credential: {secretId, secretKey, token},
        region: config.region || 'ap-guangzhou',
        profile: {httpProfile: {endpoint, protocol, reqTimeout: 20}},
    });
}

async function call(client, {action, params}) {
    try {
        return {response: await client[action](params)};
    } catch (error) {
        return {
            name: error.name,
            code: String(error.code || ''),
            message: String(error.message),
            requestId: error.requestId || '',
            httpCode: error.httpCode || 0,
        };
    }
}

async function main() {
    let client;
    for await (const line of readline.createInterface({input: process.stdin})) {
        const value = JSON.parse(line);
        if (client === undefined)
            client = makeClient(value);
        else
            console.log(JSON.stringify(await call(client, value)));
    }
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
