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

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define SEC ((uint64_t)1000)
#define MIN (60 * SEC)

static const char *const newline_names[] = {
	[CONF_NEWLINE_NORMALIZE] = "normalize",
	[CONF_NEWLINE_REJECT] = "reject",
	NULL,
};

static const char *const protocol_names[] = {
	[CONF_PROTOCOL_SMTP] = "smtp",
	[CONF_PROTOCOL_LMTP] = "lmtp",
	NULL,
};

static const char *const tls_names[] = {
	[CONF_TLS_OFF] = "off",
	[CONF_TLS_STARTTLS] = "starttls",
	[CONF_TLS_REQUIRED] = "required",
	[CONF_TLS_IMPLICIT] = "implicit",
	NULL,
};

static const char *const auth_names[] = {
	[CONF_AUTH_OFF] = "off",
	[CONF_AUTH_OPTIONAL] = "optional",
	[CONF_AUTH_REQUIRED] = "required",
	NULL,
};

static const char *const tls_profile_names[] = {
	[CONF_TLS_MODERN] = "modern",
	[CONF_TLS_INTERMEDIATE] = "intermediate",
	[CONF_TLS_LEGACY] = "legacy",
	NULL,
};

static const char *const site_names[] = {
	[CONF_SITE_CHINA] = "china",
	[CONF_SITE_INTERNATIONAL] = "international",
	NULL,
};

static const char *const content_names[] = {
	[CONF_CONTENT_SIMPLE] = "simple",
	[CONF_CONTENT_TEMPLATE] = "template",
	NULL,
};

static const char *const recipients_names[] = {
	[CONF_RECIPIENTS_AUTO] = "auto",
	[CONF_RECIPIENTS_SEPARATE] = "separate",
	NULL,
};

static const char *const policy_names[] = {
	[CONF_CARRY] = "carry",
	[CONF_CONVERT] = "convert",
	[CONF_ATTACH] = "attach",
	[CONF_DROP] = "drop",
	[CONF_REFUSE] = "refuse",
	NULL,
};

#define ATTACH_DROP_REFUSE    (1u << CONF_ATTACH | 1u << CONF_DROP | 1u << CONF_REFUSE)
#define ATTACH_REFUSE         (1u << CONF_ATTACH | 1u << CONF_REFUSE)
#define CONVERT_ATTACH_REFUSE (1u << CONF_CONVERT | 1u << CONF_ATTACH | 1u << CONF_REFUSE)

static const char *const own_faults_names[] = {
	[CONF_OWN_FAULTS_REFUSE] = "refuse",
	[CONF_OWN_FAULTS_DEFER] = "defer",
	NULL,
};

static const char *const log_format_names[] = {
	[LOG_TEXT] = "text",
	[LOG_JSON] = "json",
	NULL,
};

static const char *const log_recipients_names[] = {
	[CONF_LOG_FULL] = "full",
	[CONF_LOG_DOMAIN] = "domain",
	NULL,
};

static const char *const log_level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
	NULL,
};

static const struct conf_option top_options[] = {
	{FIELD(conf, hostname), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_hostname,
		.help = "name in the greeting and in EHLO; empty: the host's own"},
	{FIELD(conf, workers), .type = CONF_TYPE_UNSIGNED, .def = "0", .max = 256,
		.help = "worker processes; 0: one a CPU, fewer where memory is short"},
	{FIELD(conf, user), .type = CONF_TYPE_STRING, .def = "", .check = conf_form_user,
		.help = "user to run as; empty: as started, but nobody where that was "
			"root"},
	{FIELD(conf, seccomp), .type = CONF_TYPE_BOOL, .def = "true",
		.help = "let workers and admin make only the system calls that they "
			"need"},
	{FIELD(conf, shutdown_timeout), .type = CONF_TYPE_DURATION, .def = "60s",
		.min = SEC, .max = 60 * MIN,
		.help = "how long a stop may take, and uploads after a reload"},
	{FIELD(conf, watchdog), .type = CONF_TYPE_DURATION, .def = "30s", .max = 60 * MIN,
		.help = "kill a worker or admin that hangs so long; 0s: none"},
	{FIELD(conf, users_file), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_file,
		.help = "file of those who may log in; needed where a listener has auth"},
	{FIELD(conf, own_faults), .type = CONF_TYPE_ENUM, .def = "refuse",
		.names = own_faults_names,
		.help = "replies while the API refuses the gateway's own credentials, "
			"region or permission: 5yz (refuse) or 4yz (defer)"},
};

