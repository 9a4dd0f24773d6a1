// SPDX-License-Identifier: MIT
// The relay that an application team would write in an afternoon, out of well-kept npm
// packages: smtp-server, mailparser, and HTTPS with the official SDK's signer. It keeps its
// connections and answers 250 only after the API accepted, as a relay must.
// usage: relay.js ENDPOINT-PORT CA-FILE; prints its own port.
'use strict';

const fs = require('fs');
const https = require('https');
const {SMTPServer} = require('smtp-server');
const {simpleParser} = require('mailparser');
const Sign = require('tencentcloud-sdk-nodejs-common/tencentcloud/common/sign').default;

const [port, ca] = process.argv.slice(2);
const HOST = 'localhost';
const agent = new https.Agent({keepAlive: true, maxSockets: 64, ca: fs.readFileSync(ca)});
const credential = {
    secretId: 'AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001',
    secretKey: 'SKEXAMPLEexampleSKEXAMPLEexample',
};

function signed(body) {
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
        'Content-Type': 'application/json',
        Host: HOST,
        'X-TC-Action': 'SendEmail',
        'X-TC-Version': '2020-10-02',
        'X-TC-Timestamp': timestamp,
        'X-TC-Region': 'ap-guangzhou',
    };
    headers.Authorization = Sign.sign3({
        method: 'POST',
        url: `https://${HOST}/`,
        payload: body,
        timestamp,
        service: 'ses',
        secretId: credential.secretId,
        secretKey: credential.secretKey,
        multipart: false,
        boundary: '',
        headers: {'Content-Type': headers['Content-Type']},
    });
    headers['Content-Length'] = body.length;
    return headers;
}

function call(body) {
    return new Promise((resolve, reject) => {
        const req = https.request(
            {host: '127.0.0.1', servername: HOST, port, method: 'POST', path: '/', agent,
                headers: signed(body)},
            res => {
                const parts = [];
                res.on('data', part => parts.push(part));
                res.on('end', () => resolve(JSON.parse(Buffer.concat(parts)).Response));
            });
        req.on('error', reject);
        req.end(body);
    });
}

function base64(text) {
    return text ? Buffer.from(text).toString('base64') : undefined;
}

async function relay(stream, session) {
    const mail = await simpleParser(stream, {skipTextToHtml: true, skipImageLinks: true});
    const from = mail.from.value[0];
    const answer = await call(Buffer.from(JSON.stringify({
        FromEmailAddress: from.name ? `${from.name} <${from.address}>` : from.address,
        Destination: session.envelope.rcptTo.map(r => r.address),
        Subject: mail.subject,
        Simple: {Text: base64(mail.text), Html: base64(mail.html)},
        Attachments: mail.attachments.map(a => ({
            FileName: a.filename,
            Content: a.content.toString('base64'),
        })),
        SmtpMessageId: mail.messageId,
    })));
    if (!answer.MessageId)
        throw new Error(answer.Error.Code);
    return answer.MessageId;
}

const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    authOptional: true,
    size: 10 * 1024 * 1024,
    onData(stream, session, callback) {
        relay(stream, session).then(id => callback(null, id), error => callback(error));
    },
});
server.on('error', error => console.error(error.message));
const listening = server.listen(0, '127.0.0.1', () => console.log(listening.address().port));
process.on('SIGTERM', () => process.exit(0));
