-- polls.lua - records of polls and their lives. SPDX-License-Identifier: MIT

local DUE_AT_ONCE = 64
local SWEEP_AT_ONCE = 512
local SEARCH_AT_ONCE = 512
local ROTATE_AMONG = 500
local HISTORY_MAX = 500
local REWRITE_AFTER_MS = 60000
local WATCHERS_FRESH_MS = 15000

-- When the poll opens or closes next.
local function set_due(id, status, opens, closes)
    local at = status == 'scheduled' and opens or status == 'open' and closes
    if at then redis.call('ZADD', 'polls:due', at, id) else redis.call('ZREM', 'polls:due', id) end
end

-- The append-only file shows voters beside choices until it is rewritten, so that follows soon.
local function want_rewrite(now)
    redis.call('SET', 'polls:rewrite', now + REWRITE_AFTER_MS, 'NX')
end

-- A change of status: its list, the version, the stamp and the revision, which is given back. record
-- begins with status and results.
local function move(id, poll, record, status, master, now)
    local call = redis.call
    touch(poll, public(record[1], record[2]), master)
    call('HSET', poll, 'status', status)
    local revision = call('HINCRBY', poll, 'revision', 1)
    call('ZREM', 'polls:list:' .. record[1], id)
    call('ZADD', 'polls:list:' .. status, 0, id)
    if status == 'closed' then want_rewrite(now) end
    record[1] = status
    return whole(revision)
end

