-- migrate.lua - records of schema 1 become ones of schema 2, while people vote. One call looks at some
-- records, or works on a part of one; each is changed as a whole, at the end of its own work, and all
-- of it may be done again. SPDX-License-Identifier: MIT

local LOOK_AT_ONCE = 500
local WORK_AT_ONCE = 1000
local FIRST_HASHES = 4096

-- Voters of schema 1 go where they are looked for now; those who stand right stay. The field `moved`
-- says how far that has come. True when all are there.
local function move_voters(poll, work)
    local call, at = redis.call, tonumber(redis.call('HGET', poll, 'moved') or 0)
    while at < FIRST_HASHES do
        if work.left <= 0 then
            call('HSET', poll, 'moved', at)
            return false
        end
        local key = poll .. ':v:' .. at
        local flat = call('HGETALL', key)
        for i = 1, #flat, 2 do
            local to = voters_name(poll, flat[i], 2)
            if to ~= key then
                call('HSETNX', to, flat[i], flat[i + 1])
                call('HDEL', key, flat[i])
            end
        end
        work.left = work.left - 1 - #flat / 2
        at = at + 1
    end
    return true
end

-- Since schema 1 has not counted marks, they are set so high that all levels are looked at.
local function marks_of(voters) return voters == 0 and 0 or voters + LEVELS[#LEVELS - 1].upto end

-- True when the record is one of schema 2. An archived poll has forgotten its voters.
local function from_first(poll, work)
    local call, last = redis.call, 0
    local values = tally_read(poll, {})
    local record = call('HMGET', poll, 'status', 'ids')
    if values[VOTERS] > 0 and record[1] ~= 'archived' and not move_voters(poll, work) then
        return false
    end
    for _, id in ipairs(words(record[2] or '')) do last = math.max(last, tonumber(id)) end
    for name, value in pairs{voting = 'open', cap = 0, codes = 0, last = last, owner = '', article = ''} do
        call('HSETNX', poll, name, value)
    end
    call('HSETNX', poll .. ':tally', 'marks', whole(marks_of(values[VOTERS])))
    call('HSET', poll, 'schema', SCHEMA, 'changeable', 0)
    call('HDEL', poll, 'moved')
    work.left = work.left - 1
    return true
end

-- K polls:list:all. A id to go on after or '', '1' to change nothing. {'1' when there is more, the id
-- to go on after, how many were rewritten, then each schema and how many records had it}.
local function migrate(K, A)
    local last, rewritten, found, work = A[1], 0, {}, {left = WORK_AT_ONCE}
    local ids = redis.call('ZRANGE', K[1], last == '' and '-' or '(' .. last, '+', 'BYLEX', 'LIMIT', 0,
                           LOOK_AT_ONCE)
    local more = #ids == LOOK_AT_ONCE
    for _, id in ipairs(ids) do
        local poll = name_of(id)
        local schema = redis.call('HGET', poll, 'schema')
        if schema == '1' and A[2] ~= '1' then
            if not from_first(poll, work) then
                more = true
                break
            end
            rewritten = rewritten + 1
        end
        if schema then found[schema] = (found[schema] or 0) + 1 end
        last = id
    end
    local out = {more and '1' or '0', last, whole(rewritten)}
    for schema, n in pairs(found) do
        out[#out + 1] = schema
        out[#out + 1] = whole(n)
    end
    return out
end
