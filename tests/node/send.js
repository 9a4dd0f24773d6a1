// SPDX-License-Identifier: MIT
// Sends one mail with nodemailer: {port, from, recipients, mail, transport} as JSON on
// standard input, transport being further options of the connection, or missing;
// prints the server's last reply. Attachments come as base64.
'use strict';

const fs = require('fs');
const nodemailer = require('nodemailer');

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const transport = nodemailer.createTransport({
    host: '127.0.0.1', port: job.port, secure: false, ignoreTLS: true, ...job.transport,
});
for (const attachment of job.mail.attachments || [])
    attachment.content = Buffer.from(attachment.content, 'base64');
transport.sendMail({...job.mail, envelope: {from: job.from, to: job.recipients}}).then(
    info => {
        console.log(info.response);
        transport.close();
    },
    error => {
        console.log(error.response || String(error));
        process.exit(1);
    });
