/* main.c - the command line of voxpop: options and commands are tables, and the help is made of
 * them. Exit status: 0 done, 1 failed, 2 called wrongly. SPDX-License-Identifier: MIT */
#include <curl/curl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "mem.h"
#include "text.h"

enum { EXIT_USAGE = 2, WORDS_MAX = 2 };

static const char default_url[] = "http://127.0.0.1:8080";

typedef struct option {
    const char *name, *value; /* value NULL: a flag */
    size_t at;                /* in cli_args: const char *, or bool of a flag */
    const char *help;         /* NULL: told with its command */
    int most; /* how often it may be given: it is an array; 0: the last one counts */
} option;

static const option options[] = {
    {"url", "URL", offsetof(cli_args, url), "where the magazine is; VOXPOP_URL"},
    {"token", "TOKEN", offsetof(cli_args, token),
     "who asks; better VOXPOP_TOKEN, or the file that VOXPOP_TOKEN_FILE names"},
    {"json", NULL, offsetof(cli_args, json), "JSON in place of lines (load, status, lists, audit)"},
    {"help", NULL, offsetof(cli_args, help), "this text"},
    {"version", NULL, offsetof(cli_args, version), "versions of the tool and its libraries"},
    {"role", "ROLE", offsetof(cli_args, role), NULL},
    {"handle", "HANDLE", offsetof(cli_args, handle), NULL},
    {"secret-file", "FILE", offsetof(cli_args, secret_file), NULL},
    {"login", "LOGIN", offsetof(cli_args, login), NULL},
    {"name", "NAME", offsetof(cli_args, name), NULL},
    {"scope", "SCOPE", offsetof(cli_args, scope), NULL, CLI_SCOPES_MAX},
    {"days", "N", offsetof(cli_args, days), NULL},
    {"account", "LOGIN", offsetof(cli_args, account), NULL},
    {"action", "ACTION", offsetof(cli_args, action), NULL},
    {"object", "KIND:ID", offsetof(cli_args, object), NULL},
    {"rate", "N", offsetof(cli_args, rate), NULL},
    {"seconds", "N", offsetof(cli_args, seconds), NULL},
    {"poll", "ID", offsetof(cli_args, poll), NULL},
    {"repair", NULL, offsetof(cli_args, repair), NULL},
    {"format", "FORMAT", offsetof(cli_args, format), NULL},
    {"count", "N", offsetof(cli_args, count), NULL},
    {"public", "FILE", offsetof(cli_args, public_of), NULL},
    {"redis-url", "URL", offsetof(cli_args, redis_url), NULL, CLI_REDIS_MAX},
    {"redis-url-file", "FILE", offsetof(cli_args, redis_file), NULL, CLI_REDIS_MAX},
    {"with-passwords", NULL, offsetof(cli_args, with_passwords), NULL},
    {"verify", NULL, offsetof(cli_args, verify), NULL},
    {"watch", NULL, offsetof(cli_args, watch), NULL},
    {"server-key", "KEY", offsetof(cli_args, server_key), NULL},
    {"curve-secret-key-file", "FILE", offsetof(cli_args, curve_file), NULL},
    {"wait", NULL, offsetof(cli_args, wait), NULL},
    {"dry-run", NULL, offsetof(cli_args, dry_run), NULL},
    {NULL},
};

typedef struct command {
    const char *words[WORDS_MAX];
    const char *takes; /* its options beside those of all commands; one space between */
    int min, max;      /* words that follow */
    cli_command *run;
    const char *usage, *help;
} command;

