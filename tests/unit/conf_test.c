/* conf_test.c - flags, environment and defaults. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf.h"

static const char *redis_url, *password;
static int64_t port, threads;
static bool log_access, empty;

static const vp_conf_item items[] = {
    {"redis-url", VP_CONF_TEXT, &redis_url, "redis://localhost", 1, 30, "where Redis is"},
    {"admin-password", VP_CONF_TEXT, &password, NULL, 8, 0, "first password"},
    {"port", VP_CONF_INT, &port, "8080", 1, 65535, "where to listen"},
    {"http-threads", VP_CONF_INT, &threads, NULL, -5, 5, "how many"},
    {"log-access", VP_CONF_FLAG, &log_access, "yes", 0, 0, "one line per request"},
    {"empty", VP_CONF_FLAG, &empty, NULL, 0, 0, "no samples"},
    {NULL},
};

enum { WORDS = 6 };

static vp_err load(const char *const flags[WORDS], const char *const environment[WORDS], bool *done,
                   vp_fault *why) {
    char text[2 * WORDS][100], *argv[WORDS + 2] = {text[0]}, *envp[WORDS + 1] = {NULL};
    int argc = 1, n = 0;
    text[0][0] = '\0';
    for (; argc <= WORDS && flags[argc - 1]; argc++) {
        snprintf(text[argc], sizeof *text, "%s", flags[argc - 1]);
        argv[argc] = text[argc];
    }
    for (; n < WORDS - 1 && environment[n]; n++) {
        /* Texts are borrowed, so these must outlive the call. */
        static char kept[WORDS][100];
        snprintf(kept[n], sizeof *kept, "%s", environment[n]);
        envp[n] = kept[n];
    }
    vp_err rc = vp_conf_load(items, "polls", argc, argv, envp, done, why);
    static char url[100];
    snprintf(url, sizeof url, "%s", rc || *done ? "" : redis_url);
    redis_url = url;
    return rc;
}

static void has_defaults(void **state) {
    bool done = true;
    vp_fault why = {""};
    assert_int_equal(vp_conf_load(items, "polls", 1, (char *[]){NULL, NULL}, NULL, &done, &why),
                     VP_OK);
    assert_false(done);
    assert_string_equal(redis_url, "redis://localhost");
    assert_string_equal(password, "");
    assert_int_equal(port, 8080);
    assert_int_equal(threads, 0);
    assert_true(log_access);
    assert_false(empty);
}

/* Good ones: the whole state after loading. */
static const struct {
    const char *flags[WORDS], *environment[WORDS], *redis_url;
    int64_t port, threads;
    bool log_access, empty;
} good_rows[] = {
    {{"--port", "1"}, {NULL}, "redis://localhost", 1, 0, true, false},
    {{"--port=65535"}, {NULL}, "redis://localhost", 65535, 0, true, false},
    {{NULL}, {"VOXPOP_PORT=9"}, "redis://localhost", 9, 0, true, false},
    {{"--port=7"}, {"VOXPOP_PORT=9"}, "redis://localhost", 7, 0, true, false},
    {{"--port=7", "--port=8"}, {NULL}, "redis://localhost", 8, 0, true, false},
    {{"--http-threads", "-5"}, {NULL}, "redis://localhost", 8080, -5, true, false},
    {{"--redis-url", "x=y"}, {NULL}, "x=y", 8080, 0, true, false},
    {{"--redis-url=x=y"}, {NULL}, "x=y", 8080, 0, true, false},
    {{"--redis-url=--x"}, {NULL}, "--x", 8080, 0, true, false},
    {{NULL}, {"VOXPOP_REDIS_URL=a=b"}, "a=b", 8080, 0, true, false},
    {{"--empty"}, {NULL}, "redis://localhost", 8080, 0, true, true},
    {{"--empty", "--port", "3"}, {NULL}, "redis://localhost", 3, 0, true, true},
    {{"--empty=1", "--log-access=no"}, {NULL}, "redis://localhost", 8080, 0, false, true},
    {{"--empty=true", "--log-access=0"}, {NULL}, "redis://localhost", 8080, 0, false, true},
    {{"--log-access=false"}, {"VOXPOP_EMPTY=yes"}, "redis://localhost", 8080, 0, false, true},
    {{NULL}, {"VOXPOP_LOG_ACCESS=0", "VOXPOP_EMPTY=1"}, "redis://localhost", 8080, 0, false, true},
    {{"--empty=no"}, {"VOXPOP_EMPTY=yes"}, "redis://localhost", 8080, 0, true, false},
    /* Known to other processes, or not ours at all. */
    {{NULL},
     {"VOXPOP_TRUSTED_PROXIES=x", "VOXPOP_STREAMS_PER_ADDRESS=", "PATH=/bin", "VOXPOPULI=1"},
     "redis://localhost",
     8080,
     0,
     true,
     false},
    {{NULL}, {"VOXPOP", "PORT=5"}, "redis://localhost", 8080, 0, true, false},
};

