/* keep.c - export and import over the HTTP API: records as lines of JSON, service by service, a
 * page at a time. While an export is on its way it is in FILE.part, and FILE.part.at says how far
 * it is, so it goes on after it was cut short. The last line says how many lines there are. An
 * import may be repeated: what is there is left alone. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "stop.h"
#include "table.h"
#include "text.h"

enum {
    NAME_LEN = 4096,
    PATH_LEN = 256,
    CURSOR_LEN = 160,
    NOTE_MAX = 4096,
    PAGES_MAX = 100 * 1000 * 1000,
    ITEMS_AT_ONCE = 100,            /* in one import; keep.h of common says so */
    BYTES_AT_ONCE = 512 * 1024,     /* of lines */
    LINE_MAX_LEN = 4 * 1024 * 1024, /* of a file */
    LEFT_SHOWN = 20
};

/* In the order in which one may need another. */
static const char *const services[] = {"accounts", "articles", "polls", "comments"};
enum { SERVICES = sizeof services / sizeof *services };

static const char first_line[] = "{\"voxpop\":\"export\",\"version\":1}\n";

static vp_err failed(vp_fault *why) {
    vp_fault_set(why, "%s", strerror(errno));
    return VP_ESYSTEM;
}

/* -- export ------------------------------------------------------------------------------------ */

typedef struct export {
    char part[NAME_LEN], at[NAME_LEN];
    FILE *file;
    int service; /* that comes next */
    char cursor[CURSOR_LEN];
    long long bytes, lines;
}
export;

static void begin_anew(export *e) {
    e->service = 0;
    e->cursor[0] = '\0';
    e->bytes = e->lines = 0;
}

/* The first line of the note says what is exported from where: another export does not go on. */
static void note_head(const cli_run *run, vp_buf *out) {
    vp_buf_addf(out, "%s %s\n", run->args.url, run->args.with_passwords ? "passwords" : "plain");
}

/* Goes on where the last one ended; without a note begins anew. */
static void read_place(const cli_run *run, export *e) {
    vp_buf text, head;
    if (vp_file_read(e->at, NOTE_MAX, &text, NULL)) return;
    vp_buf_init(&head, NOTE_MAX);
    note_head(run, &head);
    bool ours = !head.over && vp_str_starts(vp_buf_str(&text), vp_buf_str(&head));
    if (!ours ||
        sscanf(text.data + head.len, "%d %lld %lld %159s", &e->service, &e->bytes, &e->lines,
               e->cursor) < 3 ||
        e->service < 0 || e->service > SERVICES || e->bytes < 0)
        begin_anew(e);
    vp_buf_release(&text);
    vp_buf_release(&head);
}

/* The lines are on disk before the place behind them is. */
static vp_err write_place(const cli_run *run, export *e, vp_fault *why) {
    char fresh[NAME_LEN];
    vp_buf note;
    if (fflush(e->file) || fdatasync(fileno(e->file))) return failed(why);
    vp_buf_init(&note, NOTE_MAX);
    note_head(run, &note);
    vp_buf_addf(&note, "%d %lld %lld %s\n", e->service, e->bytes, e->lines, e->cursor);
    snprintf(fresh, sizeof fresh, "%.*s.new", NAME_LEN - 5, e->at);
    FILE *file = note.over ? NULL : fopen(fresh, "we");
    bool good = file && fwrite(note.data, 1, note.len, file) == note.len;
    if (file && fclose(file)) good = false;
    vp_buf_release(&note);
    return good && !rename(fresh, e->at) ? VP_OK : failed(why);
}

/* It may hold passwords' hashes and holds e-mail addresses: only for its owner. */
static vp_err open_export(const cli_run *run, export *e, const char *path, vp_fault *why) {
    if (snprintf(e->part, sizeof e->part, "%s.part", path) > NAME_LEN - 16) {
        vp_fault_set(why, "the name is too long");
        return VP_EINVAL;
    }
    snprintf(e->at, sizeof e->at, "%.*s.at", NAME_LEN - 8, e->part);
    if (access(path, F_OK) == 0) {
        vp_fault_set(why, "is there already");
        return VP_ECONFLICT;
    }
    struct stat st;
    read_place(run, e);
    int fd = open(e->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st)) return failed(why);
    if (st.st_size < e->bytes) begin_anew(e);
    e->file = fdopen(fd, "w");
    if (!e->file || ftruncate(fd, e->bytes) || fseeko(e->file, e->bytes, SEEK_SET))
        return failed(why);
    if (e->bytes) return VP_OK;
    fputs(first_line, e->file);
    e->bytes = (long long)strlen(first_line);
    return VP_OK;
}

