/* SPDX-License-Identifier: MIT */
/*
 * Every option: its type, default, range and meaning. To add one, add a field to its
 * struct in conf.h, a row here, and its paragraph in doc/config.md and conf/sesrelay.conf;
 * make check tells which of them is missing.
 */
#include "config/conf_private.h"

#define FIELD(owner, name)                                                               \
	.key = #name, .offset = offsetof(struct owner, name),                            \
	.size = sizeof(((struct owner *)NULL)->name)

#define TEXT(owner, name, def_, check_)                                                  \
	FIELD(owner, name), .type = CONF_TYPE_STRING, .def = (def_), .check = (check_)
#define LIST(owner, name, def_, check_)                                                  \
	FIELD(owner, name), .type = CONF_TYPE_LIST, .def = (def_), .check = (check_)
#define WORDS(owner, name, def_, check_) LIST(owner, name, def_, check_), .words = true
#define NETWORKS(owner, name, def_)      WORDS(owner, name, def_, NULL), .networks = true
#define SECRET(owner, name, def_, check_)                                                \
	FIELD(owner, name), .type = CONF_TYPE_SECRET, .def = (def_), .check = (check_)
#define BOOL(owner, name, def_) FIELD(owner, name), .type = CONF_TYPE_BOOL, .def = (def_)
#define ONE_OF(owner, name, def_, names_)                                                \
	FIELD(owner, name), .type = CONF_TYPE_ENUM, .def = (def_), .names = (names_)
#define RANGE(owner, name, type_, def_, min_, max_)                                      \
	FIELD(owner, name), .type = (type_), .def = (def_), .min = (min_), .max = (max_)
#define NUMBER(owner, name, def_, min_, max_)                                            \
	RANGE(owner, name, CONF_TYPE_UNSIGNED, def_, min_, max_)
#define SIZE(owner, name, def_, min_, max_)                                              \
	RANGE(owner, name, CONF_TYPE_SIZE, def_, min_, max_)
#define DURATION(owner, name, def_, min_, max_)                                          \
	RANGE(owner, name, CONF_TYPE_DURATION, def_, min_, max_)

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define SEC ((uint64_t)1000)
#define MIN (60 * SEC)

static const char *const newline_names[] = {
	[CONF_NEWLINE_NORMALIZE] = "normalize", [CONF_NEWLINE_REJECT] = "reject", NULL};

static const char *const protocol_names[] = {
	[CONF_PROTOCOL_SMTP] = "smtp", [CONF_PROTOCOL_LMTP] = "lmtp", NULL};

static const char *const tls_names[] = {[CONF_TLS_OFF] = "off",
	[CONF_TLS_STARTTLS] = "starttls",
	[CONF_TLS_REQUIRED] = "required",
	[CONF_TLS_IMPLICIT] = "implicit",
	NULL};

static const char *const auth_names[] = {[CONF_AUTH_OFF] = "off",
	[CONF_AUTH_OPTIONAL] = "optional",
	[CONF_AUTH_REQUIRED] = "required",
	NULL};

static const char *const tls_profile_names[] = {[CONF_TLS_MODERN] = "modern",
	[CONF_TLS_INTERMEDIATE] = "intermediate",
	[CONF_TLS_LEGACY] = "legacy",
	NULL};

static const char *const site_names[] = {
	[CONF_SITE_CHINA] = "china", [CONF_SITE_INTERNATIONAL] = "international", NULL};

static const char *const content_names[] = {
	[CONF_CONTENT_SIMPLE] = "simple", [CONF_CONTENT_TEMPLATE] = "template", NULL};

static const char *const recipients_names[] = {
	[CONF_RECIPIENTS_AUTO] = "auto", [CONF_RECIPIENTS_SEPARATE] = "separate", NULL};

static const char *const policy_names[] = {[CONF_CARRY] = "carry",
	[CONF_CONVERT] = "convert",
	[CONF_ATTACH] = "attach",
	[CONF_DROP] = "drop",
	[CONF_REFUSE] = "refuse",
	NULL};

#define ATTACH_DROP_REFUSE    (1u << CONF_ATTACH | 1u << CONF_DROP | 1u << CONF_REFUSE)
#define ATTACH_REFUSE         (1u << CONF_ATTACH | 1u << CONF_REFUSE)
#define CONVERT_ATTACH_REFUSE (1u << CONF_CONVERT | 1u << CONF_ATTACH | 1u << CONF_REFUSE)

