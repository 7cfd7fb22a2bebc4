/* clock.c - see clock.h.
 * The calendar is done by hand: gmtime_r takes a lock of the whole process, and the access log
 * asks for it on every request. SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

enum { DAY_S = 86400 };
static const int64_t LAST_S = 253402300799; /* 9999-12-31T23:59:59Z */

static int64_t now(clockid_t id, int64_t per_second) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * per_second + t.tv_nsec / (1000000000 / per_second);
}

int64_t vp_clock_ms(void) {
    return now(CLOCK_MONOTONIC, 1000);
}
int64_t vp_clock_us(void) {
    return now(CLOCK_MONOTONIC, 1000000);
}
int64_t vp_clock_wall(void) {
    return now(CLOCK_REALTIME, 1000);
}

static bool is_leap(int y) {
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

/* Days of a common year before the 1st of each month; the thirteenth is its length. */
static const int before_month[13] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static int month_length(int y, int month) {
    return before_month[month] - before_month[month - 1] + (month == 2 && is_leap(y));
}

/* Days from 1970-01-01 to January 1st of year y, which may be before 1970. */
static int64_t year_days(int y) {
    int64_t p = (int64_t)y - 1; /* whole years since year 0; all divisions below are of >= -1 */
    int64_t leaps = y == 0 ? -1 : p / 4 - p / 100 + p / 400;
    return 365 * (int64_t)(y - 1970) + leaps - 477; /* 477 leap years before 1970 */
}

static void put_digits(char *out, int digits, int v) {
    while (digits-- > 0) {
        out[digits] = (char)('0' + v % 10);
        v /= 10;
    }
}

void vp_time_text(int64_t unix_ms, char out[VP_TIME_LEN + 1]) {
    int64_t s = unix_ms < 0 ? 0 : unix_ms / 1000;
    if (s > LAST_S) s = LAST_S;
    int64_t days = s / DAY_S;
    int second = (int)(s % DAY_S), y = 1970 + (int)(days / 366), month = 1;
    while (year_days(y + 1) <= days) y++;
    int day = (int)(days - year_days(y));
    while (day >= month_length(y, month)) day -= month_length(y, month++);
    memcpy(out, "0000-00-00T00:00:00Z", VP_TIME_LEN + 1);
    put_digits(out, 4, y);
    put_digits(out + 5, 2, month);
    put_digits(out + 8, 2, day + 1);
    put_digits(out + 11, 2, second / 3600);
    put_digits(out + 14, 2, second / 60 % 60);
    put_digits(out + 17, 2, second % 60);
}

/* Takes exactly n digits off the front of *s; -1 if they are not there. */
static int take_digits(vp_str *s, size_t n) {
    int v = 0;
    if (s->n < n) return -1;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return -1;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = (vp_str){s->p + n, s->n - n};
    return v;
}

static bool take_char(vp_str *s, char upper, char other) {
    if (!s->n || (*s->p != upper && *s->p != other)) return false;
    *s = (vp_str){s->p + 1, s->n - 1};
    return true;
}

static bool take_date(vp_str *s, int64_t *days) {
    int y, month, day;
    if ((y = take_digits(s, 4)) < 0 || !take_char(s, '-', '-')) return false;
    if ((month = take_digits(s, 2)) < 1 || month > 12 || !take_char(s, '-', '-')) return false;
    if ((day = take_digits(s, 2)) < 1 || day > month_length(y, month)) return false;
    *days = year_days(y) + before_month[month - 1] + (month > 2 && is_leap(y)) + day - 1;
    return true;
}

/* HH:MM, as minutes. */
static bool take_minutes(vp_str *s, int *minutes) {
    int hour, minute;
    if ((hour = take_digits(s, 2)) < 0 || hour > 23 || !take_char(s, ':', ':')) return false;
    if ((minute = take_digits(s, 2)) < 0 || minute > 59) return false;
    *minutes = hour * 60 + minute;
    return true;
}

/* An optional fraction of any length, cut to milliseconds. */
static bool take_fraction(vp_str *s, int *ms) {
    int digit, weight = 100;
    *ms = 0;
    if (!take_char(s, '.', '.')) return true;
    if ((digit = take_digits(s, 1)) < 0) return false;
    for (; digit >= 0; digit = take_digits(s, 1)) {
        *ms += digit * weight;
        weight /= 10;
    }
    return true;
}

/* Z or an offset, to the end of the text. */
static bool take_zone(vp_str *s, int *minutes) {
    *minutes = 0;
    if (take_char(s, 'Z', 'z')) return s->n == 0;
    bool west = s->n && *s->p == '-';
    if (!take_char(s, '+', '-') || !take_minutes(s, minutes)) return false;
    if (west) *minutes = -*minutes;
    return s->n == 0;
}

vp_err vp_time_parse(vp_str s, int64_t *unix_ms) {
    int64_t days;
    int minutes, second, ms, zone;
    if (!take_date(&s, &days) || !take_char(&s, 'T', 't')) return VP_EINVAL;
    if (!take_minutes(&s, &minutes) || !take_char(&s, ':', ':')) return VP_EINVAL;
    if ((second = take_digits(&s, 2)) < 0 || second > 60) return VP_EINVAL;
    if (!take_fraction(&s, &ms) || !take_zone(&s, &zone)) return VP_EINVAL;
    int64_t unix_s = days * DAY_S + (int64_t)(minutes - zone) * 60 + second;
    /* A leap second ends a day of UTC; Unix time counts it as the next day's first. */
    if (second == 60 && unix_s % DAY_S != 0) return VP_EINVAL;
    if (unix_s < 0 || unix_s > LAST_S) return VP_EINVAL;
    *unix_ms = unix_s * 1000 + ms;
    return VP_OK;
}
