/* SPDX-License-Identifier: MIT */
/* config/conf: defaults, every kind of mistake with its line, the printed form. */
#include "config/conf.h"

#include "core/mem.h"

#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#define KEYS " secret_id = 'AKIDEXAMPLE'\n secret_key = 'KEYEXAMPLE'\n"

/* Loads text as a file named "t.conf". */
static int load(const char *text, bool masked, struct conf **conf, struct err *err)
{
	char path[] = "/tmp/sesrelay-conf-XXXXXX", *text_end;
	int fd, rc;
	FILE *in;

	*conf = NULL;
	err->text[0] = '\0';
	if (masked) {
		in = fmemopen((void *)text, strlen(text), "r");
		assert_non_null(in);
		rc = conf_load_masked(in, "t.conf", conf, err);
		fclose(in);
		return rc;
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	rc = conf_load(path, conf, err);
	unlink(path);
	text_end = strstr(err->text, path);
	if (text_end == err->text) {
		char *rest = mem_strdup(err->text + strlen(path));

		snprintf(err->text, sizeof(err->text), "t.conf%s", rest);
		free(rest);
	}
	return rc;
}

static struct conf *must_load(const char *text)
{
	struct conf *conf;
	struct err err;

	if (load(text, false, &conf, &err) < 0)
		fail_msg("%s", err.text);
	return conf;
}

static char *print(const struct conf *conf)
{
	struct buf out;

	buf_init(&out, 1024 * 1024, NULL);
	assert_int_equal(conf_print(conf, &out), 0);
	return buf_take(&out);
}

static void set_environment(void)
{
	static const char *const names[] = {"TENCENTCLOUD_SESSION_TOKEN",
		"TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"};

	setenv("TENCENTCLOUD_SECRET_ID", "AKIDFROMENV", 1);
	setenv("TENCENTCLOUD_SECRET_KEY", "KEYFROMENV", 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

static void fills_an_empty_file_with_defaults(void **state)
{
	struct conf *c = must_load("");

	(void)state;
	assert_int_equal(c->n_listeners, 1);
	assert_string_equal(c->listeners[0].name, "default");
	assert_string_equal(c->listeners[0].address, "127.0.0.1");
	assert_int_equal(c->listeners[0].port, 2525);
	assert_int_equal(c->listeners[0].allow.n, 2);
	assert_true(ip_match_text(c->listeners[0].allow.nets, 2, "::1"));
	assert_int_equal(c->n_accounts, 1);
	assert_string_equal(c->accounts[0].endpoint, "https://ses.tencentcloudapi.com");
	assert_string_equal(c->accounts[0].region, "ap-guangzhou");
	assert_string_equal(c->accounts[0].secret_id, "AKIDFROMENV");
	assert_int_equal(secret_len(c->accounts[0].secret_key), 10);
	assert_string_equal(c->accounts[0].token, "");
	assert_int_equal(c->n_routes, 1);
	assert_string_equal(c->routes[0].account, "default");
	assert_string_equal(c->routes[0].sender.items[0], "*");
	assert_true(c->routes[0].message_id);
	assert_int_equal(c->n_replies, 0);
	assert_int_equal(c->limits.message_size, 8 * 1024 * 1024);
	assert_int_equal(c->limits.deadline, 50000);
	assert_int_equal(c->limits.retry_delay, 1000);
	assert_int_equal(c->mail.signature, CONF_DROP);
	assert_int_equal(c->mail.charsets.n, 5);
	assert_string_equal(c->mail.charsets.items[0], "GB18030");
	assert_int_equal(c->admin.port, 8025);
	assert_int_equal(c->log.level, LOG_INFO);
	assert_int_equal(c->log.recipients, CONF_LOG_FULL);
	assert_string_equal(c->user, "");
	assert_int_equal(c->shutdown_timeout, 60000);
	assert_int_equal(c->watchdog, 30000);
	assert_true(c->workers >= 1);
	assert_true(c->hostname[0] != '\0');
	conf_free(&c);
	assert_null(c);
}

/* Every option with another value than its default; what cannot differ is left out. */
static const char full[] =
	"/* all\n of it */ hostname = 'mail.example.com' // name\n"
	"workers = 3\nuser = 'relay'\nseccomp = false\n"
	"shutdown_timeout = 90s\nwatchdog = 0s\n"
	"listener 'one' {\n address = '::1'\n port = 2526\n"
	" allow = {'192.0.2.0/24', # office\n '2001:db8::/32'}\n}\n"
	"listener 'two' {\n port = 2527\n allow += {'198.51.100.7'}\n"
	" sessions_per_client = 2\n connection_rate = 3\n message_rate = 4\n}\n"
	"account 'cn' {\n site = 'china'\n endpoint = 'http://127.0.0.1:8080'\n"
	" region = 'ap-hongkong'\n " KEYS " token = 'TOKENEXAMPLE'\n"
	" ca_file = '/dev/null'\n proxy = 'http://proxy.example.com:3128'\n"
	" connections = 8\n}\n"
	"account 'intl' {\n site = 'international'\n " KEYS "}\n"
	"route 'codes' {\n listener = {'one', 'no*'}\n sender = {'<>', '*@example.com'}\n"
	" from = {'a@example.com'}\n recipient = {'*@example.org'}\n account = 'intl'\n"
	" content = 'template'\n template_id = 12345\n"
	" variables = {'title=100%% %{subject}', 'it=it\\'s a \\\\ , %{header:X-A} '}\n"
	" recipients = 'separate'\n"
	" rewrite_from = '\xe5\x90\x8d %{header:X-A}, Inc. <a@example.com>'\n"
	" headers = {'X-A', 'List-*'}\n message_id = no\n unsubscribe = 1\n trigger = 1\n"
	"}\n"
	"route 'rest' {\n}\n"
	"reply 'FailedOperation.FrequencyLimit' {\n smtp = 450\n enhanced = '4.7.1'\n"
	" text = 'slow \\'down\\''\n}\n"
	"reply 'LimitExceeded.*' {\n smtp = 550\n enhanced = '5.7.100'\n}\n"
	"limits {\n message_size = 4M\n request_size = 6000k\n memory = 1G\n"
	" sessions = 500\n sessions_per_client = 50\n recipients = 200\n"
	" command_length = 4096\n errors = 5\n messages = 7\n start_timeout = 5s\n "
	"command_timeout = 1m\n"
	" data_timeout = 1h\n deadline = 49500ms\n connect_timeout = 1500ms\n"
	" call_timeout = 20s\n retry_delay = 250ms\n header_lines = 500\n"
	" header_bytes = 65537\n address_tokens = 1000\n parts = 100\n nesting = 20\n"
	" hops = 30\n}\n"
	"mail {\n charsets = {'Big5'}\n inline_image = 'drop'\n calendar = 'refuse'\n"
	" tnef = 'drop'\n signature = 'attach'\n encrypted = 'refuse'\n"
	" report = 'convert'\n null_sender = false\n}\n"
	"admin {\n enabled = false\n address = '::1'\n port = 9000\n"
	" hosts = {'gateway.example.com, *.example.net', '2001:db8::1'}\n}\n"
	"log {\n file = '/var/log/sesrelay.log'\n format = 'json'\n level = 'debug'\n"
	" recipients = 'domain'\n}\n";

static void reads_every_option(void **state)
{
	struct conf *c = must_load(full);
	const struct conf_route *r = &c->routes[0];

	(void)state;
	assert_string_equal(c->hostname, "mail.example.com");
	assert_int_equal(c->workers, 3);
	assert_false(c->seccomp);
	assert_int_equal(c->shutdown_timeout, 90000);
	assert_int_equal(c->watchdog, 0);
	assert_int_equal(c->n_listeners, 2);
	assert_int_equal(c->listeners[0].allow.n, 2);
	assert_int_equal(c->listeners[0].allow.nets[0].bits, 24);
	assert_string_equal(c->accounts[0].region, "ap-hongkong");
	assert_memory_equal(secret_bytes(c->accounts[0].secret_key), "KEYEXAMPLE", 10);
	assert_string_equal(conf_account(c, "intl")->endpoint,
		"https://ses.intl.tencentcloudapi.com");
	assert_string_equal(conf_account(c, "intl")->region, "ap-singapore");
	assert_null(conf_account(c, "nobody"));
	assert_int_equal(r->template_id, 12345);
	assert_int_equal(r->variables.n, 2);
	assert_string_equal(r->variables.items[1], "it=it's a \\ , %{header:X-A} ");
	assert_int_equal(r->recipients, CONF_RECIPIENTS_SEPARATE);
	assert_false(r->message_id);
	assert_string_equal(c->routes[1].account, "cn");
	assert_string_equal(c->replies[0].code, "FailedOperation.FrequencyLimit");
	assert_string_equal(c->replies[0].text, "slow 'down'");
	assert_int_equal(c->limits.request_size, 6000 * 1024);
	assert_int_equal(c->limits.memory, 1024 * 1024 * 1024);
	assert_int_equal(c->limits.deadline, 49500);
	assert_int_equal(c->limits.data_timeout, 3600000);
	assert_int_equal(c->mail.report, CONF_CONVERT);
	assert_false(c->mail.null_sender);
	assert_false(c->admin.enabled);
	assert_int_equal(c->admin.hosts.n, 3);
	assert_string_equal(c->admin.hosts.items[1], "*.example.net");
	assert_int_equal(c->log.format, LOG_JSON);
	assert_int_equal(c->log.recipients, CONF_LOG_DOMAIN);
	conf_free(&c);
}

static void adds_to_the_default_of_a_list(void **state)
{
	struct conf *c = must_load(full);

	(void)state;
	assert_int_equal(c->listeners[0].message_rate, 0);
	assert_int_equal(c->listeners[1].sessions_per_client, 2);
	assert_int_equal(c->listeners[1].connection_rate, 3);
	assert_int_equal(c->listeners[1].message_rate, 4);
	assert_int_equal(c->listeners[1].allow.n, 3);
	assert_string_equal(c->listeners[1].allow.items[0], "127.0.0.0/8");
	assert_string_equal(c->listeners[1].allow.items[2], "198.51.100.7");
	conf_free(&c);
}

static void prints_what_it_reads_again_to_the_same_bytes(void **state)
{
	static const char *const files[] = {"", full};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct conf *c = must_load(files[i]), *again;
		char *first = print(c), *second;
		struct err err;

		if (load(first, true, &again, &err) < 0)
			fail_msg("%s\n%s", err.text, first);
		second = print(again);
		assert_string_equal(first, second);
		conf_free(&c);
		conf_free(&again);
		free(first);
		free(second);
	}
}

static void masks_what_is_secret(void **state)
{
	struct conf *c = must_load(full), *masked;
	char *text = print(c);
	struct err err;

	(void)state;
	assert_null(strstr(text, "KEYEXAMPLE"));
	assert_null(strstr(text, "TOKENEXAMPLE"));
	assert_non_null(strstr(text, "secret_key = '***'"));
	assert_int_equal(load(text, true, &masked, &err), 0);
	assert_null(masked->accounts[0].secret_key);
	assert_string_equal(masked->accounts[0].secret_id, "AKIDEXAMPLE");
	/* It is a print, and no configuration: the gateway must not run from it. */
	conf_free(&masked);
	assert_int_equal(load(text, false, &masked, &err), -1);
	assert_non_null(strstr(err.text, "mask"));
	assert_null(masked);
	conf_free(&c);
	free(text);
}

static void fills_in_the_environment(void **state)
{
	struct conf *c;

	(void)state;
	setenv("CONF_PORT", "2600", 1);
	setenv("CONF_ALLOW", "192.0.2.1,198.51.100.0/24 2001:db8::1", 1);
	unsetenv("CONF_NONE");
	c = must_load("listener a {\n port = \"${CONF_PORT:-2525}\"\n"
		      " allow = \"${CONF_ALLOW}\"\n}\n"
		      "account a {\n secret_id = \"${CONF_NONE:-AKIDx}\"\n"
		      " secret_key = 'a${CONF_PORT}b'\n}\n"
		      "limits {\n deadline = \"${CONF_NONE:-40s}\"\n}\n");
	assert_int_equal(c->listeners[0].port, 2600);
	assert_int_equal(c->listeners[0].allow.n, 3);
	assert_string_equal(c->listeners[0].allow.items[2], "2001:db8::1");
	assert_string_equal(c->accounts[0].secret_id, "AKIDx");
	assert_memory_equal(
		secret_bytes(c->accounts[0].secret_key), "a${CONF_PORT}b", 14);
	assert_int_equal(c->limits.deadline, 40000);
	conf_free(&c);
}

static void takes_credentials_of_the_environment_where_the_file_has_none(void **state)
{
	static const struct {
		const char *name, *token;
	} cases[] = {
		{"TENCENTCLOUD_SECURITY_TOKEN", "third"},
		{"TENCENTCLOUD_TOKEN", "second"},
		{"TENCENTCLOUD_SESSION_TOKEN", "first"},
	};
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		setenv(cases[i].name, cases[i].token, 1);
		c = must_load("account 'a' {\n site = 'international'\n}\n");
		assert_string_equal(c->accounts[0].secret_id, "AKIDFROMENV");
		assert_string_equal(c->accounts[0].token, cases[i].token);
		conf_free(&c);
	}
	/* A token of one key pair must not be mixed with another pair. */
	c = must_load("account 'a' {\n" KEYS "}\n");
	assert_string_equal(c->accounts[0].secret_id, "AKIDEXAMPLE");
	assert_string_equal(c->accounts[0].token, "");
	conf_free(&c);
	set_environment();
}

static void wants_no_credentials_where_no_api_is_called(void **state)
{
	static const char text[] = "account a {\n secret_id = \"${CONF_NONE:-}\"\n"
				   " ca_file = \"/nonexistent.pem\"\n}\n";
	char path[] = "/tmp/sesrelay-conf-XXXXXX";
	int fd = mkstemp(path);
	struct conf *c;
	struct err err;

	(void)state;
	unsetenv("TENCENTCLOUD_SECRET_ID");
	unsetenv("TENCENTCLOUD_SECRET_KEY");
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(conf_load(path, &c, &err), -1);
	assert_int_equal(conf_load_public(path, &c, &err), 0);
	unlink(path);
	assert_string_equal(c->accounts[0].name, "a");
	assert_null(c->accounts[0].secret_key);
	conf_free(&c);
	set_environment();
}

static void wants_credentials(void **state)
{
	struct conf *c;
	struct err err;

	(void)state;
	unsetenv("TENCENTCLOUD_SECRET_KEY");
	assert_int_equal(load("\n\naccount a {\n}\n", false, &c, &err), -1);
	assert_string_equal(err.text,
		"t.conf:3: account \"a\" has no secret_key; write it, or set "
		"TENCENTCLOUD_SECRET_KEY in the environment");
	unsetenv("TENCENTCLOUD_SECRET_ID");
	assert_int_equal(load("", false, &c, &err), -1);
	assert_non_null(strstr(err.text, "t.conf: account \"default\" has no secret_id"));
	setenv("TENCENTCLOUD_SECRET_ID", "AKID ", 1);
	assert_int_equal(load("", false, &c, &err), -1);
	assert_non_null(strstr(err.text, "TENCENTCLOUD_SECRET_ID of the environment: "
					 "white space"));
	set_environment();
}

struct mistake {
	const char *text;
	const char *error; /* begins with the line: "t.conf:" stands before it */
};

static void refuses_all(const struct mistake *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *where = mem_sprintf("t.conf:%s", m[i].error);
		struct conf *c;
		struct err err;

		if (load(m[i].text, false, &c, &err) == 0)
			fail_msg("taken, but it should not be:\n%s", m[i].text);
		assert_null(c);
		if (strncmp(err.text, where, strlen(where)) != 0)
			fail_msg("wanted: %s\ngot:    %s", where, err.text);
		if (strstr(err.text, "; ") == NULL && strstr(err.text, ": write") == NULL)
			fail_msg("does not say what would be right: %s", err.text);
		free(where);
	}
}

