/* SPDX-License-Identifier: MIT */
/* What the configuration would make of a message, printed for people. */
#include "cli/explain.h"

#include "core/mem.h"
#include "core/str.h"
#include "delivery/batch.h"
#include "delivery/handler.h"
#include "delivery/prepare.h"
#include "mail/field.h"
#include "mail/mailbox.h"
#include "mail/message.h"
#include "ses/json.h"
#include "smtp/envelope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_BASE64 48
#define EXPLAIN_ID   "0123456789abcdef" /* in place of a delivery's random one */

struct explained {
	const struct conf *conf;
	const struct explain_options *o;
	FILE *out;
	struct buf raw;
	struct message *m;
	const char *listener;
	struct envelope envelope;
	struct routed_recipient *recipients;
	struct batches plan;
	struct ses_request **requests;
	struct buf notes;
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

static void add_list(struct explained *x, const struct mailbox_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		envelope_add(&x->envelope, list->items[i].address);
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
				&bcc, f.value, &x->conf->mail.charsets, &notes, NULL);
	add_list(x, &bcc);
	mailbox_list_clear(&bcc);
}

static void make_envelope(struct explained *x)
{
	const struct explain_options *o = x->o;

	x->envelope.reverse_path =
		mem_strdup(o->sender != NULL ? o->sender : x->m->from.address);
	for (size_t i = 0; i < o->n_recipients; i++)
		envelope_add(&x->envelope, o->recipients[i]);
	if (o->recipients != NULL)
		return;
	add_list(x, &x->m->to);
	add_list(x, &x->m->cc);
	add_bcc(x);
}

/* --- what comes of it ---------------------------------------------------------------------- */

static void note_fields(void *arg, const struct conf_route *route, const struct fields *f)
{
	struct explained *x = arg;

	for (size_t i = 0; i < f->n_notes; i++)
		if (buf_appendf(&x->notes, "  route %s: %s\n", route->name, f->notes[i]) <
			0)
			return;
}

static int plan_recipients(struct explained *x)
{
	const struct envelope *e = &x->envelope;
	struct reply why;

	prepare_author(x->m, e->reverse_path);
	/* Without an author and -s nothing is known of the sender. */
	if ((x->o->sender != NULL || e->reverse_path[0] != '\0') &&
		prepare_sender(x->conf, e->reverse_path, &why) < 0)
		return refused(x, &why);
	if (e->n_recipients == 0) {
		why = reply_make(554, "5.5.1", "no recipients: name them with -r");
		return refused(x, &why);
	}
	x->recipients = mem_new(e->n_recipients, sizeof(*x->recipients));
	for (size_t i = 0; i < e->n_recipients; i++) {
		struct routed_recipient *r = &x->recipients[i];
		const struct route_query q = {.listener = x->listener,
			.sender = e->reverse_path,
			.from = x->m->from.address,
			.recipient = e->recipients[i]};

		r->address = e->recipients[i];
		r->route = prepare_route(x->conf, &q, &why);
		if (r->route == NULL)
			return refused(x, &why);
	}
	batch_make(&x->plan, x->recipients, e->n_recipients, x->m);
	return 0;
}

static int make_requests(struct explained *x)
{
	const struct prepare_input in = {
		.plan = &x->plan,
		.message = x->m,
		.envelope = &x->envelope,
		.id = EXPLAIN_ID,
		.request_size = x->conf->limits.request_size,
		.seen = note_fields,
		.arg = x,
	};
	struct reply why;

	x->requests = mem_new(x->plan.n, sizeof(*x->requests));
	if (prepare_requests(&in, x->requests, &why) < 0)
		return refused(x, &why);
	return 0;
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
	const struct batch *c = &x->plan.calls[i];
	bool alone = batch_count(c) == 1;

	fprintf(x->out, "\nCall %zu of %zu: route %s, account %s, %zu bytes\n", i + 1,
		x->plan.n, c->route->name, c->route->account,
		ses_request_size(x->requests[i]));
	print_list(x->out, "Destination", c->to, c->n_to, alone ? "  (alone)" : "");
	print_list(x->out, "Cc", c->cc, c->n_cc, "");
	print_list(x->out, "Bcc", c->bcc, c->n_bcc, "  (shown to nobody)");
	return print_json(x, x->requests[i], err);
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
	const struct message *m = x->m;

	if (x->notes.len > 0)
		fprintf(x->out, "\nChanged:\n%s", x->notes.data);
	if (m->n_losses > 0)
		fprintf(x->out, "\nWhat the API cannot carry:\n");
	for (size_t i = 0; i < m->n_losses; i++)
		fprintf(x->out, "  %-14s %-10s %s\n", conversion_loss_name(m->losses[i].kind),
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
	for (size_t i = 0; i < x->plan.n; i++)
		if (print_call(x, i, err) < 0)
			return -1;
	print_losses(x);
	return 0;
}

/* --- all together --------------------------------------------------------------------------- */

static int run(struct explained *x, struct err *err)
{
	struct message_refusal refusal;
	struct reply why;
	int rc = read_file(x, err);

	if (rc < 0)
		return -1;
	if (rc == 1) {
		why = reply_make(
			552, "5.3.4", "message larger than %zu bytes", x->raw.max);
		return refused(x, &why);
	}
	if (message_parse(&x->m, span_make(x->raw.data, x->raw.len), &x->conf->limits,
		    &x->conf->mail, NULL, &refusal) < 0) {
		why = reply_make(refusal.code, refusal.enhanced, "%s", refusal.text);
		return refused(x, &why);
	}
	make_envelope(x);
	rc = plan_recipients(x);
	if (rc == 0)
		rc = make_requests(x);
	if (rc == 0)
		return print_all(x, err);
	print_losses(x);
	return rc;
}

static void clear(struct explained *x)
{
	for (size_t i = 0; x->requests != NULL && i < x->plan.n; i++)
		ses_request_free(&x->requests[i]);
	free(x->requests);
	batch_clear(&x->plan);
	free(x->recipients);
	envelope_clear(&x->envelope);
	message_free(&x->m);
	buf_free(&x->raw);
	buf_free(&x->notes);
}

int explain(const struct conf *conf, const struct explain_options *o, FILE *out,
	struct err *err)
{
	struct explained x = {.conf = conf, .o = o, .out = out, .listener = o->listener};
	int rc;

	if (x.listener == NULL)
		x.listener = conf->n_listeners > 0 ? conf->listeners[0].name : "";
	buf_init(&x.raw, conf->limits.message_size, NULL);
	buf_init(&x.notes, 65536, NULL);
	envelope_init(&x.envelope);
	rc = delivery_check_conf(conf, err);
	if (rc == 0)
		rc = run(&x, err);
	clear(&x);
	return rc;
}
