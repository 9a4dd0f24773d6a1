// SPDX-License-Identifier: MIT
// Parses the messages named on standard input, one a line, with mailparser; prints a JSON
// line for each: the same fields that tests/integration/corpus.py compares.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const {simpleParser} = require('mailparser');

// The library writes nothing that the message does not hold.
const options = {
    skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true,
    keepCidLinks: true,
};

function mailboxes(field) {
    const found = [];
    const lists = field ? [].concat(field).map(f => f.value) : [];
    for (const list of lists)
        for (const entry of list)
            for (const one of entry.group || [entry])
                found.push([one.name || '', one.address || '']);
    return found;
}

async function parse(path) {
    try {
        const mail = await simpleParser(fs.readFileSync(path), options);
        return {
            from: mailboxes(mail.from),
            sender: mailboxes(mail.headers.get('sender')),
            to: mailboxes(mail.to),
            cc: mailboxes(mail.cc),
            subject: mail.subject || '',
            text: mail.text || '',
            html: mail.html || '',
            attachments: mail.attachments.map(a => [
                a.filename || '',
                crypto.createHash('sha256').update(a.content).digest('hex')]),
        };
    } catch (error) {
        return {error: String(error)};
    }
}

async function main() {
    for (const path of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean))
        console.log(JSON.stringify(await parse(path)));
}

main();
