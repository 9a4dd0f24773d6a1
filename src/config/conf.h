/* SPDX-License-Identifier: MIT */
/*
 * The configuration: an immutable snapshot, made from one file and freed as a whole.
 *
 * Every option is a row of config/conf_options.c with its type, default, range and help; the
 * rows drive parsing, `sesrelay check`, and the check that doc/config.md and
 * conf/sesrelay.conf name each of them. Durations are milliseconds here ("50s", "5m" in
 * the file), sizes are bytes ("8M").
 */
#ifndef CONFIG_CONF_H
#define CONFIG_CONF_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/ip.h"
#include "core/log.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct conf_list {
	char **items; /* owned, as are the strings */
	size_t n;
	struct ip_prefix *nets; /* owned; of a list of networks: the items, parsed */
};

enum conf_newline { CONF_NEWLINE_NORMALIZE, CONF_NEWLINE_REJECT };

/* Whether, and when, a connection is encrypted. */
enum conf_tls { CONF_TLS_OFF, CONF_TLS_STARTTLS, CONF_TLS_REQUIRED, CONF_TLS_IMPLICIT };

enum conf_auth { CONF_AUTH_OFF, CONF_AUTH_OPTIONAL, CONF_AUTH_REQUIRED };

enum conf_tls_profile {
	CONF_TLS_MODERN,
	CONF_TLS_INTERMEDIATE,
	CONF_TLS_LEGACY,
	CONF_TLS_PROFILES
};

enum conf_protocol { CONF_PROTOCOL_SMTP, CONF_PROTOCOL_LMTP };

struct conf_listener {
	char *name;    /* the section's title */
	char *address; /* IPv4 or IPv6 literal */
	unsigned port;
	char *path;      /* of a unix socket, in place of address and port; "": none */
	char *mode;      /* of its file, octal */
	char *owner;     /* of its file, "USER:GROUP"; "": the supervisor's */
	bool activation; /* uses the inherited sockets of its name */
	enum conf_protocol protocol;
	struct conf_list allow;         /* networks */
	enum conf_newline bare_newline; /* CR or LF alone in a message */
	bool lenient;                   /* accept what old devices send */
	struct conf_list proxy;         /* networks that send a PROXY header */
	struct conf_list xclient;       /* networks that may use XCLIENT */
	enum conf_tls tls;
	enum conf_tls_profile tls_profile;
	struct conf_list
		tls_certificate;  /* paths of PEM files; the first is the default */
	struct conf_list tls_key; /* one for each of them, or none at all */
	char *tls_client_ca;      /* path; "": clients are not asked */
	enum conf_auth auth;
	bool auth_plaintext; /* passwords are accepted without TLS from any client */
	unsigned sessions;   /* of all workers together; 0: no maximum of its own */
	unsigned sessions_per_client; /* these three: 0: as in limits */
	unsigned connection_rate;
	unsigned message_rate;
};

enum conf_site { CONF_SITE_CHINA, CONF_SITE_INTERNATIONAL };

struct conf_account {
	char *name;
	enum conf_site site;
	char *endpoint; /* "https://host[:port]"; the site's if the file has none */
	char *region;   /* the site's if the file has none */
	char *secret_id;
	struct secret *secret_key; /* NULL in a worker, which never gets it */
	char *token;               /* "" for long-term keys; "***" in a worker */
	char *ca_file;             /* "": the system's */
	char *proxy;               /* "": none; the environment does not matter */
	unsigned connections;      /* to the API, per worker */
};

enum conf_content { CONF_CONTENT_SIMPLE, CONF_CONTENT_TEMPLATE };
enum conf_recipients { CONF_RECIPIENTS_AUTO, CONF_RECIPIENTS_SEPARATE };

struct conf_route {
	char *name;
	/* Conditions: any of a list; all must hold. Globs, but of the client. */
	struct conf_list listener;  /* names of listeners */
	struct conf_list client;    /* networks; empty: any client */
	struct conf_list user;      /* names of logins; "<>": no login */
	struct conf_list sender;    /* reverse-path; "<>" for the null one */
	struct conf_list from;      /* address of the From header */
	struct conf_list recipient; /* envelope recipient */
	/* What to do then. */
	char *account; /* names an account; the first if the file names none */
	enum conf_content content;
	unsigned long template_id;  /* 0: each mail's X-SES-Template-ID */
	struct conf_list variables; /* "name=%{subject}" */
	enum conf_recipients recipients;
	char *rewrite_from; /* "": the From header; else "Alias <a@b>" or "a@b", with %{} */
	struct conf_list headers; /* header fields carried in SmtpHeaders, globs */
	bool message_id;          /* pass Message-ID as SmtpMessageId */
	unsigned unsubscribe;     /* 0-11, API field Unsubscribe */
	unsigned trigger;         /* 0, 1: API field TriggerType */
};

