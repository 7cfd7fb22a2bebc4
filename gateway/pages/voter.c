/* voter.c - see voter.h. SPDX-License-Identifier: MIT */
#include "voter.h"

#include "forward.h"

enum { TOKEN = 16, COOKIE_MAX = 200, PAYLOAD_MAX = 64 };

vp_err voter_cookie(keys *k, bus *b, const http_request *r, int64_t timeout_ms, vp_str *out) {
    uint8_t key[VP_SEAL_KEY], payload[PAYLOAD_MAX];
    vp_str cookie = forward_voter(r);
    size_t n;
    *out = (vp_str){0};
    vp_err rc = keys_get(k, KEYS_VOTER, b, r, timeout_ms, key);
    if (rc) return rc;
    if (cookie.n && !vp_seal_open(key, cookie, payload, &n) && n == TOKEN) *out = cookie;
    return VP_OK;
}

/* In a frame the browser takes no cookie but one that says that it is for frames, and only over TLS
 * or from this very machine. */
vp_err voter_invite(keys *k, bus *b, const http_request *r, int64_t timeout_ms, bool embed,
                    http_reply *p) {
    uint8_t token[TOKEN], key[VP_SEAL_KEY];
    vp_buf cookie;
    vp_err rc = keys_get(k, KEYS_VOTER, b, r, timeout_ms, key);
    if (rc) return rc;
    vp_seal_random(token, sizeof token);
    vp_buf_init(&cookie, COOKIE_MAX);
    vp_buf_adds(&cookie, embed ? "voxpop_embed=" : "voxpop_voter=");
    vp_seal_sign(key, vp_str_n(token, sizeof token), &cookie);
    vp_buf_adds(&cookie, "; Path=/; Max-Age=31536000; HttpOnly");
    vp_buf_adds(&cookie, embed ? "; SameSite=None; Partitioned" : "; SameSite=Lax");
    if (embed || r->secure) vp_buf_adds(&cookie, "; Secure");
    http_reply_header(p, "Set-Cookie", vp_buf_str(&cookie));
    vp_buf_release(&cookie);
    return VP_OK;
}
