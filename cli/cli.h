/* cli.h - what main.c hands to a command, and the commands.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "http.h"

enum {
    CLI_REDIS_MAX = 8, /* Redis servers that one command may name */
    CLI_SCOPES_MAX = 8 /* of one token */
};

typedef struct cli_args {
    const char *url, *token;
    const char *role, *handle, *secret_file; /* account add */
    const char *login, *name, *days;         /* token add */
    const char *scope[CLI_SCOPES_MAX];       /* token add */
    const char *account, *action, *object;   /* audit */
    const char *poll, *rate, *seconds;       /* demo votes */
    const char *public_of;                   /* keygen: a file with a secret key */
    const char *server_key, *curve_file;     /* ping: its public key; a file with our secret one */
    const char *format, *count;              /* polls export, codes */
    const char *redis_url[CLI_REDIS_MAX], *redis_file[CLI_REDIS_MAX]; /* backup, restore */
    bool verify;                                                      /* restore */
    bool watch;                                                       /* status */
    bool wait;                                                        /* drain */
    bool with_passwords;                                              /* export */
    bool dry_run;                                                     /* migrate */
    bool json, help, version, repair;
    char **words; /* what follows the words of the command */
    int n_words;
} cli_args;

typedef struct cli_run {
    cli_http *http;
    cli_args args;
    const char *at; /* what a failure is about, such as a file; NULL: nothing more to say */
} cli_run;

typedef vp_err cli_command(cli_run *run, vp_fault *why);

cli_command cli_account_add, cli_token_add, cli_load, cli_status, cli_drain, cli_ping,
    cli_demo_votes, cli_keygen, cli_migrate;
cli_command cli_polls_list, cli_polls_close, cli_polls_reopen, cli_polls_archive, cli_polls_place;
cli_command cli_backup, cli_restore, cli_export, cli_import;
cli_command cli_account_list, cli_account_set, cli_account_disable, cli_account_enable,
    cli_account_remove, cli_account_reset;
cli_command cli_token_list, cli_token_end, cli_session_list, cli_session_end, cli_audit;
cli_command cli_polls_recount, cli_polls_export, cli_polls_codes;

#endif
