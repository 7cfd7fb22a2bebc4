-- journal.lua - what journal and series tell, and invitation codes. SPDX-License-Identifier: MIT

local RECOUNT_ENTRIES = 200
local RECOUNT_LIFE_S = 3600
local CODES_MAX = 100000
local BALLOT_ID_BYTES = 10

-- K poll, the recount's hash. A recount begins: what the tally says now, and up to which entry.
local function recount_begin(K)
    local call, poll, run = redis.call, K[1], K[2]
    local ids = call('HGET', poll, 'ids')
    if not ids then return {'missing'} end
    if call('EXISTS', run) == 1 then return {'begun'} end
    local values, names = tally_read(poll, words(ids))
    local new = {'upto', call('HGET', poll .. ':tally', 'entry') or '', 'at', '-', 'entries', 0,
                 'ids', ids}
    for i = VOTERS, #names do
        if i ~= MARKS then
            new[#new + 1] = 't:' .. names[i]
            new[#new + 1] = whole(values[i])
        end
    end
    call('HSET', run, unpack(new))
    call('EXPIRE', run, RECOUNT_LIFE_S)
    return {'begun'}
end

-- Adds entries of the journal to the sums of the run.
local function add_entries(sums, entries)
    local function add(name, n) sums['j:' .. name] = (tonumber(sums['j:' .. name]) or 0) + n end
    for _, entry in ipairs(entries) do
        for i = 1, #entry[2], 2 do
            local sign, choices = string.match(entry[2][i], '^(%-?)(.*)$')
            local n = #entry[2][i + 1] / BALLOT_ID_BYTES * (sign == '-' and -1 or 1)
            add('voters', n)
            for _, id in ipairs(words(choices)) do
                add(id, n)
                add('votes', n)
            end
        end
    end
end

-- The journal is added up: does the tally say the same? The difference can be mended at any later
-- time, since ballots only ever add to both.
local function compare(poll, sums, repair, master)
    local wrong = {}
    local names = {'voters', 'votes', unpack(words(sums.ids))}
    for _, name in ipairs(names) do
        local by = (tonumber(sums['j:' .. name]) or 0) - (tonumber(sums['t:' .. name]) or 0)
        if by ~= 0 then wrong[name] = by end
    end
    sums.done, sums.equal, sums.repaired = 1, next(wrong) and 0 or 1, 0
    if not next(wrong) or not repair then return end
    local values = tally_read(poll, {})
    redis.call('HSET', poll .. ':tally', unpack(move_on(values, master)))
    for name, by in pairs(wrong) do redis.call('HINCRBY', poll .. ':tally', name, by) end
    sums.repaired = 1
end

-- K poll, the recount's hash. A '1' to mend the tally at the end, master, id, who. The next entries of
-- the journal; all fields of the run, in turn, or {} when it or the poll is gone.
local function recount_step(K, A)
    local call, sums, flat = redis.call, {}, redis.call('HGETALL', K[2])
    if call('EXISTS', K[1]) == 0 then return {} end
    for i = 1, #flat, 2 do sums[flat[i]] = flat[i + 1] end
    if not sums.at or sums.done then return flat end
    local entries = sums.upto ~= '' and call('XRANGE', K[1] .. ':journal', sums.at, sums.upto,
                                             'COUNT', RECOUNT_ENTRIES) or {}
    add_entries(sums, entries)
    sums.entries = tonumber(sums.entries) + #entries
    if #entries > 0 then sums.at = '(' .. entries[#entries][1] end
    if #entries < RECOUNT_ENTRIES then
        compare(K[1], sums, A[1] == '1', A[2])
        if sums.repaired == 1 then log(now_ms(), A[4], 'recount', A[3], 'repaired') end
    end
    flat = {}
    for name, value in pairs(sums) do
        flat[#flat + 1] = name
        flat[#flat + 1] = type(value) == 'number' and whole(value) or value
    end
    call('HSET', K[2], unpack(flat))
    return flat
end

-- K poll. A minute from and to: {minute, counts, minute, counts ...} of those that have any.
local function series(K, A)
    local names, out = {}, {}
    for minute = tonumber(A[1]), tonumber(A[2]) do names[#names + 1] = whole(minute) end
    local values = redis.call('HMGET', K[1] .. ':series', unpack(names))
    for i, text in ipairs(values) do
        if text and text ~= '' then
            out[#out + 1] = names[i]
            out[#out + 1] = text
        end
    end
    return out
end

-- K poll. A id, who, how many. {'issued', the first, the last}: codes go by number.
local function issue(K, A)
    return once(K, A, function(now)
        local record = redis.call('HMGET', K[3], 'status', 'owner', 'voting', 'codes')
        local before, n = tonumber(record[4] or 0), tonumber(A[5])
        if not record[1] then return {'missing'} end
        if not owns(record[2], A[4]) then return {'denied'} end
        if record[3] ~= 'code' then return {'others'} end
        if record[1] == 'archived' then return {'archived'} end
        if before + n > CODES_MAX then return {'full'} end
        redis.call('HSET', K[3], 'codes', whole(before + n))
        log(now, A[4], 'issue', A[3], whole(n) .. ' codes')
        return {'issued', whole(before + 1), whole(before + n)}, true
    end)
end

-- K poll. A voters: '1' for each that has voted, '0' for each that has not, as one text.
local function used(K, A)
    local marks = tonumber(redis.call('HGET', K[1] .. ':tally', 'marks') or ENDLESS)
    local out, l = {}, level_of(marks)
    for i, voter in ipairs(A) do out[i] = find(K[1], voter, l) and '1' or '0' end
    return table.concat(out)
end
