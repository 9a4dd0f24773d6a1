/* SPDX-License-Identifier: MIT */
/* Rules that need more than one value, and values that come from others. */
#include "core/conf_private.h"

#include "core/mem.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* One section being checked. */
struct checking {
	struct conf *conf;
	struct conf_block block;
	struct err *err;
};

#define FAIL(c, key, ...)                                                                \
	conf_fail((c)->err, &(c)->block, conf_block_line(&(c)->block, (key)), __VA_ARGS__)

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
	if (name[0] == '\0' || conf_rule_hostname(name, NULL) < 0)
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

/* --- listeners -------------------------------------------------------------------- */

static bool is_loopback_address(const char *address)
{
	struct net_prefix p;

	return net_parse(address, &p, NULL) == 0 && net_prefix_is_loopback(&p);
}

/* Networks that nobody owns as a whole: to allow one is to allow strangers. net_parse()
 * has made IPv4 of ::ffff:0:0/96. */
static bool is_too_wide(const struct net_prefix *p)
{
	return p->bits < (p->v6 ? 16 : 8);
}

/* Whether every client of the listener is on this host. Behind a proxy, or a peer that may
 * say XCLIENT, a listener on loopback serves whoever reaches those. */
static bool is_local(const struct conf_listener *l)
{
	return is_loopback_address(l->address) && l->proxy.n == 0 && l->xclient.n == 0;
}

/* A list of networks, and where its parsed form goes. */
struct networks {
	const char *key;
	const struct conf_list *list;
	struct net_prefix **nets;
	size_t *n;
	bool strangers; /* may be in it */
};

/* Refused are those that strangers would be in. */
static int parse_networks(
	struct checking *c, const struct conf_listener *l, const struct networks *t)
{
	*t->nets = mem_new(t->list->n, sizeof(**t->nets));
	for (size_t i = 0; i < t->list->n; i++) {
		struct net_prefix *p = &(*t->nets)[i];
		struct err why;

		if (net_parse(t->list->items[i], p, &why) < 0)
			return FAIL(c, t->key, "%s: %s", t->key, why.text);
		++*t->n;
		if (!is_local(l) && !t->strangers && is_too_wide(p))
			return FAIL(c, t->key,
				"%s: %s on %s would make an open relay; write only "
				"the networks of your clients (/8 or longer for IPv4, "
				"/16 for IPv6)",
				t->key, t->list->items[i], l->address);
	}
	return 0;
}

/* Where everybody has to log in, strangers may come and try; else the list of networks is all
 * that keeps them out. A proxy, and who may say XCLIENT, can say that he is anybody, and has
 * logged in, so the same holds for them, always. */
static int check_allow(struct checking *c, struct conf_listener *l)
{
	const struct networks lists[] = {
		{"allow", &l->allow, &l->allow_nets, &l->n_allow_nets,
			l->auth == CONF_AUTH_REQUIRED},
		{"proxy", &l->proxy, &l->proxy_nets, &l->n_proxy_nets, false},
		{"xclient", &l->xclient, &l->xclient_nets, &l->n_xclient_nets, false},
	};

	if (l->allow.n == 0 && l->auth != CONF_AUTH_OPTIONAL)
		return FAIL(c, "allow",
			"allow is empty, so nobody could send; write the networks that "
			"may, like allow = {'192.0.2.0/24'}");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (parse_networks(c, l, &lists[i]) < 0)
			return -1;
	return 0;
}

static int check_tls(struct checking *c, const struct conf_listener *l)
{
	if (l->tls == CONF_TLS_OFF) {
		const char *unused = l->tls_certificate.n > 0      ? "tls_certificate"
		                     : l->tls_key.n > 0            ? "tls_key"
		                     : l->tls_client_ca[0] != '\0' ? "tls_client_ca"
		                                                   : NULL;

		if (unused == NULL)
			return 0;
		return FAIL(c, unused,
			"%s has no use while tls is off; write tls = 'starttls', "
			"'required' or 'implicit'",
			unused);
	}
	if (l->tls_certificate.n == 0)
		return FAIL(c, "tls",
			"tls needs a certificate; write its PEM file, like "
			"tls_certificate = '/etc/sesrelay/tls.crt'");
	if (l->tls_key.n != 0 && l->tls_key.n != l->tls_certificate.n)
		return FAIL(c, "tls_key",
			"there are %zu keys for %zu certificates; write one for each, in "
			"their order, or none where each file of tls_certificate has its "
			"key",
			l->tls_key.n, l->tls_certificate.n);
	return 0;
}

