/* SPDX-License-Identifier: MIT */
/* argv and wiring of the sandbox. */
#include "config.h"

#include "sandbox/http_server.h"
#include "sandbox/options.h"
#include "sandbox/sandbox.h"
#include "sandbox/tls.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct program {
	struct options opt;
	struct sandbox sandbox;
	struct http_hooks hooks;
	struct event_base *base;
	struct http_server *server;
	struct event *on_term, *on_int;
	SSL_CTX *tls;
	struct strings urls;
	char *why; /* owned: what went wrong */
};

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static int make_tls(struct program *p)
{
	const char *dir = p->opt.self_signed;
	char *cert, *key;

	if (p->opt.https.n == 0)
		return 0;
	if (dir != NULL && tls_make_certificates(dir, &p->why) != 0)
		return -1;
	cert = dir != NULL ? mem_printf("%s/cert.pem", dir) : mem_strdup(p->opt.cert);
	key = dir != NULL ? mem_printf("%s/key.pem", dir) : mem_strdup(p->opt.key);
	p->tls = tls_context(cert, key, &p->why);
	free(cert);
	free(key);
	return p->tls != NULL ? 0 : -1;
}

/* Keeps "http://127.0.0.1:8180" with the port that was bound, and warns of the world. */
static void note_url(
	struct program *p, const char *scheme, const char *address, unsigned port)
{
	size_t host = (size_t)(strrchr(address, ':') - address);
	char *url = mem_printf("%s://%.*s:%u", scheme, (int)host, address, port);

	strings_add(&p->urls, url);
	fprintf(stderr, "sandbox: listening on %s\n", url);
	if (strncmp(address, "127.", 4) != 0 && strncmp(address, "[::1]", 5) != 0)
		fprintf(stderr,
			"sandbox: warning: others can reach %s; its pages and control "
			"API ask for "
			"no password\n",
			url);
	free(url);
}

static int listen_on(struct program *p, const struct strings *addresses, SSL_CTX *tls,
	const char *scheme)
{
	for (size_t i = 0; i < addresses->n; i++) {
		char why[256] = "";
		unsigned port;

		if (http_server_listen(p->server, addresses->items[i], tls, &port, why) !=
			0) {
			p->why = mem_strdup(why);
			return -1;
		}
		note_url(p, scheme, addresses->items[i], port);
	}
	return 0;
}

/* Complete at once, so that who waits for the file never reads half of it. */
static int write_port_file(struct program *p)
{
	const char *path = p->opt.port_file;
	char *fresh;
	FILE *f;
	int ok = 1;

	if (path == NULL)
		return 0;
	fresh = mem_printf("%s.new", path);
	f = fopen(fresh, "we");
	for (size_t i = 0; f != NULL && i < p->urls.n; i++)
		ok = ok && fprintf(f, "%s\n", p->urls.items[i]) > 0;
	ok = f != NULL && fclose(f) == 0 && ok && rename(fresh, path) == 0;
	if (!ok)
		p->why = mem_printf("cannot write %s: %s", path, strerror(errno));
	free(fresh);
	return ok ? 0 : -1;
}

static int tell_ready(struct program *p)
{
	int fd = (int)p->opt.ready_fd;

	if (write_port_file(p) != 0)
		return -1;
	if (fd < 0)
		return 0;
	if (write(fd, "ready\n", 6) != 6 || close(fd) != 0) {
		p->why = mem_printf("--ready-fd %d: %s", fd, strerror(errno));
		return -1;
	}
	return 0;
}

static int start(struct program *p)
{
	if (sandbox_init(&p->sandbox, &p->opt, &p->why) != 0 || make_tls(p) != 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	p->base = event_base_new();
	if (p->base == NULL) {
		p->why = mem_strdup("libevent cannot start");
		return -1;
	}
	sandbox_hooks(&p->sandbox, &p->hooks);
	p->server = http_server_new(p->base, &p->hooks);
	p->on_term = evsignal_new(p->base, SIGTERM, on_signal, p->base);
	p->on_int = evsignal_new(p->base, SIGINT, on_signal, p->base);
	event_add(p->on_term, NULL);
	event_add(p->on_int, NULL);
	if (listen_on(p, &p->opt.listen, NULL, "http") != 0 ||
		listen_on(p, &p->opt.https, p->tls, "https") != 0)
		return -1;
	return tell_ready(p);
}

static void stop(struct program *p)
{
	http_server_free(&p->server);
	if (p->on_term != NULL)
		event_free(p->on_term);
	if (p->on_int != NULL)
		event_free(p->on_int);
	if (p->base != NULL)
		event_base_free(p->base);
	SSL_CTX_free(p->tls);
	sandbox_clear(&p->sandbox);
	strings_free(&p->urls);
	libevent_global_shutdown();
}

static int run(struct program *p)
{
	int status = EXIT_FAILURE;

	if (start(p) == 0) {
		event_base_dispatch(p->base);
		fputs("sandbox: stopped\n", stderr);
		status = EXIT_SUCCESS;
	}
	stop(p);
	return status;
}

int main(int argc, char **argv)
{
	struct program p = {0};
	int status = EXIT_SUCCESS;

	if (options_read(&p.opt, argc, argv, &p.why) != 0)
		status = 2;
	else if (p.opt.help)
		options_print_help(stdout);
	else if (p.opt.version)
		puts("sesrelay-sandbox " PACKAGE_VERSION);
	else
		status = run(&p);
	if (p.why != NULL)
		fprintf(stderr, "sandbox: %s\n", p.why);
	free(p.why);
	options_free(&p.opt);
	return status;
}
