-- polls.lua - what has to be atomic about polls. SPDX-License-Identifier: MIT
-- Keys of one poll, all with its hash tag:
--   poll:{ID}          hash    the record; RECORD names its fields
--   poll:{ID}:key      string  32 random bytes: the key of this poll's MACs
--   poll:{ID}:tally    hash    version, stamp, voters, votes, entry, and a count for each option id
--   poll:{ID}:v:N      hash    N 0..4095: voter (12 bytes) -> request (8 bytes)
--   poll:{ID}:journal  stream  choices -> ballot ids of 10 bytes, end to end; never a voter
--   poll:{ID}:series   hash    minute -> "option count option count ..."
-- Across polls: polls:list:STATUS and polls:list:all (sorted sets, all scores 0, by id) and
-- polls:due (id -> when it opens or closes next).
-- The version grows with every batch of ballots and every change of state. The stamp is what a
-- topic of hidden results carries instead: it grows with changes of state only and never passes
-- the version, so a topic's number only grows when its results become public.
-- A poll's tally travels as one text:
--   status results revision version stamp voters votes {option count}

local RECORD = {'status', 'results', 'revision', 'ids', 'kind', 'min', 'max', 'opens_at',
                'closes_at', 'changeable', 'created_at', 'options', 'question'}
local VERSION, STAMP, VOTERS, VOTES, HEAD = 1, 2, 3, 4, 4
local DUE_AT_ONCE = 64
local BALLOT_ARGS = 5

local function name_of(id) return 'poll:{' .. id .. '}' end
local function whole(n) return string.format('%.0f', n) end

