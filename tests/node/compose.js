// SPDX-License-Identifier: MIT
// Composes mails with nodemailer's generator: JSON lines {from, to, subject, text, filename}
// on standard input; each becomes a line of base64, the message as it would be sent.
'use strict';

const readline = require('readline');
const MailComposer = require('nodemailer/lib/mail-composer');

async function main() {
    for await (const line of readline.createInterface({input: process.stdin})) {
        const {filename, ...mail} = JSON.parse(line);
        const composer = new MailComposer({
            ...mail,
            attachments: [{filename, content: Buffer.from('%PDF-1.4'),
                contentType: 'application/pdf'}],
        });
        console.log((await composer.compile().build()).toString('base64'));
    }
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