static vp_err write_items(export *e, const json_t *items, vp_fault *why) {
    vp_buf line;
    vp_buf_init(&line, LINE_MAX_LEN);
    for (size_t i = 0; i < json_array_size(items) && !line.over; i++) {
        vp_buf_clear(&line);
        vp_json_write(&line, json_array_get(items, i));
        vp_buf_addc(&line, '\n');
        if (line.over) break;
        fwrite(line.data, 1, line.len, e->file);
        e->bytes += (long long)line.len;
        e->lines++;
    }
    vp_err rc = line.over ? VP_ETOOBIG : ferror(e->file) ? failed(why) : VP_OK;
    if (line.over) vp_fault_set(why, "a record is over %d bytes", (int)LINE_MAX_LEN);
    vp_buf_release(&line);
    return rc;
}

/* One page; then the place is that behind it. */
static vp_err export_page(cli_run *run, export *e, vp_fault *why) {
    char path[PATH_LEN + CURSOR_LEN];
    json_t *page = NULL;
    snprintf(path, sizeof path, "/api/v1/export/%s?secrets=%s%s%s", services[e->service],
             run->args.with_passwords ? "yes" : "no", *e->cursor ? "&cursor=" : "", e->cursor);
    vp_err rc = cli_http_get(run->http, path, &page, why);
    if (!rc) rc = write_items(e, json_object_get(page, "items"), why);
    vp_str next = vp_json_text(page, "next_cursor");
    if (!rc && next.n && (next.n >= CURSOR_LEN || !cli_text_is_visible(next))) {
        vp_fault_set(why, "GET %s: the cursor cannot be read", path);
        rc = VP_EPROTO;
    }
    if (!rc) {
        snprintf(e->cursor, sizeof e->cursor, "%.*s", (int)next.n, next.n ? next.p : "");
        if (!next.n) e->service++;
        rc = write_place(run, e, why);
    }
    json_decref(page);
    return rc;
}

static vp_err end_export(export *e, const char *path, vp_fault *why) {
    fprintf(e->file, "{\"lines\":%lld}\n", e->lines);
    if (fflush(e->file) || fsync(fileno(e->file)) || rename(e->part, path)) return failed(why);
    unlink(e->at);
    return VP_OK;
}

vp_err cli_export(cli_run *run, vp_fault *why) {
    export e = {0};
    const char *path = run->args.words[0];
    vp_fault fault = {0};
    cli_stop_catch();
    cli_http_stop_on(run->http, cli_stop_flag());
    vp_err rc = open_export(run, &e, path, &fault);
    for (int i = 0; i < PAGES_MAX && !rc && e.service < SERVICES; i++)
        rc = export_page(run, &e, &fault);
    if (!rc) rc = end_export(&e, path, &fault);
    if (e.file) fclose(e.file);
    if (rc)
        vp_fault_set(why, "%s: %s%s", path, fault.text,
                     e.file ? "; the same command goes on where this one ended" : "");
    else
        printf("%s: %lld records, %lld bytes\n", path, e.lines, e.bytes);
    return rc;
}

/* -- import ------------------------------------------------------------------------------------ */

typedef struct import {
    FILE *file;
    char *line;            /* LINE_MAX_LEN and an end */
    long long lines, said; /* read; as the last line says, -1: there was none */
    json_t *items;         /* of one service, to be sent next */
    char service[32];
    size_t bytes;
    json_t *rows;
    long long conflicts, shown;
} import;

static void show_left(import *im, const json_t *left) {
    for (size_t i = 0; i < json_array_size(left); i++) {
        char text[PATH_LEN];
        const char *name = json_string_value(json_array_get(left, i));
        im->conflicts++;
        if (im->shown++ >= LEFT_SHOWN || !name) continue;
        snprintf(text, sizeof text, "%s", name);
        cli_text_plain(text);
        fprintf(stderr, "left as it is: %s\n", text);
    }
}

