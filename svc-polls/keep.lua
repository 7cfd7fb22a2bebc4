-- keep.lua - polls out of a store and into another one; see common/keep.lua. Voters stay where they are,
-- and so does the key of a poll's MACs. So a poll that somebody has voted in comes in archived, which is
-- one whose voters are forgotten, and any other one as it was, with a key of its own.
-- SPDX-License-Identifier: MIT

local JOURNAL_AT_ONCE = 100 -- entries of one item
local JOURNAL_TEXTS = 600
local STATUSES = {scheduled = true, open = true, closed = true, archived = true}
local POLL_PARTS = {'record', 'tally', 'history'}

local function poll_parts(poll)
    return {names = POLL_PARTS, record = keep_hash('record', poll, {moved = true}),
            tally = keep_hash('tally', poll .. ':tally', {master = true}),
            history = keep_list('history', poll .. ':history')}
end

local function export_poll(after)
    local id = keep_next('polls:list:all', after)
    if not id then return nil end
    local parts = poll_parts(name_of(id))
    return id, #parts.record > 2 and {'poll', id, parts.record, parts.tally, parts.history} or nil
end

-- The entries that a poll's tally contains; place: "POLL ENTRY".
local function export_journal(after)
    local id, entry = string.match(after, '^(%w+) (.*)$')
    if id then
        local poll = name_of(id)
        local upto = redis.call('HGET', poll .. ':tally', 'entry') or ''
        local entries = upto ~= '' and redis.call('XRANGE', poll .. ':journal', '(' .. entry, upto, 'COUNT',
                                                  JOURNAL_AT_ONCE) or {}
        if #entries > 0 then
            local part, texts = {'entries', 'stream'}, 0
            for i, each in ipairs(entries) do
                texts = texts + 2 + #each[2]
                if i > 1 and texts > JOURNAL_TEXTS then break end
                part[i + 2] = {each[1], unpack(each[2])}
            end
            return id .. ' ' .. part[#part][1], {'journal', id, part}
        end
    end
    id = keep_next('polls:list:all', id or '')
    return id and id .. ' 0-0'
end

local function export_placement(after)
    if after ~= '' or redis.call('EXISTS', 'polls:placement') == 0 then return nil end
    return '.', {'placement', 'placement', keep_hash('record', 'polls:placement')}
end

local function import_poll(item)
    local call, id, poll = redis.call, item.id, name_of(item.id)
    local tally = keep_fields(item, 'tally')
    if not STATUSES[keep_fields(item, 'record').status] or not item.part.tally then return 'refused' end
    if (tonumber(tally.voters) or 0) > 0 or (tonumber(tally.marks) or 0) > 0 then
        keep_set(item, 'record', 'status', 'archived')
    end
    if call('EXISTS', poll) == 1 then return keep_same(item, poll_parts(poll)) end
    local record = keep_fields(item, 'record')
    call('HSET', poll, unpack(keep_values(item, 'record')))
    call('HSET', poll .. ':tally', unpack(keep_values(item, 'tally')))
    for _, line in ipairs(keep_values(item, 'history')) do call('RPUSH', poll .. ':history', line) end
    if record.status ~= 'archived' then call('SET', poll .. ':key', item.random) end
    call('ZADD', 'polls:list:all', 0, id)
    call('ZADD', 'polls:list:' .. record.status, 0, id)
    set_due(id, record.status, tonumber(record.opens_at), tonumber(record.closes_at))
    return 'added'
end

-- The minute's votes of an entry.
local function entry_into_series(poll, entry)
    local gained, ms = {}, tonumber(string.match(entry[1], '^%d+'))
    for i = 2, #entry, 2 do
        local sign, choices = string.match(entry[i], '^(%-?)(.*)$')
        local n = #entry[i + 1] / BALLOT_ID_BYTES * (sign == '-' and -1 or 1)
        for _, option in ipairs(words(choices)) do gained[option] = (gained[option] or 0) + n end
    end
    add_to_series(poll, ms, gained)
end

local function entry_number(id)
    local ms, n = string.match(id, '^(%d+)%-(%d+)$')
    return tonumber(ms), tonumber(n)
end

local function is_later(a, b)
    local a_ms, a_n = entry_number(a)
    local b_ms, b_n = entry_number(b)
    return a_ms > b_ms or (a_ms == b_ms and a_n > b_n)
end

-- Entries as cast() writes them, in order.
local function are_entries(entries)
    local last = '0-0'
    for _, entry in ipairs(entries) do
        if not entry_number(entry[1]) or not is_later(entry[1], last) or #entry < 3 or #entry % 2 == 0 then
            return false
        end
        for i = 3, #entry, 2 do
            if #entry[i] % BALLOT_ID_BYTES ~= 0 then return false end
        end
        last = entry[1]
    end
    return #entries > 0
end

-- Entries of a poll whose tally contains them; the minutes of the series follow from them. Those that
-- are there come first.
local function import_journal(item)
    local poll, answer, entries = name_of(item.id), 'same', keep_values(item, 'entries')
    local upto = redis.call('HGET', poll .. ':tally', 'entry') or ''
    local last = redis.call('XREVRANGE', poll .. ':journal', '+', '-', 'COUNT', 1)[1]
    last = last and last[1] or '0-0'
    if not are_entries(entries) then return 'refused' end
    if upto == '' or is_later(entries[#entries][1], upto) then return 'conflict' end
    for _, entry in ipairs(entries) do
        if is_later(entry[1], last) then
            redis.call('XADD', poll .. ':journal', entry[1], unpack(entry, 2))
            entry_into_series(poll, entry)
            last, answer = entry[1], 'added'
        else
            local there = redis.call('XRANGE', poll .. ':journal', entry[1], entry[1])[1]
            if not there or cmsgpack.pack(there[2]) ~= cmsgpack.pack({unpack(entry, 2)}) then return 'conflict' end
        end
    end
    return answer
end

local function import_placement(item)
    if not item.part.record then return 'refused' end
    if redis.call('EXISTS', 'polls:placement') == 1 then
        return keep_same(item, {names = {'record'}, record = keep_hash('record', 'polls:placement')})
    end
    redis.call('HSET', 'polls:placement', unpack(keep_values(item, 'record')))
    return 'added'
end

local function export(_, A) return keep_export(A, {export_poll, export_journal, export_placement}) end

local function import(_, A)
    return keep_import(A, {poll = import_poll, journal = import_journal, placement = import_placement})
end

-- -- are records and lists right? ------------------------------------------------------------------

local function verify_poll(after, v)
    local call, id = redis.call, keep_next('polls:list:all', after)
    if not id then return nil end
    local poll = name_of(id)
    local record = call('HMGET', poll, 'status', 'ids', 'opens_at', 'closes_at')
    local status = record[1] or ''
    v.expect(STATUSES[status], 'poll ' .. id .. ' has no record')
    if not STATUSES[status] then return id end
    for each in pairs(STATUSES) do
        v.expect((call('ZSCORE', 'polls:list:' .. each, id) and true or false) == (each == status),
                 'poll ' .. id .. ' is in the wrong list')
    end
    v.expect(call('EXISTS', poll .. ':tally') == 1, 'poll ' .. id .. ' has no tally')
    v.expect(status == 'archived' or call('EXISTS', poll .. ':key') == 1, 'poll ' .. id .. ' has no key')
    local due = status == 'scheduled' or (status == 'open' and tonumber(record[4]))
    v.expect(not due or call('ZSCORE', 'polls:due', id), 'poll ' .. id .. ' would never open or close')
    for _, option in ipairs(words(record[2])) do
        v.expect(call('HEXISTS', poll .. ':tally', option) == 1, 'poll ' .. id .. ' does not count an option')
    end
    return id
end

local function verify(_, A) return keep_verify(A, {'polls'}, {verify_poll}) end
