/* keygen.c - CURVE keys for the processes of a system. The secret one goes to a file that only its
 * owner can read, and nowhere else. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "cli.h"
#include "text.h"

enum { KEY = 40, PATH_MAX_LEN = 400, LINE_MAX_LEN = KEY + PATH_MAX_LEN + 2, TRIES = 100 };

/* A secret must not look like a flag, and the first key of a list not like a path (curve.h). */
static bool make_pair(char secret[KEY + 1], char public[KEY + 1]) {
    for (int i = 0; i < TRIES; i++) {
        if (zmq_curve_keypair(public, secret)) return false;
        if (secret[0] != '-' && public[0] != '/' && public[0] != '.') return true;
    }
    return false;
}

/* A file that must not be there yet. What fails leaves none. */
static vp_err write_new(const char *path, mode_t mode, const char *line, vp_fault *why) {
    size_t n = strlen(line);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        vp_fault_set(why, "is there already, and is not overwritten");
        return VP_ESYSTEM;
    }
    if (fd < 0) {
        vp_fault_set(why, "cannot be made: %s", strerror(errno));
        return VP_ESYSTEM;
    }
    bool ok = write(fd, line, n) == (ssize_t)n && !fsync(fd);
    if (!close(fd) && ok) return VP_OK;
    vp_fault_set(why, "cannot be written: %s", strerror(errno));
    unlink(path);
    return VP_ESYSTEM;
}

/* The part of a path that names the key: it stands in the allow-list behind it. */
static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static vp_err make(const char *path, vp_fault *why) {
    char secret[KEY + 2], public[KEY + 1], key_path[PATH_MAX_LEN + 8], pub_path[PATH_MAX_LEN + 8];
    char line[LINE_MAX_LEN];
    if (strlen(path) > PATH_MAX_LEN || !cli_text_is_visible(vp_str_of(name_of(path)))) {
        vp_fault_set(why, "a name of visible ASCII characters is needed, without spaces");
        return VP_EINVAL;
    }
    if (!make_pair(secret, public)) {
        vp_fault_set(why, "libzmq makes no keys: %s", zmq_strerror(errno));
        return VP_ESYSTEM;
    }
    memcpy(secret + KEY, "\n", 2);
    snprintf(key_path, sizeof key_path, "%s.key", path);
    snprintf(pub_path, sizeof pub_path, "%s.pub", path);
    snprintf(line, sizeof line, "%s %s\n", public, name_of(path));
    vp_fault cause = {0};
    const char *at = key_path;
    vp_err rc = write_new(key_path, 0600, secret, &cause);
    if (!rc && (rc = write_new(at = pub_path, 0644, line, &cause))) unlink(key_path);
    if (rc)
        vp_fault_set(why, "%.100s %s", at, cause.text);
    else
        fputs(line, stdout);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

static vp_err print_public(const char *path, vp_fault *why) {
    char *secret = NULL, public[KEY + 1];
    vp_err rc = cli_secret_read(path, &secret, why);
    if (rc) return rc;
    if (strlen(secret) == KEY && !zmq_curve_public(public, secret)) {
        puts(public);
    } else {
        vp_fault_set(why, "holds no secret key of %d characters", (int)KEY);
        rc = VP_EINVAL;
    }
    sodium_memzero(secret, strlen(secret));
    free(secret);
    return rc;
}

vp_err cli_keygen(cli_run *run, vp_fault *why) {
    const char *public_of = run->args.public_of;
    if (!public_of == !run->args.n_words) {
        vp_fault_set(why, "a NAME is needed, or --public FILE");
        return VP_EINVAL;
    }
    if (!public_of) return make(run->args.words[0], why);
    vp_err rc = print_public(public_of, why);
    if (rc) run->at = public_of;
    return rc;
}