static const struct conf_option listener_options[] = {
	{FIELD(conf_listener, address), .type = CONF_TYPE_STRING, .def = "127.0.0.1",
		.flags = CONF_FLAG_TCP, .check = conf_form_address,
		.help = "IPv4 or IPv6 address to listen on"},
	{FIELD(conf_listener, port), .type = CONF_TYPE_UNSIGNED, .def = "2525", .min = 1,
		.max = 65535, .flags = CONF_FLAG_TCP, .help = "TCP port to listen on"},
	{FIELD(conf_listener, path), .type = CONF_TYPE_STRING, .def = "",
		.flags = CONF_FLAG_PATH, .check = conf_form_path,
		.help = "unix socket to listen on, in the place of address and port"},
	{FIELD(conf_listener, mode), .type = CONF_TYPE_STRING, .def = "0660",
		.flags = CONF_FLAG_FILE, .check = conf_form_mode,
		.help = "permissions of the unix socket: who may write may send"},
	{FIELD(conf_listener, owner), .type = CONF_TYPE_STRING, .def = "",
		.flags = CONF_FLAG_FILE, .check = conf_form_owner,
		.help = "owner of the unix socket: USER:GROUP; empty: the supervisor's"},
	{FIELD(conf_listener, activation), .type = CONF_TYPE_BOOL, .def = "false",
		.flags = CONF_FLAG_ACTIVATION,
		.help = "take the sockets that the service manager passes under this "
			"name"},
	{FIELD(conf_listener, protocol), .type = CONF_TYPE_ENUM, .def = "smtp",
		.names = protocol_names,
		.help = "smtp, or lmtp with a reply for each recipient"},
	{FIELD(conf_listener, allow), .type = CONF_TYPE_LIST,
		.def = "127.0.0.0/8, ::1/128",
		.flags = CONF_FLAG_WORDS | CONF_FLAG_NETWORK, .check = conf_form_network,
		.help = "networks that may send mail"},
	{FIELD(conf_listener, bare_newline), .type = CONF_TYPE_ENUM, .def = "normalize",
		.names = newline_names,
		.help = "CR or LF alone in a message: made CRLF, or refused"},
	{FIELD(conf_listener, lenient), .type = CONF_TYPE_BOOL, .def = "false",
		.help = "take addresses without brackets and any name in HELO"},
	{FIELD(conf_listener, proxy), .type = CONF_TYPE_LIST, .def = "",
		.flags = CONF_FLAG_WORDS | CONF_FLAG_NETWORK, .check = conf_form_network,
		.help = "networks of proxies, which begin with a PROXY header"},
	{FIELD(conf_listener, xclient), .type = CONF_TYPE_LIST, .def = "",
		.flags = CONF_FLAG_WORDS | CONF_FLAG_NETWORK, .check = conf_form_network,
		.help = "networks whose XCLIENT and XFORWARD are believed"},
	{FIELD(conf_listener, tls), .type = CONF_TYPE_ENUM, .def = "off",
		.names = tls_names,
		.help = "encryption: off, offered, demanded, or from the first byte"},
	{FIELD(conf_listener, tls_profile), .type = CONF_TYPE_ENUM, .def = "intermediate",
		.names = tls_profile_names,
		.help = "TLS 1.3 only; 1.2 as well; or all that old devices can"},
	{FIELD(conf_listener, tls_certificate), .type = CONF_TYPE_LIST, .def = "",
		.check = conf_form_file,
		.help = "PEM files: certificate and chain; several for several names"},
	{FIELD(conf_listener, tls_key), .type = CONF_TYPE_LIST, .def = "",
		.check = conf_form_file,
		.help = "PEM files of their keys; empty: in tls_certificate as well"},
	{FIELD(conf_listener, tls_client_ca), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_file,
		.help = "PEM file of the CAs of client certificates; empty: not asked"},
	{FIELD(conf_listener, auth), .type = CONF_TYPE_ENUM, .def = "off",
		.names = auth_names,
		.help = "logins: off, for those outside of allow, or for everybody"},
	{FIELD(conf_listener, auth_plaintext), .type = CONF_TYPE_BOOL, .def = "false",
		.help = "take passwords without TLS from more than loopback"},
	{FIELD(conf_listener, sessions), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 1000000,
		.help = "SMTP sessions of the listener; 0: no maximum of its own"},
	{FIELD(conf_listener, sessions_per_client), .type = CONF_TYPE_UNSIGNED,
		.def = "0", .max = 1000000,
		.help = "sessions of one client here; 0: as in limits"},
	{FIELD(conf_listener, connection_rate), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 1000000,
		.help = "connections of one client in a minute here; 0: as in limits"},
	{FIELD(conf_listener, message_rate), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 1000000,
		.help = "messages of one client in a minute here; 0: as in limits"},
};

