/* conf.c - see conf.h.
 * Messages name the setting and what it may be, never the value: it may be a password.
 * SPDX-License-Identifier: MIT */
#include "conf.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#include "file.h"
#include "mem.h"

enum {
    ITEMS_MAX = 64,
    FILE_MAX = 64 * 1024 /* of a text whose item has no bound of its own */
};

/* Every name that some Voxpop process or test knows. A name is added here when a process gets it.
 */
static const char *const known[] = {"port",
                                    "live-port",
                                    "admin-port",
                                    "data",
                                    "empty",
                                    "admin-password",
                                    "redis-url",
                                    "registry-url",
                                    "articles-redis-url",
                                    "comments-redis-url",
                                    "durability",
                                    "log-level",
                                    "log-access",
                                    "public-url",
                                    "live-url",
                                    "trusted-proxies",
                                    "site-name",
                                    "bind",
                                    "publish",
                                    "advertise",
                                    "curve-secret-key",
                                    "curve-allow",
                                    "allow-plain-tcp",
                                    "http-threads",
                                    "connections-per-address",
                                    "service-ms",
                                    "secrets",
                                    "listen",
                                    "admin-listen",
                                    "url",
                                    "token",
                                    "password",
                                    "ballots-per-batch",
                                    "watchers-max",
                                    "streams-per-address",
                                    "build",
                                    "sanitize",
                                    "bench-seconds",
                                    "config"};

static const vp_str env_prefix = VP_STR_INIT("VOXPOP_");

/* A setting whose value is in a file has the same name with this behind it. */
static const vp_str env_file = VP_STR_INIT("_FILE"), flag_file = VP_STR_INIT("-file");

/* The name without that ending; {NULL, 0} when it has none. */
static vp_str without_ending(vp_str name, vp_str ending) {
    size_t n = name.n > ending.n ? name.n - ending.n : 0;
    return n && !memcmp(name.p + n, ending.p, ending.n) ? vp_str_n(name.p, n) : (vp_str){0};
}

/* Does the environment's name, without its prefix, stand for this setting? REDIS_URL: redis-url. */
static bool is_env_of(vp_str env, const char *name) {
    size_t i;
    for (i = 0; i < env.n && name[i]; i++) {
        char c = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
        if (env.p[i] != c) return false;
    }
    return i == env.n && !name[i];
}

static bool parse_flag(vp_str s, bool *out) {
    static const struct {
        vp_str word;
        bool value;
    } words[] = {
        {VP_STR_INIT("1"), true},  {VP_STR_INIT("true"), true},   {VP_STR_INIT("yes"), true},
        {VP_STR_INIT("0"), false}, {VP_STR_INIT("false"), false}, {VP_STR_INIT("no"), false},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!vp_str_eq(s, words[i].word)) continue;
        *out = words[i].value;
        return true;
    }
    return false;
}

/* The bounds as words: for a message and for the help. */
static void add_bounds(vp_buf *b, const vp_conf_item *item) {
    long long min = item->min, max = item->max;
    if (item->kind == VP_CONF_FLAG) {
        vp_buf_adds(b, "yes or no");
    } else if (item->kind == VP_CONF_INT) {
        vp_buf_addf(b, "%lld to %lld", min, max);
    } else if (max) {
        vp_buf_addf(b, "%lld to %lld bytes", min, max);
    } else if (min) {
        vp_buf_addf(b, "at least %lld bytes", min);
    } else {
        vp_buf_adds(b, "text");
    }
}

static vp_err refuse(const vp_conf_item *item, const char *where, vp_fault *why) {
    vp_buf bounds;
    vp_buf_init(&bounds, 80);
    add_bounds(&bounds, item);
    vp_fault_set(why, "--%s %s: must be %s", item->name, where,
                 bounds.data ? bounds.data : "within its bounds");
    vp_buf_release(&bounds);
    return VP_EINVAL;
}

static vp_err set(const vp_conf_item *item, const char *value, const char *where, vp_fault *why) {
    vp_str s = vp_str_of(value);
    bool ok = true;
    switch (item->kind) {
    case VP_CONF_FLAG: ok = parse_flag(s, item->target); break;
    case VP_CONF_INT: ok = !vp_str_int(s, item->min, item->max, item->target); break;
    case VP_CONF_TEXT:
        ok = (int64_t)s.n >= item->min && (!item->max || (int64_t)s.n <= item->max);
        if (ok) *(const char **)item->target = value;
        break;
    }
    return ok ? VP_OK : refuse(item, where, why);
}