-- K poll, its key. A id, opens_at and closes_at ('' for none), key, master, who, then field and value.
local function create(K, A)
    return once(K, A, function(now)
        local call, poll, id, fields = redis.call, K[3], A[3], {}
        local opens, closes = tonumber(A[4]) or now, tonumber(A[5])
        local status = opens > now and 'scheduled' or 'open'
        for i = 9, #A, 2 do fields[A[i]] = A[i + 1] end
        call('HSET', poll, 'schema', SCHEMA, 'revision', 1, 'status', status, 'created_at', now,
             'opens_at', opens, 'closes_at', closes or '', unpack(A, 9))
        call('SET', K[4], A[6])
        local tally = {'version', 1, 'stamp', 1, 'voters', 0, 'votes', 0, 'marks', 0, 'master', A[7]}
        for _, option in ipairs(words(fields.ids)) do
            tally[#tally + 1] = option
            tally[#tally + 1] = 0
        end
        call('HSET', poll .. ':tally', unpack(tally))
        call('ZADD', 'polls:list:all', 0, id)
        call('ZADD', 'polls:list:' .. status, 0, id)
        set_due(id, status, opens, closes)
        log(now, A[8], 'create', id, '')
        return {'made', id}, true
    end)
end

-- What an edit may ask for: why it is refused, or nil. values: the tally's.
local CONDITIONS = {
    unvoted = function(record, values) return values[MARKS] > 0 and 'voted' end,
    unclosed = function(record) return record[1] ~= 'scheduled' and record[1] ~= 'open' and 'shut' end,
    unopened = function(record) return record[1] ~= 'scheduled' and 'opened' end,
    unarchived = function(record) return record[1] == 'archived' and 'archived' end,
    settled = function(record, values)
        return values[MARKS] > 0 and (record[1] == 'scheduled' or record[1] == 'open') and 'unsettled'
    end,
}

-- The names of the fields, each followed by its value in A.
local function edited_fields(A, from)
    local names = {}
    for i = from, #A, 2 do
        if A[i] ~= 'folded' then names[#names + 1] = A[i] end
    end
    return table.concat(names, ' ')
end

local function refuse_edit(poll, record, A, n_history)
    if not record[1] then return {'missing'} end
    if not owns(record[5], A[4]) then return {'denied'} end
    if record[3] ~= A[5] then return {'stale', record[3]} end
    local values = tally_read(poll, {})
    for _, word in ipairs(words(A[7])) do
        local why = CONDITIONS[word](record, values)
        if why then return {why} end
    end
    for _, option in ipairs(words(A[8])) do
        if (tonumber(redis.call('HGET', poll .. ':tally', option)) or 0) > 0 then return {'removed'} end
    end
    if n_history > 0 and redis.call('LLEN', poll .. ':history') + n_history > HISTORY_MAX then
        return {'full'}
    end
end

-- K poll. A id, who, revision, master, conditions, options that are taken out, those that are
-- new, how many lines of history, these lines, then field and value in turn.
local function edit(K, A)
    return once(K, A, function(now)
        local call, poll, id, n = redis.call, K[3], A[3], tonumber(A[10])
        local record = call('HMGET', poll, 'status', 'results', 'revision', 'ids', 'owner')
        local refused = refuse_edit(poll, record, A, n)
        if refused then return refused end
        local was_public = public(record[1], record[2])
        for i = 11, 10 + n do call('RPUSH', poll .. ':history', A[i]) end
        if n > 0 then call('HSET', poll, 'edited', 1) end
        if #A > 10 + n then call('HSET', poll, unpack(A, 11 + n)) end
        for _, option in ipairs(words(A[8])) do call('HDEL', poll .. ':tally', option) end
        for _, option in ipairs(words(A[9])) do call('HSET', poll .. ':tally', option, 0) end
        call('HINCRBY', poll, 'revision', 1)
        touch(poll, was_public, A[6])
        local times = call('HMGET', poll, 'opens_at', 'closes_at')
        set_due(id, record[1], tonumber(times[1]), tonumber(times[2]))
        log(now, A[4], 'edit', id, edited_fields(A, 11 + n))
        return {'edited', id}, true
    end)
end

-- The voters of a poll and its key are forgotten; the hashes go bit by bit, see sweep.
local function forget(id, poll, now)
    local today = math.floor(now / 86400000)
    redis.call('UNLINK', poll .. ':key')
    for day = today - ADDRESS_DAYS, today do redis.call('UNLINK', poll .. ':a:' .. day) end
    redis.call('ZADD', 'polls:sweep', 0, id)
end

-- From where to where a poll goes by itself or by hand; a function may do more.
local MOVES = {
    close = {from = {scheduled = true, open = true}, to = 'closed', done = {closed = true},
             act = function(id, poll, record, now)
        redis.call('HSET', poll, 'closes_at', now)
        if tonumber(record[4]) > now then redis.call('HSET', poll, 'opens_at', now) end
    end},
    reopen = {from = {closed = true}, to = 'open', done = {open = true},
              act = function(id, poll, record, now, closes)
        redis.call('HSET', poll, 'closes_at', closes)
        set_due(id, 'open', nil, tonumber(closes))
    end},
    archive = {from = {closed = true}, to = 'archived', done = {archived = true},
               act = function(id, poll, _, now) forget(id, poll, now) end},
}

-- K poll. A id, who, master, a row of MOVES, closes_at of a reopened poll or ''. A poll that is
-- there already stays as it is.
local function move_to(K, A)
    return once(K, A, function(now)
        local call, poll, id, row = redis.call, K[3], A[3], MOVES[A[6]]
        local record = call('HMGET', poll, 'status', 'results', 'owner', 'opens_at')
        if not record[1] then return {'missing'} end
        if not owns(record[3], A[4]) then return {'denied'} end
        if row.done[record[1]] then return {'same'} end
        if not row.from[record[1]] then return {'not', record[1]} end
        local closes = tonumber(A[7])
        if closes and closes <= now then return {'past'} end
        call('ZREM', 'polls:due', id)
        move(id, poll, record, row.to, A[5], now)
        row.act(id, poll, record, now, A[7])
        log(now, A[4], A[6], id, '')
        return {'moved', id}, true
    end)
end

-- K poll. A id, who, revision. Only a poll that nobody has voted in, or an archived one.
local function delete(K, A)
    return once(K, A, function(now)
        local call, poll, id = redis.call, K[3], A[3]
        local record = call('HMGET', poll, 'status', 'owner', 'revision', 'question')
        if not record[1] then return {'missing'} end
        if not owns(record[2], A[4]) then return {'denied'} end
        if record[3] ~= A[5] then return {'stale', record[3]} end
        if record[1] ~= 'archived' and tally_read(poll, {})[MARKS] > 0 then return {'voted'} end
        forget(id, poll, now)
        call('UNLINK', poll, poll .. ':tally', poll .. ':journal', poll .. ':series',
             poll .. ':history', poll .. ':watchers')
        for _, list in ipairs{'all', record[1]} do call('ZREM', 'polls:list:' .. list, id) end
        call('ZREM', 'polls:due', id)
        log(now, A[4], 'delete', id, record[4] or '')
        return {'deleted', id}, true
    end)
end

-- One due poll: opened or closed.
local function move_due(id, now, master)
    local call, poll = redis.call, name_of(id)
    local record = call('HMGET', poll, 'status', 'results', 'revision', 'ids', 'opens_at', 'closes_at')
    local opens, closes = tonumber(record[5] or ''), tonumber(record[6] or '')
    if record[1] == 'scheduled' and opens <= now then
        record[3] = move(id, poll, record, 'open', master, now)
    end
    if record[1] == 'open' and closes and closes <= now then
        record[3] = move(id, poll, record, 'closed', master, now)
    end
    set_due(id, record[1], opens, closes)
    return record[1] and {id, (tally_of(poll, record))}
end

-- A master. The polls that were moved, each {id, tally}.
local function due(_, A)
    local now, moved = now_ms(), {}
    local ids = redis.call('ZRANGEBYSCORE', 'polls:due', '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)
    for _, id in ipairs(ids) do moved[#moved + 1] = move_due(id, now, A[1]) or nil end
    return moved
end

-- Is it time to have the append-only file rewritten, and is nobody at it?
local function take_rewrite()
    local at = redis.call('GET', 'polls:rewrite')
    if not at or now_ms() < tonumber(at) then return 0 end
    if string.find(redis.call('INFO', 'persistence'), 'aof_rewrite_in_progress:1', 1, true) then
        return 0
    end
    redis.call('DEL', 'polls:rewrite')
    return 1
end

-- Deletes some hashes of voters of one forgotten poll. 1 when the file is to be rewritten.
local function sweep()
    local call = redis.call
    local first = call('ZRANGE', 'polls:sweep', 0, 0, 'WITHSCORES')
    if first[1] then
        local id, at, names = first[1], tonumber(first[2]), {}
        for n = at, math.min(at + SWEEP_AT_ONCE, voters_hashes()) - 1 do
            names[#names + 1] = voters_hash(name_of(id), n)
        end
        call('UNLINK', unpack(names))
        if at + #names < voters_hashes() then
            call('ZADD', 'polls:sweep', at + #names, id)
        else
            call('ZREM', 'polls:sweep', id)
            want_rewrite(now_ms())
        end
    end
    return take_rewrite()
end

-- K poll. A voter or '' ; '1' when the poll's key is wanted. {record, tally, entry of the voter or
-- '', key}, or {}.
local function read(K, A)
    local seen = look(K[1])
    if not seen then return {} end
    seen[3] = A[1] ~= '' and voter_entry(K[1], A[1], seen[1][CHANGEABLE] == '1') or ''
    seen[4] = A[2] == '1' and redis.call('GET', K[1] .. ':key') or ''
    return seen
end

-- Does a poll hold all words? They are folded, as its text is.
local function matches(poll, A)
    if not A[3] then return true end
    local text = redis.call('HMGET', poll, 'folded', 'question')
    local folded = text[1] or string.lower(text[2] or '')
    for i = 3, #A do
        if not string.find(folded, A[i], 1, true) then return false end
    end
    return true
end

-- K a list. A where to begin ('+' or '(ID'), how many, words: {id to go on after or '',
-- {{id, record, tally}}}, newest first. A search looks at SEARCH_AT_ONCE polls at most.
local function page(K, A)
    local list, wanted = {}, tonumber(A[2])
    local most = A[3] and SEARCH_AT_ONCE or wanted + 1
    local ids = redis.call('ZRANGE', K[1], A[1], '-', 'BYLEX', 'REV', 'LIMIT', 0, most)
    for i, id in ipairs(ids) do
        if #list == wanted then return {ids[i - 1], list} end
        local seen = matches(name_of(id), A) and look(name_of(id))
        if seen then list[#list + 1] = {id, seen[1], seen[2]} end
    end
    return {#ids == most and ids[#ids] or '', list}
end

local function open_poll(id)
    local seen = look(name_of(id))
    return seen and seen[1][1] == 'open' and {id, seen[1], seen[2]}
end

-- The poll of the day: of all that are open the one with the smallest hash, so that polls which
-- open or close change the choice as seldom as can be.
local function poll_of_the_day()
    local day, best, best_hash = math.floor(now_ms() / 86400000), nil, nil
    for _, id in ipairs(redis.call('ZRANGE', 'polls:list:open', 0, ROTATE_AMONG - 1)) do
        local hash = redis.sha1hex(day .. ' ' .. id)
        if not best or hash < best_hash then best, best_hash = id, hash end
    end
    return best
end

-- The poll that stands on the front page: {id, record, tally}, or {}.
local function current()
    local placed = redis.call('HMGET', 'polls:placement', 'mode', 'poll')
    local id = placed[1] == 'fixed' and placed[2] or placed[1] == 'random' and poll_of_the_day()
    local newest = redis.call('ZRANGE', 'polls:list:open', '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
    return id and open_poll(id) or newest and open_poll(newest) or {}
end

-- A mode, poll or '', who. {'placed'} or {'missing'}.
local function place(K, A)
    return once(K, A, function(now)
        local mode, id = A[3], A[4]
        if mode == 'fixed' and redis.call('EXISTS', name_of(id)) == 0 then return {'missing'} end
        redis.call('HSET', 'polls:placement', 'mode', mode, 'poll', id)
        log(now, A[5], 'place', id, mode)
        return {'placed'}, true
    end)
end

-- A "ID VERSION ID VERSION ...", with ~ before the id of a sealed topic, which carries the results
-- whoever may see them: what is newer, each {topic's id, tally}.
local function states(_, A)
    local newer = {}
    for sealed, id, version in string.gmatch(A[1], '(~?)(%w+) (%d+)') do
        local poll = name_of(id)
        local record = redis.call('HMGET', poll, 'status', 'results', 'revision', 'ids')
        if record[1] then
            local text, values = tally_of(poll, record)
            local shown = sealed ~= '' or public(record[1], record[2])
            local at = shown and values[VERSION] or values[STAMP]
            if at > tonumber(version) then newer[#newer + 1] = {sealed .. id, text} end
        end
    end
    return newer
end

-- How many watch a poll at all hubs; forgets hubs that have not spoken for long.
local function add_up_watchers(key, now)
    local total, rows = 0, redis.call('HGETALL', key)
    for i = 1, #rows, 2 do
        local n, at = string.match(rows[i + 1], '(%d+) (%d+)')
        if tonumber(at) < now - WATCHERS_FRESH_MS then redis.call('HDEL', key, rows[i])
        else total = total + tonumber(n) end
    end
    return total
end

-- A hub, "ID N ID N ...": how many watch each poll at all hubs, in that order.
local function watchers(_, A)
    local totals, now = {}, now_ms()
    for id, n in string.gmatch(A[2], '(%w+) (%d+)') do
        local key = name_of(id) .. ':watchers'
        if n == '0' then
            redis.call('HDEL', key, A[1])
        elseif redis.call('EXISTS', name_of(id)) == 1 then
            redis.call('HSET', key, A[1], n .. ' ' .. whole(now))
            redis.call('PEXPIRE', key, 4 * WATCHERS_FRESH_MS)
        end
        totals[#totals + 1] = add_up_watchers(key, now)
    end
    return totals
end
