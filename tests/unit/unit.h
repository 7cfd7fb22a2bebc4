/* unit.h - cmocka with the headers that it needs, for the unit tests.
 * SPDX-License-Identifier: MIT */
#ifndef VP_UNIT_H
#define VP_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Fails with the row of a table that is meant. */
#define CHECK_ROW(row, condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) fail_msg("row %d: %s", (int)(row), #condition);                          \
    } while (0)

#endif
