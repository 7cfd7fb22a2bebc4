-- keep.lua - put behind once.lua in every library: records as they go out of a store and come into
-- another one (keep.h). A record is an item: {kind, id, part…}, and a part is {name, type, value…}: a hash
-- (fields in order, each with its value), a text, a list, or a stream (its entries as {id, field,
-- value…}). SPDX-License-Identifier: MIT

local KEEP_STEPS = 100 -- records that one call looks at
local KEEP_BYTES = 512 * 1024

local function keep_hash(name, key, except)
    local flat, names, values, out = redis.call('HGETALL', key), {}, {}, {name, 'hash'}
    for i = 1, #flat, 2 do
        if not (except and except[flat[i]]) then
            names[#names + 1] = flat[i]
            values[flat[i]] = flat[i + 1]
        end
    end
    table.sort(names)
    for _, field in ipairs(names) do
        out[#out + 1] = field
        out[#out + 1] = values[field]
    end
    return out
end

local function keep_text(name, key)
    local text = redis.call('GET', key)
    return text and {name, 'text', text} or nil
end

local function keep_list(name, key)
    local list = redis.call('LRANGE', key, 0, -1)
    return #list > 0 and {name, 'list', unpack(list)} or nil
end

local function keep_size(value)
    if type(value) ~= 'table' then return #value end
    local sum = 0
    for _, each in ipairs(value) do sum = sum + keep_size(each) end
    return sum
end

-- The member of a sorted set without scores that follows, or nil.
local function keep_next(key, after)
    return redis.call('ZRANGE', key, after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
end

-- A where to go on, or ''. walks: one for each kind; given the place after which it goes on it gives the
-- next place and, unless there is nothing at it, an item; nil at the end. Answers {where to go on, or ''
-- at the end, item…}.
local function keep_export(A, walks)
    local n, after = string.match(A[1], '^(%d+):(.*)$')
    local out, left = {''}, KEEP_BYTES
    n, after = tonumber(n or 1), after or ''
    for _ = 1, KEEP_STEPS do
        if not walks[n] then return out end
        local place, item = walks[n](after)
        if place then
            after = place
        else
            n, after = n + 1, ''
        end
        if item then
            out[#out + 1] = item
            left = left - keep_size(item)
        end
        if left < 0 then break end
    end
    out[1] = string.format('%.0f', n) .. ':' .. after
    return out
end

local function keep_take(A, at, n, to)
    for i = at, at + n - 1 do to[#to + 1] = A[i] end
    return at + n
end

-- Entries of a stream: of each its id, how many texts follow, and these.
local function keep_entries(values)
    local out, at = {'', 'stream'}, 3
    while at <= #values do
        local entry = {values[at]}
        at = keep_take(values, at + 2, tonumber(values[at + 1]), entry)
        out[#out + 1] = entry
    end
    return out
end

-- The item that begins at the at-th argument, and where the next one does.
local function keep_item(A, at)
    local item = {kind = A[at], id = A[at + 1], random = A[at + 2], part = {}}
    local parts = tonumber(A[at + 3])
    at = at + 4
    for _ = 1, parts do
        local name, values = A[at], {A[at], A[at + 1]}
        at = keep_take(A, at + 3, tonumber(A[at + 2]), values)
        item.part[name] = values[2] == 'stream' and keep_entries(values) or values
    end
    return item, at
end

-- The values of a part, or none.
local function keep_values(item, name)
    return {unpack(item.part[name] or {}, 3)}
end

-- A hash of an item as a table.
local function keep_fields(item, name)
    local flat, fields = keep_values(item, name), {}
    for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
    return fields
end

-- Sets a field of a hash of an item that is there.
local function keep_set(item, name, field, value)
    local part = item.part[name]
    for i = 3, #part, 2 do
        if part[i] == field then part[i + 1] = value end
    end
end

-- Are the parts of an item those that a record has? Each of `parts` is as it would go out, or nil.
local function keep_same(item, parts)
    local n = 0
    for _ in pairs(item.part) do n = n + 1 end
    for _, name in ipairs(parts.names) do
        local a, b = item.part[name], parts[name]
        if (a == nil) ~= (b == nil) or (a and cmsgpack.pack(a) ~= cmsgpack.pack(b)) then return 'conflict' end
        if a then n = n - 1 end
    end
    return n == 0 and 'same' or 'conflict'
end

-- A for each item: kind, id, 32 random bytes, number of parts; of each part name, type, number of values
-- and these. takers: for each kind a function that writes a record unless it is there, and answers
-- 'added', 'same', 'conflict', or 'refused' when it is none. One word for each item.
local function keep_import(A, takers)
    local out, at, item = {}, 1, nil
    while at <= #A do
        item, at = keep_item(A, at)
        out[#out + 1] = takers[item.kind] and takers[item.kind](item) or 'refused'
    end
    return out
end

-- What a look at some records has come to, for SYNC /verify: {where to go on or '', what, how many were
-- looked at, how many are wrong, how the first of these}.
local function keep_verdict(what)
    local v = {what = what, seen = 0, wrong = 0, how = ''}
    function v.expect(yes, how)
        if yes then return end
        v.wrong = v.wrong + 1
        if v.how == '' then v.how = how end
    end
    return v
end

-- As keep_export, but each walk only looks, and tells what it finds to a verdict; kinds: their names.
local function keep_verify(A, kinds, walks)
    local n, after = string.match(A[1], '^(%d+):(.*)$')
    n, after = tonumber(n or 1), after or ''
    local v = keep_verdict(kinds[n] or '')
    for _ = 1, KEEP_STEPS do
        local place, looked = walks[n](after, v)
        if not place then
            n, after = n + 1, ''
            break
        end
        after, v.seen = place, v.seen + (looked or 1)
    end
    local function whole_text(x) return string.format('%.0f', x) end
    return {walks[n] and whole_text(n) .. ':' .. after or '', v.what, whole_text(v.seen), whole_text(v.wrong), v.how}
end