/* Clients that cannot encrypt, on a listener that does not take their passwords as they are,
 * could never log in. */
static int check_auth(struct checking *c, const struct conf_listener *l)
{
	if (l->auth == CONF_AUTH_OFF) {
		if (l->auth_plaintext)
			return FAIL(c, "auth_plaintext",
				"auth_plaintext has no use while auth is off; write auth "
			        "= "
				"'required' or 'optional'");
		return 0;
	}
	if (c->conf->users_file[0] == '\0')
		return FAIL(c, "auth",
			"auth needs to know the users; write users_file = "
			"'/etc/sesrelay/users' at the top");
	if (l->tls == CONF_TLS_OFF && !l->auth_plaintext && !is_local(l))
		return FAIL(c, "auth",
			"nobody could log in at %s: passwords are taken over TLS only; "
			"write tls = 'starttls', or auth_plaintext = true where the "
			"network is safe",
			l->address);
	return 0;
}

static int check_users(struct checking *c, size_t index)
{
	const struct conf *conf = c->conf;

	(void)index;
	for (size_t i = 0; i < conf->n_listeners; i++)
		if (conf->listeners[i].auth != CONF_AUTH_OFF)
			return 0;
	if (conf->users_file[0] == '\0')
		return 0;
	return FAIL(c, "users_file",
		"users_file has no use while no listener has auth; write auth = "
		"'required' in one");
}

static int check_listener(struct checking *c, size_t index)
{
	struct conf_listener *l = &c->conf->listeners[index];
	const struct conf_admin *admin = &c->conf->admin;

	for (size_t i = 0; i < index; i++) {
		const struct conf_listener *other = &c->conf->listeners[i];

		if (l->port == other->port && str_ieq(l->address, other->address))
			return FAIL(c, "port",
				"listener \"%s\" has port %u of listener \"%s\"; give "
				"it another",
				l->name, l->port, other->name);
	}
	if (admin->enabled && l->port == admin->port &&
		str_ieq(l->address, admin->address))
		return FAIL(c, "port",
			"listener \"%s\" has port %u of admin; give it another", l->name,
			l->port);
	/* RFC 2033 §5: who finds that port takes what is there for SMTP. */
	if (l->protocol == CONF_PROTOCOL_LMTP && l->port == 25)
		return FAIL(c, "port",
			"listener \"%s\" speaks LMTP on port 25, which is SMTP's; give "
			"it another, like 24",
			l->name);
	if (check_tls(c, l) < 0 || check_auth(c, l) < 0)
		return -1;
	return check_allow(c, l);
}

/* --- accounts --------------------------------------------------------------------- */

static void fill_site(struct conf_account *a)
{
	static const struct {
		const char *endpoint, *region;
	} sites[] = {
		[CONF_SITE_CHINA] = {"https://ses.tencentcloudapi.com", "ap-guangzhou"},
		[CONF_SITE_INTERNATIONAL] = {"https://ses.intl.tencentcloudapi.com",
			"ap-singapore"},
	};

	fill_string(&a->endpoint, sites[a->site].endpoint);
	fill_string(&a->region, sites[a->site].region);
}

/* A variable that is set and not empty, or "". */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

/* The names that Tencent's own SDKs and tools read. */
static const char *environment_token(const char **name)
{
	static const char *const names[] = {"TENCENTCLOUD_SESSION_TOKEN",
		"TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		*name = names[i];
		if (environment(*name)[0] != '\0')
			return environment(*name);
	}
	return "";
}

static int take_variable(struct checking *c, const char *name, const char *value,
	int (*rule)(const char *, struct err *))
{
	struct err why;

	if (value[0] == '\0' || rule(value, &why) == 0)
		return 0;
	return FAIL(c, "secret_id", "%s of the environment: %s", name, why.text);
}

