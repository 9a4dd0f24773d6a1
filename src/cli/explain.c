/* SPDX-License-Identifier: MIT */
/* What the configuration would make of a message, printed for people. */
#include "cli/explain.h"

#include "core/mem.h"
#include "core/str.h"
#include "delivery/batch.h"
#include "delivery/prepare.h"
#include "mail/field.h"
#include "mail/mailbox.h"
#include "mail/message.h"
#include "ses/json.h"
#include "smtp/address.h"
#include "smtp/envelope.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_BASE64 48
#define EXPLAIN_ID   "0123456789abcdef" /* in place of a delivery's random one */

struct explained {
	const struct conf *conf;
	const struct explain_options *o;
	FILE *out;
	struct buf raw;
	const char *listener;
	struct envelope envelope;
	struct prepare prepare;
};

static int refused(const struct explained *x, const struct reply *r)
{
	char enhanced[REPLY_ENHANCED_LEN];

	reply_enhanced(r, enhanced);
	fprintf(x->out, "Refused: %u %s %s\n", r->code, enhanced, r->text);
	return 1;
}

/* --- the file ----------------------------------------------------------------------------- */

/* A file has LF where SMTP has CRLF. */
static int append_smtp(struct buf *raw, const char *bytes, size_t len, char *last)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' && *last != '\r' && buf_append_byte(raw, '\r') < 0)
			return -1;
		if (buf_append_byte(raw, bytes[i]) < 0)
			return -1;
		*last = bytes[i];
	}
	return 0;
}

