/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol, versions 1 and 2 (HAProxy's specification, 2020/03/05): the header
 * in which a proxy names the client, before the first byte of the session.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Bytes of a header, additions (TLVs) included; a longer one is refused. */
#define PROXY_HEADER_MAX 1024

enum proxy_result {
	PROXY_MORE, /* a good beginning: all of it belongs to the header */
	PROXY_DONE,
	PROXY_BAD,
};

struct proxy_header {
	size_t len;      /* with PROXY_DONE: bytes of the header */
	bool has_source; /* false: the proxy speaks for itself, or does not know */
	struct sockaddr_storage source;
	/* What version 2 adds if the client speaks TLS with the proxy (PP2_TYPE_SSL). */
	bool tls;
	char tls_version[16];
	char tls_cipher[64];
	char tls_name
		[128]; /* CN of a client certificate that the proxy has verified; "" */
};

/* Reads the header at the start of in. TCP over IPv4 and IPv6; other families, UNKNOWN and
 * LOCAL have no source. Additions but that of TLS are skipped. */
enum proxy_result proxy_parse(
	const char *in, size_t len, struct proxy_header *h) MUST_CHECK;

#endif