static void count(import *im, const json_t *answer) {
    static const char *const names[] = {"added", "same", "conflicts", "refused"};
    size_t n = json_array_size(im->rows);
    json_t *row = n ? json_array_get(im->rows, n - 1) : NULL;
    if (!row || !vp_str_eq(vp_json_text(row, "service"), vp_str_of(im->service))) {
        row = json_pack("{s:s}", "service", im->service);
        if (!row || json_array_append_new(im->rows, row)) return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_set_new(
            row, names[i],
            json_integer(vp_json_int(row, names[i], 0) + vp_json_int(answer, names[i], 0)));
    show_left(im, json_object_get(answer, "left"));
}

/* A record that is larger than a request may be: it stays away, the others do not. */
static void count_refused(import *im) {
    char name[PATH_LEN];
    const json_t *item = json_array_get(im->items, 0);
    vp_str kind = vp_json_text(item, "kind"), id = vp_json_text(item, "id");
    snprintf(name, sizeof name, "%.*s %.*s (too large)", (int)kind.n, kind.n ? kind.p : "",
             (int)id.n, id.n ? id.p : "");
    json_t *answer = json_pack("{s:i, s:[s]}", "refused", 1, "left", name);
    count(im, answer);
    json_decref(answer);
}

static vp_err send_items(cli_run *run, import *im, vp_fault *why) {
    char path[PATH_LEN];
    cli_answer answer = {0};
    if (!json_array_size(im->items)) return VP_OK;
    json_t *body = json_pack("{s:O}", "items", im->items);
    snprintf(path, sizeof path, "/api/v1/import/%s", im->service);
    cli_call call = {.method = "POST", .path = path, .body = body, .harmless = true};
    vp_fault fault = {0};
    vp_err rc = cli_http_call(run->http, &call, &answer, &fault);
    if (rc == VP_ETOOBIG && json_array_size(im->items) == 1) {
        rc = VP_OK;
        count_refused(im);
    } else if (rc) {
        vp_fault_set(why, "%s (up to line %lld)", fault.text, im->lines + 1);
    } else {
        count(im, answer.body);
    }
    cli_answer_release(&answer);
    json_decref(body);
    json_array_clear(im->items);
    im->bytes = 0;
    return rc;
}

/* The service is part of a path, so it is one that we know. */
static bool is_service(vp_str name) {
    for (int i = 0; i < SERVICES; i++)
        if (vp_str_eq(name, vp_str_of(services[i]))) return true;
    return false;
}

static vp_err take_item(cli_run *run, import *im, json_t *item, size_t bytes, vp_fault *why) {
    vp_str service = vp_json_text(item, "service");
    if (!is_service(service)) {
        vp_fault_set(why, "line %lld is no record of an export", im->lines + 2);
        return VP_EINVAL;
    }
    bool full = json_array_size(im->items) == ITEMS_AT_ONCE || im->bytes + bytes > BYTES_AT_ONCE ||
                !vp_str_eq(service, vp_str_of(im->service));
    vp_err rc = full ? send_items(run, im, why) : VP_OK;
    snprintf(im->service, sizeof im->service, "%.*s", (int)service.n, service.p);
    json_array_append(im->items, item);
    im->bytes += bytes;
    im->lines++;
    return rc;
}

/* A line, or the last one. */
static vp_err take_line(cli_run *run, import *im, vp_str line, vp_fault *why) {
    json_t *item = NULL;
    vp_fault fault = {0};
    vp_err rc = vp_json_parse(line, &item, &fault);
    if (rc)
        vp_fault_set(why, "line %lld: %s", im->lines + 2, fault.text);
    else if (json_object_get(item, "lines") && !json_object_get(item, "service"))
        im->said = vp_json_int(item, "lines", -1);
    else
        rc = take_item(run, im, item, line.n, why);
    json_decref(item);
    return rc;
}

/* False at the end of the file. A line without its end is one that is too long, or the last. */
static bool next_line(import *im) {
    return fgets(im->line, LINE_MAX_LEN + 1, im->file) != NULL;
}

static vp_err read_lines(cli_run *run, import *im, vp_fault *why) {
    if (!next_line(im) || strcmp(im->line, first_line) != 0) {
        vp_fault_set(why, "is no export of this version");
        return VP_EINVAL;
    }
    vp_err rc = VP_OK;
    while (!rc && im->said < 0 && next_line(im)) {
        size_t n = strlen(im->line);
        if (n == LINE_MAX_LEN && im->line[n - 1] != '\n') {
            vp_fault_set(why, "line %lld is too long", im->lines + 2);
            return VP_ETOOBIG;
        }
        rc = take_line(run, im, vp_str_trim(vp_str_n(im->line, n)), why);
    }
    if (!rc) rc = send_items(run, im, why);
    if (!rc && im->said != im->lines) {
        vp_fault_set(why, "is cut short: all of its %lld records were taken, but it has no end",
                     im->lines);
        rc = VP_EPROTO;
    }
    return rc;
}

vp_err cli_import(cli_run *run, vp_fault *why) {
    static const cli_column columns[] = {{"SERVICE", "service", false},
                                         {"ADDED", "added", true},
                                         {"THERE", "same", true},
                                         {"CONFLICTS", "conflicts", true},
                                         {"REFUSED", "refused", true}};
import im = {.said = - 1 };
    cli_stop_catch();
    cli_http_stop_on(run->http, cli_stop_flag());
    run->at = run->args.words[0];
    im.file = fopen(run->at, "re");
    if (!im.file) return failed(why);
    im.line = vp_alloc(LINE_MAX_LEN + 1);
    im.items = json_array();
    im.rows = json_array();
    vp_err rc = read_lines(run, &im, why);
    if (json_array_size(im.rows))
        cli_table_print(columns, sizeof columns / sizeof *columns, im.rows);
    if (!rc && im.conflicts) {
        vp_fault_set(why, "%lld were left as they are", im.conflicts);
        rc = VP_ECONFLICT;
    }
    json_decref(im.items);
    json_decref(im.rows);
    free(im.line);
    fclose(im.file);
    return rc;
}