static int read_environment(struct checking *c, struct conf_account *a)
{
	const char *id = environment("TENCENTCLOUD_SECRET_ID");
	const char *key = environment("TENCENTCLOUD_SECRET_KEY");
	const char *name = NULL, *token = environment_token(&name);

	if (take_variable(c, "TENCENTCLOUD_SECRET_ID", id, conf_rule_secret_id) < 0 ||
		take_variable(c, "TENCENTCLOUD_SECRET_KEY", key, conf_rule_secret_key) <
			0 ||
		take_variable(c, name, token, conf_rule_token) < 0)
		return -1;
	fill_string(&a->secret_id, id);
	fill_string(&a->token, token);
	if (key[0] != '\0')
		a->secret_key = secret_new(key, strlen(key));
	return 0;
}

static int check_credentials(struct checking *c, struct conf_account *a)
{
	if (!conf_block_given(&c->block, "secret_id") &&
		!conf_block_given(&c->block, "secret_key") &&
		!conf_block_given(&c->block, "token") && read_environment(c, a) < 0)
		return -1;
	if (a->secret_id[0] == '\0')
		return FAIL(c, "secret_id",
			"account \"%s\" has no secret_id; write it, or set "
			"TENCENTCLOUD_SECRET_ID in the environment",
			a->name);
	if (a->secret_key == NULL)
		return FAIL(c, "secret_key",
			"account \"%s\" has no secret_key; write it, or set "
			"TENCENTCLOUD_SECRET_KEY in the environment",
			a->name);
	return 0;
}

static int check_account(struct checking *c, size_t index)
{
	struct conf_account *a = &c->conf->accounts[index];

	fill_site(a);
	if (conf_file_masked(c->block.file))
		return 0;
	if (a->ca_file[0] != '\0' && access(a->ca_file, R_OK) < 0)
		return FAIL(c, "ca_file",
			"ca_file: %s cannot be read; write the path of a PEM file",
			a->ca_file);
	return check_credentials(c, a);
}

/* --- routes ----------------------------------------------------------------------- */

static bool listener_exists(const struct conf *conf, const char *glob)
{
	for (size_t i = 0; i < conf->n_listeners; i++)
		if (str_glob(glob, conf->listeners[i].name))
			return true;
	return strpbrk(glob, "*?") != NULL;
}

static int check_route_listeners(struct checking *c, const struct conf_route *r)
{
	for (size_t i = 0; i < r->listener.n; i++)
		if (!listener_exists(c->conf, r->listener.items[i]))
			return FAIL(c, "listener",
				"route \"%s\" names the listener \"%s\", which is not "
				"there; write the name of a listener section, or *",
				r->name, r->listener.items[i]);
	return 0;
}

/* A condition without a glob could never hold. */
static int check_conditions(struct checking *c, const struct conf_route *r)
{
	const struct {
		const char *key;
		const struct conf_list *list;
	} conditions[] = {{"listener", &r->listener}, {"sender", &r->sender},
		{"from", &r->from}, {"recipient", &r->recipient}};

	for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
		if (conditions[i].list->n == 0)
			return FAIL(c, conditions[i].key,
				"%s is empty, so the route would never be taken; write "
				"'*' for any",
				conditions[i].key);
	return check_route_listeners(c, r);
}

static int check_template(struct checking *c, const struct conf_route *r)
{
	bool template = r->content == CONF_CONTENT_TEMPLATE;

	if (template && r->template_id == 0 &&
		!conf_block_given(&c->block, "template_id"))
		return FAIL(c, "content",
			"content is template, but there is no template_id; write its "
			"number, or 0 where each mail has X-SES-Template-ID");
	if (!template && r->template_id != 0)
		return FAIL(c, "template_id",
			"template_id has no use while content is simple; write "
			"content = 'template'");
	if (!template && r->variables.n > 0)
		return FAIL(c, "variables",
			"variables have no use while content is simple; write content "
			"= 'template'");
	return 0;
}

static int check_variables(struct checking *c, const struct conf_route *r)
{
	for (size_t i = 0; i < r->variables.n; i++) {
		const char *item = r->variables.items[i];
		size_t len = strcspn(item, "=") + 1;

		for (size_t k = 0; k < i; k++)
			if (strncmp(item, r->variables.items[k], len) == 0)
				return FAIL(c, "variables",
					"variables: %.*s is there twice; remove one",
					(int)len - 1, item);
	}
	return 0;
}