/* 0; 1 where it is larger than a message may be; -1 and *err. */
static int read_file(struct explained *x, struct err *err)
{
	bool is_stdin = strcmp(x->o->file, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(x->o->file, "re");
	char block[16384], last = '\0';
	size_t len;
	int rc = 0;

	if (in == NULL)
		return err_errno(err, "cannot open %s", x->o->file);
	while (rc == 0 && (len = fread(block, 1, sizeof(block), in)) > 0)
		if (append_smtp(&x->raw, block, len, &last) < 0)
			rc = 1;
	if (ferror(in))
		rc = err_errno(err, "cannot read %s", x->o->file);
	if (!is_stdin)
		fclose(in);
	return rc;
}

/* --- the envelope that SMTP would have brought -------------------------------------------- */

/* As MAIL and RCPT would read it, if they could: its domain in lower case. Caller owns. */
static char *as_read(const char *address)
{
	char *path = mem_sprintf("<%s>", address);
	struct span in = span_of(path);
	struct smtp_address read;
	bool ok = address_parse_path(&in, true, &read) == ADDRESS_OK && in.len == 0;

	free(path);
	return mem_strdup(ok ? read.text : address);
}

static void add_recipient(struct explained *x, const char *address)
{
	char *read = as_read(address);

	envelope_add(&x->envelope, read);
	free(read);
}

static void add_list(struct explained *x, const struct mailbox_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		add_recipient(x, list->items[i].address);
}

/* The message holds no Bcc; a client that reads its recipients from the header would. */
static void add_bcc(struct explained *x)
{
	const char *end = memmem(x->raw.data, x->raw.len, "\r\n\r\n", 4);
	struct span rest = span_make(
		x->raw.data, end != NULL ? (size_t)(end - x->raw.data) + 2 : x->raw.len);
	struct mailbox_list bcc = {0};
	struct decode_notes notes = {0};
	struct field f;

	while (field_next(&rest, &f))
		if (span_ieq_str(f.name, "Bcc"))
			mailbox_list_parse(
				&bcc, f.value, &x->conf->mail.charsets, &notes);
	add_list(x, &bcc);
	mailbox_list_clear(&bcc);
}

static void set_sender(struct explained *x, const char *address)
{
	free(x->envelope.reverse_path);
	x->envelope.reverse_path = as_read(address);
}

static void make_envelope(struct explained *x)
{
	const struct explain_options *o = x->o;

	if (o->sender == NULL)
		set_sender(x, x->prepare.message->from.address);
	for (size_t i = 0; i < o->n_recipients; i++)
		add_recipient(x, o->recipients[i]);
	if (o->recipients != NULL)
		return;
	add_list(x, &x->prepare.message->to);
	add_list(x, &x->prepare.message->cc);
	add_bcc(x);
}

/* --- what comes of it ---------------------------------------------------------------------- */

static int prepare(struct explained *x)
{
	const struct envelope *e = &x->envelope;
	const struct route_query client = {.listener = x->listener};
	struct reply why;

	/* Without an author and -s nothing is known of the sender. */
	if ((x->o->sender != NULL || e->reverse_path[0] != '\0') &&
		prepare_sender(x->conf, e->reverse_path, &why) < 0)
		return refused(x, &why);
	if (e->n_recipients == 0) {
		why = reply_make(554, "5.5.1", "no recipients: name them with -r");
		return refused(x, &why);
	}
	if (prepare_recipients(&x->prepare, &client, &why) < 0)
		return refused(x, &why);
	prepare_batches(&x->prepare);
	return prepare_requests(&x->prepare, &why) < 0 ? refused(x, &why) : 0;
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_list(
	FILE *out, const char *name, const char **list, size_t n, const char *remark)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-12s %s%s\n", i == 0 ? name : "", list[i], remark);
}

/* -1 and *err where memory is at its end. */
static int print_json(struct explained *x, const struct ses_request *r, struct err *err)
{
	size_t len = ses_request_size(r);
	struct buf raw, pretty;
	int rc = -1;

	buf_init(&raw, len, NULL);
	buf_init(&pretty, 2 * len + 65536, NULL);
	if (buf_reserve(&raw, len) < 0)
		goto out;
	buf_set_len(&raw, ses_request_read(r, 0, raw.data, len));
	if (x->o->raw) {
		fprintf(x->out, "%s\n", raw.data);
		rc = 0;
		goto out;
	}
	if (ses_json_pretty(span_make(raw.data, raw.len), x->o->full ? 0 : SHORT_BASE64,
		    &pretty) < 0)
		goto out;
	fprintf(x->out, "%s\n", pretty.data);
	rc = 0;
out:
	if (rc < 0)
		err_errno(err, "cannot print a request of %zu bytes", len);
	buf_free(&raw);
	buf_free(&pretty);
	return rc;
}

static int print_call(struct explained *x, size_t i, struct err *err)
{
	const struct batch *b = &x->prepare.batches.items[i];
	bool alone = batch_count(b) == 1;

	fprintf(x->out, "\nCall %zu of %zu: route %s, account %s, %zu bytes\n", i + 1,
		x->prepare.batches.n, b->route->name, b->route->account,
		ses_request_size(x->prepare.requests[i]));
	print_list(x->out, "Destination", b->to, b->n_to, alone ? "  (alone)" : "");
	print_list(x->out, "Cc", b->cc, b->n_cc, "");
	print_list(x->out, "Bcc", b->bcc, b->n_bcc, "  (shown to nobody)");
	return print_json(x, x->prepare.requests[i], err);
}

/* What was done about a kind of loss: the policy, where there is one. */
static const char *policy_of(const struct conf_mail *mail, enum conversion_loss_kind kind)
{
	static const char *const names[] = {[CONF_CARRY] = "carried",
		[CONF_CONVERT] = "converted",
		[CONF_ATTACH] = "attached",
		[CONF_DROP] = "dropped",
		[CONF_REFUSE] = "refused"};

	switch (kind) {
	case LOSS_INLINE_IMAGE: return names[mail->inline_image];
	case LOSS_CALENDAR: return names[mail->calendar];
	case LOSS_TNEF: return names[mail->tnef];
	case LOSS_SIGNATURE: return names[mail->signature];
	case LOSS_ENCRYPTED: return names[mail->encrypted];
	case LOSS_REPORT: return names[mail->report];
	default: return "";
	}
}

static void print_losses(const struct explained *x)
{
	const struct message *m = x->prepare.message;

	if (x->prepare.n_notes > 0)
		fprintf(x->out, "\nChanged:\n");
	for (size_t i = 0; i < x->prepare.n_notes; i++)
		fprintf(x->out, "  route %s: %s\n", x->prepare.notes[i].route->name,
			x->prepare.notes[i].text);
	if (m->n_losses > 0)
		fprintf(x->out, "\nWhat the API cannot carry:\n");
	for (size_t i = 0; i < m->n_losses; i++)
		fprintf(x->out, "  %-14s %-10s %s\n",
			conversion_loss_name(m->losses[i].kind),
			policy_of(&x->conf->mail, m->losses[i].kind),
			m->losses[i].detail);
	if (m->losses_seen > m->n_losses)
		fprintf(x->out, "  ... and %zu more\n", m->losses_seen - m->n_losses);
}

static int print_all(struct explained *x, struct err *err)
{
	fprintf(x->out, "%s: %zu bytes from <%s> by listener %s, %zu recipient%s\n",
		x->o->file, x->raw.len, x->envelope.reverse_path, x->listener,
		x->envelope.n_recipients, x->envelope.n_recipients == 1 ? "" : "s");
	for (size_t i = 0; i < x->prepare.batches.n; i++)
		if (print_call(x, i, err) < 0)
			return -1;
	print_losses(x);
	return 0;
}

static int print_raw(struct explained *x, struct err *err)
{
	for (size_t i = 0; i < x->prepare.batches.n; i++)
		if (print_json(x, x->prepare.requests[i], err) < 0)
			return -1;
	return 0;
}

/* --- all together --------------------------------------------------------------------------- */

static int run(struct explained *x, struct err *err)
{
	struct reply why;
	int rc = read_file(x, err);

	if (rc < 0)
		return -1;
	if (rc == 1) {
		why = reply_make(
			552, "5.3.4", "message larger than %zu bytes", x->raw.max);
		return refused(x, &why);
	}
	if (prepare_message(&x->prepare, span_make(x->raw.data, x->raw.len), &why) < 0)
		return refused(x, &why);
	make_envelope(x);
	rc = prepare(x);
	if (rc == 0)
		return x->o->raw ? print_raw(x, err) : print_all(x, err);
	if (!x->o->raw)
		print_losses(x);
	return rc;
}

static void clear(struct explained *x)
{
	prepare_clear(&x->prepare);
	envelope_clear(&x->envelope);
	buf_free(&x->raw);
}

int explain(const struct conf *conf, const struct explain_options *o, FILE *out,
	struct err *err)
{
	struct explained x = {.conf = conf, .o = o, .out = out, .listener = o->listener};
	int rc;

	if (x.listener == NULL)
		x.listener = conf->n_listeners > 0 ? conf->listeners[0].name : "";
	buf_init(&x.raw, conf->limits.message_size, NULL);
	envelope_init(&x.envelope);
	set_sender(&x, o->sender != NULL ? o->sender : "");
	x.prepare =
		(struct prepare){.conf = conf, .envelope = &x.envelope, .id = EXPLAIN_ID};
	rc = run(&x, err);
	clear(&x);
	return rc;
}
