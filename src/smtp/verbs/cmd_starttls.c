/* SPDX-License-Identifier: MIT */
/*
 * STARTTLS (RFC 3207). Nothing that was said in clear text counts afterwards: neither the
 * name in EHLO nor a login, and no byte that came after the command (CVE-2011-0411).
 */
#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

#include <stdlib.h>

bool cmd_starttls_is_offered(const struct session *s)
{
	return !s->peer.tls && (s->peer.listener->tls == CONF_TLS_STARTTLS ||
				       s->peer.listener->tls == CONF_TLS_REQUIRED);
}

struct reply cmd_starttls(struct session *s, struct span args)
{
	(void)args;
	if (s->peer.tls)
		return reply_make(503, "5.5.1", "the connection is encrypted already");
	if (!cmd_starttls_is_offered(s))
		return reply_make(502, "5.5.1", "STARTTLS is not offered here");
	session_reset(s);
	session_set_state(s, SESSION_TLS);
	return reply_make(220, "2.0.0", "ready to start TLS");
}

bool session_wants_tls(const struct session *s)
{
	return s->state == SESSION_TLS && s->out.len == 0;
}

static void log_secured(const struct session *s, const struct tls_info *info)
{
	log_event(LOG_INFO, s->peer.session_id, "tls", LOG_S("version", info->version),
		LOG_S("cipher", info->cipher), LOG_S("name", info->server_name),
		LOG_S("resumed", info->resumed ? "yes" : "no"),
		LOG_S("certificate", info->certificate.sha256),
		LOG_S("subject", info->certificate.subject),
		LOG_S("certificate_error",
			info->cert_error != NULL ? info->cert_error : ""));
}

void cmd_starttls_forget(struct session *s)
{
	free(s->peer.certificate);
	s->peer.certificate = NULL;
}

static void keep_certificate(struct peer *p, const struct tls_info *info)
{
	if (info->certificate.sha256[0] == '\0')
		return;
	p->certificate = mem_new(1, sizeof(*p->certificate));
	*p->certificate = info->certificate;
}

void session_secured(struct session *s, const struct tls_info *info)
{
	struct peer *p = &s->peer;

	log_secured(s, info);
	metrics_add(METRIC_TLS_SESSIONS, 0, 1);
	p->tls = true;
	p->esmtp = false;
	cmd_helo_forget(s);
	cmd_auth_forget(s);
	keep_certificate(p, info);
	session_set_state(s, SESSION_HELO);
	if (!s->greeted)
		session_greet(s);
}

void session_not_secured(struct session *s, const char *why)
{
	if (s->state == SESSION_CLOSING)
		return;
	log_event(LOG_INFO, s->peer.session_id, "tls_failed", LOG_S("error", why));
	metrics_add(METRIC_TLS_FAILED, 0, 1);
	s->reason = "tls failed";
	session_set_state(s, SESSION_CLOSING);
}