static const char *initial(const vp_conf_item *item) {
    static const char *const none[] = {
        [VP_CONF_TEXT] = "", [VP_CONF_INT] = "0", [VP_CONF_FLAG] = "no"};
    return item->initial ? item->initial : none[item->kind];
}

/* A text that came from a file: settings are borrowed for as long as the process lives. */
typedef struct kept {
    struct kept *next;
    char text[];
} kept;

static const char *keep(vp_str text) {
    static kept *all; /* so that none of it counts as lost */
    kept *k = vp_alloc(sizeof *k + text.n + 1);
    *k = (kept){.next = all};
    memcpy(k->text, text.n ? text.p : "", text.n);
    k->text[text.n] = '\0';
    all = k;
    return k->text;
}

/* -- the environment and the flags ------------------------------------------------------------- */

enum { GIVEN_VALUE = 1, GIVEN_FILE = 2 };

/* Where settings come from, and how each of them was given there. */
typedef struct source {
    const vp_conf_item *items;
    const char *where;
    uint8_t given[ITEMS_MAX];
} source;

static vp_err set_from_file(const vp_conf_item *item, const char *path, const char *where,
                            vp_fault *why) {
    vp_fault cause = {0};
    vp_buf content;
    /* Room for a line end beyond the value; a value that is too long is found by its bounds. */
    vp_err rc =
        vp_file_read(path, (size_t)(item->max ? item->max : FILE_MAX) + 2, &content, &cause);
    vp_str text = vp_buf_str(&content);
    if (!rc && text.n && memchr(text.p, '\0', text.n)) {
        vp_fault_set(&cause, "is not a text");
        rc = VP_EINVAL;
    }
    if (rc) {
        vp_fault_set(why, "--%s-file %s: the file %s", item->name, where, cause.text);
        rc = VP_EINVAL;
        goto done;
    }
    if (text.n && text.p[text.n - 1] == '\n') text.n--;
    if (text.n && text.p[text.n - 1] == '\r') text.n--;
    rc = set(item, keep(text), where, why);
done:
    vp_buf_release(&content);
    return rc;
}

static vp_err take(source *s, const vp_conf_item *item, bool file, const char *value,
                   vp_fault *why) {
    uint8_t *given = &s->given[item - s->items];
    *given |= file ? GIVEN_FILE : GIVEN_VALUE;
    if (*given == (GIVEN_VALUE | GIVEN_FILE)) {
        vp_fault_set(why, "--%s and --%s-file %s: only one of them may be given", item->name,
                     item->name, s->where);
        return VP_EINVAL;
    }
    return file ? set_from_file(item, value, s->where, why) : set(item, value, s->where, why);
}

/* The item that a flag or a name of the environment means, itself or by a file. */
static const vp_conf_item *find(const vp_conf_item *items, vp_str name, bool environment,
                                bool *file) {
    vp_str stem = without_ending(name, environment ? env_file : flag_file);
    *file = false;
    for (const vp_conf_item *i = items; i->name; i++)
        if (environment ? is_env_of(name, i->name) : vp_str_eq(name, vp_str_of(i->name))) return i;
    *file = true;
    for (const vp_conf_item *i = items; i->name && stem.n; i++)
        if (i->kind == VP_CONF_TEXT &&
            (environment ? is_env_of(stem, i->name) : vp_str_eq(stem, vp_str_of(i->name))))
            return i;
    return NULL;
}

/* A name of the environment that is not among the items: fine if another process knows it. */
static vp_err check_foreign(vp_str name, vp_fault *why) {
    vp_str stem = without_ending(name, env_file);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is_env_of(name, known[i]) || (stem.n && is_env_of(stem, known[i]))) return VP_OK;
    vp_fault_set(why, "VOXPOP_%.*s is not the name of a setting", (int)(name.n < 60 ? name.n : 60),
                 name.p);
    return VP_EINVAL;
}

static vp_err load_environment(const vp_conf_item *items, char **envp, vp_fault *why) {
    source s = {.items = items, .where = "(environment)"};
    vp_err rc = VP_OK;
    bool file;
    for (; envp && *envp && !rc; envp++) {
        const char *equals = strchr(*envp, '=');
        if (!equals || !vp_str_starts(vp_str_of(*envp), env_prefix)) continue;
        const char *start = *envp + env_prefix.n;
        vp_str name = {start, (size_t)(equals - start)};
        const vp_conf_item *item = find(items, name, true, &file);
        rc = item ? take(&s, item, file, equals + 1, why) : check_foreign(name, why);
    }
    return rc;
}

