/* SPDX-License-Identifier: MIT */
/*
 * The HTTPS endpoint of the benchmark: reads each request whole and accepts it. It does no
 * more than that, so that what is measured is the relay in front of it.
 *
 * usage: endpoint CERT KEY; prints its port on 127.0.0.1, then "requests bytes" at SIGTERM.
 */
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define BODY_MAX (16 * 1024 * 1024)

struct endpoint {
	struct event_base *base;
	struct evhttp *http;
	SSL_CTX *tls;
	uint64_t requests;
	uint64_t bytes;
};

/*
 * Header and body in one TLS record, as web servers write a small answer; evhttp leaves them
 * in two links, which would be two records and two reads for whoever asked.
 */
static void one_record(struct evhttp_request *req)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct bufferevent *bev = evhttp_connection_get_bufferevent(conn);

	evbuffer_pullup(bufferevent_get_output(bev), -1);
}

static void accept_mail(struct evhttp_request *req, void *arg)
{
	struct endpoint *e = arg;
	struct evbuffer *out = evhttp_request_get_output_buffer(req);

	e->requests++;
	e->bytes += evbuffer_get_length(evhttp_request_get_input_buffer(req));
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type",
		"application/json");
	evbuffer_add_printf(out,
		"{\"Response\":{\"MessageId\":\"qcloudses-30-1250000000-date-"
		"20260102030405-%08" PRIu64 "\",\"RequestId\":"
		"\"00000000-0000-4000-8000-%012" PRIu64 "\"}}",
		e->requests, e->requests);
	evhttp_send_reply(req, 200, "OK", NULL);
	one_record(req);
}

static struct bufferevent *connection(struct event_base *base, void *arg)
{
	struct endpoint *e = arg;
	SSL *ssl = SSL_new(e->tls);

	return bufferevent_openssl_socket_new(
		base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static void stop(evutil_socket_t signo, short what, void *arg)
{
	struct endpoint *e = arg;

	(void)signo;
	(void)what;
	event_base_loopbreak(e->base);
}

static int bind_port(struct endpoint *e)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd, one = 1;

	bound = evhttp_bind_socket_with_handle(e->http, "127.0.0.1", 0);
	if (bound == NULL)
		return -1;
	fd = evhttp_bound_socket_get_fd(bound);
	/* Accepted connections inherit it. Without, evhttp's answer, header and body apart,
	 * waits 40 ms for the relay's delayed acknowledgement. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -1;
	printf("%d\n", ntohs(addr.sin_port));
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	struct endpoint e = {0};
	struct event *term;

	if (argc != 3) {
		fprintf(stderr, "usage: endpoint CERT KEY\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	e.tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(e.tls, argv[1]) != 1 ||
		SSL_CTX_use_PrivateKey_file(e.tls, argv[2], SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "endpoint: cannot use %s and %s\n", argv[1], argv[2]);
		return 1;
	}
	e.base = event_base_new();
	e.http = evhttp_new(e.base);
	evhttp_set_bevcb(e.http, connection, &e);
	evhttp_set_gencb(e.http, accept_mail, &e);
	evhttp_set_max_body_size(e.http, BODY_MAX);
	if (bind_port(&e) < 0) {
		perror("endpoint: bind");
		return 1;
	}
	term = evsignal_new(e.base, SIGTERM, stop, &e);
	event_add(term, NULL);
	event_base_dispatch(e.base);
	printf("%" PRIu64 " %" PRIu64 "\n", e.requests, e.bytes);
	event_free(term);
	evhttp_free(e.http);
	event_base_free(e.base);
	SSL_CTX_free(e.tls);
	return 0;
}