static const command commands[] = {
    {{"account", "add"},
     "role handle secret-file",
     1,
     1,
     cli_account_add,
     "account add LOGIN --role admin|editor|author|moderator [--handle H] [--secret-file FILE]",
     "make an account; its password is VOXPOP_PASSWORD or asked for. The first one of a\n"
     "      system needs the file with the gateway's first-account secret, others a token"},
    {{"account", "list"},
     "json",
     0,
     0,
     cli_account_list,
     "account list [--json]",
     "all accounts, oldest first"},
    {{"account", "set"},
     "role handle",
     1,
     1,
     cli_account_set,
     "account set LOGIN [--role ROLE] [--handle H]",
     "give an account another role, or another contributor; --handle -: none"},
    {{"account", "disable"},
     "",
     1,
     1,
     cli_account_disable,
     "account disable LOGIN",
     "nobody signs in with it any more; its sessions and tokens end at once"},
    {{"account", "enable"}, "", 1, 1, cli_account_enable, "account enable LOGIN", "one that was"},
    {{"account", "remove"},
     "",
     1,
     1,
     cli_account_remove,
     "account remove LOGIN",
     "for good; what it wrote stays"},
    {{"account", "reset"},
     "",
     1,
     1,
     cli_account_reset,
     "account reset LOGIN",
     "print a link by which its owner sets a new password: once, within an hour"},
    {{"token", "add"},
     "login name scope days",
     0,
     0,
     cli_token_add,
     "token add [--login LOGIN] [--name NAME] [--scope SCOPE]... [--days N]",
     "sign in and print a new token; --scope: only for read, articles, comments, polls or admin,\n"
     "      several times for several; --days: until then"},
    {{"token", "list"}, "json", 0, 0, cli_token_list, "token list [--json]", "one's own tokens"},
    {{"token", "end"}, "", 1, 1, cli_token_end, "token end ID", "one of them"},
    {{"session", "list"},
     "json",
     0,
     0,
     cli_session_list,
     "session list [--json]",
     "where one is signed in"},
    {{"session", "end"},
     "",
     1,
     1,
     cli_session_end,
     "session end ID|others",
     "sign out there; others: everywhere but where this is asked from"},
    {{"audit", NULL},
     "account action object count format json",
     0,
     0,
     cli_audit,
     "audit [--account LOGIN] [--action ACTION] [--object KIND:ID] [--count N] [--format jsonl]",
     "who did what, newest first: 50 lines, or N; jsonl: all there is, an entry a line. ACTION is\n"
     "      polls.close, or polls for all of these"},
    {{"load", NULL},
     "json",
     1,
     10000,
     cli_load,
     "load FILE... [--json]",
     "make articles, contributors, polls and comments of page files"},
    {{"status", NULL},
     "json watch",
     0,
     1,
     cli_status,
     "status [--json] [--watch [SECONDS]]",
     "the running instances; --watch: again every 2 or SECONDS seconds, until Ctrl-C"},
    {{"ping", NULL},
     "server-key curve-secret-key-file",
     1,
     1,
     cli_ping,
     "ping ENDPOINT|INSTANCE [--server-key KEY] [--curve-secret-key-file FILE]",
     "does a service's instance answer on the wire within 2 s, and stay? ENDPOINT: "
     "tcp://HOST:PORT\n"
     "      or ipc://PATH. Our CURVE key: the file, or VOXPOP_CURVE_SECRET_KEY(_FILE); its public\n"
     "      key is taken for our own unless it is named"},
    {{"drain", NULL},
     "wait",
     1,
     1,
     cli_drain,
     "drain INSTANCE [--wait]",
     "let an instance of a service end what it has and leave; --wait: until it has gone"},
    {{"migrate", NULL},
     "dry-run",
     0,
     1,
     cli_migrate,
     "migrate [SERVICE] [--dry-run]",
     "count the records of each schema, of all services or one, and rewrite old ones to the "
     "newest;\n"
     "      --dry-run: only count. When all instances are updated; the services go on meanwhile"},
    {{"backup", NULL},
     "redis-url redis-url-file",
     1,
     1,
     cli_backup,
     "backup FILE --redis-url URL... | --redis-url-file FILE...",
     "all that Redis holds, as of one moment, into a new FILE, which is as secret as Redis; with "
     "a\n"
     "      Redis for each service name all of them. Also VOXPOP_REDIS_URL(_FILE)"},
    {{"restore", NULL},
     "redis-url redis-url-file verify",
     1,
     1,
     cli_restore,
     "restore FILE [--verify] [--redis-url URL...] [--redis-url-file FILE...]",
     "put a backup into an empty Redis, or as many as it was made of; run again after it was cut\n"
     "      short, it goes on. --verify: start services on a copy first, recount every poll and\n"
     "      look at every record; alone it writes nothing"},
    {{"export", NULL},
     "with-passwords",
     1,
     1,
     cli_export,
     "export FILE [--with-passwords]",
     "all records of all services into a new FILE, a line of JSON each, without votes' voters "
     "and,\n"
     "      unless it is said, without hashes of passwords. Run again after it was cut short, it "
     "goes on"},
    {{"import", NULL},
     "",
     1,
     1,
     cli_import,
     "import FILE",
     "write the records of an export that are not there; what is there is left as it is"},
    {{"polls", "list"}, "json", 0, 0, cli_polls_list, "polls list [--json]", "polls, newest first"},
    {{"polls", "close"}, "", 1, 1, cli_polls_close, "polls close ID", "no more votes come in"},
    {{"polls", "reopen"}, "", 1, 1, cli_polls_reopen, "polls reopen ID", "a closed one"},
    {{"polls", "archive"},
     "",
     1,
     1,
     cli_polls_archive,
     "polls archive ID",
     "a closed one, for good: its voters are forgotten, its codes end"},
    {{"polls", "place"},
     "",
     1,
     2,
     cli_polls_place,
     "polls place newest|random|fixed [ID]",
     "which open poll stands on the front page"},
    {{"polls", "recount"},
     "repair",
     1,
     1,
     cli_polls_recount,
     "polls recount ID [--repair]",
     "add the journal up and compare; fails when the tally differs and is not repaired"},
    {{"polls", "export"},
     "format",
     1,
     1,
     cli_polls_export,
     "polls export ID [--format csv|json]",
     "the results, as CSV unless said otherwise"},
    {{"polls", "codes"},
     "count",
     1,
     1,
     cli_polls_codes,
     "polls codes ID [--count N]",
     "its invitation codes as CSV; with --count that many new ones"},
    {{"demo", "votes"},
     "rate seconds poll",
     0,
     0,
     cli_demo_votes,
     "demo votes [--rate N] [--seconds N] [--poll ID]",
     "cast random votes of new voters: 20 a second, until Ctrl-C, in the current poll"},
    {{"keygen", NULL},
     "public",
     0,
     1,
     cli_keygen,
     "keygen NAME | keygen --public FILE",
     "make a CURVE key of a process: the secret one in NAME.key, the public one, as a line of an\n"
     "      allow-list, in NAME.pub and here; --public: print the public key of such a NAME.key"},
    {{NULL}},
};

