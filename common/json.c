/* json.c - see json.h.
 * Messages never repeat what a client sent: they go into answers and logs.
 * SPDX-License-Identifier: MIT */
#include "json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "ulid.h"

/* Only our own values are written, and those are parsed ones or built by hand. */
enum { WRITE_MAX_DEPTH = 64, POINTER_MAX = 96 };

/* jansson recurses, so the depth is known before it starts. Quotes are followed as far as needed
 * to tell a bracket in a text from one that nests; a malformed text is jansson's to refuse. */
static bool depth_ok(vp_str text) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > VP_JSON_MAX_DEPTH) return false;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return true;
}

static const char *reason(const json_error_t *e) {
    static const struct {
        enum json_error_code code;
        const char *text;
    } reasons[] = {
        {json_error_premature_end_of_input, "the text ends too early"},
        {json_error_end_of_input_expected, "more text after the value"},
        {json_error_invalid_utf8, "not UTF-8"},
        {json_error_null_character, "a NUL character"},
        {json_error_null_byte_in_key, "a NUL character in a name"},
        {json_error_duplicate_key, "a name twice in one object"},
        {json_error_numeric_overflow, "a number out of range"},
        {json_error_stack_overflow, "nested too deeply"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].code == json_error_code(e)) return reasons[i].text;
    return "not JSON";
}

vp_err vp_json_parse(vp_str text, json_t **out, vp_fault *why) {
    json_error_t error;
    *out = NULL;
    /* No JSON has one, but jansson would take it for the end of the text. */
    if (text.n && memchr(text.p, '\0', text.n)) {
        vp_fault_set(why, "a NUL character");
        return VP_ESYNTAX;
    }
    if (!depth_ok(text)) {
        vp_fault_set(why, "nested more than %d deep", VP_JSON_MAX_DEPTH);
        return VP_ESYNTAX;
    }
    *out =
        json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*out) return VP_OK;
    vp_fault_set(why, "line %d, column %d: %s", error.line, error.column, reason(&error));
    return VP_ESYNTAX;
}

/* Code points of well-formed UTF-8, which jansson has made sure of. */
static int64_t code_points(vp_str s) {
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

static bool among(vp_str word, const char *words) {
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, " ");
        if (vp_str_eq(word, vp_str_n(p, n))) return true;
        p += n + strspn(p + n, " ");
    }
    return false;
}

static vp_str string_of(const json_t *v) {
    return vp_str_n(json_string_value(v), json_string_length(v));
}

/* Each of these says what is wrong with a value of the right JSON type, if anything. */
typedef void check_fn(const json_t *v, const vp_json_rule *rule, const char *at, vp_problem *p);

/* Too few or too many of what; a max of 0 is none. */
static void check_count(int64_t n, const vp_json_rule *rule, const char *what, const char *at,
                        vp_problem *p) {
    if (n < rule->min && n == 0) {
        vp_problem_field(p, at, "must not be empty");
    } else if (n < rule->min) {
        vp_problem_field(p, at, "must have at least %lld %s", (long long)rule->min, what);
    } else if (rule->max && n > rule->max) {
        vp_problem_field(p, at, "must have at most %lld %s", (long long)rule->max, what);
    }
}

static void check_text(const json_t *v, const vp_json_rule *rule, const char *at, vp_problem *p) {
    vp_str s = vp_str_trim(string_of(v));
    if (!rule->one_of) {
        check_count(code_points(s), rule, "characters", at, p);
    } else if (!among(s, rule->one_of)) {
        vp_problem_field(p, at, "must be one of: %s", rule->one_of);
    }
}

static void check_int(const json_t *v, const vp_json_rule *rule, const char *at, vp_problem *p) {
    json_int_t n = json_integer_value(v);
    bool bounded = rule->min || rule->max;
    if (bounded && (n < rule->min || n > rule->max))
        vp_problem_field(p, at, "must be from %lld to %lld", (long long)rule->min,
                         (long long)rule->max);
}

static void check_list(const json_t *v, const vp_json_rule *rule, const char *at, vp_problem *p) {
    check_count((int64_t)json_array_size(v), rule, "elements", at, p);
}

static void check_time(const json_t *v, const vp_json_rule *rule, const char *at, vp_problem *p) {
    int64_t ms;
    if (vp_time_parse(string_of(v), &ms))
        vp_problem_field(p, at, "must be a time such as 2026-11-24T06:20:51Z");
}

static void check_id(const json_t *v, const vp_json_rule *rule, const char *at, vp_problem *p) {
    if (!vp_ulid_valid(string_of(v))) vp_problem_field(p, at, "must be an id");
}