static const struct conf_option account_options[] = {
	{FIELD(conf_account, site), .type = CONF_TYPE_ENUM, .def = "china",
		.names = site_names,
		.help = "Tencent Cloud site that the account belongs to"},
	{FIELD(conf_account, endpoint), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_endpoint,
		.help = "where the API is: https://HOST[:PORT]; empty: the site's"},
	{FIELD(conf_account, region), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_region, .help = "X-TC-Region; empty: the site's"},
	{FIELD(conf_account, secret_id), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_secret_id,
		.help = "SecretId; empty: TENCENTCLOUD_SECRET_ID of the environment"},
	{FIELD(conf_account, secret_key), .type = CONF_TYPE_SECRET, .def = "",
		.check = conf_form_secret_key,
		.help = "SecretKey; empty: TENCENTCLOUD_SECRET_KEY of the environment"},
	{FIELD(conf_account, token), .type = CONF_TYPE_STRING, .def = "",
		.flags = CONF_FLAG_MASKED, .check = conf_form_token,
		.help = "token of temporary credentials; empty: long-term keys"},
	{FIELD(conf_account, ca_file), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_file,
		.help = "PEM file of the CAs to trust; empty: the system's"},
	{FIELD(conf_account, proxy), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_proxy,
		.help = "proxy to the API; empty: none, whatever the environment says"},
	{FIELD(conf_account, connections), .type = CONF_TYPE_UNSIGNED, .def = "64",
		.min = 1, .max = 1024, .help = "connections to the API, per worker"},
};

#define HEADERS_DEFAULT                                                                  \
	"List-*, In-Reply-To, References, Auto-Submitted, Precedence, Importance, "      \
	"Priority, Sensitivity, Organization, Feedback-ID, Thread-Topic, Thread-Index, " \
	"X-Mailer, X-Priority, X-MSMail-Priority, X-Auto-Response-Suppress, "            \
	"X-Entity-Ref-ID, X-Report-Abuse"