static vp_err load_flags(const vp_conf_item *items, int argc, char **argv, vp_fault *why) {
    source s = {.items = items, .where = "(flag)"};
    vp_err rc = VP_OK;
    bool file;
    for (int i = 1; i < argc && !rc; i++) {
        vp_str text = vp_str_of(argv[i]);
        const char *value = strchr(argv[i], '=');
        if (!vp_str_starts(text, VP_STR("--"))) {
            vp_fault_set(why, "argument %d is not a flag; flags begin with --", i);
            return VP_EINVAL;
        }
        vp_str name = {text.p + 2, (value ? (size_t)(value - text.p) : text.n) - 2};
        const vp_conf_item *item = find(items, name, false, &file);
        if (!item) {
            vp_fault_set(why, "--%.*s is not a flag here; see --help",
                         (int)(name.n < 60 ? name.n : 60), name.p);
            return VP_EINVAL;
        }
        if (value)
            value++;
        else if (item->kind == VP_CONF_FLAG)
            value = "yes";
        else if (i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
            value = argv[++i];
        if (!value) {
            vp_fault_set(why, "--%s%s needs a value", item->name, file ? flag_file.p : "");
            return VP_EINVAL;
        }
        rc = take(&s, item, file, value, why);
    }
    return rc;
}

/* -- the help ---------------------------------------------------------------------------------- */

/* One row of the help. Columns are padded, and a long one pushes the others on. */
static void print_item(const vp_conf_item *item) {
    char flag[48], env[48];
    size_t n = 0;
    vp_buf bounds;
    vp_buf_init(&bounds, 80);
    add_bounds(&bounds, item);
    snprintf(flag, sizeof flag, "--%s", item->name);
    for (const char *p = item->name; *p && n < sizeof env - 1; p++)
        env[n++] = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    env[n] = '\0';
    const char *start = initial(item);
    printf("  %-22s VOXPOP_%-20s %-24s %-18s %s\n", flag, env, *start ? start : "-",
           bounds.data ? bounds.data : "", item->help ? item->help : "");
    vp_buf_release(&bounds);
}

static void print_help(const vp_conf_item *items, const char *process) {
    printf("usage: voxpop-%s [--name VALUE | --name=VALUE]...\n\n", process);
    printf("  %-22s %-27s %-24s %-18s %s\n", "flag", "environment", "default", "may be", "what");
    for (; items->name; items++) print_item(items);
    printf("\nThe value of --NAME may also come from a file, unless it is a number or yes or no:\n"
           "  --NAME-file PATH       VOXPOP_NAME_FILE\n"
           "\n  --help  --version\n");
}

static void print_version(const char *process) {
#ifdef __SANITIZE_ADDRESS__
    const char *sanitizer = "address";
#elif defined __SANITIZE_THREAD__
    const char *sanitizer = "thread";
#else
    const char *sanitizer = "none";
#endif
    printf("voxpop-%s %s (compiler %s, sanitizer %s)\n", process, VP_VERSION, __VERSION__,
           sanitizer);
}

/* --help and --version come before any complaint. */
static bool print_asked(const vp_conf_item *items, const char *process, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        vp_str s = vp_str_of(argv[i]);
        bool help = vp_str_eq(s, VP_STR("--help"));
        if (!help && !vp_str_eq(s, VP_STR("--version"))) continue;
        if (help)
            print_help(items, process);
        else
            print_version(process);
        return true;
    }
    return false;
}

vp_err vp_conf_load(const vp_conf_item *items, const char *process, int argc, char **argv,
                    char **envp, bool *done, vp_fault *why) {
    vp_err rc;
    size_t n = 0;
    while (items[n].name) n++;
    assert(n <= ITEMS_MAX);
    *done = print_asked(items, process, argc, argv);
    if (*done) return VP_OK;
    for (const vp_conf_item *item = items; item->name; item++) {
        /* A default may be out of bounds: such a setting must be given. */
        vp_conf_item unbounded = *item;
        unbounded.min = item->kind == VP_CONF_INT ? INT64_MIN : 0;
        unbounded.max = item->kind == VP_CONF_INT ? INT64_MAX : 0;
        if ((rc = set(&unbounded, initial(item), "(default)", why))) return rc;
    }
    if ((rc = load_environment(items, envp, why))) return rc;
    if ((rc = load_flags(items, argc, argv, why))) return rc;
    return VP_OK;
}