static void refuses_wrong_syntax(void **state)
{
	static const struct mistake mistakes[] = {
		{"# one\n/* two\n three */\nprot = 1\n", "4: no option prot; there are "},
		{"limits {\n // two\n sesions = 1\n}\n",
			"3: no option sesions in limits; did you mean sessions? there "
			"are "
			"message_size, "},
		{"hostname = 'a.example'\n\nhostname = 'b'\n",
			"3: hostname is set twice; "},
		{"limits {\n errors = 1\n}\nlimits {\n errors = 2\n}\n",
			"5: errors is set twice; "},
		{"listener a {\n allow = {'192.0.2.1'}\n allow = {'192.0.2.2'}\n}\n",
			"3: allow is set twice; "},
		{"listener 'a' {}\nlistener 'b' {}\nlistener 'a' {}\n",
			"3: found duplicate title 'a'; "},
		{"listener {\n}\n", "1: missing title for section 'listener'; "},
		{"listener 'a' {\n protocol = 'lmtp'\n port = 25\n}\n",
			"3: listener \"a\" speaks LMTP on port 25, "},
		{"listener 'a b' {\n}\n", "1: listener: \"a b\" is not a name; "},
		{"listener '' {\n}\n", "1: listener: \"\" is not a name; "},
		{"\nlistener 'a' {\n port = 1\n",
			"2: the section listener that begins here never ends; "},
		{"\nhostname = \"a\nport = 1\n", "2: this string never ends; "},
		{"\nhostname = 'a\n", "2: this string never ends; "},
		{"\n/* listener {\n", "2: this comment never ends; "},
		{"\nhostname = \"${A\"\n}\n", "2: ${ without a } on the same line; "},
		{"}\n", "1: unexpected \"}\": it closes nothing; "},
		{"workers 5\n", "1: missing equal sign after option 'workers'; "},
		{"workers = {5}\n", "1: workers has one value, not a list; "},
		{"workers += 5\n", "1: attempt to append to non-list option 'workers'; "},
		{"workers =", "1: workers has no value; "},
		{"\nroute a {\n sender = {*@example.com}\n}\n", "3: a bare *; "},
		{"\nhostname = a+b\n", "2: a bare +; "},
		{"workers = 5 6\n", "1: more than one value for workers; "},
		{"account a {\n secret_key = Abc Def\n}\n",
			"2: more than one value for secret_key; "},
		{"\nhostname = 'a\x01'\n", "2: a control character (0x01); "},
		{"\nhostname = a\f\n", "2: a control character (0x0c); "},
		{"\nhostname = \"a\\nb\"\n", "2: hostname holds a control character "},
		{"\nhostname = \"a\\0b\"\n", "2: hostname holds a control character "},
		{"\nhostname = \"a\\400\"\n", "2: hostname has an escape that is no "},
		{"\nhostname = \"a\\1011\"\n", "2: hostname has an escape that is no "},
		{"\nhostname = \"a\\09\"\n", "2: hostname has an escape that is no "},
		{"hostname = \"a\nuser = \"b\"\n", "1: hostname holds a control "},
		{"listener a {\n allow = {}\n allow = '::1'\n}\n",
			"3: allow is set twice; "},
		{"listener a {\n path = '/run/a'\n allow += '192.0.2.1'\n}\n",
			"3: allow has no use in a listener of a unix socket; "},
		{"'' = 1\n", "1: no"},
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
}

/* Another format, and what is left out: the word, and what would be right. */
static void names_the_word_that_is_wrong(void **state)
{
	static const struct mistake mistakes[] = {
		{"port: 2525\n",
			"1: \"port:\" is YAML or JSON, which this file is not; write: "
			"listener \"NAME\" { port = VALUE }"},
		{"workers: 4\n",
			"1: \"workers:\" is YAML or JSON, which this file is not; "
			"write: workers = VALUE"},
		{"listener 'a' {\n port: 2525\n}\n",
			"2: \"port:\" is YAML or JSON, which this file is not; write: "
			"port = VALUE"},
		{"listener 'a' {\n port:2525\n}\n", "2: \"port:\" is YAML or JSON"},
		{"listener 'a' {\n 'port': 2525\n}\n", "2: \"port:\" is YAML or JSON"},
		{"listener:\n  - port: 2525\n", "1: \"listener:\" is YAML or JSON, which "
						"this file is not; write: "
						"listener \"NAME\" { option = value }"},
		{"limits:\n  errors: 5\n",
			"1: \"limits:\" is YAML or JSON, which this file is not; write: "
			"limits { option = value }"},
		{"limits : {\n errors = 5\n}\n", "1: \"limits:\" is YAML or JSON"},
		{"log {\n limits: 5\n}\n", "2: \"limits:\" is YAML or JSON"},
		{"---\nworkers = 1\n", "1: unexpected \"---\": this file is not YAML; "},
		{"workers = 1\n- port = 1\n", "2: unexpected \"-\": YAML lists "},
		{"{\n 'workers': 4\n}\n", "1: unexpected \"{\": it opens nothing "},
		{"[listener]\nport = 1\n", "1: unexpected \"[\": this is no INI file "},
		{"workers := 4\n", "1: unexpected \":=\" after workers; write: "},
		{"workers == 4\n",
			"1: unexpected \"=\" after workers; write: workers = "},
		{"workers = 4\n= 5\n",
			"2: unexpected \"=\": no option stands before it; "},
		{"workers =\nhostname = 'a'\n", "1: workers has no value; write: "},
		{"log {\n level =\n}\n", "2: level has no value; write: level = VALUE"},
		{"log {\n level = 'info',\n format = 'text'\n}\n",
			"2: a comma after the value of level; remove it"},
		{"listener a {\n allow = '::1', '127.0.0.1'\n}\n",
			"2: a comma after the value of allow; write: allow = {'a', 'b'}"},
		{"listener a {\n allow = [ '::1' ]\n}\n",
			"2: unexpected \"[\"; write: allow = {'a', 'b'}"},
		{"listener a {\n allow = {'::1'\n'127.0.0.1'}\n}\n",
			"3: no comma between two values of allow; "},
		{"listener a {\n allow = {'::1'\n port = 25\n}\n",
			"2: the list of allow never ends; "},
		{"listener a {\n port = 1\n\nlistener b {\n}\n",
			"4: listener within the listener of line 1; "},
		{"listener a {\n port = 1\n}\n}\n", "4: unexpected \"}\": it closes "},
		{"listener 'a'\nport = 1\n",
			"1: missing opening brace for section 'listener'; "},
		{"listener = 'a'\n",
			"1: listener is a section; write: listener \"NAME\""},
		{"limits 'a' {\n}\n", "1: limits has no name; write: limits {"},
		{"tls = 'off'\n", "1: no option tls; it belongs in a section, write: "
				  "listener \"NAME\" { tls = VALUE }"},
		{"log {\n workers = 1\n}\n", "2: no option workers in log; it belongs "
					     "outside of all sections"},
		{"log {\n levl = 'info'\n}\n",
			"2: no option levl in log; did you mean level? there are "},
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
}

static void reads_every_form_of_a_value(void **state)
{
	struct conf *c = must_load(
		"'workers' = \"${CONF_NONE:-2}\" log { level=debug }\n"
		"hostname=a.example listener "
		"a{allow={\"127.0.0.1\",'::1',}port\n=\n2526\n"
		"allow+={127.0.0.2}}listener b{port='2527'}\n"
		"route r { listener = {a, b} account = ${CONF_NONE:-default} }\n"
		"reply A.B { smtp = 450 enhanced = 4.3.0 text = 'a=b, }{' }\n"
		"admin {}\n");

	(void)state;
	conf_free(&c);
}

static void reads_quotes_and_escapes(void **state)
{
	struct conf *c = must_load(
		"reply A {smtp = 450 enhanced = '4.0.0'\n"
		" text = \"\\x41\\101\\60 \\q\\\\\\\"'\\\n${CONF_NONE:-a:'b\\}$\" }\n"
		"reply B {smtp = 450 enhanced = '4.0.0'\n"
		" text = 'a\\x41\\'\\\\\"\\\n${X}' }\n"
		"reply \"C${CONF_NONE}.\\x44\" {smtp = 450 enhanced = '4.0.0' }");

	(void)state;
	assert_string_equal(c->replies[0].text, "AA0 q\\\"'a:'b\\$");
	assert_string_equal(c->replies[1].text, "a\\x41'\\\"${X}");
	assert_string_equal(c->replies[2].code, "C.D");
	conf_free(&c);
}

static void refuses_values_of_the_wrong_kind(void **state)
{
	static const struct mistake mistakes[] = {
		{"\nworkers = many\n", "2: workers: \"many\" is not a number; "},
		{"workers = -1\n", "1: workers: \"-1\" is not a number; "},
		{"workers = 0x10\n", "1: workers: \"0x10\" is not a number; "},
		{"workers = 18446744073709551616\n", "1: workers: "},
		{"workers = 257\n", "1: workers: 257 is out of range; write 0 to 256"},
		{"workers = ''\n", "1: workers: no value; "},
		{"shutdown_timeout = 30\n",
			"1: shutdown_timeout: \"30\" is not a duration; "},
		{"shutdown_timeout = 30d\n", "1: shutdown_timeout: \"30d\" is not a "},
		{"shutdown_timeout = 0s\n",
			"1: shutdown_timeout: 0s is out of range; write 1s to 1h"},
		{"limits {\n message_size = 11M\n}\n",
			"2: message_size: 11M is out of range; write 64k to 10M"},
		{"limits {\n message_size = 8MB\n}\n",
			"2: message_size: \"8MB\" is not a size; "},
		{"limits {\n message_size = 17179869185G\n}\n", "2: message_size: "},
		{"log {\n\n level = 'verbose'\n}\n",
			"3: level: \"verbose\" is not known; write one of debug, info, "
			"warn, error"},
		{"mail {\n encrypted = 'drop'\n}\n",
			"2: encrypted: \"drop\" is not known; write one of attach, "
			"refuse"},
		{"mail {\n null_sender = maybe\n}\n", "2: null_sender: \"maybe\" is "},
		{"mail {\n charsets = {'Big5',\n 'KLINGON'}\n}\n",
			"3: charsets: iconv does not know the charset \"KLINGON\"; "},
		{"listener a {\n address = 'localhost'\n}\n",
			"2: address: \"localhost\" is not an IP address; "},
		{"listener a {\n port = 65536\n}\n", "2: port: 65536 is out of range; "},
		{"listener a {\n allow = {'192.0.2.1/24'}\n}\n", "2: allow: \"192.0.2.1"},
		{"hostname = 'a b'\n", "1: hostname: \"a b\" is not a host name; "},
		{"log {\n file = 'sesrelay.log'\n}\n", "2: file: \"sesrelay.log\" is "},
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
}

static void refuses_to_be_an_open_relay(void **state)
{
	static const struct mistake mistakes[] = {
		{"listener a {\n address = '0.0.0.0'\n allow = '0.0.0.0/0'\n}\n",
			"3: allow: 0.0.0.0/0 on 0.0.0.0 would make an open relay; "},
		{"listener a {\n address = '192.0.2.1'\n allow = {'192.0.2.0/24',\n"
		 "'64.0.0.0/7'}\n}\n",
			"4: allow: "},
		{"listener a {\n address = '::'\n allow = '::/0'\n}\n", "3: allow: "},
		{"listener a {\n address = '::'\n allow = '2000::/3'\n}\n", "3: allow: "},
		{"listener a {\n address = '::'\n allow = '::ffff:0:0/96'\n}\n",
			"3: allow: "},
		{"listener a {\n address = '::'\n allow = '::ffff:0.0.0.0/97'\n}\n",
			"3: allow: "},
		/* Behind a proxy loopback is no border. */
		{"listener a {\n proxy = '127.0.0.1'\n allow = '0.0.0.0/0'\n}\n",
			"3: allow: 0.0.0.0/0 on 127.0.0.1 would make an open relay; "},
		{"listener a {\n xclient = '::1'\n allow = {'::1', '::/0'}\n}\n",
			"3: allow: ::/0 on 127.0.0.1 would make an open relay; "},
		{"listener a {\n allow = {}\n}\n", "2: allow is empty, "},
		{"listener a {\n allow = ''\n}\n", "2: allow is empty, "},
		{"listener a {\n allow = ' , '\n}\n", "2: allow is empty, "},
	};
	static const char *const fine[] = {
		"listener a {\n address = '0.0.0.0'\n allow = '10.0.0.0/8'\n}\n",
		"listener a {\n address = '::'\n allow = 'fd00::/16'\n}\n",
		"listener a {\n address = '0.0.0.0'\n allow += '192.0.2.0/24'\n}\n",
		"listener a {\n address = '127.0.0.2'\n allow = '0.0.0.0/0'\n}\n",
		"listener a {\n address = '::1'\n allow = '::/0'\n}\n",
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct conf *c = must_load(fine[i]);

		conf_free(&c);
	}
}

static void refuses_accounts_that_cannot_work(void **state)
{
	static const struct mistake mistakes[] = {
		{"account a {\n endpoint = 'ses.tencentcloudapi.com'\n}\n",
			"2: endpoint: \"ses.tencentcloudapi.com\" is not an endpoint; "},
		{"account a {\n endpoint = 'https://a.example/'\n}\n",
			"2: endpoint: \"https://a.example/\" has more than a host; "},
		{"account a {\n endpoint = 'https://u@a.example'\n}\n", "2: endpoint: "},
		{"account a {\n endpoint = 'https://a.example:0'\n}\n", "2: endpoint: "},
		{"account a {\n endpoint = 'https://'\n}\n", "2: endpoint: "},
		{"account a {\n endpoint = 'https://[::1'\n}\n", "2: endpoint: "},
		{"account a {\n endpoint = 'http://192.0.2.1'\n}\n",
			"2: endpoint: \"http://192.0.2.1\" would send mail in clear "
			"text; "},
		{"account a {\n endpoint = 'http://localhost.example.com'\n}\n",
			"2: endpoint: "},
		{"account a {\n proxy = 'proxy.example.com'\n}\n", "2: proxy: "},
		{"account a {\n proxy = 'http://u:p@proxy.example.com:1'\n}\n",
			"2: proxy: a proxy with a password is not supported; "},
		{"account a {\n region = 'Guangzhou'\n}\n", "2: region: "},
		{"account a {\n site = 'europe'\n}\n",
			"2: site: \"europe\" is not known; write one of china, "
			"international"},
		{"account a {\n ca_file = '/nowhere/ca.pem'\n" KEYS "}\n",
			"2: ca_file: "},
		{"account a {\n secret_id = ' AKID'\n}\n",
			"2: secret_id: white space around it; "},
		{"account a {\n secret_id = 'AK!D'\n}\n",
			"2: secret_id: not a SecretId; "},
		{"account a {\n secret_id = 'AKID'\n secret_key = 'k '\n}\n",
			"3: secret_key: white space around it; "},
		{"account a {\n secret_id = 'AKID'\n secret_key = \"${CONF_NONE}\"\n}\n",
			"3: account \"a\" has no secret_key; "},
		{"account a {\n secret_id = \"${CONF_NONE}\"\n}\n",
			"2: account \"a\" has no secret_id; "},
		/* Half a pair is not made whole from the environment. */
		{"account a {\n secret_key = 'k'\n}\n",
			"1: account \"a\" has no secret_id; "},
		{"account a {\n secret_id = 'AKID'\n}\n",
			"1: account \"a\" has no secret_key; "},
		{"account a {\n" KEYS " token = 'a b'\n}\n", "4: token: not a token; "},
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
}

static void never_names_a_secret_in_an_error(void **state)
{
	static const char *const texts[] = {
		"account a {\n secret_id = 'i'\n secret_key = ' CANARY'\n}\n",
		"account a {\n secret_id = 'i'\n secret_key = 'CANARY\xc3\xa9'\n}\n",
		"account a {\n secret_id = 'i'\n secret_key = x CANARY\n}\n",
		"account a {\n secret_id = 'i'\n secret_key 'CANARY'\n}\n",
		"account a {\n secret_id = 'i'\n token = ' CANARY'\n}\n",
		"account a {\n secret_id = 'i'\n secret_key = {'CANARY'}\n}\n",
		"account a {\n secret_id = 'i'\n secret_key: CANARY\n}\n",
		"account a {\n secret_id = 'i'\n secret_key:CANARY\n}\n",
		"account a {\n secret_id = 'i'\n secret_key = x, CANARY\n}\n",
		"account a {\n secret_id = 'i'\n secret_key = x:CANARY y:CANARY\n}\n",
		"account a {\n secret_id = 'i'\n secret_key =\n CANARY = x\n}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf *c;
		struct err err;

		assert_int_equal(load(texts[i], false, &c, &err), -1);
		assert_true(err.text[0] != '\0');
		assert_null(strstr(err.text, "CANARY"));
	}
}

static void refuses_routes_and_replies_that_cannot_work(void **state)
{
	static const struct mistake mistakes[] = {
		{"route a {\n account = 'b'\n}\n",
			"2: route \"a\" names the account \"b\", which is not there; "},
		{"route a {\n listener = 'b'\n}\n",
			"2: route \"a\" names the listener \"b\", which is not there; "},
		{"route a {\n sender = {}\n}\n", "2: sender is empty, "},
		{"route a {\n content = 'template'\n}\n",
			"2: content is template, but there is no template_id; "},
		{"route a {\n template_id = 5\n}\n", "2: template_id has no use "},
		{"route a {\n variables = {'a=b'}\n}\n", "2: variables have no use "},
		{"route a {\n variables = {'a'}\n}\n",
			"2: variables: \"a\" is not a variable; "},
		{"route a {\n variables = {'a=%{b'}\n}\n", "2: variables: "},
		{"route a {\n content = 'template'\n template_id = 1\n"
		 " variables = {'a=1', 'b=2', 'a=3'}\n}\n",
			"4: variables: a is there twice; "},
		{"route a {\n rewrite_from = 'A  <a@example.com>'\n}\n",
			"2: rewrite_from: "},
		{"route a {\n rewrite_from = 'A: <a@example.com>'\n}\n",
			"2: rewrite_from: "},
		{"route a {\n rewrite_from = 'A<a@example.com>'\n}\n",
			"2: rewrite_from: "},
		{"route a {\n rewrite_from = 'A <a@>'\n}\n", "2: rewrite_from: "},
		{"route a {\n rewrite_from = '<a@example.com>'\n}\n",
			"2: rewrite_from: "},
		{"route a {\n rewrite_from = 'nobody'\n}\n", "2: rewrite_from: "},
		{"route a {\n variables = {'a=%{subjekt}'}\n}\n",
			"2: variables: %{subjekt} is not known; "},
		{"route a {\n variables = {'a=%{}'}\n}\n",
			"2: variables: %{} is not known; "},
		{"route a {\n variables = {'a=%{header:}'}\n}\n",
			"2: variables: %{header:} is not known; "},
		{"route a {\n rewrite_from = '%{from.nam} <a@example.com>'\n}\n",
			"2: rewrite_from: %{from.nam} is not known; "},
		{"route a {\n rewrite_from = '%{header:a b} <a@example.com>'\n}\n",
			"2: rewrite_from: "},
		{"route a {\n headers = 'X-A:'\n}\n", "2: headers: \"X-A:\" is not a "},
		{"route a {\n unsubscribe = 12\n}\n", "2: unsubscribe: 12 is out of "},
		{"reply 'A.B' {\n}\n", "1: reply \"A.B\" needs smtp; write "},
		{"reply 'A.B' {\n smtp = 250\n enhanced = '2.0.0'\n}\n",
			"2: smtp: 250 is out of range; write 400 to 599"},
		{"reply 'A.B' {\n smtp = 450\n enhanced = '5.0.0'\n}\n",
			"3: enhanced 5.0.0 does not fit 450; "},
		{"reply 'A.B' {\n smtp = 450\n enhanced = '4.0'\n}\n", "3: enhanced: "},
		{"reply 'A.B' {\n smtp = 450\n enhanced = '4.1000.0'\n}\n",
			"3: enhanced: "},
		{"reply 'A.*.B' {\n smtp = 450\n enhanced = '4.0.0'\n}\n", "1: reply: "},
		{"reply 'A B' {\n smtp = 450\n enhanced = '4.0.0'\n}\n", "1: reply: "},
		{"reply 'A.B' {\n smtp = 450\n enhanced = '4..0'\n}\n", "3: enhanced: "},
		{"reply 'A.B' {\n smtp = 450\n enhanced = '4.3.0 '\n}\n",
			"3: enhanced: "},
		{"reply 'A.B' {\n smtp = 421\n enhanced = '4.3.2'\n}\n",
			"2: smtp 421 speaks of the client's own session or login, "},
		{"reply 'A.B' {\n smtp = 535\n enhanced = '5.7.8'\n}\n",
			"2: smtp 535 speaks of the client's own session or login, "},
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
}

static void refuses_what_does_not_go_together(void **state)
{
	static const struct mistake mistakes[] = {
		{"limits {\n deadline = 20s\n}\n",
			"2: call_timeout 30s is not shorter than deadline 20s; "},
		{"limits {\n call_timeout = 60s\n}\n",
			"2: call_timeout 1m is not shorter than deadline 50s; "},
		{"limits {\n\n connect_timeout = 30s\n}\n",
			"3: connect_timeout 30s is not shorter than call_timeout 30s; "},
		{"limits {\n sessions = 10\n}\n", "2: sessions_per_client 1000 is more "},
		{"listener a {\n sessions = 2001\n}\nlimits {\n sessions = 2000\n}\n",
			"2: sessions 2001 of listener \"a\" are more than "
			"limits.sessions "
			"2000; "},
		{"workers = 100\nlimits {\n memory = 64M\n}\n",
			"3: memory is too little for 100 workers "},
		{"listener a {}\nlistener b {\n}\n",
			"2: listener \"b\" has port 2525 of listener \"a\"; "},
		{"listener a {\n port = 8025\n}\n",
			"2: listener \"a\" has port 8025 of admin; "},
	};

	(void)state;
	refuses_all(mistakes, ARRAY_LEN(mistakes));
}

static void takes_template_from_the_mail_where_the_file_says_so(void **state)
{
	struct conf *c = must_load("route a {\n content = 'template'\n template_id = 0\n"
				   "}\n");

	(void)state;
	assert_int_equal(c->routes[0].content, CONF_CONTENT_TEMPLATE);
	assert_int_equal(c->routes[0].template_id, 0);
	conf_free(&c);
}

static void makes_no_more_workers_than_memory_has_room_for(void **state)
{
	struct conf *c = must_load("limits {\n memory = 17M\n}\n");

	(void)state;
	assert_int_equal(c->workers, 1);
	conf_free(&c);
}

static void reads_windows_line_ends_and_a_byte_order_mark(void **state)
{
	struct conf *c = must_load("\xef\xbb\xbfworkers = 2\r\n# x\r\nlog {\r\n"
				   " level = debug\r\n}\r\n");

	(void)state;
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->log.level, LOG_DEBUG);
	conf_free(&c);
}

static void says_when_it_cannot_read_the_file(void **state)
{
	struct conf *c = NULL;
	struct err err;

	(void)state;
	assert_int_equal(conf_load("/nowhere/t.conf", &c, &err), -1);
	assert_non_null(strstr(err.text, "/nowhere/t.conf: "));
	assert_int_equal(conf_load("/", &c, &err), -1);
	assert_non_null(strstr(err.text, "/: cannot read: "));
	assert_null(c);
}

static void refuses_a_file_that_is_too_long(void **state)
{
	size_t len = 1024 * 1024 + 10;
	char *text = mem_new(len + 1, 1);
	struct conf *c;
	struct err err;

	(void)state;
	memset(text, '\n', len);
	assert_int_equal(load(text, false, &c, &err), -1);
	assert_non_null(strstr(err.text, "longer"));
	free(text);
}

static void lists_every_option_once(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 65536, NULL);
	assert_int_equal(conf_print_options(&out), 0);
	assert_non_null(strstr(out.data, "listener.port\tnumber\t2525\t"));
	assert_int_equal(strncmp(out.data, "hostname\tstring\t\t", 17), 0);
	assert_non_null(
		strstr(out.data, "\nmail.report\tconvert|attach|refuse\tattach\t"));
	assert_non_null(strstr(out.data, "\nreply.smtp\tnumber\trequired\t"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_an_empty_file_with_defaults),
		cmocka_unit_test(reads_every_option),
		cmocka_unit_test(adds_to_the_default_of_a_list),
		cmocka_unit_test(prints_what_it_reads_again_to_the_same_bytes),
		cmocka_unit_test(masks_what_is_secret),
		cmocka_unit_test(fills_in_the_environment),
		cmocka_unit_test(
			takes_credentials_of_the_environment_where_the_file_has_none),
		cmocka_unit_test(wants_credentials),
		cmocka_unit_test(wants_no_credentials_where_no_api_is_called),
		cmocka_unit_test(refuses_wrong_syntax),
		cmocka_unit_test(names_the_word_that_is_wrong),
		cmocka_unit_test(reads_every_form_of_a_value),
		cmocka_unit_test(reads_quotes_and_escapes),
		cmocka_unit_test(refuses_values_of_the_wrong_kind),
		cmocka_unit_test(refuses_to_be_an_open_relay),
		cmocka_unit_test(refuses_accounts_that_cannot_work),
		cmocka_unit_test(never_names_a_secret_in_an_error),
		cmocka_unit_test(refuses_routes_and_replies_that_cannot_work),
		cmocka_unit_test(refuses_what_does_not_go_together),
		cmocka_unit_test(takes_template_from_the_mail_where_the_file_says_so),
		cmocka_unit_test(makes_no_more_workers_than_memory_has_room_for),
		cmocka_unit_test(reads_windows_line_ends_and_a_byte_order_mark),
		cmocka_unit_test(says_when_it_cannot_read_the_file),
		cmocka_unit_test(refuses_a_file_that_is_too_long),
		cmocka_unit_test(lists_every_option_once),
	};

	set_environment();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