static const struct conf_option route_options[] = {
	{FIELD(conf_route, listener), .type = CONF_TYPE_LIST, .def = "*",
		.flags = CONF_FLAG_WORDS,
		.help = "condition: listeners the mail came by, globs"},
	{FIELD(conf_route, client), .type = CONF_TYPE_LIST, .def = "",
		.flags = CONF_FLAG_WORDS, .check = conf_form_network,
		.help = "condition: networks of clients; empty: any client"},
	{FIELD(conf_route, user), .type = CONF_TYPE_LIST, .def = "*",
		.flags = CONF_FLAG_WORDS,
		.help = "condition: users who logged in, globs; <> is nobody"},
	{FIELD(conf_route, sender), .type = CONF_TYPE_LIST, .def = "*",
		.flags = CONF_FLAG_WORDS,
		.help = "condition: envelope senders, globs; <> is the null one"},
	{FIELD(conf_route, from), .type = CONF_TYPE_LIST, .def = "*",
		.flags = CONF_FLAG_WORDS,
		.help = "condition: addresses of the From header, globs"},
	{FIELD(conf_route, recipient), .type = CONF_TYPE_LIST, .def = "*",
		.flags = CONF_FLAG_WORDS,
		.help = "condition: envelope recipients, globs"},
	{FIELD(conf_route, account), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_title,
		.help = "account to send by; empty: the first of the file"},
	{FIELD(conf_route, content), .type = CONF_TYPE_ENUM, .def = "simple",
		.names = content_names,
		.help = "send the mail's own content, or fill a template"},
	{FIELD(conf_route, template_id), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 4294967295u,
		.help = "template; 0: X-SES-Template-ID of each mail names it"},
	{FIELD(conf_route, variables), .type = CONF_TYPE_LIST, .def = "",
		.check = conf_form_variable,
		.help = "variables of the template: name=text with %{...}"},
	{FIELD(conf_route, recipients), .type = CONF_TYPE_ENUM, .def = "auto",
		.names = recipients_names,
		.help = "recipients together as the mail shows them, or a call each"},
	{FIELD(conf_route, rewrite_from), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_rewrite_from,
		.help = "sender in place of the From header's; empty: leave it"},
	{FIELD(conf_route, headers), .type = CONF_TYPE_LIST, .def = HEADERS_DEFAULT,
		.flags = CONF_FLAG_WORDS, .check = conf_form_field,
		.help = "header fields to carry, globs"},
	{FIELD(conf_route, message_id), .type = CONF_TYPE_BOOL, .def = "true",
		.help = "carry the Message-ID"},
	{FIELD(conf_route, unsubscribe), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 11,
		.help = "API field Unsubscribe: language of the link; 0: none"},
	{FIELD(conf_route, trigger), .type = CONF_TYPE_UNSIGNED, .def = "0", .max = 1,
		.help = "API field TriggerType: 1 is triggered mail"},
};

static const struct conf_option reply_options[] = {
	{FIELD(conf_reply, smtp), .type = CONF_TYPE_UNSIGNED, .def = NULL, .min = 400,
		.max = 599, .help = "SMTP reply code"},
	{FIELD(conf_reply, enhanced), .type = CONF_TYPE_STRING, .def = NULL,
		.check = conf_form_enhanced, .help = "enhanced status code"},
	{FIELD(conf_reply, text), .type = CONF_TYPE_STRING, .def = "",
		.help = "text of the reply; empty: the built-in one"},
};