static const struct {
    json_type type;
    const char *wrong;
    check_fn *check;
} kinds[] = {
    [VP_JSON_TEXT] = {JSON_STRING, "must be a text", check_text},
    [VP_JSON_INT] = {JSON_INTEGER, "must be a whole number", check_int},
    [VP_JSON_BOOL] = {JSON_TRUE, "must be true or false", NULL},
    [VP_JSON_LIST] = {JSON_ARRAY, "must be a list", check_list},
    [VP_JSON_OBJECT] = {JSON_OBJECT, "must be an object", NULL},
    [VP_JSON_TIME] = {JSON_STRING, "must be a text", check_time},
    [VP_JSON_ID] = {JSON_STRING, "must be a text", check_id},
};

static void check_member(const json_t *object, const vp_json_rule *rule, const char *prefix,
                         vp_problem *p) {
    const json_t *v = json_object_get(object, rule->name);
    char at[POINTER_MAX];
    snprintf(at, sizeof at, "%s/%s", prefix, rule->name);
    if (!v || json_is_null(v)) {
        if (rule->required) vp_problem_field(p, at, "is needed");
        return;
    }
    json_type type = json_is_false(v) ? JSON_TRUE : json_typeof(v);
    if (type != kinds[rule->kind].type) {
        vp_problem_field(p, at, "%s", kinds[rule->kind].wrong);
    } else if (kinds[rule->kind].check) {
        kinds[rule->kind].check(v, rule, at, p);
    }
}

vp_err vp_json_check(const json_t *object, const vp_json_rule *rules, const char *prefix,
                     vp_problem *problem) {
    vp_problem local = {0}, *p = problem ? problem : &local;
    vp_err before = p->code;
    p->code = VP_OK; /* tells whether anything below adds a field, also when the list is full */
    if (!json_is_object(object)) {
        vp_problem_field(p, prefix, "must be an object");
    } else {
        for (const vp_json_rule *rule = rules; rule->name; rule++)
            check_member(object, rule, prefix, p);
    }
    vp_err found = p->code;
    if (before) p->code = before;
    return found;
}

vp_str vp_json_text(const json_t *object, const char *name) {
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? string_of(v) : (vp_str){NULL, 0};
}

int64_t vp_json_int(const json_t *object, const char *name, int64_t fallback) {
    const json_t *v = json_object_get(object, name);
    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool vp_json_bool(const json_t *object, const char *name, bool fallback) {
    const json_t *v = json_object_get(object, name);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

static void write_value(vp_buf *out, const json_t *v, int depth);

static void write_object(vp_buf *out, const json_t *v, int depth) {
    const char *separator = "{";
    /* jansson's iterator is not const, though reading changes nothing. */
    union {
        const json_t *borrowed;
        json_t *object;
    } u = {v};
    for (void *i = json_object_iter(u.object); i; i = json_object_iter_next(u.object, i)) {
        vp_buf_adds(out, separator);
        vp_buf_add_json(out, vp_str_of(json_object_iter_key(i)));
        vp_buf_addc(out, ':');
        write_value(out, json_object_iter_value(i), depth + 1);
        separator = ",";
    }
    vp_buf_adds(out, json_object_size(v) ? "}" : "{}");
}

static void write_array(vp_buf *out, const json_t *v, int depth) {
    vp_buf_addc(out, '[');
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i) vp_buf_addc(out, ',');
        write_value(out, json_array_get(v, i), depth + 1);
    }
    vp_buf_addc(out, ']');
}

/* The fewest digits that read back as the same number: 33.3, not 33.299999999999997. */
static void write_real(vp_buf *out, const json_t *v) {
    char text[64];
    for (size_t digits = 15; digits <= 17; digits++) {
        size_t n =
            json_dumpb(v, text, sizeof text - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        assert(n && n < sizeof text);
        text[n] = '\0';
        if (digits < 17 && strtod(text, NULL) != json_real_value(v)) continue;
        vp_buf_add(out, text, n);
        return;
    }
}

static void write_value(vp_buf *out, const json_t *v, int depth) {
    assert(depth < WRITE_MAX_DEPTH);
    switch (json_typeof(v)) {
    case JSON_OBJECT: write_object(out, v, depth); break;
    case JSON_ARRAY: write_array(out, v, depth); break;
    case JSON_STRING: vp_buf_add_json(out, string_of(v)); break;
    case JSON_INTEGER: vp_buf_add_int(out, json_integer_value(v)); break;
    case JSON_REAL: write_real(out, v); break;
    case JSON_TRUE: vp_buf_adds(out, "true"); break;
    case JSON_FALSE: vp_buf_adds(out, "false"); break;
    case JSON_NULL: vp_buf_adds(out, "null"); break;
    }
}

void vp_json_write(vp_buf *out, const json_t *value) {
    assert(value);
    write_value(out, value, 0);
}
