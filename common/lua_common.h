/* lua_common.h - once.lua and audit.lua, built in. SPDX-License-Identifier: MIT */
#ifndef VP_LUA_COMMON_H
#define VP_LUA_COMMON_H

#include "embed.h"

extern const vp_embedded lua_common[];

#endif
