/* http.c - see http.h. One curl handle: what holds for all calls is set once, what differs at each
 * try. SPDX-License-Identifier: MIT */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "json.h"
#include "mem.h"
#include "text.h"

enum {
    ANSWER_MAX = 8 * 1024 * 1024,
    BODY_MAX = 4 * 1024 * 1024,
    URL_MAX = 2048,
    HEADER_MAX = 8192,
    CONNECT_MS = 5000,
    TRY_MS = 30000,
    TRIES = 12,        /* a server that stays busy: about 40 s */
    CONNECT_TRIES = 5, /* where nobody listens: about 3 s */
    PAUSE_FIRST_MS = 200,
    PAUSE_MOST_MS = 5000
};

struct cli_http {
    CURL *curl;
    char *base; /* without a slash at its end */
    const char *token;
    bool cookies;
    int64_t patience_ms;
    const volatile sig_atomic_t *stop; /* NULL: nothing stops a call */
};

/* What one try came to. */
typedef struct attempt {
    CURLcode code;
    long status;
    int64_t retry_after_ms; /* 0: not said */
    vp_buf text;
    char error[CURL_ERROR_SIZE];
} attempt;

static bool has_part(CURLU *parts, CURLUPart part, const char *one, const char *other) {
    char *text = NULL;
    bool there = !curl_url_get(parts, part, &text, 0) && text;
    bool fits = there && (!one || strcmp(text, one) == 0 || strcmp(text, other) == 0);
    curl_free(text);
    return fits;
}

static vp_err check_url(const char *url, vp_fault *why) {
    vp_err rc = VP_EINVAL;
    CURLU *parts = curl_url();
    if (!parts) return VP_ESYSTEM;
    if (strlen(url) > URL_MAX / 2 || curl_url_set(parts, CURLUPART_URL, url, 0) ||
        !has_part(parts, CURLUPART_SCHEME, "http", "https")) {
        vp_fault_set(why, "--url must be an address that begins with http:// or https://");
    } else if (has_part(parts, CURLUPART_USER, NULL, NULL) ||
               has_part(parts, CURLUPART_QUERY, NULL, NULL) ||
               has_part(parts, CURLUPART_FRAGMENT, NULL, NULL)) {
        vp_fault_set(why, "--url must have no user, query or fragment");
    } else {
        rc = VP_OK;
    }
    curl_url_cleanup(parts);
    return rc;
}

void cli_http_destroy(cli_http **self) {
    if (!*self) return;
    curl_easy_cleanup((*self)->curl);
    free((*self)->base);
    free(*self);
    *self = NULL;
}

void cli_http_keep_cookies(cli_http *self) {
    self->cookies = true;
    curl_easy_setopt(self->curl, CURLOPT_COOKIEFILE, "");
}

void cli_http_set_patience(cli_http *self, int64_t ms) {
    self->patience_ms = ms;
}

void cli_http_stop_on(cli_http *self, const volatile sig_atomic_t *flag) {
    self->stop = flag;
}

static bool stopped(const cli_http *self) {
    return self->stop && *self->stop;
}

static size_t on_body(char *data, size_t size, size_t n, void *to) {
    vp_buf *text = to;
    vp_buf_add(text, data, size * n);
    return text->over ? 0 : size * n;
}

static int on_progress(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    return stopped(self);
}

