/* log_test.c - what comes out on standard error. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "clock.h"
#include "log.h"

static int old_stderr = -1;
static FILE *captured;

/* Standard error goes to a file until release(). */
static int capture(void **state) {
    captured = tmpfile();
    old_stderr = dup(STDERR_FILENO);
    if (!captured || old_stderr < 0 || dup2(fileno(captured), STDERR_FILENO) < 0) return -1;
    vp_log_init("polls", VP_LOG_INFO);
    return 0;
}

static int release(void **state) {
    vp_log_flush();
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    fclose(captured);
    return 0;
}

/* All that was written so far; the caller frees. */
static char *written(size_t *n) {
    off_t size = lseek(fileno(captured), 0, SEEK_END);
    char *text = calloc((size_t)size + 1, 1);
    if (!text || pread(fileno(captured), text, (size_t)size, 0) != size) abort();
    if (n) *n = (size_t)size;
    return text;
}

static const char *member(const json_t *line, const char *name) {
    return json_string_value(json_object_get(line, name));
}

/* The only line, parsed. */
static json_t *only_line(void) {
    char *text = written(NULL);
    json_error_t e;
    assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!line) fail_msg("%s: %s", e.text, text);
    free(text);
    return line;
}

static void writes_json(void **state) {
    int64_t before = vp_clock_wall(), time;
    const vp_trace about = {"01ARZ3NDEKTSV4RRFFQ69G5FAV",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
    vp_log(VP_LOG_WARN, &about, "%d of %s", 3, "\"them\"");
    json_t *line = only_line();
    assert_string_equal(member(line, "level"), "warn");
    assert_string_equal(member(line, "process"), "polls");
    assert_string_equal(member(line, "request_id"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_string_equal(member(line, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(member(line, "message"), "3 of \"them\"");
    assert_int_equal(vp_time_parse(vp_str_of(member(line, "time")), &time), VP_OK);
    assert_true(time >= before && time <= vp_clock_wall());
    assert_int_equal(json_object_size(line), 6);
    json_decref(line);
}

static void leaves_out_no_request(void **state) {
    const vp_trace nothing = {"", ""};
    vp_log(VP_LOG_ERROR, &nothing, "text");
    json_t *line = only_line();
    assert_null(member(line, "request_id"));
    assert_null(member(line, "trace_id"));
    assert_int_equal(json_object_size(line), 4);
    json_decref(line);
}

static void survives_odd_text(void **state) {
    vp_log(VP_LOG_INFO, NULL, "two\nlines\t\x01 \xFF \xC3\xA4");
    json_t *line = only_line();
    assert_string_equal(member(line, "message"), "two\nlines\t\x01 ? \xC3\xA4");
    json_decref(line);
}

static void cuts_long_text(void **state) {
    char text[5000];
    memset(text, '\x02', sizeof text - 1); /* each needs six bytes */
    text[sizeof text - 1] = '\0';
    vp_log(VP_LOG_INFO, NULL, "%s", text);
    json_t *line = only_line();
    assert_int_equal(strlen(member(line, "message")), 1023);
    json_decref(line);
}

static void cuts_between_characters(void **state) {
    char text[2000] = "x";
    for (size_t i = 1; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA4", 3);
    vp_log(VP_LOG_INFO, NULL, "%s", text);
    json_t *line = only_line(); /* jansson refuses half a character */
    json_decref(line);
}

static int evaluated;
static int evaluate(void) {
    return ++evaluated;
}

static void obeys_the_level(void **state) {
    evaluated = 0;
    assert_false(vp_log_on(VP_LOG_DEBUG));
    assert_true(vp_log_on(VP_LOG_INFO));
    vp_log(VP_LOG_DEBUG, NULL, "%d", evaluate());
    assert_int_equal(evaluated, 0);
    vp_log_init("polls", VP_LOG_ERROR);
    vp_log(VP_LOG_WARN, NULL, "%d", evaluate());
    assert_int_equal(evaluated, 0);
    vp_log(VP_LOG_ERROR, NULL, "%d", evaluate());
    json_t *line = only_line();
    assert_string_equal(member(line, "message"), "1");
    json_decref(line);
}

static void keeps_errno(void **state) {
    errno = EAGAIN;
    vp_log(VP_LOG_ERROR, NULL, "%m");
    assert_int_equal(errno, EAGAIN);
    json_t *line = only_line();
    assert_string_equal(member(line, "message"), strerror(EAGAIN));
    json_decref(line);
}

static void parses_levels(void **state) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    vp_log_level level;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(vp_log_level_parse(vp_str_of(names[i]), &level), VP_OK);
        assert_int_equal(level, i);
    }
    assert_int_equal(vp_log_level_parse(VP_STR("Info"), &level), VP_EINVAL);
    assert_int_equal(vp_log_level_parse(VP_STR(""), &level), VP_EINVAL);
    assert_int_equal(vp_log_level_parse(VP_STR("infos"), &level), VP_EINVAL);
}

static void keeps_raw_lines(void **state) {
    char *text = written(NULL);
    assert_string_equal(text, "");
    free(text);
    vp_log_raw(VP_STR("{\"a\":1}"));
    vp_log_raw((vp_str){NULL, 0});
    vp_log_flush();
    vp_log_flush();
    text = written(NULL);
    assert_string_equal(text, "{\"a\":1}\n\n");
    free(text);
}

static void writes_full_buffers(void **state) {
    char line[100];
    size_t n;
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 2000; i++) vp_log_raw(vp_str_n(line, sizeof line));
    char *text = written(&n);
    assert_true(n >= 2 * 64 * 1024 && n % 101 == 0);
    free(text);
    vp_log_flush();
    text = written(&n);
    assert_int_equal(n, 2000 * 101);
    free(text);
}

static void cuts_raw_lines_that_do_not_fit(void **state) {
    size_t n;
    char *line = malloc(200000), *text;
    memset(line, 'x', 200000);
    vp_log_raw(VP_STR("first"));
    vp_log_raw(vp_str_n(line, 200000));
    vp_log_raw(VP_STR("last"));
    vp_log_flush();
    text = written(&n);
    assert_int_equal(n, 6 + 64 * 1024 + 5);
    assert_string_equal(text + 6 + 64 * 1024, "last\n");
    free(text);
    free(line);
}

/* A kept line older than a second goes out with the next call, here waited for by calling. */
static void writes_old_lines(void **state) {
    int64_t start = vp_clock_ms();
    size_t n = 0;
    while (!n && vp_clock_ms() - start < 5000) {
        vp_log_raw((vp_str){NULL, 0});
        n = (size_t)lseek(fileno(captured), 0, SEEK_END);
        if (n < 60000) usleep(1000);
    }
    assert_true(n > 0 && vp_clock_ms() - start > 900);
}

enum { THREADS = 4, EACH = 500 };

static void *log_many(void *p) {
    for (int i = 0; i < EACH; i++) {
        vp_log(VP_LOG_INFO, NULL, "event");
        vp_log_raw(VP_STR("{\"message\":\"raw\"}"));
    }
    return NULL;
}

static void does_not_mix_lines(void **state) {
    pthread_t thread[THREADS];
    int lines = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, log_many, NULL), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    vp_log_flush();
    char *text = written(NULL), *at = text;
    for (; *at; lines++) {
        size_t n = strcspn(at, "\n");
        json_t *line = json_loadb(at, n, 0, NULL);
        assert_non_null(line);
        json_decref(line);
        at += n + 1;
    }
    assert_int_equal(lines, 2 * THREADS * EACH);
    free(text);
}

static void writes_for_people_on_a_terminal(void **state) {
    char line[300] = "";
    int before = dup(STDERR_FILENO), main_end = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(main_end >= 0 && grantpt(main_end) == 0 && unlockpt(main_end) == 0);
    int terminal = open(ptsname(main_end), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0 && dup2(terminal, STDERR_FILENO) >= 0);
    vp_log_init("polls", VP_LOG_INFO);
    const vp_trace about = {.request = "01ARZ3NDEKTSV4RRFFQ69G5FAV"};
    vp_log(VP_LOG_INFO, &about, "one\x1B[2J\nline");
    ssize_t n = read(main_end, line, sizeof line - 1);
    dup2(before, STDERR_FILENO);
    close(before);
    close(terminal);
    close(main_end);
    assert_true(n > 12);
    assert_true(line[2] == ':' && line[5] == ':' && line[8] == '.');
    assert_string_equal(line + 12, " info  polls  [01ARZ3NDEKTSV4RRFFQ69G5FAV] one [2J line\r\n");
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture, release)

int main(void) {
    static const struct CMUnitTest tests[] = {
        CAPTURED(writes_json),
        CAPTURED(leaves_out_no_request),
        CAPTURED(survives_odd_text),
        CAPTURED(cuts_long_text),
        CAPTURED(cuts_between_characters),
        CAPTURED(obeys_the_level),
        CAPTURED(keeps_errno),
        CAPTURED(parses_levels),
        CAPTURED(keeps_raw_lines),
        CAPTURED(writes_full_buffers),
        CAPTURED(cuts_raw_lines_that_do_not_fit),
        CAPTURED(writes_old_lines),
        CAPTURED(does_not_mix_lines),
        CAPTURED(writes_for_people_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