static int check_route(struct checking *c, size_t index)
{
	struct conf_route *r = &c->conf->routes[index];

	fill_string(&r->account, c->conf->accounts[0].name);
	if (conf_account(c->conf, r->account) == NULL)
		return FAIL(c, "account",
			"route \"%s\" names the account \"%s\", which is not there; "
			"write the name of an account section, like \"%s\"",
			r->name, r->account, c->conf->accounts[0].name);
	if (check_conditions(c, r) < 0 || check_template(c, r) < 0)
		return -1;
	return check_variables(c, r);
}

/* --- replies ---------------------------------------------------------------------- */

/* The table forbids 2yz: an error of the API can never become a success. */
static int check_reply(struct checking *c, size_t index)
{
	/* They speak of the client's own login or end its session. */
	static const unsigned not_ours[] = {421, 530, 534, 535, 538};
	const struct conf_reply *r = &c->conf->replies[index];

	for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
		if (r->smtp == not_ours[i])
			return FAIL(c, "smtp",
				"smtp %u speaks of the client's own session or login, "
				"not of the API; write 451 or 554",
				r->smtp);

	if ((unsigned)(r->enhanced[0] - '0') != r->smtp / 100)
		return FAIL(c, "enhanced",
			"enhanced %s does not fit %u; both begin with 4 (try again) or "
			"both with 5 (give up)",
			r->enhanced, r->smtp);
	return 0;
}

/* --- limits ----------------------------------------------------------------------- */

static int check_less(
	struct checking *c, const char *less, uint64_t a, const char *more, uint64_t b)
{
	char low[CONF_NUMBER_LEN], high[CONF_NUMBER_LEN];
	const char *key = conf_block_given(&c->block, less) ? less : more;

	if (a < b)
		return 0;
	conf_number_format(CONF_TYPE_DURATION, a, low);
	conf_number_format(CONF_TYPE_DURATION, b, high);
	return FAIL(c, key, "%s %s is not shorter than %s %s; make it shorter", less, low,
		more, high);
}

static int check_memory(struct checking *c)
{
	const struct conf *conf = c->conf;
	char need[CONF_NUMBER_LEN];
	size_t least = worker_memory(conf) * conf->workers;

	if (conf->limits.memory >= least)
		return 0;
	conf_number_format(CONF_TYPE_SIZE, least, need);
	return FAIL(c, "memory",
		"memory is too little for %u workers with a message and a request each; "
		"write %s or more, or fewer workers",
		conf->workers, need);
}

static int check_limits(struct checking *c, size_t index)
{
	const struct conf_limits *l = &c->conf->limits;

	(void)index;
	if (check_less(c, "connect_timeout", l->connect_timeout, "call_timeout",
		    l->call_timeout) < 0 ||
		check_less(c, "call_timeout", l->call_timeout, "deadline", l->deadline) <
			0 ||
		check_less(c, "retry_delay", l->retry_delay, "deadline", l->deadline) < 0)
		return -1;
	if (l->sessions_per_client > l->sessions)
		return FAIL(c,
			conf_block_given(&c->block, "sessions_per_client")
				? "sessions_per_client"
				: "sessions",
			"sessions_per_client %u is more than sessions %u; make it less",
			l->sessions_per_client, l->sessions);
	return check_memory(c);
}

/* --- all -------------------------------------------------------------------------- */

int conf_check(struct conf *conf, const struct conf_file *file, struct err *err)
{
	static const struct {
		const char *section;
		int (*check)(struct checking *c, size_t index);
	} checks[] = {
		{"", check_users},
		{"listener", check_listener},
		{"account", check_account},
		{"route", check_route},
		{"reply", check_reply},
		{"limits", check_limits},
	};

	fill_hostname(conf);
	fill_workers(conf);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct conf_section *s = conf_section_find(checks[i].section);

		for (size_t k = 0; k < conf_section_count(conf, s); k++) {
			struct checking c = {.conf = conf,
				.block = conf_file_block(file, s, k),
				.err = err};

			if (checks[i].check(&c, k) < 0)
				return -1;
		}
	}
	return 0;
}
