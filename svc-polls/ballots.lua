-- ballots.lua - who has voted, what counts. SPDX-License-Identifier: MIT
-- A voter is 12 bytes. In a poll that is not changeable they map to 8 bytes of the request, so that
-- the same request gets the same answer and another one is refused. In a changeable poll they map
-- to "choices|" and 8 bytes of each request that changed something or had a key: one that had a key
-- takes effect once, however late it comes again, and there is a bound to them all. No choices:
-- withdrawn.
-- Voters stand in many small hashes, which Redis packs tightly, at three levels: how many ever
-- voted says into which a new one goes. A voter may be in any level up to that.

local LEVELS = {{letter = 'u', hashes = 16, upto = 1024},
                {letter = 'v', hashes = 4096, upto = 1000000},
                {letter = 'w', hashes = 65536, upto = ENDLESS}}
local BALLOT_ARGS = 7
local CHANGES_MAX = 32
local ADDRESS_DAYS = 2

-- One more than there are for a tally of schema 1, which does not say it: everywhere, and where that
-- schema had a voter.
local function level_of(marks)
    for l = 1, #LEVELS do
        if marks < LEVELS[l].upto then return l end
    end
    return #LEVELS + 1
end

local function voters_name_first(poll, voter)
    local a, b = string.byte(voter, 1, 2)
    return poll .. ':v:' .. a * 16 + b % 16
end

local function voters_name(poll, voter, l)
    local a, b = string.byte(voter, 1, 2)
    local level = LEVELS[l]
    return poll .. ':' .. level.letter .. ':' .. (a * 256 + b) % level.hashes
end

-- All hashes of a poll by number, for those who sweep them.
local function voters_hashes()
    local n = 0
    for _, level in ipairs(LEVELS) do n = n + level.hashes end
    return n
end

local function voters_hash(poll, n)
    for _, level in ipairs(LEVELS) do
        if n < level.hashes then return poll .. ':' .. level.letter .. ':' .. n end
        n = n - level.hashes
    end
end