static const struct conf_option limits_options[] = {
	{FIELD(conf_limits, message_size), .type = CONF_TYPE_SIZE, .def = "8M",
		.min = 64 * KIB, .max = 10 * MIB, .help = "size of a message"},
	{FIELD(conf_limits, request_size), .type = CONF_TYPE_SIZE, .def = "8M",
		.min = 64 * KIB, .max = 10 * MIB, .help = "size of one API request"},
	{FIELD(conf_limits, memory), .type = CONF_TYPE_SIZE, .def = "256M", .min = MIB,
		.max = 1024 * 1024 * MIB,
		.help = "memory for all messages of all workers together"},
	{FIELD(conf_limits, sessions), .type = CONF_TYPE_UNSIGNED, .def = "10000",
		.min = 1, .max = 1000000,
		.help = "SMTP sessions of all workers together"},
	{FIELD(conf_limits, sessions_per_client), .type = CONF_TYPE_UNSIGNED,
		.def = "1000", .min = 1, .max = 1000000,
		.help = "SMTP sessions of one client address"},
	{FIELD(conf_limits, recipients), .type = CONF_TYPE_UNSIGNED, .def = "1000",
		.min = 100, .max = 100000, .help = "recipients of a message"},
	{FIELD(conf_limits, command_length), .type = CONF_TYPE_UNSIGNED, .def = "2048",
		.min = 1024, .max = 65536, .help = "bytes of a command line"},
	{FIELD(conf_limits, errors), .type = CONF_TYPE_UNSIGNED, .def = "20", .min = 1,
		.max = 10000,
		.help = "mistakes of a client before its session is closed"},
	{FIELD(conf_limits, commands), .type = CONF_TYPE_UNSIGNED, .def = "2000",
		.min = 200, .max = 1000000,
		.help = "idle commands of one session before a message is accepted"},
	{FIELD(conf_limits, messages), .type = CONF_TYPE_UNSIGNED, .def = "1000",
		.min = 1, .max = 1000000, .help = "messages of one session"},
	{FIELD(conf_limits, connection_rate), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 1000000,
		.help = "connections of a client a minute; 0: any number"},
	{FIELD(conf_limits, message_rate), .type = CONF_TYPE_UNSIGNED, .def = "0",
		.max = 1000000, .help = "messages of a client a minute; 0: any number"},
	{FIELD(conf_limits, auth_tries), .type = CONF_TYPE_UNSIGNED, .def = "3", .min = 1,
		.max = 100, .help = "failed logins a connection"},
	{FIELD(conf_limits, auth_failures), .type = CONF_TYPE_UNSIGNED, .def = "20",
		.max = 100000,
		.help = "failed logins of a client in 10 minutes; 0: any number"},
	{FIELD(conf_limits, start_timeout), .type = CONF_TYPE_DURATION, .def = "30s",
		.min = SEC, .max = 60 * MIN,
		.help = "how long to wait for a login or a mail, from the connection"},
	{FIELD(conf_limits, command_timeout), .type = CONF_TYPE_DURATION, .def = "5m",
		.min = SEC, .max = 60 * MIN, .help = "how long to wait for a command"},
	{FIELD(conf_limits, data_timeout), .type = CONF_TYPE_DURATION, .def = "10m",
		.min = SEC, .max = 120 * MIN,
		.help = "how long a message may take to arrive"},
	{FIELD(conf_limits, data_rate), .type = CONF_TYPE_UNSIGNED, .def = "100",
		.max = 1000000,
		.help = "lowest bytes a second of a message, behind its first 30 s; 0: "
			"any"},
	{FIELD(conf_limits, deadline), .type = CONF_TYPE_DURATION, .def = "50s",
		.min = SEC, .max = 10 * MIN,
		.help = "time from the end of a message to its reply"},
	{FIELD(conf_limits, connect_timeout), .type = CONF_TYPE_DURATION, .def = "10s",
		.min = 100, .max = 2 * MIN, .help = "how long to connect to the API"},
	{FIELD(conf_limits, call_timeout), .type = CONF_TYPE_DURATION, .def = "30s",
		.min = 100, .max = 10 * MIN, .help = "how long one API call may take"},
	{FIELD(conf_limits, retry_delay), .type = CONF_TYPE_DURATION, .def = "1s",
		.min = 10, .max = MIN,
		.help = "pause before a call is tried again; doubles"},
	{FIELD(conf_limits, header_lines), .type = CONF_TYPE_UNSIGNED, .def = "1000",
		.min = 100, .max = 100000, .help = "header fields of one entity"},
	{FIELD(conf_limits, header_bytes), .type = CONF_TYPE_SIZE, .def = "100k",
		.min = 16 * KIB, .max = 10 * MIB,
		.help = "bytes of all header fields of one entity"},
	{FIELD(conf_limits, address_tokens), .type = CONF_TYPE_UNSIGNED, .def = "10240",
		.min = 100, .max = 1000000, .help = "tokens of one address header"},
	{FIELD(conf_limits, parts), .type = CONF_TYPE_UNSIGNED, .def = "1000", .min = 10,
		.max = 100000, .help = "MIME parts of a message"},
	{FIELD(conf_limits, nesting), .type = CONF_TYPE_UNSIGNED, .def = "50", .min = 5,
		.max = 200, .help = "depth of MIME parts within parts"},
	{FIELD(conf_limits, hops), .type = CONF_TYPE_UNSIGNED, .def = "50", .min = 10,
		.max = 1000, .help = "Received fields before a loop is assumed"},
};

