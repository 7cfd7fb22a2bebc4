/* scratch.c - see scratch.h. SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "redis.h"
#include "stop.h"

enum {
    LOAD_S_MAX = 4 * 3600, /* for Redis to load what it is given */
    LOOK_MS = 50,
    LOG_MAX = 1024 * 1024,
    PROGRAM_MAX = 4096,
    FOLDER_MAX = 70, /* leaves room for the name of a socket */
    DATABASES = 1024
};

typedef struct process {
    pid_t pid; /* 0: it has ended */
    char name[32];
} process;

struct cli_scratch {
    char folder[FOLDER_MAX];
    process process[CLI_SCRATCH_PROCESSES];
    int n;
};

vp_err cli_scratch_new(cli_scratch **out, vp_fault *why) {
    cli_scratch *s = vp_calloc(1, sizeof *s);
    const char *parent = getenv("TMPDIR");
    *out = NULL;
    int n = snprintf(s->folder, sizeof s->folder, "%s/voxpop-XXXXXX",
                     parent && *parent ? parent : "/tmp");
    if (n >= (int)sizeof s->folder) {
        vp_fault_set(why, "TMPDIR is too long a path for sockets");
        free(s);
        return VP_EINVAL;
    }
    if (!mkdtemp(s->folder)) { /* 0700 */
        vp_fault_set(why, "%s: %s", s->folder, strerror(errno));
        free(s);
        return VP_ESYSTEM;
    }
    *out = s;
    return VP_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
    remove(path);
    return 0;
}

/* What is in there is a copy: nobody has to put anything in order. */
void cli_scratch_destroy(cli_scratch **self_p) {
    enum { DESCRIPTORS = 8 };
    cli_scratch *s = *self_p;
    if (!s) return;
    for (int i = s->n - 1; i >= 0; i--) {
        if (!s->process[i].pid) continue;
        kill(s->process[i].pid, SIGKILL);
        while (waitpid(s->process[i].pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    nftw(s->folder, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(s);
    *self_p = NULL;
}

void cli_scratch_path(const cli_scratch *s, const char *name, char out[CLI_SCRATCH_PATH]) {
    snprintf(out, CLI_SCRATCH_PATH, "%s/%.28s", s->folder, name);
}

/* -- processes --------------------------------------------------------------------------------- */

/* Where voxpop-NAME is: beside us. */
static void find_program(const char *name, char out[PROGRAM_MAX]) {
    char self[PROGRAM_MAX / 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0 || strncmp(name, "voxpop-", 7) != 0) {
        snprintf(out, PROGRAM_MAX, "%s", name);
        return;
    }
    self[n] = '\0';
    snprintf(out, PROGRAM_MAX, "%s/%s", dirname(self), name);
}

/* A copy of the list without our settings; the texts are the environment's. Caller frees. */
static char **plain_environment(void) {
    size_t n = 0, kept = 0;
    while (environ[n]) n++;
    char **list = vp_calloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "VOXPOP_", 7) != 0) list[kept++] = environ[i];
    return list;
}

/* In the child: only calls that are safe between fork and exec. */
static _Noreturn void become(const char *program, const char *const *argv, char **env, int log,
                             pid_t parent) {
    union {
        const char *const *in;
        char *const *out;
    } words = {argv};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvpe(program, words.out, env);
    _exit(errno == ENOENT ? 127 : 126);
}

vp_err cli_scratch_start(cli_scratch *s, const char *const *argv, vp_fault *why) {
    char program[PROGRAM_MAX], log[CLI_SCRATCH_PATH];
    process *p = &s->process[s->n];
    pid_t parent = getpid();
    snprintf(p->name, sizeof p->name, "%.27s", argv[0]);
    find_program(argv[0], program);
    snprintf(log, sizeof log, "%s/%.22s.log", s->folder, p->name);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char **env = plain_environment();
    p->pid = fd < 0 ? -1 : fork();
    if (p->pid == 0) become(program, argv, env, fd, parent);
    free(env);
    if (fd >= 0) close(fd);
    if (p->pid < 0) {
        vp_fault_set(why, "%s cannot be started: %s", p->name, strerror(errno));
        p->pid = 0;
        return VP_ESYSTEM;
    }
    s->n++;
    return VP_OK;
}

/* The last line that it wrote. */
static void last_words(const cli_scratch *s, const process *p, int status, vp_fault *why) {
    char path[CLI_SCRATCH_PATH];
    vp_buf text;
    vp_str line = {0};
    snprintf(path, sizeof path, "%s/%.22s.log", s->folder, p->name);
    bool read = !vp_file_read(path, LOG_MAX, &text, NULL);
    if (read) line = vp_str_trim(vp_buf_str(&text));
    const char *start = line.n ? memrchr(line.p, '\n', line.n) : NULL;
    if (start) line = vp_str_n(start + 1, (size_t)(line.p + line.n - start) - 1);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        vp_fault_set(why, "%s is not there", p->name);
    else
        vp_fault_set(why, "%s ended: %.*s", p->name, (int)line.n, line.n ? line.p : "");
    if (read) vp_buf_release(&text);
}

vp_err cli_scratch_check(cli_scratch *s, vp_fault *why) {
    for (int i = 0; i < s->n; i++) {
        int status;
        process *p = &s->process[i];
        if (!p->pid || waitpid(p->pid, &status, WNOHANG) != p->pid) continue;
        p->pid = 0;
        last_words(s, p, status, why);
        return VP_EAWAY;
    }
    return VP_OK;
}

/* -- Redis ------------------------------------------------------------------------------------- */

static vp_err wait_for_redis(cli_scratch *s, const char *url, vp_fault *why) {
    vp_store *store = NULL;
    int64_t by = vp_clock_ms() + LOAD_S_MAX * 1000LL;
    vp_err rc = vp_store_new(&store, url, why);
    bool up = false;
    while (!rc && !up) {
        redisReply *pong = NULL;
        rc = cli_scratch_check(s, why);
        if (!rc && (cli_stopped() || vp_clock_ms() > by)) {
            vp_fault_set(why, cli_stopped() ? "stopped" : "redis-server does not load it in time");
            rc = VP_ETIMEOUT;
        }
        if (!rc) up = !vp_store_ask(store, LOOK_MS, 1, (vp_str[]){VP_STR("PING")}, &pong, NULL);
        if (pong) freeReplyObject(pong);
    }
    vp_store_destroy(&store);
    return rc;
}

vp_err cli_scratch_redis(cli_scratch *s, char url[CLI_SCRATCH_PATH + 16], vp_fault *why) {
    char socket[CLI_SCRATCH_PATH], databases[16];
    cli_scratch_path(s, "redis.sock", socket);
    snprintf(url, CLI_SCRATCH_PATH + 16, "unix://%s", socket);
    snprintf(databases, sizeof databases, "%d", DATABASES);
    const char *const argv[] = {"redis-server",
                                "--port",
                                "0",
                                "--unixsocket",
                                socket,
                                "--unixsocketperm",
                                "700",
                                "--dir",
                                s->folder,
                                "--dbfilename",
                                "dump.rdb",
                                "--save",
                                "",
                                "--appendonly",
                                "no",
                                "--databases",
                                databases,
                                "--loglevel",
                                "warning",
                                "--daemonize",
                                "no",
                                NULL};
    vp_err rc = cli_scratch_start(s, argv, why);
    return rc ? rc : wait_for_redis(s, url, why);
}
