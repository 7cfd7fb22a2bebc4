-- migrate.lua - records of schema 1 become ones of schema 2. SPDX-License-Identifier: MIT
-- Schema 1 has no list of all articles: they are looked for in those of published ones, of what is due,
-- and of each contributor. A draft of schema 1 that is nobody's is in none, and is rewritten with its
-- next change.

local LOOK_AT_ONCE = 256
local LISTS = {'articles:published', 'articles:status:draft', 'articles:status:archived',
               'articles:status:deleted', 'articles:due'}
local DUE = 5

-- The nth list, or nil behind the last one: those of LISTS, then those of contributors.
local function nth_list(n)
    if LISTS[n] then return LISTS[n] end
    local handle = redis.call('ZRANGE', 'contributors', n - #LISTS - 1, n - #LISTS - 1)[1]
    return handle and contributor_key(handle, ':articles')
end

-- Ids of a list, and where to go on. What is due is in order of time, so there the place is a number.
local function ids_of(n, key, after)
    local ids = n == DUE and redis.call('ZRANGE', key, after + 0, after + LOOK_AT_ONCE - 1) or
        redis.call('ZRANGE', key, after == '0' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, LOOK_AT_ONCE)
    return ids, n == DUE and whole(after + #ids) or ids[#ids]
end

-- Is this the list in which the article is counted? It may be in several.
local function is_home(n, key, r)
    if r.status == 'published' then return n == 1 end
    if r.status == 'scheduled' then return n == DUE end
    if r.schema == '2' then return key == 'articles:status:' .. r.status end
    return n > #LISTS and key == contributor_key(string.match(r.handles, '%S+') or '', ':articles')
end

local function rewrite(id, r, now)
    r.rendering = tostring(r.rendering + 1)
    settle(id, copy(r), r, now)
end

-- See vp_schema in service.h; the index is not used.
redis.register_function('@{migrate}', function(K, A)
    local n, after = string.match(A[1], '^(%d+) (.*)$')
    local rewritten, found, now = 0, {}, now_ms()
    n, after = tonumber(n or 1), after or '0'
    local key = nth_list(n)
    if not key then return {'0', '', '0'} end
    local ids, place = ids_of(n, key, after)
    for _, member in ipairs(ids) do
        local id = string.sub(member, -26)
        local r = record(id)
        if r and is_home(n, key, r) then
            found[r.schema] = (found[r.schema] or 0) + 1
            if r.schema == '1' and A[2] ~= '1' then
                rewrite(id, r, now)
                rewritten = rewritten + 1
            end
        end
    end
    local out = {'1', #ids == LOOK_AT_ONCE and n .. ' ' .. place or n + 1 .. ' 0', whole(rewritten)}
    for schema, count in pairs(found) do
        out[#out + 1] = schema
        out[#out + 1] = whole(count)
    end
    return out
end)
