/* SPDX-License-Identifier: MIT */
/* From planned calls to request bodies. */
#include "delivery/prepare.h"

#include "core/mem.h"
#include "mail/mailbox.h"
#include "smtp/access.h"

#include <errno.h>
#include <stdlib.h>

void prepare_author(struct message *m, const char *reverse_path)
{
	if (!m->no_author || !mailbox_is_address(span_of(reverse_path)))
		return;
	free(m->from.address);
	m->from.address = mem_strdup(reverse_path);
}

int prepare_sender(const struct conf *conf, const char *sender, struct reply *why)
{
	enum access a = access_null_sender(&conf->mail, sender);

	if (a == ACCESS_GRANTED)
		return 0;
	*why = access_reply(a, sender);
	return -1;
}

const struct conf_route *prepare_route(
	const struct conf *conf, const struct route_query *q, struct reply *why)
{
	const struct conf_route *r = route_find(conf, q);

	if (r == NULL)
		*why = reply_make(550, "5.7.1", "no route for <%s>", q->recipient);
	return r;
}

static struct ses_content *make_content(
	const struct prepare_input *in, const struct conf_route *route, struct reply *why)
{
	struct ses_content *content = NULL;
	struct hidden *hidden = hidden_new(in->plan, route, in->envelope);
	const struct fields_input input = {
		.route = route,
		.message = in->message,
		.id = in->id,
		.hidden = hidden,
	};
	struct fields f;

	if (fields_make(&f, &input, why) == 0) {
		content = ses_request_content_new(&f.api, in->request_size, in->budget);
		if (content == NULL)
			fields_no_room(why, errno);
		else if (in->seen != NULL)
			in->seen(in->arg, route, &f);
	}
	fields_clear(&f);
	hidden_free(&hidden);
	return content;
}

int prepare_requests(
	const struct prepare_input *in, struct ses_request **requests, struct reply *why)
{
	struct ses_content *content = NULL;
	int rc = -1;

	for (size_t i = 0; i < in->plan->n; i++) {
		const struct batch *c = &in->plan->calls[i];
		const struct ses_recipients r = {
			c->to, c->n_to, c->cc, c->n_cc, c->bcc, c->n_bcc};

		if (i == 0 || c->route != in->plan->calls[i - 1].route) {
			ses_request_content_unref(&content);
			content = make_content(in, c->route, why);
			if (content == NULL)
				goto out;
		}
		requests[i] = ses_request_new(content, &r);
		if (requests[i] == NULL) {
			fields_no_room(why, errno);
			goto out;
		}
	}
	rc = 0;
out:
	ses_request_content_unref(&content);
	return rc;
}