static void loads(void **state) {
    for (size_t i = 0; i < COUNT(good_rows); i++) {
        bool done = true;
        vp_fault why = {""};
        vp_err rc = load(good_rows[i].flags, good_rows[i].environment, &done, &why);
        if (rc) fail_msg("row %d: %s", (int)i, why.text);
        assert_false(done);
        assert_string_equal(redis_url, good_rows[i].redis_url);
        CHECK_ROW(i, port == good_rows[i].port && threads == good_rows[i].threads);
        CHECK_ROW(i, log_access == good_rows[i].log_access && empty == good_rows[i].empty);
    }
}

/* Bad ones: a word that the message has. */
static const struct {
    const char *flags[WORDS], *environment[WORDS], *word;
} bad_rows[] = {
    {{"--port=0"}, {NULL}, "--port (flag): must be 1 to 65535"},
    {{"--port=65536"}, {NULL}, "1 to 65535"},
    {{"--port="}, {NULL}, "--port"},
    {{"--port=8x"}, {NULL}, "--port"},
    {{"--port", "99999999999999999999"}, {NULL}, "--port"},
    {{"--port"}, {NULL}, "--port needs a value"},
    {{"--port", "--empty"}, {NULL}, "--port needs a value"},
    {{NULL}, {"VOXPOP_PORT=x"}, "--port (environment)"},
    {{"--port=1"}, {"VOXPOP_PORT=x"}, "--port (environment)"}, /* also when a flag wins */
    {{NULL}, {"VOXPOP_PORT="}, "--port"},
    {{"--empty=maybe"}, {NULL}, "yes or no"},
    {{"--empty="}, {NULL}, "yes or no"},
    {{"--empty", "yes"}, {NULL}, "argument 2"}, /* a flag takes no second word */
    {{NULL}, {"VOXPOP_EMPTY=YES"}, "--empty"},
    {{"--redis-url="}, {NULL}, "1 to 30 bytes"},
    {{"--redis-url=1234567890123456789012345678901"}, {NULL}, "1 to 30 bytes"},
    {{"--admin-password=hunter2"}, {NULL}, "at least 8 bytes"},
    {{NULL}, {"VOXPOP_ADMIN_PASSWORD=hunter2"}, "at least 8 bytes"},
    {{"--ports=1"}, {NULL}, "--ports"},
    {{"--por=1"}, {NULL}, "--por"},
    {{"--PORT=1"}, {NULL}, "--PORT"},
    {{"--"}, {NULL}, "not a flag"},
    {{"--=1"}, {NULL}, "not a flag"},
    {{"-port=1"}, {NULL}, "argument 1"},
    {{"port"}, {NULL}, "argument 1"},
    {{""}, {NULL}, "argument 1"},
    {{"-h"}, {NULL}, "argument 1"},
    {{"--site-name=x"}, {NULL}, "--site-name"}, /* another process's flag is not ours */
    {{NULL}, {"VOXPOP_PROT=1"}, "VOXPOP_PROT"},
    {{NULL}, {"VOXPOP_port=1"}, "VOXPOP_port"},
    {{NULL}, {"VOXPOP_REDIS-URL=1"}, "VOXPOP_REDIS-URL"},
    {{NULL}, {"VOXPOP_=1"}, "VOXPOP_"},
};