struct conf_limits {
	size_t message_size; /* bytes of one message, as SIZE advertises */
	size_t request_size; /* bytes of one API request */
	size_t memory;       /* bytes of all messages of all workers together */
	unsigned sessions;   /* SMTP sessions of all workers together */
	unsigned sessions_per_client;
	unsigned recipients; /* RCPTs a message */
	unsigned command_length;
	unsigned errors;          /* replies 50x before 421 */
	unsigned commands;        /* a connection, before a message is accepted */
	unsigned messages;        /* messages a connection */
	unsigned connection_rate; /* connections of a client a minute; 0: any number */
	unsigned message_rate;    /* messages of a client a minute; 0: any number */
	unsigned auth_tries;      /* failed logins a connection */
	unsigned
		auth_failures; /* failed logins of a client in 10 minutes; 0: any number */
	uint64_t start_timeout; /* to a login or a mail, from the connection */
	uint64_t command_timeout;
	uint64_t data_timeout;
	unsigned data_rate;       /* lowest, bytes a second; 0: any */
	uint64_t deadline;        /* from end of data to the reply */
	uint64_t connect_timeout; /* to the API */
	uint64_t call_timeout;    /* one API call */
	uint64_t retry_delay;     /* first pause after "not sent"; doubles */
	unsigned header_lines;
	size_t header_bytes; /* all header fields of one entity */
	unsigned address_tokens;
	unsigned parts;
	unsigned nesting;
	unsigned hops; /* Received fields */
};

/* What to do with something that the API cannot carry. */
enum conf_policy { CONF_CARRY, CONF_CONVERT, CONF_ATTACH, CONF_DROP, CONF_REFUSE };

struct conf_mail {
	struct conf_list charsets;     /* tried after UTF-8 if none is declared */
	enum conf_policy inline_image; /* attach | drop | refuse */
	enum conf_policy calendar;     /* attach | drop | refuse */
	enum conf_policy tnef;         /* attach | drop | refuse */
	enum conf_policy
		signature; /* attach | drop | refuse: PGP or S/MIME signature part */
	enum conf_policy encrypted; /* attach | refuse */
	enum conf_policy report;    /* convert | attach | refuse: delivery-status, MDN */
	bool null_sender;           /* accept MAIL FROM:<> */
};

/* The replies while the API refuses the gateway itself. */
enum conf_own_faults { CONF_OWN_FAULTS_REFUSE, CONF_OWN_FAULTS_DEFER };

struct conf_reply {
	char *code; /* an API code, "Prefix.*", or "Transport.*" pseudo code */
	unsigned smtp;
	char *enhanced; /* "4.4.5" */
	char *text;     /* "": the row's own */
};

struct conf_admin {
	bool enabled;
	char *address;
	unsigned port;
	struct conf_list
		hosts; /* names that a Host field may have; globs and addresses */
};

/* How the log shows the addresses of recipients. */
enum conf_recipients_logged {
	CONF_LOG_FULL,
	CONF_LOG_DOMAIN,
};

struct conf_log {
	char *file; /* "": standard error */
	enum log_format format;
	enum log_level level;
	enum conf_recipients_logged recipients;
};

struct conf_place;

struct conf {
	char *file;                 /* where it came from, for messages */
	bool masked;                /* credentials may be missing, or masked */
	struct conf_place **places; /* the lines of its options; NULL: of no file */
	char *hostname;
	unsigned workers; /* never 0: the file's 0 is a number by CPUs and memory here */
	char *user;       /* "": as started, but nobody if that is root */
	bool seccomp;     /* filter the system calls of children */
	uint64_t shutdown_timeout;
	uint64_t watchdog; /* ms; 0: off */
	char *users_file;  /* path; "" if no listener has auth */
	enum conf_own_faults own_faults;
	struct conf_listener *listeners;
	size_t n_listeners;
	struct conf_account *accounts;
	size_t n_accounts;
	struct conf_route *routes;
	size_t n_routes;
	struct conf_reply *replies;
	size_t n_replies;
	struct conf_limits limits;
	struct conf_mail mail;
	struct conf_admin admin;
	struct conf_log log;
};

/* Reads and validates a file; *conf is the caller's, conf_free(&c). On -1 the error says
 * file, line, what is wrong and what would be right. A missing secret is an error here
 * unless the file is a masked print (conf_load_masked). */
int conf_load(const char *file, struct conf **conf, struct err *err) MUST_CHECK;

/* The same for commands that call no API: credentials may be missing or masked, and the files
 * that an account names are not checked. */
int conf_load_public(const char *file, struct conf **conf, struct err *err) MUST_CHECK;

/* Reads what conf_print() wrote: how a worker gets its configuration without a secret.
 * name is for messages. */
int conf_load_masked(
	FILE *in, const char *name, struct conf **conf, struct err *err) MUST_CHECK;

void conf_free(struct conf **conf);

/* The effective configuration as a file that conf_load_masked() reads again to the same
 * values; secrets are printed as "***". */
int conf_print(const struct conf *conf, struct buf *out) MUST_CHECK;

/* One line an option, "section.key<TAB>type<TAB>default<TAB>help": for make check and
 * `sesrelay check --options`. */
int conf_print_options(struct buf *out) MUST_CHECK;

/* The line of an option, or of its section if the file does not have the option; 0 if it
 * has neither. index counts the sections of that name; key NULL: the section itself. */
unsigned conf_line(
	const struct conf *conf, const char *section, size_t index, const char *key);

/* Puts "FILE:LINE: " before the text of *err, for an error in the value of an option
 * that another room found. Returns -1. */
int conf_blame(const struct conf *conf, const char *section, size_t index,
	const char *key, struct err *err);

/* -1 where SES is not known to have the region at the site. *why: what is wrong, and which it
 * is known to have; the vendor may have more by now. */
int conf_check_region(
	enum conf_site site, const char *region, struct err *why) MUST_CHECK;

/* Borrowed; NULL if there is none of that name. */
const struct conf_account *conf_account(const struct conf *conf, const char *name);

#endif