static const char *const own_faults_names[] = {
	[CONF_OWN_FAULTS_REFUSE] = "refuse", [CONF_OWN_FAULTS_DEFER] = "defer", NULL};

static const char *const log_format_names[] = {
	[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};

static const char *const log_recipients_names[] = {
	[CONF_LOG_FULL] = "full", [CONF_LOG_DOMAIN] = "domain", NULL};

static const char *const log_level_names[] = {[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
	NULL};

static const struct conf_option top_options[] = {
	{TEXT(conf, hostname, "", conf_form_hostname),
		.help = "name in the greeting and in EHLO; empty: the host's own"},
	{NUMBER(conf, workers, "0", 0, 256),
		.help = "worker processes; 0: one a CPU, fewer if memory is short"},
	{TEXT(conf, user, "", conf_form_user),
		.help = "user to run as; empty: as started, but nobody if that was "
			"root"},
	{BOOL(conf, seccomp, "true"), .help = "let workers and admin make only the "
					      "system calls that they need"},
	{DURATION(conf, shutdown_timeout, "60s", SEC, 60 * MIN),
		.help = "how long a stop may take, and uploads after a reload"},
	{DURATION(conf, watchdog, "30s", 0, 60 * MIN),
		.help = "kill a worker or admin that hangs so long; 0s: none"},
	{TEXT(conf, users_file, "", conf_form_file),
		.help = "file of the users who may log in; needed if a listener has "
			"auth"},
	{ONE_OF(conf, own_faults, "refuse", own_faults_names),
		.help = "replies while the API refuses the gateway's own credentials, "
			"region or permission: 5yz (refuse) or 4yz (defer)"},
};

static const struct conf_option listener_options[] = {
	{TEXT(conf_listener, address, "127.0.0.1", conf_form_address),
		.group = CONF_GROUP_TCP, .help = "IPv4 or IPv6 address to listen on"},
	{NUMBER(conf_listener, port, "2525", 1, 65535), .group = CONF_GROUP_TCP,
		.help = "TCP port to listen on"},
	{TEXT(conf_listener, path, "", conf_form_path), .group = CONF_GROUP_PATH,
		.help = "unix socket to listen on, in place of address and port"},
	{TEXT(conf_listener, mode, "0660", conf_form_mode), .group = CONF_GROUP_FILE,
		.help = "permissions of the unix socket: who may write may send"},
	{TEXT(conf_listener, owner, "", conf_form_owner), .group = CONF_GROUP_FILE,
		.help = "owner of the unix socket: USER:GROUP; empty: the supervisor's"},
	{BOOL(conf_listener, activation, "false"), .group = CONF_GROUP_ACTIVATION,
		.help = "take the sockets that the service manager passes under this "
			"name"},
	{ONE_OF(conf_listener, protocol, "smtp", protocol_names),
		.help = "smtp, or lmtp with a reply for each recipient"},
	{NETWORKS(conf_listener, allow, "127.0.0.0/8, ::1/128"),
		.group = CONF_GROUP_NETWORK, .help = "networks that may send mail"},
	{ONE_OF(conf_listener, bare_newline, "normalize", newline_names),
		.help = "CR or LF alone in a message: made CRLF, or refused"},
	{BOOL(conf_listener, lenient, "false"),
		.help = "take addresses without brackets and any name in HELO"},
	{NETWORKS(conf_listener, proxy, ""), .group = CONF_GROUP_NETWORK,
		.help = "networks of proxies, which begin with a PROXY header"},
	{NETWORKS(conf_listener, xclient, ""), .group = CONF_GROUP_NETWORK,
		.help = "networks whose XCLIENT and XFORWARD are believed"},
	{ONE_OF(conf_listener, tls, "off", tls_names),
		.help = "encryption: off, offered, demanded, or from the first byte"},
	{ONE_OF(conf_listener, tls_profile, "intermediate", tls_profile_names),
		.help = "TLS 1.3 only; 1.2 as well; or all that old devices can"},
	{LIST(conf_listener, tls_certificate, "", conf_form_file),
		.help = "PEM files: certificate and chain; several for several names"},
	{LIST(conf_listener, tls_key, "", conf_form_file),
		.help = "PEM files of their keys; empty: in tls_certificate as well"},
	{TEXT(conf_listener, tls_client_ca, "", conf_form_file),
		.help = "PEM file of the CAs of client certificates; empty: not asked"},
	{ONE_OF(conf_listener, auth, "off", auth_names),
		.help = "logins: off, for those outside of allow, or for everybody"},
	{BOOL(conf_listener, auth_plaintext, "false"),
		.help = "take passwords without TLS from more than loopback"},
	{NUMBER(conf_listener, sessions, "0", 0, 1000000),
		.help = "SMTP sessions of the listener; 0: no maximum of its own"},
	{NUMBER(conf_listener, sessions_per_client, "0", 0, 1000000),
		.help = "sessions of one client here; 0: as in limits"},
	{NUMBER(conf_listener, connection_rate, "0", 0, 1000000),
		.help = "connections of one client in a minute here; 0: as in limits"},
	{NUMBER(conf_listener, message_rate, "0", 0, 1000000),
		.help = "messages of one client in a minute here; 0: as in limits"},
};

static const struct conf_option account_options[] = {
	{ONE_OF(conf_account, site, "china", site_names),
		.help = "Tencent Cloud site that the account belongs to"},
	{TEXT(conf_account, endpoint, "", conf_form_endpoint),
		.help = "where the API is: https://HOST[:PORT]; empty: the site's"},
	{TEXT(conf_account, region, "", conf_form_region),
		.help = "X-TC-Region; empty: the site's"},
	{TEXT(conf_account, secret_id, "", conf_form_secret_id),
		.help = "SecretId; empty: TENCENTCLOUD_SECRET_ID of the environment"},
	{SECRET(conf_account, secret_key, "", conf_form_secret_key),
		.help = "SecretKey; empty: TENCENTCLOUD_SECRET_KEY of the environment"},
	{TEXT(conf_account, token, "", conf_form_token), .masked = true,
		.help = "token of temporary credentials; empty: long-term keys"},
	{TEXT(conf_account, ca_file, "", conf_form_file),
		.help = "PEM file of the CAs to trust; empty: the system's"},
	{TEXT(conf_account, proxy, "", conf_form_proxy),
		.help = "proxy to the API; empty: none, whatever the environment says"},
	{NUMBER(conf_account, connections, "64", 1, 1024),
		.help = "connections to the API, per worker"},
};

#define HEADERS_DEFAULT                                                                  \
	"List-*, In-Reply-To, References, Auto-Submitted, Precedence, Importance, "      \
	"Priority, Sensitivity, Organization, Feedback-ID, Thread-Topic, Thread-Index, " \
	"X-Mailer, X-Priority, X-MSMail-Priority, X-Auto-Response-Suppress, "            \
	"X-Entity-Ref-ID, X-Report-Abuse"

static const struct conf_option route_options[] = {
	{WORDS(conf_route, listener, "*", NULL),
		.help = "condition: listeners the mail came by, globs"},
	{NETWORKS(conf_route, client, ""),
		.help = "condition: networks of clients; empty: any client"},
	{WORDS(conf_route, user, "*", NULL),
		.help = "condition: users who logged in, globs; <> is nobody"},
	{WORDS(conf_route, sender, "*", NULL),
		.help = "condition: envelope senders, globs; <> is the null one"},
	{WORDS(conf_route, from, "*", NULL),
		.help = "condition: addresses of the From header, globs"},
	{WORDS(conf_route, recipient, "*", NULL),
		.help = "condition: envelope recipients, globs"},
	{TEXT(conf_route, account, "", conf_form_title),
		.help = "account to send by; empty: the first of the file"},
	{ONE_OF(conf_route, content, "simple", content_names),
		.help = "send the mail's own content, or fill a template"},
	{NUMBER(conf_route, template_id, "0", 0, 4294967295u),
		.help = "template; 0: X-SES-Template-ID of each mail names it"},
	{LIST(conf_route, variables, "", conf_form_variable),
		.help = "variables of the template: name=text with %{...}"},
	{ONE_OF(conf_route, recipients, "auto", recipients_names),
		.help = "recipients together as the mail shows them, or a call each"},
	{TEXT(conf_route, rewrite_from, "", conf_form_rewrite_from),
		.help = "sender in place of the From header's; empty: leave it"},
	{WORDS(conf_route, headers, HEADERS_DEFAULT, conf_form_field),
		.help = "header fields to carry, globs"},
	{BOOL(conf_route, message_id, "true"), .help = "carry the Message-ID"},
	{NUMBER(conf_route, unsubscribe, "0", 0, 11),
		.help = "API field Unsubscribe: language of the link; 0: none"},
	{NUMBER(conf_route, trigger, "0", 0, 1),
		.help = "API field TriggerType: 1 is triggered mail"},
};

static const struct conf_option reply_options[] = {
	{NUMBER(conf_reply, smtp, NULL, 400, 599), .help = "SMTP reply code"},
	{TEXT(conf_reply, enhanced, NULL, conf_form_enhanced),
		.help = "enhanced status code"},
	{TEXT(conf_reply, text, "", NULL),
		.help = "text of the reply; empty: the built-in one"},
};

static const struct conf_option limits_options[] = {
	{SIZE(conf_limits, message_size, "8M", 64 * KIB, 10 * MIB),
		.help = "size of a message"},
	{SIZE(conf_limits, request_size, "8M", 64 * KIB, 10 * MIB),
		.help = "size of one API request"},
	{SIZE(conf_limits, memory, "256M", MIB, 1024 * 1024 * MIB),
		.help = "memory for all messages of all workers together"},
	{NUMBER(conf_limits, sessions, "10000", 1, 1000000),
		.help = "SMTP sessions of all workers together"},
	{NUMBER(conf_limits, sessions_per_client, "1000", 1, 1000000),
		.help = "SMTP sessions of one client address"},
	{NUMBER(conf_limits, recipients, "1000", 100, 100000),
		.help = "recipients of a message"},
	{NUMBER(conf_limits, command_length, "2048", 1024, 65536),
		.help = "bytes of a command line"},
	{NUMBER(conf_limits, errors, "20", 1, 10000),
		.help = "mistakes of a client before its session is closed"},
	{NUMBER(conf_limits, commands, "2000", 200, 1000000),
		.help = "idle commands of one session before a message is accepted"},
	{NUMBER(conf_limits, messages, "1000", 1, 1000000),
		.help = "messages of one session"},
	{NUMBER(conf_limits, connection_rate, "0", 0, 1000000),
		.help = "connections of a client a minute; 0: any number"},
	{NUMBER(conf_limits, message_rate, "0", 0, 1000000),
		.help = "messages of a client a minute; 0: any number"},
	{NUMBER(conf_limits, auth_tries, "3", 1, 100),
		.help = "failed logins a connection"},
	{NUMBER(conf_limits, auth_failures, "20", 0, 100000),
		.help = "failed logins of a client in 10 minutes; 0: any number"},
	{DURATION(conf_limits, start_timeout, "30s", SEC, 60 * MIN),
		.help = "how long to wait for a login or a mail, from the connection"},
	{DURATION(conf_limits, command_timeout, "5m", SEC, 60 * MIN),
		.help = "how long to wait for a command"},
	{DURATION(conf_limits, data_timeout, "10m", SEC, 120 * MIN),
		.help = "how long a message may take to arrive"},
	{NUMBER(conf_limits, data_rate, "100", 0, 1000000),
		.help = "lowest bytes a second of a message, after its first 30 s; 0: "
			"any"},
	{DURATION(conf_limits, deadline, "50s", SEC, 10 * MIN),
		.help = "time from the end of a message to its reply"},
	{DURATION(conf_limits, connect_timeout, "10s", 100, 2 * MIN),
		.help = "how long to connect to the API"},
	{DURATION(conf_limits, call_timeout, "30s", 100, 10 * MIN),
		.help = "how long one API call may take"},
	{DURATION(conf_limits, retry_delay, "1s", 10, MIN),
		.help = "pause before a call is tried again; doubles"},
	{NUMBER(conf_limits, header_lines, "1000", 100, 100000),
		.help = "header fields of one entity"},
	{SIZE(conf_limits, header_bytes, "100k", 16 * KIB, 10 * MIB),
		.help = "bytes of all header fields of one entity"},
	{NUMBER(conf_limits, address_tokens, "10240", 100, 1000000),
		.help = "tokens of one address header"},
	{NUMBER(conf_limits, parts, "1000", 10, 100000),
		.help = "MIME parts of a message"},
	{NUMBER(conf_limits, nesting, "50", 5, 200),
		.help = "depth of MIME parts within parts"},
	{NUMBER(conf_limits, hops, "50", 10, 1000),
		.help = "Received fields before a loop is assumed"},
};

static const struct conf_option mail_options[] = {
	{WORDS(conf_mail, charsets, "GB18030, Big5, Shift_JIS, EUC-KR, windows-1252",
		 conf_form_charset),
		.help = "tried after UTF-8, in order, for 8-bit text without a charset"},
	{ONE_OF(conf_mail, inline_image, "attach", policy_names),
		.allowed = ATTACH_DROP_REFUSE,
		.help = "pictures that the HTML shows by cid:"},
	{ONE_OF(conf_mail, calendar, "attach", policy_names),
		.allowed = ATTACH_DROP_REFUSE, .help = "invitations (text/calendar)"},
	{ONE_OF(conf_mail, tnef, "attach", policy_names), .allowed = ATTACH_DROP_REFUSE,
		.help = "winmail.dat of Outlook"},
	{ONE_OF(conf_mail, signature, "drop", policy_names),
		.allowed = ATTACH_DROP_REFUSE,
		.help = "PGP and S/MIME signatures, which the API breaks"},
	{ONE_OF(conf_mail, encrypted, "attach", policy_names), .allowed = ATTACH_REFUSE,
		.help = "PGP and S/MIME encrypted mail"},
	{ONE_OF(conf_mail, report, "attach", policy_names),
		.allowed = CONVERT_ATTACH_REFUSE,
		.help = "delivery and disposition reports"},
	{BOOL(conf_mail, null_sender, "true"), .help = "take mail with the sender <>"},
};

static const struct conf_option admin_options[] = {
	{BOOL(conf_admin, enabled, "true"), .help = "serve metrics and health"},
	{TEXT(conf_admin, address, "127.0.0.1", conf_form_address),
		.help = "IPv4 or IPv6 address to listen on"},
	{NUMBER(conf_admin, port, "8025", 1, 65535), .help = "TCP port to listen on"},
	{WORDS(conf_admin, hosts, "", conf_form_host),
		.help = "names that a request may ask for in Host, beside localhost and "
			"the address"},
};

static const struct conf_option log_options[] = {
	{TEXT(conf_log, file, "", conf_form_file),
		.help = "file to append to; empty: standard error"},
	{ONE_OF(conf_log, format, "text", log_format_names),
		.help = "how a line is written"},
	{ONE_OF(conf_log, level, "info", log_level_names),
		.help = "the least level that is written"},
	{ONE_OF(conf_log, recipients, "full", log_recipients_names),
		.help = "addresses of recipients: in full, or ***@domain"},
};

#define OPTIONS(table) .options = (table), .n_options = ARRAY_LEN(table)

#define TITLED(owner, plural, title)                                                     \
	.titled = true, .offset = offsetof(struct conf, plural),                         \
	.count_offset = offsetof(struct conf, n_##plural), .size = sizeof(struct owner), \
	.title_offset = offsetof(struct owner, title)

const struct conf_section conf_sections[] = {
	{"", OPTIONS(top_options), .offset = 0},
	{"listener", OPTIONS(listener_options), TITLED(conf_listener, listeners, name),
		.check_title = conf_form_title, .default_title = "default"},
	{"account", OPTIONS(account_options), TITLED(conf_account, accounts, name),
		.check_title = conf_form_title, .default_title = "default"},
	{"route", OPTIONS(route_options), TITLED(conf_route, routes, name),
		.check_title = conf_form_title, .default_title = "default"},
	{"reply", OPTIONS(reply_options), TITLED(conf_reply, replies, code),
		.check_title = conf_form_reply_code},
	{"limits", OPTIONS(limits_options), .offset = offsetof(struct conf, limits)},
	{"mail", OPTIONS(mail_options), .offset = offsetof(struct conf, mail)},
	{"admin", OPTIONS(admin_options), .offset = offsetof(struct conf, admin)},
	{"log", OPTIONS(log_options), .offset = offsetof(struct conf, log)},
};

const size_t conf_n_sections = ARRAY_LEN(conf_sections);

static bool is_named(struct span s, const char *name)
{
	return strlen(name) == s.len && memcmp(name, s.p, s.len) == 0;
}

const struct conf_section *conf_options_section(struct span name)
{
	for (size_t i = 0; i < conf_n_sections; i++)
		if (is_named(name, conf_sections[i].name))
			return &conf_sections[i];
	return NULL;
}

const struct conf_option *conf_options_find(
	const struct conf_section *section, struct span key)
{
	for (size_t i = 0; i < section->n_options; i++)
		if (is_named(key, section->options[i].key))
			return &section->options[i];
	return NULL;
}