static const struct conf_option mail_options[] = {
	{FIELD(conf_mail, charsets), .type = CONF_TYPE_LIST,
		.def = "GB18030, Big5, Shift_JIS, EUC-KR, windows-1252",
		.flags = CONF_FLAG_WORDS, .check = conf_form_charset,
		.help = "tried after UTF-8, in order, for 8-bit text without a charset"},
	{FIELD(conf_mail, inline_image), .type = CONF_TYPE_ENUM, .def = "attach",
		.names = policy_names, .allowed = ATTACH_DROP_REFUSE,
		.help = "pictures that the HTML shows by cid:"},
	{FIELD(conf_mail, calendar), .type = CONF_TYPE_ENUM, .def = "attach",
		.names = policy_names, .allowed = ATTACH_DROP_REFUSE,
		.help = "invitations (text/calendar)"},
	{FIELD(conf_mail, tnef), .type = CONF_TYPE_ENUM, .def = "attach",
		.names = policy_names, .allowed = ATTACH_DROP_REFUSE,
		.help = "winmail.dat of Outlook"},
	{FIELD(conf_mail, signature), .type = CONF_TYPE_ENUM, .def = "drop",
		.names = policy_names, .allowed = ATTACH_DROP_REFUSE,
		.help = "PGP and S/MIME signatures, which the API breaks"},
	{FIELD(conf_mail, encrypted), .type = CONF_TYPE_ENUM, .def = "attach",
		.names = policy_names, .allowed = ATTACH_REFUSE,
		.help = "PGP and S/MIME encrypted mail"},
	{FIELD(conf_mail, report), .type = CONF_TYPE_ENUM, .def = "attach",
		.names = policy_names, .allowed = CONVERT_ATTACH_REFUSE,
		.help = "delivery and disposition reports"},
	{FIELD(conf_mail, null_sender), .type = CONF_TYPE_BOOL, .def = "true",
		.help = "take mail with the sender <>"},
};

static const struct conf_option admin_options[] = {
	{FIELD(conf_admin, enabled), .type = CONF_TYPE_BOOL, .def = "true",
		.help = "serve metrics and health"},
	{FIELD(conf_admin, address), .type = CONF_TYPE_STRING, .def = "127.0.0.1",
		.check = conf_form_address, .help = "IPv4 or IPv6 address to listen on"},
	{FIELD(conf_admin, port), .type = CONF_TYPE_UNSIGNED, .def = "8025", .min = 1,
		.max = 65535, .help = "TCP port to listen on"},
	{FIELD(conf_admin, hosts), .type = CONF_TYPE_LIST, .def = "",
		.flags = CONF_FLAG_WORDS, .check = conf_form_host,
		.help = "names that a request may ask for in Host, beside localhost and "
			"the "
			"address"},
};

static const struct conf_option log_options[] = {
	{FIELD(conf_log, file), .type = CONF_TYPE_STRING, .def = "",
		.check = conf_form_file,
		.help = "file to append to; empty: standard error"},
	{FIELD(conf_log, format), .type = CONF_TYPE_ENUM, .def = "text",
		.names = log_format_names, .help = "how a line is written"},
	{FIELD(conf_log, level), .type = CONF_TYPE_ENUM, .def = "info",
		.names = log_level_names, .help = "the least level that is written"},
	{FIELD(conf_log, recipients), .type = CONF_TYPE_ENUM, .def = "full",
		.names = log_recipients_names,
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

const struct conf_section *conf_section_find(struct span name)
{
	for (size_t i = 0; i < conf_n_sections; i++)
		if (is_named(name, conf_sections[i].name))
			return &conf_sections[i];
	return NULL;
}

const struct conf_option *conf_option_find(
	const struct conf_section *section, struct span key)
{
	for (size_t i = 0; i < section->n_options; i++)
		if (is_named(key, section->options[i].key))
			return &section->options[i];
	return NULL;
}