/* -- words of the command line ----------------------------------------------------------------- */

static const option *find_option(vp_str name) {
    for (const option *o = options; o->name; o++)
        if (vp_str_eq(name, vp_str_of(o->name))) return o;
    return NULL;
}

static void *field_of(const cli_args *args, const option *o) {
    return (char *)(uintptr_t)args + o->at;
}

/* One option, with its value in the same word or the next one; *i moves to the last word read. */
static vp_err take_option(cli_args *args, int argc, char **argv, int *i, vp_fault *why) {
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    vp_str name = vp_str_n(word, equals ? (size_t)(equals - word) : strlen(word));
    const option *o = find_option(name);
    const char *value = equals ? equals + 1 : NULL;
    if (!o) {
        vp_fault_set(why, "there is no option --%.*s; see voxpop --help", (int)name.n, name.p);
        return VP_EINVAL;
    }
    if (!o->value) {
        *(bool *)field_of(args, o) = true;
        if (value) vp_fault_set(why, "--%s takes no value", o->name);
        return value ? VP_EINVAL : VP_OK;
    }
    if (!value && *i + 1 < argc) value = argv[++*i];
    if (!value || !*value) {
        vp_fault_set(why, "--%s needs a value: %s", o->name, o->value);
        return VP_EINVAL;
    }
    const char **at = field_of(args, o);
    for (int n = 1; n < o->most && *at; n++) at++;
    if (o->most && *at) {
        vp_fault_set(why, "--%s may be given %d times", o->name, o->most);
        return VP_EINVAL;
    }
    *at = value;
    return VP_OK;
}

/* Options may stand anywhere; the other words move to the front of argv. After "--" all are words.
 */
static vp_err take_words(cli_args *args, int argc, char **argv, vp_fault *why) {
    vp_err rc = VP_OK;
    bool only_words = false;
    args->words = argv;
    for (int i = 1; i < argc && !rc; i++) {
        bool is_option = !only_words && strncmp(argv[i], "--", 2) == 0;
        if (is_option && !argv[i][2])
            only_words = true;
        else if (is_option)
            rc = take_option(args, argc, argv, &i, why);
        else
            args->words[args->n_words++] = argv[i];
    }
    return rc;
}

static int count_words(const command *c) {
    int n = 0;
    while (n < WORDS_MAX && c->words[n]) n++;
    return n;
}

static bool is_command(const command *c, const cli_args *args) {
    int n = count_words(c);
    for (int i = 0; i < n; i++)
        if (i >= args->n_words || strcmp(args->words[i], c->words[i]) != 0) return false;
    return true;
}

static bool takes(const command *c, const char *name) {
    size_t n = strlen(name);
    for (const char *p = c->takes; *p;) {
        size_t word = strcspn(p, " ");
        if (word == n && memcmp(p, name, n) == 0) return true;
        p += word + strspn(p + word, " ");
    }
    return false;
}

