/* SPDX-License-Identifier: MIT */
/* Rules of a listener: its address, its networks, TLS and logins; it is no open relay. */
#include "config/conf_private.h"

/* --- listeners -------------------------------------------------------------------- */

/* A network that no one organisation owns: to allow it is to allow strangers. ip_parse()
 * has made IPv4 of ::ffff:0:0/96. */
static bool is_too_wide(const struct ip_prefix *p)
{
	return p->bits < (p->v6 ? 16 : 8);
}

/* Whether every client of the listener is on this host. A proxy, or a peer
 * with XCLIENT, may pass on clients from elsewhere to a listener on loopback. */
static bool is_local(const struct conf_listener *l)
{
	if (l->path[0] != '\0')
		return true;
	return !l->activation && ip_text_is_loopback(l->address) && l->proxy.n == 0 &&
	       l->xclient.n == 0;
}

unsigned conf_check_listener_unused(const struct conf_listener *l)
{
	if (l->path[0] != '\0')
		return CONF_GROUP_TCP | CONF_GROUP_NETWORK | CONF_GROUP_ACTIVATION;
	if (l->activation)
		return CONF_GROUP_TCP | CONF_GROUP_PATH | CONF_GROUP_FILE;
	return CONF_GROUP_FILE;
}

static int check_unused(const struct conf_at *at, const struct conf_listener *l)
{
	const struct conf_section *s = at->section;
	const char *why = "without a path";

	if (l->path[0] != '\0')
		why = "of a unix socket";
	else if (l->activation)
		why = "that has activation";
	for (size_t i = 0; i < s->n_options; i++) {
		const struct conf_option *o = &s->options[i];

		if ((o->group & conf_check_listener_unused(l)) != 0 &&
			conf_place(at->conf, s, at->index, o)->differs)
			return conf_fail(at, o->key,
				"%s has no use in a listener %s; take it away", o->key,
				why);
	}
	return 0;
}

/* Whether a list of networks keeps strangers out. */
static int check_width(
	const struct conf_at *at, const char *key, const struct conf_list *list)
{
	const struct conf_listener *l = &at->conf->listeners[at->index];

	for (size_t i = 0; i < list->n; i++)
		if (is_too_wide(&list->nets[i]) && !is_local(l))
			return conf_fail(at, key,
				"%s: %s on %s would make an open relay; write only the "
				"networks of your clients (/8 or longer for IPv4, /16 "
				"for IPv6)",
				key, list->items[i], l->address);
	return 0;
}

/* If all clients have to log in, strangers may connect and try; otherwise the list of networks
 * is all that keeps them out. A proxy, and a peer with XCLIENT, can claim any client address
 * and login, so the same holds for these, always. */
static int check_networks(const struct conf_at *at, const struct conf_listener *l)
{
	if (l->path[0] != '\0')
		return 0; /* the mode of its file decides */
	if (l->allow.n == 0 && l->auth != CONF_AUTH_OPTIONAL)
		return conf_fail(at, "allow",
			"allow is empty, so nobody could send; write the networks that "
			"may, like allow = {'192.0.2.0/24'}");
	if ((l->auth != CONF_AUTH_REQUIRED && check_width(at, "allow", &l->allow) < 0) ||
		check_width(at, "proxy", &l->proxy) < 0)
		return -1;
	return check_width(at, "xclient", &l->xclient);
}

static int check_tls(const struct conf_at *at, const struct conf_listener *l)
{
	if (l->tls == CONF_TLS_OFF) {
		const char *unused = l->tls_certificate.n > 0      ? "tls_certificate"
		                     : l->tls_key.n > 0            ? "tls_key"
		                     : l->tls_client_ca[0] != '\0' ? "tls_client_ca"
		                                                   : NULL;

		if (unused == NULL)
			return 0;
		return conf_fail(at, unused,
			"%s has no use while tls is off; write tls = 'starttls', "
			"'required' or 'implicit'",
			unused);
	}
	if (l->tls_certificate.n == 0)
		return conf_fail(at, "tls",
			"tls needs a certificate; write its PEM file, like "
			"tls_certificate = '/etc/sesrelay/tls.crt'");
	if (l->tls_key.n != 0 && l->tls_key.n != l->tls_certificate.n)
		return conf_fail(at, "tls_key",
			"there are %zu keys for %zu certificates; write one for each, in "
			"their order, or none where each file of tls_certificate has its "
			"key",
			l->tls_key.n, l->tls_certificate.n);
	return 0;
}

