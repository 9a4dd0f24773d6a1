/* SPDX-License-Identifier: MIT */
/* Rules that need more than one value, and values that come from others. */
#include "config/conf_private.h"

#include "core/mem.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static void fill_string(char **field, const char *text)
{
	if ((*field)[0] != '\0')
		return;
	free(*field);
	*field = mem_strdup(text);
}

/* --- top -------------------------------------------------------------------------- */

static void fill_hostname(struct conf *conf)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	if (name[0] == '\0' || conf_form_hostname(name, NULL) < 0)
		str_copy(name, sizeof(name), "localhost");
	fill_string(&conf->hostname, name);
}

/* What one worker must be able to hold: a message and the request made of it. */
static size_t worker_memory(const struct conf *conf)
{
	return conf->limits.message_size + conf->limits.request_size;
}

static unsigned count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

static void fill_workers(struct conf *conf)
{
	size_t room = conf->limits.memory / worker_memory(conf);
	unsigned cpus = count_cpus();

	if (conf->workers > 0)
		return;
	conf->workers = cpus > 256 ? 256 : cpus;
	if (conf->workers > room)
		conf->workers = room > 0 ? (unsigned)room : 1;
}

/* --- accounts --------------------------------------------------------------------- */

#define REGIONS_MAX 2

/* Regions as the API's documentation of SendEmail lists them; the first is the default. */
static const struct {
	const char *name, *endpoint;
	const char *regions[REGIONS_MAX];
} sites[] = {
	[CONF_SITE_CHINA] = {"china", "https://ses.tencentcloudapi.com",
		{"ap-guangzhou", "ap-hongkong"}},
	[CONF_SITE_INTERNATIONAL] = {"international",
		"https://ses.intl.tencentcloudapi.com", {"ap-singapore"}},
};

static void fill_site(struct conf_account *a)
{
	fill_string(&a->endpoint, sites[a->site].endpoint);
	fill_string(&a->region, sites[a->site].regions[0]);
}

static bool has_region(enum conf_site site, const char *region)
{
	for (size_t i = 0; i < REGIONS_MAX; i++)
		if (sites[site].regions[i] != NULL &&
			strcmp(sites[site].regions[i], region) == 0)
			return true;
	return false;
}

static enum conf_site other_site(enum conf_site site)
{
	return site == CONF_SITE_CHINA ? CONF_SITE_INTERNATIONAL : CONF_SITE_CHINA;
}

int conf_check_region(enum conf_site site, const char *region, struct err *why)
{
	const char *const *known = sites[site].regions;
	const char *either = known[1] != NULL ? " or " : "";
	const char *second = known[1] != NULL ? known[1] : "";
	const char *other = sites[other_site(site)].name;

	if (has_region(site, region))
		return 0;
	if (has_region(other_site(site), region))
		return err_set(why,
			"region: %s belongs to the site %s; write %s%s%s, or site = "
			"\"%s\"",
			region, other, known[0], either, second, other);
	return err_set(why,
		"region: %s is not known at the site %s; write %s%s%s, if that was meant",
		region, sites[site].name, known[0], either, second);
}

/* Another endpoint may be anything: a sandbox, or an account that was moved. */
static int check_region(const struct conf_at *at, const struct conf_account *a)
{
	struct err why;

	if (conf_given(at, "endpoint") || !has_region(other_site(a->site), a->region) ||
		conf_check_region(a->site, a->region, &why) == 0)
		return 0;
	return conf_fail(at, "region", "%s", why.text);
}

/* The first of the variables that is set and not empty, or "". */
static int from_environment(const struct conf_at *at, const char *const *names,
	int (*check)(const char *text, struct err *why), const char **value)
{
	struct err why;

	*value = "";
	for (; *names != NULL && (*value)[0] == '\0'; names++) {
		*value = getenv(*names);
		if (*value == NULL)
			*value = "";
		else if ((*value)[0] != '\0' && check(*value, &why) < 0)
			return conf_fail(at, "secret_id", "%s of the environment: %s",
				*names, why.text);
	}
	return 0;
}