static bool is_set(const cli_args *args, const option *o) {
    return o->value ? *(const char **)field_of(args, o) != NULL : *(bool *)field_of(args, o);
}

static vp_err find_command(cli_args *args, const command **out, vp_fault *why) {
    const command *c = commands;
    while (c->run && !is_command(c, args)) c++;
    if (!c->run) {
        vp_fault_set(why,
                     args->n_words ? "there is no command %s; see voxpop --help"
                                   : "a command is needed; see voxpop --help",
                     args->n_words ? args->words[0] : "");
        return VP_EINVAL;
    }
    args->words += count_words(c);
    args->n_words -= count_words(c);
    for (const option *o = options; o->name; o++) {
        bool common = o->help && strcmp(o->name, "json") != 0;
        if (common || !is_set(args, o) || takes(c, o->name)) continue;
        vp_fault_set(why, "--%s does not belong to: voxpop %s", o->name, c->usage);
        return VP_EINVAL;
    }
    *out = c;
    if (args->n_words >= c->min && args->n_words <= c->max) return VP_OK;
    vp_fault_set(why, "usage: voxpop %s", c->usage);
    return VP_EINVAL;
}

/* -- help and version -------------------------------------------------------------------------- */

static void print_help(void) {
    printf("usage: voxpop [OPTION]... COMMAND\n\ncommands\n");
    for (const command *c = commands; c->run; c++) printf("  %s\n      %s\n", c->usage, c->help);
    printf("\noptions\n");
    for (const option *o = options; o->name; o++) {
        char left[40];
        if (!o->help) continue;
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-16s%s\n", left, o->help);
    }
    printf("\nWithout --url it asks %s.\n", default_url);
}

static void print_version(void) {
    printf("voxpop %s (%s, jansson %s, sodium %s, compiler %s)\n", VP_VERSION, curl_version(),
           jansson_version_str(), sodium_version_string(), __VERSION__);
}

/* -- the run ----------------------------------------------------------------------------------- */

/* An empty setting is none. */
static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* *kept holds the token of a file. */
static vp_err find_settings(cli_run *run, char **kept, vp_fault *why) {
    cli_args *args = &run->args;
    const char *file = setting("VOXPOP_TOKEN_FILE");
    if (!args->url) args->url = setting("VOXPOP_URL");
    if (!args->url) args->url = default_url;
    if (!args->token) args->token = setting("VOXPOP_TOKEN");
    if (args->token || !file) return VP_OK;
    vp_err rc = cli_secret_read(file, kept, why);
    if (rc) run->at = file;
    args->token = *kept;
    return rc;
}

static int complain(const char *at, vp_fault *why, int status) {
    char about[sizeof why->text] = "";
    if (at) snprintf(about, sizeof about, "%s", at);
    cli_text_plain(about);
    cli_text_plain(why->text);
    fprintf(stderr, "voxpop: %s%s%s\n", about, *about ? ": " : "", why->text);
    return status;
}

static int run_command(const command *c, const cli_args *args) {
    cli_run run = {.args = *args};
    vp_fault why = {0};
    char *kept = NULL;
    vp_err rc = find_settings(&run, &kept, &why);
    if (!rc) rc = cli_http_new(&run.http, run.args.url, run.args.token, &why);
    if (!rc) rc = c->run(&run, &why);
    cli_http_destroy(&run.http);
    if (kept) sodium_memzero(kept, strlen(kept));
    free(kept);
    return rc ? complain(run.at, &why, EXIT_FAILURE) : EXIT_SUCCESS;
}

static int start(int argc, char **argv) {
    cli_args args = {0};
    const command *c = NULL;
    vp_fault why = {0};
    vp_err rc = take_words(&args, argc, argv, &why);
    if (!rc && args.help) {
        print_help();
    } else if (!rc && args.version) {
        print_version();
    } else {
        if (!rc) rc = find_command(&args, &c, &why);
        return rc ? complain(NULL, &why, EXIT_USAGE) : run_command(c, &args);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    vp_fault why = {0};
    signal(SIGPIPE, SIG_IGN);
    vp_mem_init();
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        vp_fault_set(&why, "libsodium or libcurl cannot start");
        return complain(NULL, &why, EXIT_FAILURE);
    }
    int status = start(argc, argv);
    curl_global_cleanup();
    if ((fflush(stdout) || ferror(stdout)) && status == EXIT_SUCCESS) {
        vp_fault_set(&why, "cannot write to standard output");
        status = complain(NULL, &why, EXIT_FAILURE);
    }
    return status;
}