/* What holds for every call. */
static void set_limits(cli_http *self) {
    curl_easy_setopt(self->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(self->curl, CURLOPT_USERAGENT, "voxpop/" VP_VERSION);
    curl_easy_setopt(self->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(self->curl, CURLOPT_TIMEOUT_MS, (long)TRY_MS);
    curl_easy_setopt(self->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(self->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(self->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(self->curl, CURLOPT_XFERINFODATA, self);
}

vp_err cli_http_new(cli_http **out, const char *url, const char *token, vp_fault *why) {
    *out = NULL;
    vp_err rc = check_url(url, why);
    if (rc) return rc;
    if (token && (!cli_text_is_visible(vp_str_of(token)) || strlen(token) > HEADER_MAX / 2)) {
        vp_fault_set(why, "the token must be at most %d visible ASCII characters", HEADER_MAX / 2);
        return VP_EINVAL;
    }
    cli_http *self = vp_calloc(1, sizeof *self);
    size_t n = strlen(url);
    while (n && url[n - 1] == '/') n--;
    self->base = vp_strndup(url, n);
    self->token = token;
    self->patience_ms = CLI_PATIENCE_MS;
    if (!(self->curl = curl_easy_init())) {
        vp_fault_set(why, "libcurl cannot start");
        cli_http_destroy(&self);
        return VP_ESYSTEM;
    }
    set_limits(self);
    *out = self;
    return VP_OK;
}

static void add_header(struct curl_slist **list, const char *name, const char *value) {
    vp_buf line;
    if (!value) return;
    vp_buf_init(&line, HEADER_MAX);
    vp_buf_addf(&line, "%s%s", name, value);
    struct curl_slist *grown = line.data ? curl_slist_append(*list, line.data) : NULL;
    if (grown) *list = grown;
    if (line.data) sodium_memzero(line.data, line.len);
    vp_buf_release(&line);
}

/* An empty body must not be announced as a form's: curl would, and the gateway refuses forms
 * that no page of its own sent. Nor does the gateway ever send 100 Continue. */
static struct curl_slist *headers_of(const cli_http *self, const cli_call *call) {
    struct curl_slist *list = NULL;
    bool read = strcmp(call->method, "GET") == 0;
    add_header(&list, "Accept: ",
               call->accept ? call->accept : "application/json, application/problem+json");
    add_header(&list, "Content-Type:", call->body ? " application/json" : "");
    add_header(&list, "Expect:", "");
    add_header(&list, "Authorization: Bearer ", call->anonymous ? NULL : self->token);
    add_header(&list, "Idempotency-Key: ", call->key);
    add_header(&list, "X-First-Account: ", call->first_account);
    add_header(&list, "If-Match: ", call->match);
    add_header(&list, "Sec-Fetch-Site: ", self->cookies && !read ? "none" : NULL);
    return list;
}

/* Doing it twice is doing it once. */
static bool is_safe_twice(const cli_call *call) {
    return call->key || call->harmless || strcmp(call->method, "POST") != 0;
}

static void set_method(CURL *curl, const cli_call *call, const vp_buf *body) {
    if (body->data || strcmp(call->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data ? body->data : "");
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    /* On a connection that was used before, curl repeats a lost request of itself. */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long)!is_safe_twice(call));
}

static void try_once(cli_http *self, const cli_call *call, const vp_buf *body, attempt *a) {
    char url[URL_MAX];
    curl_off_t seconds = 0;
    vp_buf_clear(&a->text);
    a->error[0] = '\0';
    a->status = 0;
    a->retry_after_ms = 0;
    set_method(self->curl, call, body);
    struct curl_slist *headers = headers_of(self, call);
    curl_easy_setopt(self->curl, CURLOPT_HTTPHEADER, headers);
    int n = snprintf(url, sizeof url, "%s%s", self->base, call->path);
    curl_easy_setopt(self->curl, CURLOPT_URL, url);
    curl_easy_setopt(self->curl, CURLOPT_ERRORBUFFER, a->error);
    curl_easy_setopt(self->curl, CURLOPT_WRITEDATA, &a->text);
    a->code = n < (int)sizeof url ? curl_easy_perform(self->curl) : CURLE_URL_MALFORMAT;
    if (!a->code) {
        curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &a->status);
        curl_easy_getinfo(self->curl, CURLINFO_RETRY_AFTER, &seconds);
        a->retry_after_ms = (seconds < 86400 ? seconds : 86400) * 1000;
    }
    curl_easy_setopt(self->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
}

/* Nothing was done by the server: so say these, whatever the request was. */
static bool was_refused(const attempt *a) {
    return a->code == CURLE_COULDNT_CONNECT || a->code == CURLE_COULDNT_RESOLVE_HOST ||
           a->status == 429 || a->status == 503;
}

/* It may or may not have been done. */
static bool was_lost(const attempt *a) {
    return a->code == CURLE_OPERATION_TIMEDOUT || a->code == CURLE_SEND_ERROR ||
           a->code == CURLE_RECV_ERROR || a->code == CURLE_GOT_NOTHING ||
           a->code == CURLE_PARTIAL_FILE || a->status == 502 || a->status == 504;
}

static bool may_repeat(const cli_call *call, const attempt *a, int tries) {
    int most = a->code == CURLE_COULDNT_CONNECT ? CONNECT_TRIES : TRIES;
    return tries < most && (was_refused(a) || (is_safe_twice(call) && was_lost(a)));
}

/* Growing, and spread so that many callers do not come back at once. */
static int64_t pause_ms(const attempt *a, int tries) {
    int64_t ms = PAUSE_FIRST_MS;
    for (int i = 1; i < tries && ms < PAUSE_MOST_MS; i++) ms *= 2;
    if (ms < a->retry_after_ms) ms = a->retry_after_ms;
    return ms + randombytes_uniform((uint32_t)(PAUSE_FIRST_MS / 2));
}

/* Sleeps unless a signal that stops the call arrives. */
static void wait_ms(const cli_http *self, int64_t ms) {
    int64_t end = vp_clock_ms() + ms;
    for (int64_t left = ms; left > 0 && !stopped(self); left = end - vp_clock_ms()) {
        int64_t part = left < 200 ? left : 200;
        struct timespec t = {part / 1000, part % 1000 * 1000000};
        nanosleep(&t, NULL);
    }
}

static void try_until(cli_http *self, const cli_call *call, const vp_buf *body, attempt *a) {
    int64_t end = vp_clock_ms() + self->patience_ms;
    for (int tries = 1;; tries++) {
        try_once(self, call, body, a);
        if (stopped(self) || !may_repeat(call, a, tries)) return;
        int64_t pause = pause_ms(a, tries);
        if (vp_clock_ms() + pause > end) return;
        wait_ms(self, pause);
    }
}

static vp_err code_of(long status) {
    if (status >= 200 && status < 300) return VP_OK;
    for (int e = VP_OK + 1; e < VP_ERR_COUNT; e++)
        if (vp_err_status((vp_err)e) == status) return (vp_err)e;
    return VP_EPROTO;
}

static vp_err no_answer(const cli_http *self, const attempt *a, vp_fault *why) {
    if (stopped(self)) {
        vp_fault_set(why, "stopped");
    } else if (a->text.over) {
        vp_fault_set(why, "the answer of %s is over %d bytes", self->base, (int)ANSWER_MAX);
    } else {
        vp_fault_set(why, "no answer from %s: %s", self->base,
                     *a->error ? a->error : curl_easy_strerror(a->code));
    }
    return a->text.over ? VP_ETOOBIG : VP_EAWAY;
}

/* The sentence of a problem: its first bad field, else its detail, else its title. */
static vp_err refusal(const cli_call *call, const attempt *a, const json_t *problem,
                      vp_fault *why) {
    vp_buf text;
    json_t *field = json_array_get(json_object_get(problem, "errors"), 0);
    vp_str pointer = vp_json_text(field, "pointer"), detail = vp_json_text(field, "detail");
    if (!detail.n) detail = vp_json_text(problem, "detail");
    if (!detail.n) detail = vp_json_text(problem, "title");
    vp_buf_init(&text, SIZE_MAX);
    vp_buf_addf(&text, "%s %s: %ld", call->method, call->path, a->status);
    if (pointer.n || detail.n) vp_buf_adds(&text, " ");
    vp_buf_add_str(&text, pointer);
    if (pointer.n) vp_buf_adds(&text, " ");
    vp_buf_add_str(&text, detail);
    if (a->retry_after_ms)
        vp_buf_addf(&text, " (again in %lld s)", (long long)(a->retry_after_ms / 1000));
    vp_fault_set(why, "%s", text.data);
    vp_buf_release(&text);
    return code_of(a->status);
}

static vp_err judge(const cli_http *self, const cli_call *call, attempt *a, cli_answer *out,
                    vp_fault *why) {
    vp_fault syntax = {0};
    if (a->code) return no_answer(self, a, why);
    out->status = a->status;
    if (call->accept && !code_of(a->status)) {
        out->text = a->text;
        vp_buf_init(&a->text, ANSWER_MAX);
        return VP_OK;
    }
    vp_err bad = a->text.len ? vp_json_parse(vp_buf_str(&a->text), &out->body, &syntax) : VP_OK;
    if (code_of(a->status)) return refusal(call, a, out->body, why);
    if (!bad) return VP_OK;
    vp_fault_set(why, "%s %s: the answer is not JSON: %s", call->method, call->path, syntax.text);
    return VP_EPROTO;
}

vp_err cli_http_call(cli_http *self, const cli_call *call, cli_answer *out, vp_fault *why) {
    vp_buf body;
    attempt a = {0};
    *out = (cli_answer){0};
    vp_buf_init(&body, BODY_MAX);
    vp_buf_init(&a.text, ANSWER_MAX);
    if (call->body) vp_json_write(&body, call->body);
    vp_err rc = VP_ETOOBIG;
    if (body.over) {
        vp_fault_set(why, "%s %s: the body is over %d bytes", call->method, call->path,
                     (int)BODY_MAX);
    } else {
        try_until(self, call, &body, &a);
        rc = judge(self, call, &a, out, why);
    }
    if (body.data) sodium_memzero(body.data, body.len); /* it may hold a password */
    vp_buf_release(&a.text);
    vp_buf_release(&body);
    return rc;
}

void cli_answer_release(cli_answer *answer) {
    json_decref(answer->body);
    vp_buf_release(&answer->text);
    *answer = (cli_answer){0};
}

vp_err cli_http_get(cli_http *self, const char *path, json_t **out, vp_fault *why) {
    cli_answer answer;
    vp_err rc = cli_http_call(self, &(cli_call){.method = "GET", .path = path}, &answer, why);
    *out = NULL;
    if (!rc && !json_is_object(answer.body)) {
        vp_fault_set(why, "GET %s: the answer is not an object", path);
        rc = VP_EPROTO;
    }
    if (!rc) *out = json_incref(answer.body);
    cli_answer_release(&answer);
    return rc;
}