/* The names that Tencent's own SDKs and tools read. */
static int read_environment(const struct conf_at *at, struct conf_account *a)
{
	static const char *const ids[] = {"TENCENTCLOUD_SECRET_ID", NULL};
	static const char *const keys[] = {"TENCENTCLOUD_SECRET_KEY", NULL};
	static const char *const tokens[] = {"TENCENTCLOUD_SESSION_TOKEN",
		"TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", NULL};
	const char *id, *key, *token;

	if (from_environment(at, ids, conf_form_secret_id, &id) < 0 ||
		from_environment(at, keys, conf_form_secret_key, &key) < 0 ||
		from_environment(at, tokens, conf_form_token, &token) < 0)
		return -1;
	fill_string(&a->secret_id, id);
	fill_string(&a->token, token);
	if (key[0] != '\0')
		a->secret_key = secret_new(key, strlen(key));
	return 0;
}

static int check_credentials(const struct conf_at *at, struct conf_account *a)
{
	if (!conf_given(at, "secret_id") && !conf_given(at, "secret_key") &&
		!conf_given(at, "token") && read_environment(at, a) < 0)
		return -1;
	if (a->secret_id[0] == '\0')
		return conf_fail(at, "secret_id",
			"account \"%s\" has no secret_id; write it, or set "
			"TENCENTCLOUD_SECRET_ID in the environment (check --environment "
			"FILE reads that of a service)",
			a->name);
	if (a->secret_key == NULL)
		return conf_fail(at, "secret_key",
			"account \"%s\" has no secret_key; write it, or set "
			"TENCENTCLOUD_SECRET_KEY in the environment",
			a->name);
	return 0;
}

static int check_account(const struct conf_at *at)
{
	struct conf_account *a = &at->conf->accounts[at->index];

	fill_site(a);
	if (at->conf->masked)
		return 0;
	if (check_region(at, a) < 0)
		return -1;
	if (a->ca_file[0] != '\0' && access(a->ca_file, R_OK) < 0)
		return conf_fail(at, "ca_file",
			"ca_file: %s cannot be read; write the path of a PEM file",
			a->ca_file);
	return check_credentials(at, a);
}

/* --- routes ----------------------------------------------------------------------- */

static bool listener_exists(const struct conf *conf, const char *glob)
{
	for (size_t i = 0; i < conf->n_listeners; i++)
		if (str_glob(glob, conf->listeners[i].name))
			return true;
	return strpbrk(glob, "*?") != NULL;
}

static int check_route_listeners(const struct conf_at *at, const struct conf_route *r)
{
	for (size_t i = 0; i < r->listener.n; i++)
		if (!listener_exists(at->conf, r->listener.items[i]))
			return conf_fail(at, "listener",
				"route \"%s\" names the listener \"%s\", which is not "
				"there; write the name of a listener section, or *",
				r->name, r->listener.items[i]);
	return 0;
}

/* A condition without a glob could never hold. */
static int check_conditions(const struct conf_at *at, const struct conf_route *r)
{
	const struct {
		const char *key;
		const struct conf_list *list;
	} conditions[] = {{"listener", &r->listener}, {"user", &r->user},
		{"sender", &r->sender}, {"from", &r->from}, {"recipient", &r->recipient}};

	for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
		if (conditions[i].list->n == 0)
			return conf_fail(at, conditions[i].key,
				"%s is empty, so the route would never be taken; write "
				"'*' for any",
				conditions[i].key);
	return check_route_listeners(at, r);
}

static int check_template(const struct conf_at *at, const struct conf_route *r)
{
	bool template = r->content == CONF_CONTENT_TEMPLATE;

	if (template && r->template_id == 0 && !conf_given(at, "template_id"))
		return conf_fail(at, "content",
			"content is template, but there is no template_id; write its "
			"number, or 0 where each mail has X-SES-Template-ID");
	if (!template && r->template_id != 0)
		return conf_fail(at, "template_id",
			"template_id has no use while content is simple; write "
			"content = 'template'");
	if (!template && r->variables.n > 0)
		return conf_fail(at, "variables",
			"variables have no use while content is simple; write content "
			"= 'template'");
	return 0;
}

static int check_variables(const struct conf_at *at, const struct conf_route *r)
{
	for (size_t i = 0; i < r->variables.n; i++) {
		const char *item = r->variables.items[i];
		size_t len = strcspn(item, "=") + 1;

		for (size_t k = 0; k < i; k++)
			if (strncmp(item, r->variables.items[k], len) == 0)
				return conf_fail(at, "variables",
					"variables: %.*s is there twice; remove one",
					(int)len - 1, item);
	}
	return 0;
}

