/* SPDX-License-Identifier: MIT */
/* The context of one sandbox, and who answers which request. */
#include "sandbox/sandbox.h"

#include "sandbox/api.h"
#include "sandbox/control.h"
#include "sandbox/host.h"
#include "sandbox/page.h"

#include <errno.h>
#include <string.h>
#include <time.h>

int sandbox_init(struct sandbox *sb, const struct options *opt, char **why)
{
	*sb = (struct sandbox){.opt = opt, .journal = {.fd = -1}};
	mailstore_init(&sb->store, (size_t)opt->max_mails, (size_t)opt->max_memory);
	faults_init(&sb->faults, (uint64_t)opt->seed);
	reqlog_init(&sb->log, (size_t)opt->max_requests);
	sb->by_code = json_object();
	sb->templates = templates_load(opt->templates, why);
	if (sb->templates == NULL)
		return -1;
	if (journal_open(&sb->journal, opt->journal, opt->fsync) != 0) {
		*why = mem_printf("%s: %s", opt->journal, strerror(errno));
		return -1;
	}
	return 0;
}

void sandbox_clear(struct sandbox *sb)
{
	templates_free(&sb->templates);
	mailstore_remove_all(&sb->store);
	journal_close(&sb->journal);
	faults_clear(&sb->faults);
	reqlog_clear(&sb->log);
	json_decref(sb->by_code);
	sb->by_code = NULL;
}

int64_t sandbox_now(const struct sandbox *sb)
{
	return (int64_t)time(NULL) + sb->opt->clock_offset;
}

static int64_t on_now(void *arg)
{
	return sandbox_now(arg);
}

static void on_connected(void *arg, struct http_cut *cut)
{
	struct sandbox *sb = arg;
	const struct fault *f = faults_pick(&sb->faults, HTTP_POINT_CONNECT, NULL, NULL);

	sb->counters.connections++;
	if (f == NULL)
		return;
	sb->counters.faults++;
	*cut = f->effect.cut;
}

static void on_begun(void *arg, const char start[HTTP_START_LEN + 1],
	const struct http_head *head, struct http_cut *cut)
{
	struct sandbox *sb = arg;
	const char *action = head == NULL ? NULL : http_head_get(head, "X-TC-Action");
	const struct fault *f;

	if (strcmp(start, "POST / ") != 0 || (head != NULL && action == NULL))
		return;
	f = faults_pick(&sb->faults, HTTP_POINT_MID_REQUEST, action, NULL);
	if (f == NULL)
		return;
	sb->counters.faults++;
	*cut = f->effect.cut;
}

static bool is_api(const struct http_request *req)
{
	return strcmp(req->head->path, "/") == 0 &&
	       (strcmp(req->head->method, "POST") == 0 ||
		       http_head_get(req->head, "X-TC-Action") != NULL);
}

static void refuse_host(struct http_answer *answer)
{
	answer->status = 421;
	answer->type = "text/plain; charset=utf-8";
	evbuffer_add_printf(answer->body,
		"The name in Host is not one that is served here. Ask for localhost or "
		"the address, or start the sandbox with --host NAME.\n");
}

static void on_request(
	void *arg, const struct http_request *req, struct http_answer *answer)
{
	static const char control[] = "/sandbox/v1/";
	const struct sandbox *sb = arg;

	if (!host_is_served(
		    http_head_get(req->head, "Host"), req->local, &sb->opt->hosts))
		refuse_host(answer);
	else if (is_api(req))
		api_answer(arg, req, answer);
	else if (strncmp(req->head->path, control, strlen(control)) == 0)
		control_answer(arg, req, answer);
	else
		page_answer(arg, req, answer);
}

void sandbox_hooks(struct sandbox *sb, struct http_hooks *hooks)
{
	*hooks = (struct http_hooks){
		.arg = sb,
		.connected = on_connected,
		.begun = on_begun,
		.request = on_request,
		.now = on_now,
	};
}