static void refuses(void **state) {
    for (size_t i = 0; i < COUNT(bad_rows); i++) {
        bool done = true;
        vp_fault why = {""};
        CHECK_ROW(i, load(bad_rows[i].flags, bad_rows[i].environment, &done, &why) == VP_EINVAL);
        CHECK_ROW(i, !done);
        if (!strstr(why.text, bad_rows[i].word)) fail_msg("row %d: %s", (int)i, why.text);
        CHECK_ROW(i, !strstr(why.text, "hunter2")); /* no value, it may be a secret */
    }
}

/* -- texts from files -------------------------------------------------------------------------- */

/* Writes a file of its own; its name goes to path. */
static void write_file(const char *content, size_t n, char path[40]) {
    snprintf(path, 40, "/tmp/voxpop-conf-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, n), (int)n);
    close(fd);
}

/* Loads with --redis-url-file, as flag or from the environment. */
static vp_err load_from(const char *content, size_t n, bool environment, vp_fault *why) {
    char path[40], word[100];
    bool done = false;
    write_file(content, n, path);
    snprintf(word, sizeof word, "%s=%s", environment ? "VOXPOP_REDIS_URL_FILE" : "--redis-url-file",
             path);
    vp_err rc = environment
                    ? load((const char *[WORDS]){NULL}, (const char *[WORDS]){word}, &done, why)
                    : load((const char *[WORDS]){word}, (const char *[WORDS]){NULL}, &done, why);
    unlink(path);
    return rc;
}

static const struct {
    const char *content;
    size_t n;
    const char *redis_url; /* NULL: refused */
    const char *word;
} file_rows[] = {
    {"redis://h", 9, "redis://h", NULL},
    {"redis://h\n", 10, "redis://h", NULL},
    {"redis://h\r\n", 11, "redis://h", NULL},
    {"redis://h\n\n", 11, "redis://h\n", NULL}, /* only the line's own end */
    {" a b ", 5, " a b ", NULL},
    {"123456789012345678901234567890\n", 31, "123456789012345678901234567890", NULL},
    {"123456789012345678901234567890\r\n", 32, "123456789012345678901234567890", NULL},
    {"1234567890123456789012345678901", 31, NULL, "--redis-url (flag): must be 1 to 30 bytes"},
    {"12345678901234567890123456789012345", 35, NULL, "over 32 bytes"},
    {"", 0, NULL, "1 to 30 bytes"},
    {"\n", 1, NULL, "1 to 30 bytes"},
    {"a\0b", 3, NULL, "not a text"},
};

static void reads_files(void **state) {
    for (size_t i = 0; i < COUNT(file_rows); i++) {
        vp_fault why = {""};
        vp_err rc = load_from(file_rows[i].content, file_rows[i].n, false, &why);
        CHECK_ROW(i, rc == (file_rows[i].redis_url ? VP_OK : VP_EINVAL));
        if (rc && !strstr(why.text, file_rows[i].word)) fail_msg("row %d: %s", (int)i, why.text);
        CHECK_ROW(i, rc || !strcmp(redis_url, file_rows[i].redis_url));
    }
    vp_fault why = {""};
    assert_int_equal(load_from("redis://env\n", 12, true, &why), VP_OK);
    assert_string_equal(redis_url, "redis://env");
}

/* -file and what it must not stand beside; a flag still wins over the environment. */
static const struct {
    const char *flags[WORDS], *environment[WORDS];
    const char *word; /* NULL: taken */
    const char *redis_url;
} file_mixes[] = {
    {{"--redis-url-file=/dev/null", "--redis-url=x"}, {NULL}, "1 to 30 bytes", NULL},
    {{"--redis-url=x", "--redis-url-file=/dev/null"}, {NULL}, "only one of them", NULL},
    {{NULL}, {"VOXPOP_REDIS_URL=x", "VOXPOP_REDIS_URL_FILE=/dev/null"}, "only one of them", NULL},
    {{"--redis-url=x"}, {"VOXPOP_REDIS_URL_FILE=/proc/self/comm"}, NULL, "x"},
    {{"--redis-url-file=/nowhere/at/all"}, {NULL}, "the file cannot be opened", NULL},
    {{"--redis-url-file=/"}, {NULL}, "the file cannot be read", NULL},
    {{NULL}, {"VOXPOP_REDIS_URL_FILE=/nowhere/at/all"}, "(environment): the file", NULL},
    {{"--redis-url-file"}, {NULL}, "--redis-url-file needs a value", NULL},
    {{"--port-file=/dev/null"}, {NULL}, "--port-file is not a flag", NULL}, /* no text */
    {{NULL}, {"VOXPOP_SITE_NAME_FILE=x", "VOXPOP_TOKEN_FILE=y"}, NULL, "redis://localhost"},
    {{NULL}, {"VOXPOP__FILE=x"}, "VOXPOP__FILE", NULL},
    {{NULL}, {"VOXPOP_NOTHING_FILE=x"}, "VOXPOP_NOTHING_FILE", NULL},
};

static void knows_files_from_values(void **state) {
    for (size_t i = 0; i < COUNT(file_mixes); i++) {
        bool done = false;
        vp_fault why = {""};
        vp_err rc = load(file_mixes[i].flags, file_mixes[i].environment, &done, &why);
        CHECK_ROW(i, rc == (file_mixes[i].word ? VP_EINVAL : VP_OK));
        if (rc && !strstr(why.text, file_mixes[i].word)) fail_msg("row %d: %s", (int)i, why.text);
        CHECK_ROW(i, rc || !strcmp(redis_url, file_mixes[i].redis_url));
    }
}

/* -- what is printed --------------------------------------------------------------------------- */

/* What vp_conf_load prints for one flag. */
static void printed(const char *flag, char *out, size_t size) {
    FILE *f = tmpfile();
    int before = dup(STDOUT_FILENO);
    bool done = false;
    assert_non_null(f);
    fflush(stdout);
    dup2(fileno(f), STDOUT_FILENO);
    vp_err rc =
        load((const char *[WORDS]){"--nonsense", flag}, (const char *[WORDS]){NULL}, &done, NULL);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    ssize_t n = pread(fileno(f), out, size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    fclose(f);
    assert_int_equal(rc, VP_OK);
    assert_true(done);
}

static void prints_help(void **state) {
    static const char *const words[] = {"voxpop-polls",
                                        "--redis-url",
                                        "VOXPOP_REDIS_URL",
                                        "redis://localhost",
                                        "1 to 30 bytes",
                                        "where Redis is",
                                        "--admin-password",
                                        "VOXPOP_ADMIN_PASSWORD",
                                        "at least 8 bytes",
                                        "VOXPOP_LOG_ACCESS",
                                        "yes or no",
                                        "-5 to 5",
                                        "one line per request",
                                        "--NAME-file PATH",
                                        "VOXPOP_NAME_FILE",
                                        "--help",
                                        "--version"};
    char text[4000];
    printed("--help", text, sizeof text);
    for (size_t i = 0; i < COUNT(words); i++) CHECK_ROW(i, strstr(text, words[i]) != NULL);
}

static void prints_version(void **state) {
    char text[4000];
    printed("--version", text, sizeof text);
    assert_memory_equal(text, "voxpop-polls " VP_VERSION " ",
                        strlen("voxpop-polls " VP_VERSION " "));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(loads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(knows_files_from_values),
        cmocka_unit_test(prints_help),
        cmocka_unit_test(prints_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