static int check_route(const struct conf_at *at)
{
	struct conf_route *r = &at->conf->routes[at->index];

	fill_string(&r->account, at->conf->accounts[0].name);
	if (conf_account(at->conf, r->account) == NULL)
		return conf_fail(at, "account",
			"route \"%s\" names the account \"%s\", which is not there; "
			"write the name of an account section, like \"%s\"",
			r->name, r->account, at->conf->accounts[0].name);
	if (check_conditions(at, r) < 0 || check_template(at, r) < 0)
		return -1;
	return check_variables(at, r);
}

/* --- replies ---------------------------------------------------------------------- */

/* The table forbids 2yz: an error of the API can never become a success. */
static int check_reply(const struct conf_at *at)
{
	/* They are about the client's own login, or end its session. */
	static const unsigned not_ours[] = {421, 530, 534, 535, 538};
	const struct conf_reply *r = &at->conf->replies[at->index];

	for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
		if (r->smtp == not_ours[i])
			return conf_fail(at, "smtp",
				"smtp %u speaks of the client's own session or login, "
				"not of the API; write 451 or 554",
				r->smtp);

	if ((unsigned)(r->enhanced[0] - '0') != r->smtp / 100)
		return conf_fail(at, "enhanced",
			"enhanced %s does not fit %u; both begin with 4 (try again) or "
			"both with 5 (give up)",
			r->enhanced, r->smtp);
	return 0;
}

/* --- limits ----------------------------------------------------------------------- */

static int check_less(const struct conf_at *at, const char *less, uint64_t a,
	const char *more, uint64_t b)
{
	char low[CONF_VALUE_NUMBER_LEN], high[CONF_VALUE_NUMBER_LEN];
	const char *key = conf_given(at, less) ? less : more;

	if (a < b)
		return 0;
	conf_value_format_number(CONF_TYPE_DURATION, a, low);
	conf_value_format_number(CONF_TYPE_DURATION, b, high);
	return conf_fail(at, key, "%s %s is not shorter than %s %s; make it shorter",
		less, low, more, high);
}

static int check_memory(const struct conf_at *at)
{
	const struct conf *conf = at->conf;
	char need[CONF_VALUE_NUMBER_LEN];
	size_t least = worker_memory(conf) * conf->workers;

	if (conf->limits.memory >= least)
		return 0;
	conf_value_format_number(CONF_TYPE_SIZE, least, need);
	return conf_fail(at, "memory",
		"memory is too little for %u workers with a message and a request each; "
		"write %s or more, or fewer workers",
		conf->workers, need);
}

static int check_limits(const struct conf_at *at)
{
	const struct conf_limits *l = &at->conf->limits;

	if (check_less(at, "connect_timeout", l->connect_timeout, "call_timeout",
		    l->call_timeout) < 0 ||
		check_less(at, "call_timeout", l->call_timeout, "deadline", l->deadline) <
			0 ||
		check_less(at, "retry_delay", l->retry_delay, "deadline", l->deadline) <
			0)
		return -1;
	if (l->sessions_per_client > l->sessions)
		return conf_fail(at,
			conf_given(at, "sessions_per_client") ? "sessions_per_client"
							      : "sessions",
			"sessions_per_client %u is more than sessions %u; make it less",
			l->sessions_per_client, l->sessions);
	return check_memory(at);
}

/* --- all -------------------------------------------------------------------------- */

int conf_check(struct conf *conf, struct err *err)
{
	static const struct {
		const char *section;
		int (*check)(const struct conf_at *at);
	} checks[] = {
		{"", conf_check_listener_users},
		{"listener", conf_check_listener},
		{"account", check_account},
		{"route", check_route},
		{"reply", check_reply},
		{"limits", check_limits},
	};

	fill_hostname(conf);
	fill_workers(conf);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct conf_section *s =
			conf_options_section(span_of(checks[i].section));

		for (size_t k = 0; k < conf_section_count(conf, s); k++)
			if (checks[i].check(&(struct conf_at){conf, s, k, err}) < 0)
				return -1;
	}
	return 0;
}