-- The voter's entry and its hash; false and the hash where it would go.
local function find(poll, voter, l)
    local key
    if l > #LEVELS then
        key = voters_name_first(poll, voter)
        local entry = redis.call('HGET', key, voter)
        if entry then return entry, key end
    end
    for i = 1, math.min(l, #LEVELS) do
        key = voters_name(poll, voter, i)
        local entry = redis.call('HGET', key, voter)
        if entry then return entry, key end
    end
    return false, key
end

-- What a reader is told of a voter: 'voted', or the choices of a changeable poll; nil: not voted.
local function voter_entry(poll, voter, changeable)
    local marks = tonumber(redis.call('HGET', poll .. ':tally', 'marks') or ENDLESS)
    local entry = find(poll, voter, level_of(marks))
    if not entry then return nil end
    if not changeable then return 'voted' end
    local choices = string.match(entry, '^([%d,]+)|')
    return choices
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
local function add_to_series(poll, now, gained)
    local key, minute, counts, out = poll .. ':series', whole(math.floor(now / 60000)), {}, {}
    for id, n in string.gmatch(redis.call('HGET', key, minute) or '', '(%d+) (%-?%d+)') do
        counts[id] = tonumber(n)
    end
    for id, n in pairs(gained) do counts[id] = (counts[id] or 0) + n end
    for id, n in pairs(counts) do
        if n ~= 0 then out[#out + 1] = id .. ' ' .. whole(n) end
    end
    redis.call('HSET', key, minute, table.concat(out, ' '))
end

-- A poll as its ballots need it; nil when there is none.
local function open_ballot_box(poll, master, now)
    local record = redis.call('HMGET', poll, 'status', 'results', 'revision', 'ids', 'opens_at',
                              'closes_at', 'min', 'max', 'changeable', 'voting', 'cap')
    if not record[1] then return nil end
    local box = {poll = poll, master = master, now = now, record = record, ids = words(record[4]),
                 allowed = {}, picks = {}, taken = {}, new_marks = 0,
                 min = tonumber(record[7]), max = tonumber(record[8]),
                 changeable = record[9] == '1', voting = record[10] or 'open',
                 forgotten = record[1] == 'archived', -- whoever asks what
                 shut = shut(record[1], tonumber(record[5]), tonumber(record[6]), now)}
    box.values, box.names = tally_read(poll, box.ids)
    box.level = level_of(box.values[MARKS])
    box.changeable = box.changeable and not is_first(box.values)
    for _, id in ipairs(box.ids) do box.allowed[id] = true end
    return box
end

-- The options of a text of choices, looked at once a batch; false: not allowed.
local function picked(box, choices)
    if box.picks[choices] == nil then
        box.picks[choices] = pick(choices, box.allowed, box.min, box.max)
    end
    return box.picks[choices]
end

-- Into the journal's entry of this batch: '' or '-' and choices, and the ballot.
local function note(box, sign, choices, ballot)
    local field = sign .. choices
    local ballots = box.taken[field] or {}
    ballots[#ballots + 1] = ballot
    box.taken[field] = ballots
end

-- Writes what the batch has brought: journal, tally, series.
local function count(box)
    if not next(box.taken) then return end
    local call, entry, gained, values = redis.call, {}, {}, box.values
    for field, ballots in pairs(box.taken) do
        local sign, choices = string.match(field, '^(%-?)(.*)$')
        local n = sign == '-' and -#ballots or #ballots
        entry[#entry + 1] = field
        entry[#entry + 1] = table.concat(ballots)
        values[VOTERS] = values[VOTERS] + n
        for _, id in ipairs(words(choices)) do
            gained[id] = (gained[id] or 0) + n
            values[VOTES] = values[VOTES] + n
        end
    end
    values[MARKS] = values[MARKS] + box.new_marks
    local new = move_on(values, box.master)
    new[#new + 1] = 'entry'
    new[#new + 1] = call('XADD', box.poll .. ':journal', '*', unpack(entry))
    for i = VOTERS, #box.names do
        local n = gained[box.names[i]]
        if n then values[i] = values[i] + n end
        if (n or i <= #HEAD) and values[i] < ENDLESS then
            new[#new + 1] = box.names[i]
            new[#new + 1] = whole(values[i])
        end
    end
    call('HSET', box.poll .. ':tally', unpack(new))
    add_to_series(box.poll, box.now, gained)
end

-- One more new ballot from an address prefix; false when it has had all it may have today.
local function admit(box, address)
    if box.voting ~= 'limited' then return true end
    local key = box.poll .. ':a:' .. math.floor(box.now / 86400000)
    local n = tonumber(redis.call('HGET', key, address) or 0)
    if n >= tonumber(box.record[11]) then return false end
    redis.call('HINCRBY', key, address, 1)
    if n == 0 then redis.call('EXPIRE', key, ADDRESS_DAYS * 86400) end
    return true
end

-- The request of one who has voted before in a poll that is not changeable.
local function repeated(entry, request) return entry == request and 'again' or 'voted' end

-- Does the entry of a changeable poll hold this request? Requests are 8 bytes each.
local function remembers(requests, request)
    for at = 1, #requests, 8 do
        if string.sub(requests, at, at + 7) == request then return true end
    end
    return false
end

-- A changeable poll: the voter's choices become these ('' : withdrawn). request has a ninth byte
-- when it came with a key.
local function change(box, key, voter, entry, request, ballot, choices)
    local before, requests = string.match(entry, '^([%d,]*)|(.*)$')
    local keyed = #request == 9
    request = string.sub(request, 1, 8)
    if keyed and remembers(requests, request) then return 'again' end
    if not keyed and before == choices then return choices == '' and 'none' or 'again' end
    if box.shut then return box.shut end
    if #requests >= 8 * CHANGES_MAX then return 'often' end
    redis.call('HSET', key, voter, choices .. '|' .. requests .. request)
    if before == choices then return choices == '' and 'none' or 'again' end
    if before ~= '' then note(box, '-', before, ballot) end
    if choices ~= '' then note(box, '', choices, ballot) end
    return before == '' and 'cast' or choices == '' and 'withdrawn' or 'changed'
end

-- What is kept of a first ballot.
local function entry_of(box, request, choices)
    if not box.changeable then return string.sub(request, 1, 8) end
    return choices .. '|' .. (#request == 9 and string.sub(request, 1, 8) or '')
end

-- Enters a voter who is not there yet. True when that is done; else the entry that is there, if any,
-- and its hash. Mostly a voter is new, so that is tried first where nothing else has to be asked.
local function enter(box, voter, request, choices)
    if box.level > #LEVELS then return false, find(box.poll, voter, box.level) end
    local entry, key = find(box.poll, voter, box.level - 1)
    if entry then return false, entry, key end
    key = voters_name(box.poll, voter, box.level)
    if not box.shut and box.voting ~= 'limited' and
       redis.call('HSETNX', key, voter, entry_of(box, request, choices)) == 1 then
        return true
    end
    return false, redis.call('HGET', key, voter), key
end

local function cast_one(box, not_after, voting, voter, request, ballot, choices, address)
    if box.now > tonumber(not_after) then return 'late' end
    if box.forgotten then return 'closed' end
    if voting ~= box.voting then return 'mode' end
    if not picked(box, choices) then return 'choices' end
    local new, entry, key = enter(box, voter, request, choices)
    if entry and box.changeable then return change(box, key, voter, entry, request, ballot, choices) end
    if entry then return repeated(entry, string.sub(request, 1, 8)) end
    if not new then
        if box.shut then return box.shut end
        if not admit(box, address) then return 'crowded' end
        redis.call('HSET', key, voter, entry_of(box, request, choices))
    end
    box.new_marks = box.new_marks + 1
    note(box, '', choices, ballot)
    return 'cast'
end

-- What a member of the batch is told: a word, and with some words a text behind it.
local function texts(box)
    local record = box.record
    local tally = tally_text(record, box.ids, box.values)
    return {cast = 'cast ' .. tally, again = 'again ' .. tally, changed = 'changed ' .. tally,
            withdrawn = 'withdrawn ' .. tally,
            choices = 'choices ' .. record[7] .. ' ' .. record[8] .. ' ' .. record[4]}
end

-- K poll. A number of ballots, master, then for each: not_after, voting, voter, request, ballot id,
-- choices, address. Answers one text for each: cast, again, changed (with the tally), voted, often,
-- closed, early, late, missing, mode, crowded, or choices (with min, max and the options' ids).
local function cast(K, A)
    local out, box = {}, open_ballot_box(K[1], A[2], now_ms())
    for i = 1, tonumber(A[1]) do
        out[i] = box and cast_one(box, unpack(A, 3 + (i - 1) * BALLOT_ARGS, 2 + i * BALLOT_ARGS)) or
                 'missing'
    end
    if not box then return out end
    count(box)
    local full = texts(box)
    for i = 1, #out do out[i] = full[out[i]] or out[i] end
    return out
end

-- K poll. A master, not_after, voting, voter, request, ballot id. One text as of cast: withdrawn or
-- again (with the tally), none, fixed, often, closed, late, missing, mode.
local function withdraw(K, A)
    local box = open_ballot_box(K[1], A[1], now_ms())
    if not box then return 'missing' end
    if box.now > tonumber(A[2]) then return 'late' end
    if box.forgotten then return 'closed' end
    if A[3] ~= box.voting then return 'mode' end
    if not box.changeable then return 'fixed' end
    local entry, key = find(box.poll, A[4], box.level)
    if not entry then return 'none' end
    local word = change(box, key, A[4], entry, A[5], A[6], '')
    count(box)
    return texts(box)[word] or word
end
