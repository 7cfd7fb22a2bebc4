/* flood.h - cuts a peer that sends a message without end. ZeroMQ bounds a frame (ZMQ_MAXMSGSIZE)
 * and the number of messages that wait, but not the frames of one: they are kept until the last one
 * is there, and nobody is told. So for each connection it is known when a message of it was last
 * whole, and one that has sent more since than a message may have is ended, which frees what was
 * kept. Only TCP; over ipc the file system says who may come. Belongs to the thread that receives.
 * SPDX-License-Identifier: MIT */
#ifndef VP_FLOOD_H
#define VP_FLOOD_H

#include "envelope.h"

enum {
    VP_FLOOD_LOOK_MS = 100,
    /* The largest message with what frames and encryption add, and half as much again. */
    VP_FLOOD_MAX = (VP_ENVELOPE_BODY_MAX + 3 * VP_ENVELOPE_HEAD_MAX) / 2 * 3,
    /* Of all connections together; above it each may have the lesser. */
    VP_FLOOD_ALL = 4 * VP_FLOOD_MAX,
    VP_FLOOD_LESS = VP_FLOOD_MAX / 8,
    VP_FLOOD_PORTS = 2,
    /* At a port whose messages are not received by us (PUB; they are subscriptions): so much at
     * once, and so much more in each second. */
    VP_FLOOD_UNHEARD = 1024 * 1024,
    VP_FLOOD_RATE = 16 * 1024
};

typedef struct vp_flood vp_flood;

vp_flood *vp_flood_new(void);
void vp_flood_destroy(vp_flood **self_p);
/* The port of "tcp://HOST:PORT"; another endpoint is passed over. heard: whether vp_flood_heard
 * will be told of its messages. */
void vp_flood_watch(vp_flood *f, const char *endpoint, bool heard);
/* A whole message has come by this descriptor (ZMQ_SRCFD; -1: by none). */
void vp_flood_heard(vp_flood *f, int fd);
/* To be called when all messages that are there have been taken. Looks every VP_FLOOD_LOOK_MS;
 * returns how many connections it has cut. */
int vp_flood_look(vp_flood *f, int64_t now_ms);

#endif
