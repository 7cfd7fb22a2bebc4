-- lists.lua - articles as they are listed, and what lists are in order of. SPDX-License-Identifier: MIT
-- articles:read and articles:commented have a score each of published articles: how often it was read in
-- the last READ_DAYS days, and its comments. articles:reads:DAY has what was read on one day, by which it
-- is taken off again; articles:read:days names these days.

local READ_DAYS, DAY_MS = 7, 86400000
local TAKE_OFF, LOOK_AROUND = 200, 100
local RELATED_OF_TAG = 24

-- Of the members of the first list within a range (from newer to older), newest first, those that the
-- second one has too. Looks at no more than 1,000. Returns the last one looked at ('' at the end), then
-- the members. A start, end, how many.
redis.register_function{function_name = '@{both}', flags = {'no-writes'}, callback = function(K, A)
    local start, stop, limit, out, last = A[1], A[2], tonumber(A[3]), {''}, ''
    for _ = 1, 10 do
        local some = redis.call('ZRANGE', K[1], start, stop, 'BYLEX', 'REV', 'LIMIT', 0, 100)
        local scores = #some > 0 and redis.call('ZMSCORE', K[2], unpack(some)) or {}
        for i, member in ipairs(some) do
            if scores[i] then out[#out + 1] = member end
            last = member
            if #out > limit + 1 then -- one more than asked for: the list goes on after the one before
                out[#out] = nil
                out[1] = out[#out]
                return out
            end
        end
        if #some < 100 then return out end
        start = '(' .. last
    end
    out[1] = last
    return out
end}

-- The next ids of several lists after one, newest first, each once.
local function merge(keys, after)
    local seen, ids = {}, {}
    for _, key in ipairs(keys) do
        local some = redis.call('ZRANGE', key, after == '' and '+' or '(' .. after, '-', 'BYLEX', 'REV', 'LIMIT', 0, 100)
        for _, id in ipairs(some) do
            if not seen[id] then ids[#ids + 1] = id end
            seen[id] = true
        end
    end
    table.sort(ids, function(a, b) return a > b end)
    while #ids > 100 do ids[#ids] = nil end -- beyond, one of the lists may have others in between
    return ids
end

-- Articles of a status for those who may change them: status, actor ('' for editors), handle, id to go
-- on after or '', how many. Looks at no more than 1,000. Returns as both() does.
redis.register_function{function_name = '@{desk}', flags = {'no-writes'}, callback = function(K, A)
    local status, actor, handle, last, limit = A[1], A[2], A[3], A[4], tonumber(A[5])
    local keys, out = {'articles:status:' .. status}, {''}
    if actor ~= '' then
        keys = {'articles:owner:' .. actor}
        if handle ~= '' then keys[2] = contributor_key(handle, ':articles') end
    end
    for _ = 1, 10 do
        local ids = merge(keys, last)
        for _, id in ipairs(ids) do
            if redis.call('HGET', article_key(id, ''), 'status') == status then
                if #out > limit then
                    out[1] = last
                    return out
                end
                out[#out + 1] = id
            end
            last = id
        end
        if #ids < 100 then return out end
    end
    out[1] = last
    return out
end}

-- How many members come before this place, that is a score and an id.
local function rank_of(key, score, id)
    local now = redis.call('ZSCORE', key, id)
    if now and tonumber(now) == tonumber(score) then return redis.call('ZREVRANK', key, id) + 1 end
    return redis.call('ZCOUNT', key, '(' .. score, '+inf')
end

-- The highest scores of K: place to go on after ("SCORE ID", or ''), how many. Returns as both() does.
redis.register_function{function_name = '@{top}', flags = {'no-writes'}, callback = function(K, A)
    local score, id = string.match(A[1], '^(%d+) (%w+)$')
    local from, limit, out = score and rank_of(K[1], score, id) or 0, tonumber(A[2]), {''}
    local rows = redis.call('ZRANGE', K[1], from, from + limit, 'REV', 'WITHSCORES')
    for i = 1, #rows, 2 do
        if #out > limit then
            out[1] = whole(tonumber(rows[i - 1])) .. ' ' .. rows[i - 2]
            return out
        end
        out[#out + 1] = rows[i]
    end
    return out
end}

-- Published articles that share tags with this one, the rarer the tag the better: id or slug, how many.
redis.register_function{function_name = '@{related}', flags = {'no-writes'}, callback = function(K, A)
    local id, scores, members = id_of(A[1]), {}, {}
    local r = record(id)
    if not r or not is_public(r.status) then return {} end
    for tag in string.gmatch(r.tags, '[^\n]+') do
        local key = 'articles:tag:' .. tag
        local weight = 1 / math.log(2 + redis.call('ZCARD', key))
        for _, member in ipairs(redis.call('ZRANGE', key, '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, RELATED_OF_TAG)) do
            if string.sub(member, -26) ~= id then
                if not scores[member] then members[#members + 1] = member end
                scores[member] = (scores[member] or 0) + weight
            end
        end
    end
    table.sort(members, function(a, b)
        if scores[a] ~= scores[b] then return scores[a] > scores[b] end
        return a > b
    end)
    local out = {''}
    for i = 1, math.min(#members, tonumber(A[2])) do out[i + 1] = members[i] end
    return out
end}

-- The comments of a published article, as svc-comments tells them.
local function count_comments(id)
    local n = tonumber(string.match(redis.call('GET', 'fact:thread:' .. id) or '', '^%d+')) or 0
    if n > 0 then redis.call('ZADD', 'articles:commented', n, id)
    else redis.call('ZREM', 'articles:commented', id) end
end

-- What was read on a day that is over long enough is taken off, bit by bit.
local function take_off(today)
    local day = redis.call('ZRANGE', 'articles:read:days', 0, 0)[1]
    if not day or tonumber(day) > today - READ_DAYS then return end
    local rows = redis.call('ZPOPMIN', 'articles:reads:' .. day, TAKE_OFF)
    for i = 1, #rows, 2 do
        local left = redis.call('ZADD', 'articles:read', 'XX', 'INCR', -tonumber(rows[i + 1]), rows[i])
        if left and tonumber(left) <= 0 then redis.call('ZREM', 'articles:read', rows[i]) end
    end
    if #rows < 2 * TAKE_OFF then redis.call('ZREM', 'articles:read:days', day) end
end

-- The comments of the next published articles are counted anew; so all are, in turn.
local function look_around()
    local last = redis.call('GET', 'articles:counted') or ''
    local some = redis.call('ZRANGE', 'articles:published', last == '' and '+' or '(' .. last, '-', 'BYLEX', 'REV',
        'LIMIT', 0, LOOK_AROUND)
    for _, member in ipairs(some) do count_comments(string.sub(member, -26)) end
    local next = #some == LOOK_AROUND and some[LOOK_AROUND] or ''
    if next ~= last then redis.call('SET', 'articles:counted', next) end
end

-- Id and number in turn: so often each was read since the last call. Also asked for without any.
redis.register_function('@{count}', function(K, A)
    local today = math.floor(now_ms() / DAY_MS)
    for i = 1, #A, 2 do
        if redis.call('HGET', article_key(A[i], ''), 'status') == 'published' then
            redis.call('ZADD', 'articles:read:days', today, today)
            redis.call('ZINCRBY', 'articles:reads:' .. today, A[i + 1], A[i])
            redis.call('ZINCRBY', 'articles:read', A[i + 1], A[i])
            count_comments(A[i])
        end
    end
    if #A == 0 then
        take_off(today)
        look_around()
    end
    return 'OK'
end)
