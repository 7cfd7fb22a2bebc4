/* address.h - whose request it is: the peer's address, or the one that a trusted proxy names.
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include "buf.h"

enum { HTTP_NETWORKS_MAX = 64, HTTP_ADDRESS_LEN = 48 };

/* An IPv4 address is held as ::ffff:a.b.c.d. */
typedef struct http_network {
    uint8_t bytes[16];
    int bits;
} http_network;

typedef struct http_networks {
    size_t n;
    http_network item[HTTP_NETWORKS_MAX];
} http_networks;

/* "10.0.0.0/8, 2001:db8::/32, 192.0.2.7"; an empty text gives none. VP_EINVAL with the cause. */
VP_CHECKED vp_err http_networks_parse(const char *text, http_networks *out, vp_fault *why);
bool http_networks_hold(const http_networks *networks, vp_str address);

/* Walks from the peer towards the client: while an address is trusted, the entry of
 * X-Forwarded-For before it counts. forwarded: the values of all such fields, in order. A text
 * that is no address ends the walk. */
void http_address_client(const http_networks *trusted, const char *peer, const vp_str *forwarded,
                         size_t n_forwarded, char out[HTTP_ADDRESS_LEN]);

/* The network that stands for a client where clients are counted: the /24 of IPv4, the /48 of IPv6.
 * False: no address. */
bool http_address_prefix(vp_str address, uint8_t out[16]);

#endif
