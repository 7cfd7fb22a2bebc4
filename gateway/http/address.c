/* address.c - see address.h. SPDX-License-Identifier: MIT */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xFF, [11] = 0xFF};

/* The address inside "a.b.c.d:port", "[v6]:port" and "[v6]". */
static vp_str without_port(vp_str s) {
    s = vp_str_trim(s);
    if (s.n && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        return end ? vp_str_n(s.p + 1, (size_t)(end - s.p) - 1) : s;
    }
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)))
        s.n = (size_t)(colon - s.p);
    return s;
}

static bool parse_address(vp_str s, uint8_t out[16], bool *v4) {
    char text[HTTP_ADDRESS_LEN];
    if (s.n == 0 || s.n >= sizeof text) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *v4 = false;
    if (inet_pton(AF_INET6, text, out) == 1) return true;
    memcpy(out, mapped_prefix, sizeof mapped_prefix);
    *v4 = inet_pton(AF_INET, text, out + sizeof mapped_prefix) == 1;
    return *v4;
}

static void write_address(const uint8_t bytes[16], char out[HTTP_ADDRESS_LEN]) {
    bool v4 = memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0;
    const void *from = v4 ? bytes + sizeof mapped_prefix : bytes;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, from, out, HTTP_ADDRESS_LEN)) out[0] = '\0';
}

static bool parse_network(vp_str s, http_network *out) {
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    vp_str address = slash ? vp_str_n(s.p, (size_t)(slash - s.p)) : s;
    bool v4;
    int64_t bits;
    if (!parse_address(address, out->bytes, &v4)) return false;
    int64_t most = v4 ? 32 : 128;
    vp_str length = slash ? vp_str_n(slash + 1, s.n - address.n - 1) : vp_str_n(NULL, 0);
    if (!slash)
        bits = most;
    else if (vp_str_int(length, 0, most, &bits) != VP_OK)
        return false;
    out->bits = (int)(v4 ? bits + 96 : bits);
    return true;
}

vp_err http_networks_parse(const char *text, http_networks *out, vp_fault *why) {
    vp_str rest = vp_str_of(text);
    out->n = 0;
    while (vp_str_trim(rest).n) {
        const char *comma = memchr(rest.p, ',', rest.n);
        vp_str word = vp_str_n(rest.p, comma ? (size_t)(comma - rest.p) : rest.n);
        rest = comma ? vp_str_n(comma + 1, rest.n - word.n - 1) : vp_str_n(NULL, 0);
        word = vp_str_trim(word);
        if (out->n == HTTP_NETWORKS_MAX) {
            vp_fault_set(why, "more than %d trusted proxies", HTTP_NETWORKS_MAX);
            return VP_EINVAL;
        }
        if (!parse_network(word, &out->item[out->n])) {
            vp_fault_set(why, "no address or network: \"%.*s\"", (int)word.n, word.p);
            return VP_EINVAL;
        }
        out->n++;
    }
    return VP_OK;
}

static bool holds(const http_network *network, const uint8_t bytes[16]) {
    size_t whole = (size_t)network->bits / 8;
    int rest = network->bits % 8;
    if (memcmp(network->bytes, bytes, whole) != 0) return false;
    return rest == 0 || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static bool any_holds(const http_networks *networks, const uint8_t bytes[16]) {
    for (size_t i = 0; i < networks->n; i++)
        if (holds(&networks->item[i], bytes)) return true;
    return false;
}

bool http_networks_hold(const http_networks *networks, vp_str address) {
    uint8_t bytes[16];
    bool v4;
    return parse_address(address, bytes, &v4) && any_holds(networks, bytes);
}

/* Cuts the last entry off a comma-separated list. */
static vp_str pop_last(vp_str *list) {
    const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
    size_t start = comma ? (size_t)(comma - list->p) + 1 : 0;
    vp_str last = vp_str_n(list->p + start, list->n - start);
    list->n = comma ? start - 1 : 0;
    return last;
}

void http_address_client(const http_networks *trusted, const char *peer, const vp_str *forwarded,
                         size_t n_forwarded, char out[HTTP_ADDRESS_LEN]) {
    uint8_t bytes[16];
    bool v4;
    if (!parse_address(vp_str_of(peer), bytes, &v4)) {
        snprintf(out, HTTP_ADDRESS_LEN, "%s", peer);
        return;
    }
    while (n_forwarded && any_holds(trusted, bytes)) {
        uint8_t next[16];
        vp_str list = forwarded[--n_forwarded];
        while (list.n && any_holds(trusted, bytes)) {
            if (!parse_address(without_port(pop_last(&list)), next, &v4)) goto done;
            memcpy(bytes, next, sizeof bytes);
        }
    }
done:
    write_address(bytes, out);
}

bool http_address_prefix(vp_str address, uint8_t out[16]) {
    bool v4;
    if (!parse_address(address, out, &v4)) return false;
    bool mapped = memcmp(out, mapped_prefix, sizeof mapped_prefix) == 0;
    size_t kept = mapped ? sizeof mapped_prefix + 3 : 6;
    memset(out + kept, 0, 16 - kept);
    return true;
}