/* Without TLS, and without passwords in clear text, no client could log in. */
static int check_auth(const struct conf_at *at, const struct conf_listener *l)
{
	if (l->auth == CONF_AUTH_OFF) {
		if (l->auth_plaintext)
			return conf_fail(at, "auth_plaintext",
				"auth_plaintext has no use while auth is off; write auth "
				"= "
				"'required' or 'optional'");
		return 0;
	}
	if (at->conf->users_file[0] == '\0')
		return conf_fail(at, "auth",
			"auth needs to know the users; write users_file = "
			"'/etc/sesrelay/users' at the top");
	if (l->tls == CONF_TLS_OFF && !l->auth_plaintext && !is_local(l))
		return conf_fail(at, "auth",
			"nobody could log in at %s: passwords are taken over TLS only; "
			"write tls = 'starttls', or auth_plaintext = true where the "
			"network is safe",
			l->address);
	return 0;
}

int conf_check_listener_users(const struct conf_at *at)
{
	const struct conf *conf = at->conf;

	for (size_t i = 0; i < conf->n_listeners; i++)
		if (conf->listeners[i].auth != CONF_AUTH_OFF)
			return 0;
	if (conf->users_file[0] == '\0')
		return 0;
	return conf_fail(at, "users_file",
		"users_file has no use while no listener has auth; write auth = "
		"'required' in one");
}

/* Whether both bind the same address. An inherited socket has a name of its own. */
static bool is_same_place(const struct conf_listener *a, const struct conf_listener *b)
{
	if (a->activation || b->activation)
		return false;
	if (a->path[0] != '\0' || b->path[0] != '\0')
		return strcmp(a->path, b->path) == 0;
	return a->port == b->port && str_ieq(a->address, b->address);
}

static bool is_tcp(const struct conf_listener *l)
{
	return l->path[0] == '\0' && !l->activation;
}

static int check_place(const struct conf_at *at)
{
	const struct conf_listener *l = &at->conf->listeners[at->index];
	const struct conf_admin *admin = &at->conf->admin;

	for (size_t i = 0; i < at->index; i++) {
		const struct conf_listener *other = &at->conf->listeners[i];

		if (!is_same_place(l, other))
			continue;
		if (!is_tcp(l))
			return conf_fail(at, "path",
				"listener \"%s\" has the path of listener \"%s\"; give "
				"it another",
				l->name, other->name);
		return conf_fail(at, "port",
			"listener \"%s\" has port %u of listener \"%s\"; give it another",
			l->name, l->port, other->name);
	}
	if (is_tcp(l) && admin->enabled && l->port == admin->port &&
		str_ieq(l->address, admin->address))
		return conf_fail(at, "port",
			"listener \"%s\" has port %u of admin; give it another", l->name,
			l->port);
	return 0;
}

int conf_check_listener(const struct conf_at *at)
{
	const struct conf_listener *l = &at->conf->listeners[at->index];

	if (check_unused(at, l) < 0 || check_place(at) < 0)
		return -1;
	/* RFC 2033 §5: a client of that port expects SMTP. */
	if (l->protocol == CONF_PROTOCOL_LMTP && is_tcp(l) && l->port == 25)
		return conf_fail(at, "port",
			"listener \"%s\" speaks LMTP on port 25, which is SMTP's; give "
			"it another, like 24",
			l->name);
	if (l->sessions > at->conf->limits.sessions)
		return conf_fail(at, "sessions",
			"sessions %u of listener \"%s\" are more than limits.sessions "
			"%u; make them fewer",
			l->sessions, l->name, at->conf->limits.sessions);
	if (check_tls(at, l) < 0 || check_auth(at, l) < 0)
		return -1;
	return check_networks(at, l);
}
