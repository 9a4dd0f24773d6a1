// SPDX-License-Identifier: MIT
// Signs with the official SDK's own signer. JSON lines {payload (base64), timestamp, host,
// contentType, secretId, secretKey} on standard input; each becomes a line, the value of
// the Authorization header.
'use strict';

const readline = require('readline');
const Sign = require('tencentcloud-sdk-nodejs-common/tencentcloud/common/sign').default;

async function main() {
    for await (const line of readline.createInterface({input: process.stdin})) {
        const {payload, timestamp, host, contentType, secretId, secretKey} = JSON.parse(line);
        console.log(Sign.sign3({
            method: 'POST',
            url: `https://${host}/`,
            payload: Buffer.from(payload, 'base64'),
            timestamp,
            service: 'ses',
            secretId,
            secretKey,
            multipart: false,
            headers: {'Content-Type': contentType},
        }));
    }
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