local function words(text)
    local list = {}
    for word in string.gmatch(text, '[^, ]+') do list[#list + 1] = word end
    return list
end

-- The numbers of the tally in the order of their names: the head, then the options.
local function tally_read(poll, ids)
    local names = {'version', 'stamp', 'voters', 'votes'}
    for i = 1, #ids do names[HEAD + i] = ids[i] end
    local values = redis.call('HMGET', poll .. ':tally', unpack(names))
    for i = 1, #names do values[i] = tonumber(values[i] or 0) end
    return values, names
end

local function tally_text(record, ids, values)
    local out = {record[1], record[2], record[3], whole(values[VERSION]), whole(values[STAMP]),
                 whole(values[VOTERS]), whole(values[VOTES])}
    for i = 1, #ids do
        out[#out + 1] = ids[i]
        out[#out + 1] = whole(values[HEAD + i])
    end
    return table.concat(out, ' ')
end

local function tally_of(poll, record)
    local ids = words(record[4])
    local values = tally_read(poll, ids)
    return tally_text(record, ids, values), values
end

-- May everybody see the results?
local function public(status, results)
    return results == 'always' or
           (results == 'after_close' and (status == 'closed' or status == 'archived'))
end

-- {record, tally}, or nil when there is no such poll.
local function look(poll)
    local record = redis.call('HMGET', poll, unpack(RECORD))
    if not record[1] then return nil end
    return {record, (tally_of(poll, record))}
end

-- A change of state: status, its list, the version and the stamp.
local function move(id, poll, record, status)
    local call = redis.call
    local was_public = public(record[1], record[2])
    local version = call('HINCRBY', poll .. ':tally', 'version', 1)
    if was_public then call('HSET', poll .. ':tally', 'stamp', version)
    else call('HINCRBY', poll .. ':tally', 'stamp', 1) end
    call('HSET', poll, 'status', status)
    call('ZREM', 'polls:list:' .. record[1], id)
    call('ZADD', 'polls:list:' .. status, 0, id)
    record[1] = status
end

-- K poll, its key. A id, opens_at and closes_at ('' for none), key, then field and value in turn.
local function create(K, A)
    return once(K, A, function(now)
        local call, poll, id, fields = redis.call, K[3], A[3], {}
        local opens, closes = tonumber(A[4]) or now, tonumber(A[5])
        local status = opens > now and 'scheduled' or 'open'
        for i = 7, #A, 2 do fields[A[i]] = A[i + 1] end
        call('HSET', poll, 'schema', 1, 'revision', 1, 'status', status, 'created_at', now,
             'opens_at', opens, 'closes_at', closes or '', unpack(A, 7))
        call('SET', K[4], A[6])
        local tally = {'version', 1, 'stamp', 1, 'voters', 0, 'votes', 0}
        for _, option in ipairs(words(fields.ids)) do
            tally[#tally + 1] = option
            tally[#tally + 1] = 0
        end
        call('HSET', poll .. ':tally', unpack(tally))
        call('ZADD', 'polls:list:all', 0, id)
        call('ZADD', 'polls:list:' .. status, 0, id)
        local due = status == 'scheduled' and opens or closes
        if due then call('ZADD', 'polls:due', due, id) end
        return {'made', id}, true
    end)
end

-- K poll. A id. A poll that is closed stays as it is.
local function close(K, A)
    return once(K, A, function(now)
        local call, poll, id = redis.call, K[3], A[3]
        local record = call('HMGET', poll, 'status', 'results', 'opens_at')
        if not record[1] then return {'missing'} end
        if record[1] == 'closed' or record[1] == 'archived' then return {record[1]} end
        move(id, poll, record, 'closed')
        call('HINCRBY', poll, 'revision', 1)
        call('HSET', poll, 'closes_at', now)
        if tonumber(record[3]) > now then call('HSET', poll, 'opens_at', now) end
        call('ZREM', 'polls:due', id)
        return {'moved', id}, true
    end)
end

-- One due poll: opened or closed. False when there is nothing to do.
local function move_due(id, now)
    local call, poll = redis.call, name_of(id)
    local record = call('HMGET', poll, 'status', 'results', 'revision', 'ids', 'closes_at')
    local closes = tonumber(record[5] or '')
    if record[1] == 'scheduled' then
        move(id, poll, record, 'open')
        if closes then
            call('ZADD', 'polls:due', closes, id)
            return {id, (tally_of(poll, record))}
        end
    elseif record[1] == 'open' and closes and closes <= now then
        move(id, poll, record, 'closed')
    end
    call('ZREM', 'polls:due', id)
    return record[1] and {id, (tally_of(poll, record))}
end

-- The polls that were moved, each {id, tally}.
local function due()
    local now, moved = now_ms(), {}
    local ids = redis.call('ZRANGEBYSCORE', 'polls:due', '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)
    for _, id in ipairs(ids) do moved[#moved + 1] = move_due(id, now) or nil end
    return moved
end

local function voters_name(poll, voter)
    local first, second = string.byte(voter, 1, 2)
    return poll .. ':v:' .. (first * 16 + second % 16)
end

-- K poll. A voter or '' ; '1' when the poll's key is wanted. {record, tally, voted, key}, or {}.
local function read(K, A)
    local seen = look(K[1])
    if not seen then return {} end
    seen[3] = A[1] ~= '' and redis.call('HEXISTS', voters_name(K[1], A[1]), A[1]) or 0
    seen[4] = A[2] == '1' and redis.call('GET', K[1] .. ':key') or ''
    return seen
end

-- K a list. A where to begin ('+' or '(ID'), how many: {{id, record, tally}}, newest first.
local function page(K, A)
    local list = {}
    local ids = redis.call('ZRANGE', K[1], A[1], '-', 'BYLEX', 'REV', 'LIMIT', 0, A[2])
    for _, id in ipairs(ids) do
        local seen = look(name_of(id))
        if seen then list[#list + 1] = {id, seen[1], seen[2]} end
    end
    return list
end

-- A "ID VERSION ID VERSION ...": the polls that are newer, each {id, tally}.
local function states(_, A)
    local newer = {}
    for id, version in string.gmatch(A[1], '(%w+) (%d+)') do
        local poll = name_of(id)
        local record = redis.call('HMGET', poll, 'status', 'results', 'revision', 'ids')
        if record[1] then
            local text, values = tally_of(poll, record)
            local at = public(record[1], record[2]) and values[VERSION] or values[STAMP]
            if at > tonumber(version) then newer[#newer + 1] = {id, text} end
        end
    end
    return newer
end

-- Why no new ballot is taken, or nil. The clock decides, also before the timer has moved the poll.
local function shut(status, opens, closes, now)
    if status == 'closed' or status == 'archived' then return 'closed' end
    if closes and now >= closes then return 'closed' end
    if now < opens then return 'early' end
end

-- The options of "1,3", or false when they are not allowed. Ascending, so distinct.
local function pick(choices, allowed, min, max)
    local picked, last = words(choices), 0
    for _, id in ipairs(picked) do
        if not allowed[id] or tonumber(id) <= last then return false end
        last = tonumber(id)
    end
    return #picked >= min and #picked <= max and picked
end

-- The minute's counts of the series grow by what this batch brought.
local function add_to_series(poll, now, ids, gained)
    local key, minute, counts, out = poll .. ':series', whole(math.floor(now / 60000)), {}, {}
    for id, n in string.gmatch(redis.call('HGET', key, minute) or '', '(%d+) (%d+)') do
        counts[id] = tonumber(n)
    end
    for _, id in ipairs(ids) do
        local n = (counts[id] or 0) + (gained[id] or 0)
        if n > 0 then out[#out + 1] = id .. ' ' .. whole(n) end
    end
    redis.call('HSET', key, minute, table.concat(out, ' '))
end

-- Counts the new ballots: taken is choices -> list of ballot ids, picks is choices -> options.
local function count(poll, now, ids, taken, picks)
    local call, entry, gained, new = redis.call, {}, {}, {}
    local values, names = tally_read(poll, ids)
    for choices, ballots in pairs(taken) do
        entry[#entry + 1] = choices
        entry[#entry + 1] = table.concat(ballots)
        values[VOTERS] = values[VOTERS] + #ballots
        for _, id in ipairs(picks[choices]) do
            gained[id] = (gained[id] or 0) + #ballots
            values[VOTES] = values[VOTES] + #ballots
        end
    end
    local last = call('XADD', poll .. ':journal', '*', unpack(entry))
    values[VERSION] = values[VERSION] + 1
    for i = 1, #names do
        local n = gained[names[i]]
        if n then values[i] = values[i] + n end
        if n or (i <= HEAD and i ~= STAMP) then
            new[#new + 1] = names[i]
            new[#new + 1] = whole(values[i])
        end
    end
    call('HSET', poll .. ':tally', 'entry', last, unpack(new))
    add_to_series(poll, now, ids, gained)
    return values
end

-- What a member of the batch is told: a word, and with some words a text behind it.
local function texts(record, ids, values)
    local tally = tally_text(record, ids, values)
    return {cast = 'cast ' .. tally, again = 'again ' .. tally,
            choices = 'choices ' .. record[7] .. ' ' .. record[8] .. ' ' .. record[4]}
end

-- K poll. A number of ballots, then for each: not_after, voter, request, ballot id, choices.
-- Answers one text for each: cast or again (with the tally), voted, closed, early, late, missing,
-- or choices (with min, max and the options' ids).
local function cast(K, A)
    local call, poll, now, out = redis.call, K[1], now_ms(), {}
    local record = call('HMGET', poll, 'status', 'results', 'revision', 'ids', 'opens_at',
                        'closes_at', 'min', 'max')
    local known = record[1] and true
    local ids, allowed, taken, picks = known and words(record[4]) or {}, {}, {}, {}
    local min, max = tonumber(record[7]), tonumber(record[8])
    local refused = known and shut(record[1], tonumber(record[5]), tonumber(record[6]), now)
    for _, id in ipairs(ids) do allowed[id] = true end

    local function decide(not_after, voter, request, ballot, choices)
        if now > tonumber(not_after) then return 'late' end
        if not known then return 'missing' end
        if picks[choices] == nil then picks[choices] = pick(choices, allowed, min, max) end
        if not picks[choices] then return 'choices' end
        local voters = voters_name(poll, voter)
        if not refused and call('HSETNX', voters, voter, request) == 1 then
            local ballots = taken[choices] or {}
            ballots[#ballots + 1] = ballot
            taken[choices] = ballots
            return 'cast'
        end
        local before = call('HGET', voters, voter)
        if before == request then return 'again' end
        return before and 'voted' or refused
    end

    for i = 1, tonumber(A[1]) do
        out[i] = decide(unpack(A, 2 + (i - 1) * BALLOT_ARGS, 1 + i * BALLOT_ARGS))
    end
    if not known then return out end
    local values = next(taken) and count(poll, now, ids, taken, picks) or tally_read(poll, ids)
    local full = texts(record, ids, values)
    for i = 1, #out do out[i] = full[out[i]] or out[i] end
    return out
end

local function reader(name, callback)
    redis.register_function{function_name = name, callback = callback, flags = {'no-writes'}}
end

redis.register_function('@{create}', create)
redis.register_function('@{close}', close)
redis.register_function('@{due}', due)
redis.register_function('@{cast}', cast)
reader('@{read}', read)
reader('@{page}', page)
reader('@{states}', states)
